"""What was found out about flows, until something changes that it rests on.

Beside the memory itself stand the ways back into it: which flows rest on the SAs of a reqid, and which go to an address
that a policy covers. So a change costs what it makes untrue, and the others are not looked up again. Where the memory
is full, the oldest gives way.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from ikevpn.esp.packet.inner import Flow
from ikevpn.esp.packet.selection import Selection
from ikevpn.model.address import AddressRange

V = TypeVar("V")
Key = tuple[str, Hashable]
"""A device, and what tells its flows apart."""


class _Basis(NamedTuple):
    flow: Flow
    reqid: int | None


class _Targets:
    """The flows of one device and version of IP, by the address that they go to."""

    def __init__(self) -> None:
        self.sorted: list[bytes] = []
        self.keys: dict[bytes, set[Key]] = {}

    def add(self, target: bytes, key: Key) -> None:
        if target not in self.keys:
            insort(self.sorted, target)
            self.keys[target] = set()
        self.keys[target].add(key)

    def remove(self, target: bytes, key: Key) -> None:
        keys = self.keys[target]
        keys.discard(key)
        if not keys:
            del self.keys[target]
            del self.sorted[bisect_left(self.sorted, target)]

    def within(self, first: bytes, last: bytes) -> list[Key]:
        found = self.sorted[bisect_left(self.sorted, first) : bisect_right(self.sorted, last)]
        return [key for target in found for key in self.keys[target]]


class FlowMemory(Generic[V]):
    """At most `most` flows; `get` is all that a packet needs."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Key, V] = OrderedDict()
        self._bases: dict[Key, _Basis] = {}
        self._of_reqid: dict[int, set[Key]] = {}
        self._targets: dict[tuple[str, int], _Targets] = {}
        self.get = self._known.get

    def __len__(self) -> int:
        return len(self._known)

    def add(self, key: Key, value: V, flow: Flow, reqid: int | None) -> None:
        """Remember; `reqid` that of the policy, if there is one."""
        self._drop(key)
        if len(self._known) >= self._most:
            self._drop(next(iter(self._known)))
        self._known[key] = value
        self._bases[key] = _Basis(flow, reqid)
        if reqid is not None:
            self._of_reqid.setdefault(reqid, set()).add(key)
        self._targets.setdefault((key[0], flow.version), _Targets()).add(flow.target, key)

    def forget_reqid(self, reqid: int) -> None:
        """SAs of the reqid have changed."""
        for key in tuple(self._of_reqid.get(reqid, ())):
            self._drop(key)

    def forget_covered(self, device: str, remote: AddressRange, selection: Selection) -> None:
        """A policy of the device has changed: `selection`, which covers what goes to `remote`."""
        targets = self._targets.get((device, remote.version))
        if targets is None:
            return
        for key in targets.within(remote.first.packed, remote.last.packed):
            if selection.admits(self._bases[key].flow):
                self._drop(key)

    def _drop(self, key: Key) -> None:
        basis = self._bases.pop(key, None)
        if basis is None:
            return
        del self._known[key]
        flow, reqid = basis
        if reqid is not None:
            keys = self._of_reqid[reqid]
            keys.discard(key)
            if not keys:
                del self._of_reqid[reqid]
        targets = self._targets[key[0], flow.version]
        targets.remove(flow.target, key)
        if not targets.keys:
            del self._targets[key[0], flow.version]
