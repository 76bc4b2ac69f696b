"""Imports point one way, in no circle, and nothing under a copyleft licence is imported by the package."""

from __future__ import annotations

from pathlib import Path

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
    "config": {"errors", "wire.registry", "model", "crypto", "pki"},
    "control": {"errors", "model", "config"},
    "capture": {"errors", "wire.registry", "model"},
    "service": {
        "errors",
        "wire",
        "model",
        "crypto",
        "pki",
        "ike",
        "esp",
        "dataplane",
        "net",
        "config",
        "control",
        "capture",
    },
    "cli": {"errors", "model", "pki", "config", "control"},
    "cli.host": {"errors", "model", "config", "control", "service", "cli"},
}
MODULES = modules()
MOST_FILES = 15


def _room(name: str) -> str:
    parts = name.split(".")
    if ".".join(parts[1:3]) in MAY_IMPORT:
        return ".".join(parts[1:3])
    return parts[1] if len(parts) > 1 else ""


def _folder(name: str) -> str:
    """What an arrow between folders joins: a folder within a room, or a file that stands directly in a room."""
    is_package = MODULES[name].name == "__init__.py"
    return name if is_package or name.count(".") <= 2 else name.rpartition(".")[0]


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
    _assert_one_way(_graph())


def test_no_circles_of_folders() -> None:
    folders: dict[str, set[str]] = {}
    for name, used in _graph().items():
        folders.setdefault(_folder(name), set()).update(_folder(each) for each in used)
    for name, used in folders.items():
        used.discard(name)
    _assert_one_way(folders)


def test_a_folder_shows_at_a_glance_what_is_in_it() -> None:
    shelves: dict[Path, int] = {}
    for path in MODULES.values():
        shelves[path.parent] = shelves.get(path.parent, 0) + (path.name != "__init__.py")
    assert {str(folder): files for folder, files in shelves.items() if files > MOST_FILES} == {}


def _graph() -> dict[str, set[str]]:
    """Which modules of the package each one imports; the package itself only where a name of it is meant."""
    return {
        name: {each for each in imports(path) if each in MODULES and each not in (name, "ikevpn")}
        for name, path in MODULES.items()
    }


def _assert_one_way(graph: dict[str, set[str]]) -> None:
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


def test_nothing_above_the_data_plane_knows_which_one_it_is() -> None:
    """`dataplane.planes` chooses a class; one place asks it to."""
    outside = [name for name in MODULES if not name.startswith("ikevpn.dataplane.userspace")]
    users = {room: [name for name in outside if _uses(name, room)] for room in ("userspace", "planes")}
    assert users == {"userspace": ["ikevpn.dataplane.planes"], "planes": ["ikevpn.service.parts"]}


def _uses(name: str, part: str) -> bool:
    whole = f"ikevpn.dataplane.{part}"
    return any(each == whole or each.startswith(f"{whole}.") for each in imports(MODULES[name]))


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
