"""Who has which networks, and who has some of a range of addresses: found without a search through all."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from ikevpn.model.address import AddressRange, Network

Owner = TypeVar("Owner", bound=Hashable)

_Place = tuple[int, int, int]
"""Family, first address, length of the prefix: sorted, a network comes right before those inside it."""
_BITS = {4: 32, 6: 128}


class Territory(Generic[Owner]):
    """Ranges by owner. An owner may have ranges that overlap, and several owners the same one."""

    def __init__(self) -> None:
        self._owners: dict[_Place, Counter[Owner]] = {}
        self._sorted: list[_Place] = []
        self._lengths: Counter[tuple[int, int]] = Counter()  # of the prefixes in use, by family

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, addresses: AddressRange, owner: Owner) -> None:
        for place in _places(addresses):
            if place not in self._owners:
                self._owners[place] = Counter()
                insort(self._sorted, place)
                self._lengths[place[0], place[2]] += 1
            self._owners[place][owner] += 1

    def remove(self, addresses: AddressRange, owner: Owner) -> None:
        """Once for each time that it was added."""
        for place in _places(addresses):
            owners = self._owners[place]
            owners[owner] -= 1
            if not owners[owner]:
                del owners[owner]
            if not owners:
                del self._owners[place]
                del self._sorted[bisect_left(self._sorted, place)]
                self._lengths -= Counter([(place[0], place[2])])

    def overlapping(self, addresses: AddressRange) -> Iterator[Owner]:
        """Who has some of these addresses; an owner may come more than once."""
        for family, first, length in _places(addresses):
            bits = _BITS[family]
            for _, wider in [each for each in self._lengths if each[0] == family and each[1] < length]:
                start = first >> (bits - wider) << (bits - wider)
                yield from tuple(self._owners.get((family, start, wider), ()))
            at = bisect_left(self._sorted, (family, first, length))
            end = (family, first + (1 << (bits - length)), 0)
            while at < len(self._sorted) and self._sorted[at] < end:
                yield from tuple(self._owners[self._sorted[at]])
                at += 1


def _places(addresses: AddressRange) -> list[_Place]:
    return [_place(network) for network in addresses.networks()]


def _place(network: Network) -> _Place:
    return network.version, int(network.network_address), network.prefixlen
