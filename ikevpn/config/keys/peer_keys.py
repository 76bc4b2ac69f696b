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
        "Where the peer is. Of several places the first that answers is used; a DNS name is looked up at every "
        "attempt, and all of its addresses are tried. Networks and `any` can only be waited for.",
        '"203.0.113.2"',
    )
    local: Address | None = key(
        OwnAddress(), "Our own address towards the peer.", '"192.0.2.1"', None, "what the routes say"
    )
    interface: str | None = key(
        Word("the name of a network interface", r"[^\s/]{1,15}"),
        "In place of `local`: our own address is that of this interface (its IPv4 one where the peer may be anywhere) "
        "and is followed when it changes.",
        '"ppp0"',
        None,
        "what the routes say",
    )
    mobility: bool = key(
        YesNo(),
        "Follow the peer to whatever address its authenticated messages come from. Behind a NAT it is followed anyway. "
        "Without one a message from elsewhere was sent on by somebody, who may want our traffic: say true only for a "
        "peer that roams.",
        "true",
        False,
    )
    keepalive_s: float = key(
        TIMEOUT, "How often a NAT is reminded of us when nothing else is sent; 0: never.", "20", 20.0
    )
