"""Authentication with pre-shared keys (RFC 2409 §5.4): whoever can make the keys of phase 1 knows the secret."""

from __future__ import annotations

import hmac

from ikevpn.crypto import keys
from ikevpn.errors import Malformed, NotAuthentic
from ikevpn.ike.auth.method import Method
from ikevpn.ike.auth.transcript import Transcript
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa, Keys, Role
from ikevpn.ike.values.credential import Credential
from ikevpn.model.address import Address
from ikevpn.model.events.event import Reason
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.header import HEADER_SIZE
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import HashPayload
from ikevpn.wire.registry import Auth, Hash

_MAX_CANDIDATES = 16  # secrets tried on one message; more would let a stranger buy too much work
_UNKNOWN = 32  # octets of a secret that nobody knows


def _credential(core: Core, tunnel: Tunnel, remote: Address, identity: Identity | None) -> Credential | None:
    if identity is not None:
        found = core.keyring.best(tunnel, remote, identity)
    else:
        found = next(iter(core.keyring.possible(tunnel, remote, 1)), None)
    return None if found is None else Credential(Auth.PSK, found)


def _candidates(core: Core, sa: IkeSa) -> list[Credential]:
    found = sa.callers.secrets(core.keyring, _MAX_CANDIDATES) if sa.callers is not None else []
    return [Credential(Auth.PSK, secret) for secret in found]


def _unknown(core: Core) -> Credential:
    return Credential(Auth.PSK, Secret(core.entropy(_UNKNOWN)))


def _skeyid(credential: Credential, hash_id: Hash, said: Transcript) -> bytes:
    return keys.skeyid_psk(hash_id, credential.key.reveal(), said.nonce_i, said.nonce_r)


def _prove(sa: IkeSa, said: Transcript, used: Keys, prover: Role) -> HashPayload:
    return HashPayload(_hash(sa, said, used, prover))


def _check(sa: IkeSa, said: Transcript, used: Keys, prover: Role, chain: Chain) -> Keys:
    found = chain.first(HashPayload)
    if found is None:
        raise Malformed("a proof with a pre-shared key needs a HashPayload payload", HEADER_SIZE)
    if not hmac.compare_digest(found.data, _hash(sa, said, used, prover)):
        raise NotAuthentic("the peer's proof does not verify")
    return used


def _hash(sa: IkeSa, said: Transcript, used: Keys, prover: Role) -> bytes:
    return said.hashed(used.proposal.hash, used.skeyids, sa.cky_i, sa.cky_r, prover)


def _proves(core: Core, credential: Credential, tunnel: Tunnel, remote: Address, identity: Identity | None) -> bool:
    return _credential(core, tunnel, remote, identity) == credential


PRE_SHARED_KEY = Method(
    Auth.PSK,
    HashPayload,
    missing=Reason.NO_SECRET,
    foreign=Reason.WRONG_SECRET,
    wrong=Reason.WRONG_SECRET,
    silent=Reason.NO_ANSWER_ENCRYPTED,
    credential=_credential,
    candidates=_candidates,
    unknown=_unknown,
    proves=_proves,
    skeyid=_skeyid,
    prove=_prove,
    check=_check,
)
