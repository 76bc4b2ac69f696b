"""The tunnels that a stranger who calls may mean: found when they are asked for, as all are configured at that moment.

Nothing here looks at tunnels one by one unless it is to return them: who is one of ten thousand that call from anywhere
costs what one of ten costs. The order is the same everywhere: the more specific address first, then the older tunnel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from heapq import merge
from itertools import islice

from ikevpn.ike.state.alike import Alike, Kind, Members, Numbered, Taste
from ikevpn.ike.state.directory import Directory
from ikevpn.ike.state.keyring import Keyring
from ikevpn.model.address import Address
from ikevpn.model.events.event import MOST_TEXTS
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode, Tunnel

Which = Callable[[Kind], bool]


def _answered(kind: Kind) -> bool:
    return kind.answered


def _silent(kind: Kind) -> bool:
    return not kind.answered


def _begun_in(mode: Phase1Mode, kind: Kind) -> bool:
    return kind.mode is mode and kind.answered and not kind.mute


def _mute_in(mode: Phase1Mode, kind: Kind) -> bool:
    return kind.mode is mode and kind.answered and kind.mute


@dataclass(frozen=True, slots=True)
class Callers:
    """By the addresses of both ends; at first all that let the peer begin."""

    directory: Directory
    local: Address
    remote: Address
    which: Which = _answered
    proposal: IkeProposal | None = None  # what is agreed on
    by_identity: bool = False
    identity: Identity | None = None  # which the peer must have, where that is asked; None: no `remote_id`
    open_only: bool = False  # and the peer may call itself what it likes

    def begun_in(self, mode: Phase1Mode) -> Callers:
        """Those that answer a phase 1 in this mode."""
        return replace(self, which=partial(_begun_in, mode))

    def mute_in(self, mode: Phase1Mode) -> Callers:
        """Those that have this mode and may not answer in it."""
        return replace(self, which=partial(_mute_in, mode))

    def silent(self) -> Callers:
        """Those whose peer is only called, and not answered when it calls."""
        return replace(self, which=_silent)

    def agreeing(self, proposal: IkeProposal) -> Callers:
        """Those that would have agreed on this as well: which is meant shows only with the identity."""
        return replace(self, proposal=proposal)

    def named(self, identity: Identity) -> Callers:
        """Those for a peer of this very identity."""
        return replace(self, by_identity=True, identity=identity.folded)

    def for_anybody(self, identity: Identity) -> Callers:
        """Those that name no peer, as far as one of this identity may be meant.

        Without `remote_id` that is its address; whether a NAT hides the one that it names may not be known yet.
        """
        return replace(self, by_identity=True, identity=None, open_only=not identity.is_address)

    def first(self) -> Tunnel | None:
        return next(iter(self), None)

    def __iter__(self) -> Iterator[Tunnel]:
        seen: set[str] = set()
        for shelf in self._shelves():
            for _, tunnel in merge(*(self._members(group).values() for group in shelf)):
                if tunnel.name not in seen:
                    seen.add(tunnel.name)
                    yield tunnel

    def tastes(self) -> Iterator[Tunnel]:
        """Of all that judge an offer alike the first one."""
        seen: set[Taste] = set()
        for shelf in self._shelves():
            for taste, first in sorted(self._leaders(shelf), key=lambda each: each[1].number):
                if taste not in seen:
                    seen.add(taste)
                    yield first.tunnel

    def secrets(self, keyring: Keyring, most: int) -> list[Secret]:
        """What may turn out to be the key of this peer, likely ones first, at most `most`."""
        found: dict[Secret, None] = {}
        for group in (group for shelf in self._shelves() for group in shelf):
            found |= dict.fromkeys(islice(group.secrets, most))
            if group.keyless:
                found |= dict.fromkeys(keyring.possible_of(group.keyless, self.remote, most))
            if len(found) >= most:
                break
        return list(found)[:most]

    def _shelves(self) -> Iterator[list[Alike]]:
        """Groups by how specific the address is."""
        for shelf in self.directory.near(self.local, self.remote):
            yield [group for group in shelf if self._fits(group.kind)]

    def _fits(self, kind: Kind) -> bool:
        if self.open_only and not kind.open:
            return False
        return self.which(kind) and (self.proposal is None or self.proposal in kind.taste.proposals)

    def _members(self, group: Alike) -> Members:
        return group.expecting(self.identity) if self.by_identity else group.members

    def _leaders(self, shelf: list[Alike]) -> Iterator[tuple[Taste, Numbered]]:
        for group in shelf:
            first = next(iter(self._members(group).values()), None)
            if first is not None:
                yield group.kind.taste, first


def told(texts: Iterable[str]) -> tuple[str, ...]:
    """For an event: the first few of what may be thousands."""
    some = tuple(islice(texts, MOST_TEXTS + 1))
    return some if len(some) <= MOST_TEXTS else (*some[:MOST_TEXTS], "and more")
