"""The table of authentication methods."""

from __future__ import annotations

from ikevpn.ike.auth.method import Method
from ikevpn.ike.auth.pre_shared_key import PRE_SHARED_KEY
from ikevpn.ike.auth.signature import SIGNATURES
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa
from ikevpn.ike.values.credential import Credential
from ikevpn.model.address import Address
from ikevpn.model.identity import Identity
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.payload import HashPayload, Signature
from ikevpn.wire.registry import Auth

METHODS: dict[Auth, Method] = {each.auth: each for each in (PRE_SHARED_KEY, *SIGNATURES)}
PROOF = (HashPayload, Signature)
"""The payloads of which one carries the proof, whatever the method; `Method.check` wants its own."""


def agreed(sa: IkeSa) -> Method:
    """The method of the proposal that has been chosen."""
    assert sa.proposal is not None
    return METHODS[sa.proposal.auth]


def proves(core: Core, credential: Credential, tunnel: Tunnel, remote: Address, identity: Identity | None) -> bool:
    """Whether a credential, as all is configured now, proves an identity under a tunnel."""
    return METHODS[credential.auth].proves(core, credential, tunnel, remote, identity)


def lacking(core: Core, tunnel: Tunnel, remote: Address, identity: Identity | None) -> Method | None:
    """The method of a tunnel's first proposal, where no method that it offers has a credential for this peer."""
    offered = [METHODS[auth] for auth in dict.fromkeys(each.auth for each in tunnel.ike_proposals)]
    if any(each.credential(core, tunnel, remote, identity) is not None for each in offered):
        return None
    return offered[0]
