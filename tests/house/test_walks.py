"""The walks in `docs/architecture.md` follow the code: each room exists and is reached from one named before it."""

from __future__ import annotations

import re

import pytest

from tests.house.imports import REPOSITORY, imports, modules

MODULES = modules()
COMPOSERS = {f"ikevpn.{name}" for name in ("service.daemon", "service.parts", "dataplane.userspace.worker.worker")}
"""They put rooms together that do not import each other."""
WALKS = re.split(r"\n## ", (REPOSITORY / "docs" / "architecture.md").read_text().partition("\n## Walks\n")[2])[0]
_NAMED = re.compile(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+)(?:\.([a-z_]+))?`")

_USED = {
    name: {each for each in imports(path) if each in MODULES and each not in (name, "ikevpn")}
    for name, path in MODULES.items()
}


def rooms(walk: str) -> list[tuple[str, str]]:
    """The modules that a walk names, in its order, and the function where it says one."""
    return [(f"ikevpn.{path.replace('/', '.')}", function) for path, function in _NAMED.findall(walk)]


def reached(room: str, before: list[str]) -> bool:
    """By an import in either direction, through one module between, or put together with one before by a composer."""
    return any(
        room in _USED[each]
        or each in _USED[room]
        or any(room in _USED[between] for between in _USED[each])
        or any({room, each} <= _USED[composer] for composer in COMPOSERS)
        for each in before
    )


def faults(walk: str) -> list[str]:
    """What is wrong with a walk: rooms that do not exist, functions that they do not have, rooms out of the blue."""
    named = rooms(walk)
    found = [f"there is no {room}" for room, _ in named if room not in MODULES]
    known = [(room, function) for room, function in named if room in MODULES]
    found += [
        f"{room} has no {function}"
        for room, function in known
        if function and not re.search(rf"\bdef {function}\b", MODULES[room].read_text())
    ]
    return found + [
        f"{room} is reached from none of the rooms before it"
        for index, (room, _) in enumerate(known)
        if index
        and room not in {each for each, _ in known[:index]}
        and not reached(room, [r for r, _ in known[:index]])
    ]


@pytest.mark.parametrize(
    "walk", [each for each in WALKS.split("\n\n") if each.startswith("**")], ids=lambda walk: walk[:24]
)
def test_a_walk_passes_rooms_that_lead_to_each_other(walk: str) -> None:
    assert len(rooms(walk)) >= 5, "a walk names every room that it passes"
    assert faults(walk) == []


def test_all_are_there() -> None:
    assert re.findall(r"^\*\*(.*?)\.\*\*", WALKS, re.MULTILINE) == [
        "An IKE datagram",
        "A packet out",
        "A packet in",
        "`ikevpn up office`",
        "A question to the world",
    ]


@pytest.mark.parametrize(
    ("walk", "fault"),
    [
        ("`ike/engine` → `ike/nowhere`", "there is no ikevpn.ike.nowhere"),
        ("`ike/engine.fly`", "ikevpn.ike.engine has no fly"),
        ("`wire/header` → `net/plan/steps`", "ikevpn.net.plan.steps is reached from none of the rooms before it"),
    ],
)
def test_a_wrong_walk_is_seen(walk: str, fault: str) -> None:
    assert faults(walk) == [fault]
