"""The keys of a tunnel that say where the peer is, whatever makes the keys of the SAs."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.config.keys.key import key
from ikevpn.config.keys.kinds import Decimal, Many, Whole, Word, YesNo
from ikevpn.config.keys.network_kinds import OwnAddress, Remote, join_remotes
from ikevpn.model.address import Address, AddressRange

PORT = Whole(1, 65535)
TIMEOUT = Decimal(0, 86400, "seconds")


@dataclass(frozen=True, kw_only=True)
class PeerKeys:
    """Part of `schema.TunnelTable`."""

    remote: tuple[AddressRange | str, ...] = key(
        Many(Remote(), join_remotes, least=1),
        "The address of the peer. Of several the first that answers is used; a DNS name is looked up at every "
        "attempt, and all of its addresses are tried. With a network or `any` only the peer can initiate.",
        '"203.0.113.2"',
    )
    local: Address | None = key(
        OwnAddress(), "Our own address towards the peer.", '"192.0.2.1"', None, "as the route to the peer says"
    )
    interface: str | None = key(
        Word("the name of a network interface", r"[^\s/]{1,15}"),
        "In place of `local`: our own address is that of this interface (its IPv4 one where the peer may be anywhere) "
        "and is followed when it changes.",
        '"ppp0"',
        None,
        "as the route to the peer says",
    )
    mobility: bool = key(
        YesNo(),
        "Follow the peer to the address from which its authenticated messages come. A peer behind a NAT is always "
        "followed. Without a NAT a message from another address may have been forwarded by an attacker to divert our "
        "traffic: set true only for a peer that roams.",
        "true",
        False,
    )
    keepalive_s: float = key(
        TIMEOUT, "NAT keepalive interval (RFC 3948 §4), used while nothing else is sent; 0: none.", "20", 20.0
    )
