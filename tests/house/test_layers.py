"""Imports point one way, in no circle, and nothing under a copyleft licence is imported by the package."""

from __future__ import annotations

import pytest

from tests.house.imports import imports, modules

# What each room may import besides itself. `model` knows the numbers of `wire.registry` and nothing else of `wire`.
MAY_IMPORT = {
    "errors": set(),
    "wire": {"errors"},
    "model": {"errors", "wire.registry"},
    "crypto": {"errors", "wire.registry", "model"},
    "pki": {"errors", "wire.registry", "model", "crypto"},
    "ike": {"errors", "wire", "model", "crypto", "pki"},
    "esp": {"errors", "wire.registry", "model", "crypto"},
    "dataplane": {"errors", "wire.registry", "model", "esp"},
    "net": {"errors", "model"},
    "config": {"errors", "wire.registry", "model", "crypto"},
    "service": {"errors", "wire", "model", "crypto", "pki", "ike", "esp", "dataplane", "net", "config"},
    "cli": {"errors", "model", "config", "service"},
}
MODULES = modules()


def _room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize("name", [name for name in MODULES if _room(name) in MAY_IMPORT])
def test_a_room_imports_only_what_lies_before_it(name: str) -> None:
    room = _room(name)
    allowed = {f"ikevpn.{each}" for each in {room, *MAY_IMPORT[room]}} | {"ikevpn.__version__"}
    wrong = {
        each
        for each in imports(MODULES[name])
        if each.startswith("ikevpn.") and not any(each == ok or each.startswith(f"{ok}.") for ok in allowed)
    }
    # `from ikevpn.wire import registry` names the package and the module; the module decides
    wrong -= {each for each in wrong if each in {f"ikevpn.{part}" for ok in allowed for part in [ok.split(".")[1]]}}
    assert not wrong, f"{name} must not import {', '.join(sorted(wrong))}"


def test_no_circles() -> None:
    graph = {
        name: {each for each in imports(path) if each in MODULES and each != name} for name, path in MODULES.items()
    }
    done: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        if name in done:
            return
        assert name not in trail, f"a circle: {' -> '.join((*trail[trail.index(name) :], name))}"
        for each in sorted(graph[name]):
            walk(each, (*trail, name))
        done.add(name)

    for name in graph:
        walk(name, ())


def test_scapy_stays_outside() -> None:
    """It is GPL-2.0-only; the package is Apache-2.0."""
    users = [name for name, path in MODULES.items() if any(each.split(".")[0] == "scapy" for each in imports(path))]
    assert users == []


def test_the_cores_do_no_input_or_output() -> None:
    """`wire`, `crypto`, `ike` and `esp` are functions of what they are given."""
    forbidden = {
        "asyncio",
        "socket",
        "select",
        "selectors",
        "subprocess",
        "threading",
        "time",
        "random",
        "secrets",
        "logging",
    }
    for name, path in MODULES.items():
        if _room(name) in ("wire", "ike", "esp", "model", "crypto"):
            found = {each.split(".")[0] for each in imports(path)} & forbidden
            assert not found, f"{name} imports {', '.join(sorted(found))}"
