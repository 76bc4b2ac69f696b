"""Which pre-shared key belongs to which peer, by its identity or its address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ikevpn.model.address import Address, AddressRange
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret


@dataclass(frozen=True, slots=True)
class PskEntry:
    """A key and the peers that it is for. `remotes` empty means any address, `identity` None any identity."""

    secret: Secret
    remotes: tuple[AddressRange, ...] = ()
    identity: Identity | None = None


def select_psk(entries: Sequence[PskEntry], peer: Address, identity: Identity | None) -> Secret | None:
    """The key of the entry that says most about the peer, or None.

    An entry that names the identity goes before one that does not; then the smallest range of addresses decides, then
    the order of the entries. A responder of main mode does not know the identity yet (RFC 2409 §5.4): for `identity`
    None only entries without one count.
    """
    fitting = [
        (entry.identity is None, size, index)
        for index, entry in enumerate(entries)
        if entry.identity is None or (identity is not None and entry.identity.matches(identity))
        if (size := _size_around(entry.remotes, peer)) is not None
    ]
    return entries[min(fitting)[2]].secret if fitting else None


def _size_around(remotes: Sequence[AddressRange], peer: Address) -> int | None:
    """How many addresses the smallest range around `peer` has; None where it is in none of them."""
    if not remotes:
        return 1 << 129  # more than any range: "any" comes last
    sizes = [int(remote.last) - int(remote.first) for remote in remotes if remote.contains(peer)]
    return min(sizes, default=None)
