"""The half-open SAs of a responder: who they come from, which may go when there are too many, what they hold of ours.

Knows no limit and forgets nothing by itself. Every step costs the same however many there are: who goes is drawn, and
what is drawn is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ikevpn.ike.state.sa import IkeSa
from ikevpn.model.address import Address

Source = tuple[int, int]
_ANSWERED_ONCE = 2  # rows done when message 2 is sent
_INTERFACE_BITS = 64
_HEAVY_DRAWS = 8


def source_of(address: Address) -> Source:
    """Who counts as one: an IPv4 address, an IPv6 /64, for a host may choose the rest at will (RFC 4291 §2.5.1)."""
    number = int(address)
    return (4, number) if address.version == 4 else (6, number >> _INTERFACE_BITS)


class Drawn:
    """A set of SAs out of which one can be drawn at random. `draw(n)` gives a number below n."""

    def __init__(self, draw: Callable[[int], int]) -> None:
        self._draw = draw
        self._members: list[IkeSa] = []
        self._places: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, sa: IkeSa) -> bool:
        return sa.serial in self._places

    def add(self, sa: IkeSa) -> None:
        """Fine where it is there already."""
        if sa.serial not in self._places:
            self._places[sa.serial] = len(self._members)
            self._members.append(sa)

    def remove(self, sa: IkeSa) -> bool:
        """Whether it was there. The last one takes its place."""
        place = self._places.pop(sa.serial, None)
        if place is None:
            return False
        last = self._members.pop()
        if last is not sa:
            self._members[place] = last
            self._places[last.serial] = place
        return True

    def most(self, draws: int, rank: Callable[[IkeSa], Any]) -> IkeSa | None:
        """Of so many drawn at random the one with the highest rank; None where there is none."""
        if not self._members:
            return None
        drawn = (self._members[self._draw(len(self._members))] for _ in range(draws))
        return max(drawn, key=rank)


class HalfOpen:
    """By serial and by source, and apart those that have answered to our cookie: their address is no invention."""

    def __init__(self, draw: Callable[[int], int]) -> None:
        self._silent = Drawn(draw)
        self._answered = Drawn(draw)
        self._holding = Drawn(draw)
        self._draw = draw
        self._by_source: dict[Source, dict[int, IkeSa]] = {}
        self._answered_of: dict[Source, Drawn] = {}
        self.octets = 0  # fragments and early datagrams that are kept for all of them

    def __len__(self) -> int:
        return len(self._silent) + len(self._answered)

    def __contains__(self, sa: IkeSa) -> bool:
        return sa in self._silent or sa in self._answered

    def add(self, sa: IkeSa) -> None:
        """`sa.first_from` must be known."""
        assert sa.first_from is not None
        self._silent.add(sa)
        self._by_source.setdefault(source_of(sa.first_from.address), {})[sa.serial] = sa

    def remove(self, sa: IkeSa) -> None:
        """Fine where it is not there."""
        silent = self._silent.remove(sa)
        if not silent and not self._answered.remove(sa):
            return
        assert sa.first_from is not None
        self._holding.remove(sa)
        self.octets -= sa.held
        source = source_of(sa.first_from.address)
        del self._by_source[source][sa.serial]
        if not self._by_source[source]:
            del self._by_source[source]
        if not silent:
            self._answered_of[source].remove(sa)
            if not len(self._answered_of[source]):
                del self._answered_of[source]

    def is_silent(self, sa: IkeSa) -> bool:
        """Whether it is here and has not answered to our cookie yet."""
        return sa in self._silent

    def answered(self, sa: IkeSa) -> None:
        """Its exchange has moved on: where that was by a message that names our cookie, it is silent no longer."""
        if sa.exchanges[0].row > _ANSWERED_ONCE and self._silent.remove(sa):
            assert sa.first_from is not None
            self._answered.add(sa)
            self._answered_of.setdefault(source_of(sa.first_from.address), Drawn(self._draw)).add(sa)

    def weigh(self, sa: IkeSa) -> None:
        """Something came that is kept for this SA, or something kept was used."""
        if sa in self:
            pending = [each.pending.arrival for each in sa.exchanges.values() if each.pending is not None]
            held = sum(len(each.data) for each in (*sa.early, *pending)) + sa.reassembly.octets
            self.octets += held - sa.held
            sa.held = held
            (self._holding.add if held else self._holding.remove)(sa)

    def from_source(self, address: Address) -> int:
        """How many come from there, or say so."""
        return len(self._by_source.get(source_of(address), ()))

    def answered_from(self, address: Address) -> int:
        """How many come from there without a doubt."""
        return len(self._answered_of.get(source_of(address), ()))

    def least(self, share: int) -> IkeSa | None:
        """Who goes under a flood: a silent one, drawn. None: all have answered.

        Of two the older goes, for in its time the peer could have answered; but first one whose source has more than
        its `share`. Always the oldest would be worse: a flood that fills the table within one round trip of the peer's
        would let nobody in.
        """

        def rank(sa: IkeSa) -> tuple[bool, int]:
            assert sa.first_from is not None
            return self.from_source(sa.first_from.address) > share, -sa.serial

        return self._silent.most(2, rank)

    def least_answered(self) -> IkeSa | None:
        """Who goes where all have answered: the older of two drawn."""
        return self._answered.most(2, lambda sa: -sa.serial)

    def heaviest(self) -> IkeSa | None:
        """Among some for whom we keep something the one for whom we keep most."""
        return self._holding.most(_HEAVY_DRAWS, lambda sa: sa.held)
