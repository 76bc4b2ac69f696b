"""The small choices of a scenario: algorithms, identities, networks, and configurations that cannot work."""

from __future__ import annotations

import random
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from ikevpn.model.address import AddressRange
from ikevpn.model.events.event import Reason
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal, IpsecProposal
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, NattDraft, Phase1Mode, Tunnel
from ikevpn.wire.registry import EspCipher, Group, Hash, IkeCipher, Integrity, Protocol

_P = TypeVar("_P", IkeProposal, IpsecProposal)


class Mismatch(StrEnum):
    """Ways in which two configurations do not fit."""

    SECRET = "secret"
    IKE_PROPOSAL = "ike-proposal"
    IPSEC_PROPOSAL = "ipsec-proposal"
    PROXY_ID = "proxy-id"
    IDENTITY = "identity"


EXPECTED: dict[Mismatch, frozenset[Reason]] = {
    Mismatch.SECRET: frozenset({Reason.WRONG_SECRET}),
    Mismatch.IKE_PROPOSAL: frozenset({Reason.NO_PROPOSAL_PHASE1, Reason.PEER_REFUSED_PHASE1}),
    Mismatch.IPSEC_PROPOSAL: frozenset({Reason.NO_PROPOSAL_PHASE2, Reason.PEER_REFUSED_PHASE2}),
    Mismatch.PROXY_ID: frozenset({Reason.PROXY_ID_MISMATCH}),
    Mismatch.IDENTITY: frozenset({Reason.WRONG_PEER_IDENTITY, Reason.PEER_REFUSED_PHASE1}),
}
"""What the initiator must be able to say on a network that works."""

# Small groups, because arithmetic is what a simulation pays for.
_GROUPS = (*(Group.MODP_768,) * 8, *(Group.MODP_1024,) * 2, Group.ECP_256)
_IKE_CIPHERS = (
    (IkeCipher.AES_CBC, 128),
    (IkeCipher.AES_CBC, 256),
    (IkeCipher.TRIPLE_DES_CBC, 0),
    (IkeCipher.DES_CBC, 0),
)
_HASHES = (Hash.MD5, Hash.SHA1, Hash.SHA1, Hash.SHA2_256, Hash.SHA2_384, Hash.SHA2_512)
_ESP = (
    (EspCipher.AES_CBC, 128, Integrity.HMAC_SHA1),
    (EspCipher.AES_CBC, 256, Integrity.HMAC_SHA2_256),
    (EspCipher.AES_CBC, 192, Integrity.HMAC_SHA2_512),
    (EspCipher.TRIPLE_DES, 0, Integrity.HMAC_MD5),
    (EspCipher.DES, 0, Integrity.HMAC_SHA1),
    (EspCipher.NULL, 0, Integrity.HMAC_SHA1),
    (EspCipher.AES_GCM_16, 128, Integrity.NONE),
    (EspCipher.AES_GCM_16, 256, Integrity.NONE),
)
_NEVER_OFFERED_IKE = IkeProposal(IkeCipher.AES_CBC, 192, Hash.SHA2_256, Group.MODP_1536)
_NEVER_OFFERED_IPSEC = (EspCipher.TRIPLE_DES, 0, Integrity.HMAC_SHA2_384)


def ike_proposal(rng: random.Random) -> IkeProposal:
    cipher, bits = rng.choice(_IKE_CIPHERS)
    return IkeProposal(cipher, bits, rng.choice(_HASHES), rng.choice(_GROUPS))


def ipsec_proposal(rng: random.Random) -> IpsecProposal:
    group = rng.choice((Group.NONE, Group.NONE, Group.MODP_768, Group.MODP_768, Group.ECP_256))
    return IpsecProposal(Protocol.ESP, *rng.choice(_ESP), group)


def with_others(rng: random.Random, common: IkeProposal, mode: Phase1Mode) -> tuple[IkeProposal, ...]:
    """The common proposal among others; aggressive mode has one group (RFC 2409 §5.4)."""
    others = [ike_proposal(rng) for _ in range(rng.randrange(3))]
    if mode is Phase1Mode.AGGRESSIVE:
        others = [replace(other, group=common.group) for other in others]
    return _mixed(rng, common, others)


def with_other_ipsec(rng: random.Random, common: IpsecProposal) -> tuple[IpsecProposal, ...]:
    """The common proposal among others of the same group (RFC 2409 §5.5)."""
    others = [replace(ipsec_proposal(rng), group=common.group) for _ in range(rng.randrange(3))]
    return _mixed(rng, common, others)


def _mixed(rng: random.Random, common: _P, others: list[_P]) -> tuple[_P, ...]:
    everything = [other for other in dict.fromkeys(others) if other != common]
    everything.insert(0, common)
    rng.shuffle(everything)
    return tuple(everything)


def identity(rng: random.Random, name: str) -> Identity:
    return Identity.of(rng.choice((f"{name}.example.net", f"{name}@example.net", f"keyid:{name}")))


def drafts(rng: random.Random) -> tuple[NattDraft, ...]:
    """All texts of NAT traversal, or one."""
    return tuple(NattDraft) if rng.random() < 0.5 else (rng.choice(tuple(NattDraft)),)


def children(rng: random.Random, mismatch: Mismatch | None) -> tuple[Child, ...]:
    """One route-based child for everything, or some pairs of networks; seen from the first host."""
    if rng.random() < 0.25 and mismatch is not Mismatch.PROXY_ID:
        return (Child("any", 1, Selector(AddressRange.everything(), AddressRange.everything())),)
    texts = (
        ("10.1.0.0/24", "10.2.0.0/24"),
        ("10.1.1.0-10.1.1.99", "10.2.1.0/25"),
        ("fd00:1::/64", "fd00:2::/64"),
        ("10.1.3.0/24", "10.2.3.0/24"),
    )
    count = rng.choice((1, 1, 2, 3))
    return tuple(
        Child(f"net{n}", n + 1, Selector(AddressRange.of(ours), AddressRange.of(theirs)))
        for n, (ours, theirs) in enumerate(rng.sample(texts, count))
    )


def local_side(drawn: tuple[Child, ...]) -> tuple[Child, ...]:
    return drawn


def remote_side(drawn: tuple[Child, ...]) -> tuple[Child, ...]:
    """The same networks seen from the other host, which numbers them differently."""
    return tuple(Child(c.name, 40 + c.reqid, c.selector.reversed()) for c in drawn)


def spoil(mismatch: Mismatch, tunnel: Tunnel, rng: random.Random) -> Tunnel:
    """The responder's configuration, changed so that the tunnel cannot come up."""
    match mismatch:
        case Mismatch.SECRET:
            return replace(tunnel, psk=Secret(rng.randbytes(9)))
        case Mismatch.IKE_PROPOSAL:
            return replace(tunnel, ike_proposals=(_NEVER_OFFERED_IKE,))
        case Mismatch.IPSEC_PROPOSAL:
            group = tunnel.ipsec_proposals[0].group
            return replace(tunnel, ipsec_proposals=(IpsecProposal(Protocol.ESP, *_NEVER_OFFERED_IPSEC, group),))
        case Mismatch.PROXY_ID:
            elsewhere = Selector(AddressRange.of("172.16.0.0/24"), AddressRange.of("172.17.0.0/24"))
            return replace(tunnel, children=(Child("elsewhere", 77, elsewhere),))
        case Mismatch.IDENTITY:
            return replace(tunnel, local_id=Identity.of("somebody-else.example.net"))
