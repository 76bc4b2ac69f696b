"""What both sides have said so far in a phase 1: keys and proofs are made of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ikevpn.crypto import keys
from ikevpn.crypto.keys import Skeyids
from ikevpn.ike.state.sa import Role, State
from ikevpn.model.certificates import OwnKey
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import CertificateRequest
from ikevpn.wire.registry import Hash

_MOST_REQUESTS = 64  # strongSwan sends one for each authority that it knows


@dataclass(slots=True)
class Transcript(State):
    """`_i` and `_r` are the sides of the exchange; bodies are without their generic header (RFC 2409 §5)."""

    sa_body: bytes = b""  # SAi_b
    public_i: bytes = b""
    public_r: bytes = b""
    nonce_i: bytes = b""
    nonce_r: bytes = b""
    shared: bytes = field(default=b"", repr=False)  # g^xy
    id_body_i: bytes = b""
    id_body_r: bytes = b""
    requests: tuple[CertificateRequest, ...] = ()  # the peer's
    own_key: OwnKey | None = None  # with which we sign
    signature: bytes = b""  # ours

    def take_requests(self, chain: Chain) -> None:
        """Which certificate the peer wants; any message may say so."""
        new = (each for each in chain.all(CertificateRequest) if each not in self.requests)
        self.requests = (*self.requests, *new)[:_MOST_REQUESTS]

    def hashed(self, hash_id: Hash, skeyids: Skeyids, cky_i: bytes, cky_r: bytes, prover: Role) -> bytes:
        """HASH_I or HASH_R (RFC 2409 §5)."""
        values = (hash_id, skeyids, self.public_i, self.public_r, cky_i, cky_r, self.sa_body)
        if prover is Role.INITIATOR:
            return keys.hash_i(*values, self.id_body_i)
        return keys.hash_r(*values, self.id_body_r)

    def set_nonce(self, role: Role, nonce: bytes) -> None:
        if role is Role.INITIATOR:
            self.nonce_i = nonce
        else:
            self.nonce_r = nonce

    def set_public(self, role: Role, public: bytes) -> None:
        if role is Role.INITIATOR:
            self.public_i = public
        else:
            self.public_r = public

    def set_id(self, role: Role, body: bytes) -> None:
        if role is Role.INITIATOR:
            self.id_body_i = body
        else:
            self.id_body_r = body
