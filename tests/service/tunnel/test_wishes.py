"""The rule by which several wishes become one, as a table."""

from __future__ import annotations

import pytest

from ikevpn.service.tunnel.wishes import Resolved, Wanted, Wish, Wisher, resolve

UP, ON_DEMAND, LISTEN, DOWN = Wanted.UP, Wanted.ON_DEMAND, Wanted.LISTEN, Wanted.DOWN
ALL, NONE, B = {"a", "b"}, set[str](), {"b"}


@pytest.mark.parametrize(
    ("user", "group", "monitor", "traffic", "wanted", "children"),
    [
        (None, None, None, None, DOWN, NONE),
        (UP, None, None, None, UP, ALL),
        (ON_DEMAND, None, None, None, ON_DEMAND, NONE),
        (ON_DEMAND, None, None, B, ON_DEMAND, B),
        (ON_DEMAND, None, None, {"b", "unknown"}, ON_DEMAND, B),
        (LISTEN, None, None, None, LISTEN, NONE),
        # traffic starts only what waits for it
        (None, None, None, B, DOWN, NONE),
        (DOWN, None, None, B, DOWN, NONE),
        (LISTEN, None, None, B, LISTEN, NONE),
        (UP, None, None, B, UP, ALL),
        # nobody overrules a user's `down`
        (DOWN, UP, None, None, DOWN, NONE),
        (DOWN, None, UP, None, DOWN, NONE),
        (None, UP, UP, B, DOWN, NONE),
        # a group says which of its tunnels works now
        (UP, LISTEN, None, None, LISTEN, NONE),
        (UP, DOWN, None, B, DOWN, NONE),
        (LISTEN, UP, None, None, UP, ALL),
        # a dead peer: restart, hold, clear
        (LISTEN, None, UP, None, UP, ALL),
        (UP, None, ON_DEMAND, None, ON_DEMAND, NONE),
        (UP, None, ON_DEMAND, B, ON_DEMAND, B),
        (UP, None, LISTEN, B, LISTEN, NONE),
        (UP, UP, LISTEN, None, LISTEN, NONE),
    ],
)
def test_one_comes_of_many(
    user: Wanted | None,
    group: Wanted | None,
    monitor: Wanted | None,
    traffic: set[str] | None,
    wanted: Wanted,
    children: set[str],
) -> None:
    said = {Wisher.USER: user, Wisher.GROUP: group, Wisher.MONITOR: monitor}
    wishes = {wisher: Wish(each) for wisher, each in said.items() if each is not None}
    if traffic is not None:
        wishes[Wisher.TRAFFIC] = Wish(UP, frozenset(traffic))
    assert resolve(wishes, ("a", "b")) == Resolved(wanted, frozenset(children))
