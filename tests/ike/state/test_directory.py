"""Tunnels by the addresses of their peers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from ikevpn.errors import UsageError
from ikevpn.ike.state.callers import Callers
from ikevpn.ike.state.directory import Directory
from ikevpn.model.address import AddressRange
from ikevpn.model.tunnel import Tunnel
from tests.ike.bench import HERE, THERE, tunnel


def to(name: str, *remotes: str, **changes: object) -> Tunnel:
    return replace(tunnel(), name=name, remotes=tuple(map(AddressRange.of, remotes)), **changes)  # type: ignore[arg-type]


def names(directory: Directory) -> list[str]:
    return [each.name for each in Callers(directory, THERE.address, HERE.address)]


def test_the_more_specific_comes_first() -> None:
    directory = Directory()
    for each in (to("any"), to("wide", "192.0.0.0/8"), to("host", "192.0.2.1"), to("net", "192.0.2.0/24")):
        directory.add(each)
    directory.add(to("other", "203.0.113.1"))
    directory.add(to("far", "203.0.113.0/24"))
    directory.add(to("both", "192.0.2.1", "192.0.2.0/28"))
    assert names(directory) == ["host", "both", "net", "wide", "any"]


def test_our_own_address_counts() -> None:
    directory = Directory()
    directory.add(to("here", "192.0.2.1", local=THERE.address))
    directory.add(to("elsewhere", "192.0.2.1", local=ip_address("198.51.100.9")))
    assert names(directory) == ["here"]


def test_replaced_and_removed_leaves_nothing() -> None:
    directory = Directory()
    directory.add(to("one", "192.0.2.1", "192.0.2.0/24"))
    directory.add(to("one", "203.0.113.1"))
    assert names(directory) == [] and "one" in directory
    directory.remove("one")
    directory.remove("one")
    assert "one" not in directory and not directory._shelves and not len(directory._ranges)
    with pytest.raises(UsageError, match="no tunnel one"):
        directory["one"]
    plain = to("one")
    assert directory.get("one", plain) is plain
