"""Which policy a flow belongs to (RFC 4301 §4.4.1), among any number of them.

Policies stand in tables by the lengths of the prefixes of their two ends, each under the octets of these prefixes: a
flow is looked up once in each table (tuple space search), and there are as many tables as there are pairs of lengths,
usually a handful. A range that is no prefix stands under the one or two prefixes that cover it and little more. What is
found so is compared in full; of all that covers the flow the one that is consulted first counts.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from ikevpn.esp.packet.inner import Flow
from ikevpn.esp.packet.selection import Selection
from ikevpn.model.address import AddressRange
from ikevpn.model.sa import Direction, Policy, PolicyAction
from ikevpn.model.selector import ANY, Selector

_Shape = tuple[int, int, int]
"""Version, and how many low bits of source and target are not looked at."""
_Name = tuple[str, Selector, int]


class _Entry(NamedTuple):
    order: tuple[int, ...]
    policy: Policy
    selection: Selection


class _Tables:
    """The policies of one device."""

    def __init__(self) -> None:
        self._by_shape: dict[_Shape, dict[tuple[int, int], list[_Entry]]] = {}

    def add(self, entry: _Entry) -> None:
        for shape, place in _places(entry.policy.selector):
            entries = self._by_shape.setdefault(shape, {}).setdefault(place, [])
            bisect.insort(entries, entry, key=lambda each: each.order)

    def remove(self, entry: _Entry) -> None:
        for shape, place in _places(entry.policy.selector):
            table = self._by_shape[shape]
            table[place].remove(entry)
            if not table[place]:
                del table[place]
            if not table:
                del self._by_shape[shape]

    def find(self, flow: Flow) -> Policy | None:
        source, target = int.from_bytes(flow.source, "big"), int.from_bytes(flow.target, "big")
        first: _Entry | None = None
        for (version, source_bits, target_bits), table in self._by_shape.items():
            if version != flow.version:
                continue
            for entry in table.get((source >> source_bits, target >> target_bits), ()):
                if first is not None and first.order < entry.order:
                    break
                if entry.selection.admits(flow):
                    first = entry
                    break
        return None if first is None else first.policy

    def __bool__(self) -> bool:
        return bool(self._by_shape)


class Spd:
    """Policies of all devices. Those of higher priority are consulted first, then the more specific ones, then those
    that were added first.
    """

    def __init__(self) -> None:
        self._tables: dict[str, _Tables] = {}
        self._entries: dict[_Name, _Entry] = {}
        self._devices: dict[int, dict[_Name, str]] = {}
        self._numbers = count()

    def add(self, policy: Policy) -> None:
        """Add a policy, or change the one of the same device, selector and reqid."""
        self.delete(policy)
        name = _name(policy)
        order = (*_rank(policy), next(self._numbers))
        entry = self._entries[name] = _Entry(order, policy, Selection((policy.selector,), Direction.OUT))
        self._tables.setdefault(policy.device, _Tables()).add(entry)
        if policy.action is PolicyAction.PROTECT:
            self._devices.setdefault(policy.reqid, {})[name] = policy.device

    def delete(self, policy: Policy) -> None:
        """Remove the policy of that device, selector and reqid, if there is one."""
        name = _name(policy)
        entry = self._entries.pop(name, None)
        if entry is None:
            return
        tables = self._tables[policy.device]
        tables.remove(entry)
        if not tables:
            del self._tables[policy.device]
        if entry.policy.action is PolicyAction.PROTECT:
            devices = self._devices[policy.reqid]
            del devices[name]
            if not devices:
                del self._devices[policy.reqid]

    def find(self, device: str, flow: Flow) -> Policy | None:
        """The first policy that covers the flow."""
        tables = self._tables.get(device)
        return None if tables is None else tables.find(flow)

    def device(self, reqid: int) -> str | None:
        """Where packets of the reqid's inbound SAs belong: the policy added first names it."""
        devices = self._devices.get(reqid)
        return next(iter(devices.values())) if devices else None


def _name(policy: Policy) -> _Name:
    return (policy.device, policy.selector, policy.reqid)


def _places(selector: Selector) -> Iterator[tuple[_Shape, tuple[int, int]]]:
    """The tables in which a policy stands, and where."""
    version = selector.remote.version
    for source, source_bits in _cover(selector.local):
        for target, target_bits in _cover(selector.remote):
            yield (version, source_bits, target_bits), (source >> source_bits, target >> target_bits)


def _cover(addresses: AddressRange) -> list[tuple[int, int]]:
    """One prefix, or two, that cover the addresses and at most as many others: an address, and how many low bits are
    not looked at.
    """
    first, last = int(addresses.first), int(addresses.last)
    bits = (first ^ last).bit_length()
    if not bits or last - first + 1 == 1 << bits:
        return [(first, bits)]
    middle = last >> (bits - 1) << (bits - 1)  # the first address of the upper half
    return [(first, (first ^ (middle - 1)).bit_length()), (last, (last ^ middle).bit_length())]


def _rank(policy: Policy) -> tuple[int, ...]:
    """Higher priority first, then the more specific selector; only the order counts."""
    selector = policy.selector
    addresses = [int(side.last) - int(side.first) for side in (selector.remote, selector.local)]
    wildcards = sum(value == ANY for value in (selector.protocol, selector.local_port, selector.remote_port))
    return (-policy.priority, *addresses, wildcards)
