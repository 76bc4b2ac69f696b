"""The half-open SAs of a responder: who they come from, which may go when there are too many, what they hold of ours.

Knows no limit and forgets nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from ikevpn.ike.sa import IkeSa
from ikevpn.model.address import Address

Source = tuple[int, int]
_ANSWERED_ONCE = 2  # rows done when message 2 is sent
_INTERFACE_BITS = 64


def source_of(address: Address) -> Source:
    """Who counts as one: an IPv4 address, an IPv6 /64, for a host may choose the rest at will (RFC 4291 §2.5.1)."""
    number = int(address)
    return (4, number) if address.version == 4 else (6, number >> _INTERFACE_BITS)


class HalfOpen:
    """Oldest first, by serial and by source."""

    def __init__(self) -> None:
        self._all: dict[int, IkeSa] = {}
        self._by_source: dict[Source, dict[int, IkeSa]] = {}
        self.octets = 0  # fragments and early datagrams that are kept for all of them

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, sa: IkeSa) -> bool:
        return sa.serial in self._all

    def add(self, sa: IkeSa) -> None:
        """`sa.first_from` must be known."""
        assert sa.first_from is not None
        self._all[sa.serial] = sa
        self._by_source.setdefault(source_of(sa.first_from.address), {})[sa.serial] = sa

    def remove(self, sa: IkeSa) -> None:
        """Fine where it is not there."""
        if self._all.pop(sa.serial, None) is None or sa.first_from is None:
            return
        self.octets -= sa.held
        source = source_of(sa.first_from.address)
        del self._by_source[source][sa.serial]
        if not self._by_source[source]:
            del self._by_source[source]

    def weigh(self, sa: IkeSa) -> None:
        """Something came that is kept for this SA, or something kept was used."""
        if sa.serial in self._all:
            held = sum(len(each.data) for each in sa.early) + sa.reassembly.octets
            self.octets += held - sa.held
            sa.held = held

    def from_source(self, address: Address) -> int:
        """How many come from there."""
        return len(self._by_source.get(source_of(address), ()))

    def silent_from(self, address: Address) -> IkeSa | None:
        """The oldest from a source that has not answered to our cookie, so that its address may be an invention."""
        return _silent(self._by_source.get(source_of(address), {}).values())

    def least(self) -> IkeSa:
        """Who goes first under a flood: the oldest silent one, the oldest where all have answered."""
        return _silent(self._all.values()) or next(iter(self._all.values()))

    def heaviest(self) -> IkeSa:
        """For whom we keep most."""
        return max(self._all.values(), key=lambda sa: sa.held)


def _silent(found: Iterable[IkeSa]) -> IkeSa | None:
    return next((sa for sa in found if sa.exchanges[0].row <= _ANSWERED_ONCE), None)
