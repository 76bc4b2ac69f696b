"""A row of the table of authentication methods: all that phase 1 has to ask one (RFC 2409 §5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ikevpn.ike.auth.transcript import Transcript
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa, Keys, Role
from ikevpn.ike.values.credential import Credential
from ikevpn.model.address import Address
from ikevpn.model.events.event import Reason
from ikevpn.model.identity import Identity
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import Payload
from ikevpn.wire.registry import Auth, Hash


@dataclass(frozen=True, slots=True)
class Method:
    """One way in which two peers prove who they are.

    `credential`: what proves an identity at an address under a tunnel; without an identity the likeliest; None: there
    is none, and then the `reason` is `missing`. `candidates`: what may turn out to be the peer's, for a responder that
    does not know yet who calls. `unknown`: one that nobody has, for a caller who must not learn that it is not meant.
    `foreign` is the reason where a peer has proved itself with what belongs to another.

    `skeyid`: what all keys are made of. `prove`: the payload by which a side proves itself, of the class `proof`.
    `check` raises Malformed where the peer's message has another, NotAuthentic where it is wrong.
    """

    auth: Auth
    proof: type[Payload]
    missing: Reason
    foreign: Reason
    credential: Callable[[Core, Tunnel, Address, Identity | None], Credential | None]
    candidates: Callable[[Core, IkeSa], list[Credential]]
    unknown: Callable[[Core], Credential]
    skeyid: Callable[[Credential, Hash, Transcript], bytes]
    prove: Callable[[IkeSa, Transcript, Keys, Role], Payload]
    check: Callable[[IkeSa, Transcript, Keys, Role, Chain], None]
