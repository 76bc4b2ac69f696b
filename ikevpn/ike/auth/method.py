"""A row of the table of authentication methods: all that phase 1 has to ask one (RFC 2409 §5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ikevpn.ike.auth.transcript import Transcript
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa, Keys, Lacking, Role, Waiting
from ikevpn.ike.values.credential import Credential
from ikevpn.model.address import Address
from ikevpn.model.events.event import Reason
from ikevpn.model.identity import Identity
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import Payload
from ikevpn.wire.registry import Auth, Hash


def nobody(sa: IkeSa, said: Transcript) -> Identity | None:
    """The `identity` of a method with which we are whoever the tunnel says, or our address."""
    return None


def no_certificate(sa: IkeSa, said: Transcript) -> list[Payload]:
    """The `certificates` of a method without any."""
    return []


def no_request(tunnels: Iterable[Tunnel]) -> list[Payload]:
    """The `requests` of a method that needs no certificate of the peer's."""
    return []


@dataclass(frozen=True, slots=True)
class Method:
    """One way in which two peers prove who they are.

    `credential`: what proves an identity at an address under a tunnel; without an identity the likeliest; None: there
    is none, and then the `reason` is `missing`. `candidates`: what may turn out to be the peer's, for a responder that
    does not know yet who calls. `unknown`: one that nobody has, for a caller who must not learn that it is not meant.
    `proves`: whether one with which a peer has proved itself is good for an identity at an address under a tunnel.

    `skeyid`: what all keys are made of. `prove`: the payload by which a side proves itself, of the class `proof`, or
    what is lacking for it. `check` gives the keys with what the peer has proved itself with, or waits for that; it
    raises Malformed where the peer's message has another payload, NotAuthentic where that is wrong, Rejected where it
    is right and nobody vouches for it.

    `identity`: who we are, where no tunnel says so. `certificates` go with our proof, `requests` ask for the peer's.

    `foreign` is the reason where a peer has proved itself with what belongs to another; `wrong` where one end cannot
    open what the other encrypts, or its hash does not verify (None: no reason of this method's own); `silent` where
    nothing comes after our first encrypted message.
    """

    auth: Auth
    proof: type[Payload]
    missing: Reason
    foreign: Reason
    wrong: Reason | None
    silent: Reason
    credential: Callable[[Core, Tunnel, Address, Identity | None], Credential | None]
    candidates: Callable[[Core, IkeSa], list[Credential]]
    unknown: Callable[[Core], Credential]
    proves: Callable[[Core, Credential, Tunnel, Address, Identity | None], bool]
    skeyid: Callable[[Credential, Hash, Transcript], bytes]
    prove: Callable[[IkeSa, Transcript, Keys, Role], Payload | Lacking]
    check: Callable[[IkeSa, Transcript, Keys, Role, Chain], Keys | Waiting]
    identity: Callable[[IkeSa, Transcript], Identity | None] = nobody
    certificates: Callable[[IkeSa, Transcript], list[Payload]] = no_certificate
    requests: Callable[[Iterable[Tunnel]], list[Payload]] = no_request
