"""Who has what with whom: established IKE SAs and pairs of IPsec SAs by peer, found without a search through all."""

from __future__ import annotations

from typing import Generic, TypeVar

from ikevpn.ike.sa import Child, IkeSa, Peer

Kept = TypeVar("Kept", IkeSa, Child)


class Register(Generic[Kept]):
    """Things by the peers that they concern, in the order in which they came."""

    def __init__(self) -> None:
        self._by_peer: dict[Peer, dict[int, Kept]] = {}

    def add(self, peer: Peer, thing: Kept) -> None:
        self._by_peer.setdefault(peer, {})[thing.serial] = thing

    def remove(self, peer: Peer, thing: Kept) -> None:
        """Fine where it is not there."""
        things = self._by_peer.get(peer)
        if things is not None and things.pop(thing.serial, None) is not None and not things:
            del self._by_peer[peer]

    def of(self, *peers: Peer) -> list[Kept]:
        """All that concern any of these peers."""
        return [thing for peer in peers for thing in self._by_peer.get(peer, {}).values()]
