"""Authentication with signatures (RFC 2409 §5.1, RFC 4754, RFC 4945): whoever can sign has the key, and somebody
vouches for that.

The order keeps strangers cheap: the signature by the key that they present is checked first, and only what that shows
is asked about outside. Which policy a certificate has to fulfil is not known here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import islice

from ikevpn.crypto import keys, signatures
from ikevpn.crypto.signatures import SCHEMES
from ikevpn.errors import Malformed, NotAuthentic
from ikevpn.ike.auth import own_key, presented
from ikevpn.ike.auth.method import Method
from ikevpn.ike.auth.presented import Presented
from ikevpn.ike.auth.transcript import Transcript
from ikevpn.ike.runner.exchange import Rejected
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa, Keys, Lacking, Role, Waiting
from ikevpn.ike.values.credential import Credential, Evidence
from ikevpn.ike.values.question import Answer, Distrust, Sign, Validate
from ikevpn.model.address import Address
from ikevpn.model.events.event import Fact, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Tunnel
from ikevpn.pki import certificate
from ikevpn.wire.header import HEADER_SIZE
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import CertificateRequest, Payload, Signature
from ikevpn.wire.registry import Auth, CertificateEncoding, Hash, IdType, NotifyType

_SIGNING_S = 15.0
_VALIDATING_S = 20.0
_MOST_TUNNELS = 16  # that a caller may mean: what is asked about has to end somewhere
_MOST_KEYS = 4  # that are tried where the peer sends no certificate
_MOST_REQUESTS = 16  # authorities that we name; more make message 3 too large for old gateways
_UNKNOWN_AUTHORITY = "unknown-authority"
"""The rule of a `Distrust` that has a notify of its own."""


# Keys


def _begin(auth: Auth) -> Credential:
    """No secret goes into the keys: they begin with nothing, and what proves the peer comes with its signature."""
    return Credential(auth, Secret(b""))


def _credential(
    auth: Auth, core: Core, tunnel: Tunnel, remote: Address, identity: Identity | None
) -> Credential | None:
    return _begin(auth) if tunnel.peer_keys or tunnel.authorities else None


def _skeyid(credential: Credential, hash_id: Hash, said: Transcript) -> bytes:
    return keys.skeyid_signature(hash_id, said.nonce_i, said.nonce_r, said.shared)


def _hash(sa: IkeSa, said: Transcript, used: Keys, prover: Role) -> bytes:
    """HASH_I or HASH_R; with the hash of the signature, where that is tied to one."""
    hash_id = SCHEMES[used.proposal.auth].hash or used.proposal.hash
    return said.hashed(hash_id, used.skeyids, sa.cky_i, sa.cky_r, prover)


# Our side


def _identity(sa: IkeSa, said: Transcript) -> Identity | None:
    return own_key.choose(sa, said).identity


def _prove(sa: IkeSa, said: Transcript, used: Keys, prover: Role) -> Payload | Lacking:
    if said.signature:
        return Signature(said.signature)
    own = own_key.choose(sa, said)
    question = Sign(own.name, own.auth, _hash(sa, said, used, prover))
    return Lacking(question, _SIGNING_S, partial(_note, said), Reason.CANNOT_SIGN)


def _note(said: Transcript, answer: Answer) -> None:
    assert isinstance(answer.value, bytes)
    said.signature = answer.value


def _requests(tunnels: Iterable[Tunnel]) -> list[Payload]:
    """One for each authority that may vouch for the peer; an empty one stands for more of them."""
    several = islice(tunnels, _MOST_TUNNELS)
    names = dict.fromkeys(authority.name for tunnel in several for authority in tunnel.authorities)
    wanted = names if len(names) <= _MOST_REQUESTS else (b"",)
    return [CertificateRequest(CertificateEncoding.X509_SIGNATURE, name) for name in wanted]


# The peer's


def _check(sa: IkeSa, said: Transcript, used: Keys, prover: Role, chain: Chain) -> Keys | Waiting:
    found = chain.first(Signature)
    if found is None:
        raise Malformed("a proof with a signature needs a Signature payload", HEADER_SIZE)
    body = said.id_body_i if prover is Role.INITIATOR else said.id_body_r
    identity = Identity(IdType(body[0]), body[4:])
    meant = _meant(sa, identity)
    shown = presented.read(chain, identity)
    hashed = _hash(sa, said, used, prover)
    key = _signer(used.proposal.auth, shown, meant, partial(_verify, used.proposal.auth, hashed, found.data))
    own = Evidence(key, shown.leaf.identities if shown.leaf else frozenset())
    authorities = frozenset(authority for tunnel in meant for authority in tunnel.authorities)
    if shown.leaf is None or not authorities or any(key in tunnel.peer_keys for tunnel in meant):
        return _proved(used, own)  # whether that is enough the tunnel says (`proves`)
    if identity.folded not in own.identities:
        raise _not_certified(identity, own)
    question = Validate(shown.leaf.der, shown.others, shown.crls, authorities)
    return Waiting(question, _VALIDATING_S, partial(_vouched, used, own))


def _meant(sa: IkeSa, identity: Identity) -> list[Tunnel]:
    """Which tunnels a peer that calls itself so may mean; none, where nobody expects it."""
    if sa.callers is None:
        return [sa.tunnel] if sa.tunnel else []
    for each in (sa.callers.named(identity), sa.callers.for_anybody(identity)):
        if found := list(islice(each, _MOST_TUNNELS)):
            return found
    return []


def _verify(auth: Auth, hashed: bytes, signature: bytes, info: bytes) -> None:
    try:
        key = certificate.read_key(info)
    except certificate.BadCertificate as error:
        raise NotAuthentic(str(error), reason=error.reason) from None
    signatures.verify(key, auth, hashed, signature)


def _signer(auth: Auth, shown: Presented, meant: list[Tunnel], verify: partial[None]) -> bytes:
    """The public key by which the signature is right: that of the certificate, or one that we know."""
    if shown.leaf is not None:
        verify(shown.leaf.key_info)
        return shown.leaf.key_info
    known = dict.fromkeys(key for tunnel in meant for key in tunnel.peer_keys)
    if not known:
        sentence = "the peer has sent no certificate, and no key of its own is known"
        raise Rejected(sentence, NotifyType.CERTIFICATE_UNAVAILABLE, Reason.NO_CERTIFICATE)
    failure = NotAuthentic("")
    for key in islice(known, _MOST_KEYS):
        try:
            verify(key)
        except NotAuthentic as error:
            failure = error
        else:
            return key
    raise failure


def _proved(used: Keys, evidence: Evidence) -> Keys:
    """Who has proved itself is known by who is believed: by those who vouch, else by its own key."""
    believed = sorted(evidence.authorities) or [evidence.key]
    digest = hashlib.sha256(b"".join(believed)).digest()
    return replace(used, credential=Credential(used.proposal.auth, Secret(digest), evidence))


def _vouched(used: Keys, own: Evidence, answer: Answer) -> Keys:
    found = answer.value
    if isinstance(found, Distrust):
        unknown = found.rule == _UNKNOWN_AUTHORITY
        notify = NotifyType.INVALID_CERT_AUTHORITY if unknown else NotifyType.INVALID_CERTIFICATE
        facts: dict[str, Fact] = {"detail": found.sentence, "rule": found.rule}
        raise Rejected(found.sentence, notify, Reason.UNTRUSTED_CERTIFICATE, facts)
    assert isinstance(found, frozenset) and found
    return _proved(used, replace(own, authorities=found))


def _not_certified(identity: Identity, own: Evidence) -> Rejected:
    certified = tuple(sorted(map(str, own.identities)))
    facts: dict[str, Fact] = {"received": str(identity), "received_type": identity.type.label, "certified": certified}
    sentence = f"the certificate is not for {identity}"
    return Rejected(sentence, NotifyType.INVALID_ID_INFORMATION, Reason.IDENTITY_NOT_CERTIFIED, facts)


def _proves(core: Core, credential: Credential, tunnel: Tunnel, remote: Address, identity: Identity | None) -> bool:
    """Whether a tunnel knows the key, or has one of those who vouch for its certificate, which is for this identity."""
    evidence = credential.evidence
    if evidence is None:
        return bool(tunnel.peer_keys or tunnel.authorities)
    if evidence.key in tunnel.peer_keys:
        return True
    certified = identity is not None and identity.folded in evidence.identities
    return certified and any(each.trust in evidence.authorities for each in tunnel.authorities)


def _row(auth: Auth) -> Method:
    return Method(
        auth,
        Signature,
        missing=Reason.NO_TRUST,
        foreign=Reason.UNTRUSTED_KEY,
        wrong=None,
        silent=Reason.NO_ANSWER_SIGNED,
        credential=partial(_credential, auth),
        candidates=lambda core, sa: [_begin(auth)],
        unknown=lambda core: _begin(auth),
        proves=_proves,
        skeyid=_skeyid,
        prove=_prove,
        check=_check,
        identity=_identity,
        certificates=own_key.certificates,
        requests=_requests,
    )


SIGNATURES = tuple(_row(auth) for auth in SCHEMES)
