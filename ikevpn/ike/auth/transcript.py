"""What both sides have said so far in a phase 1: keys and proofs are made of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ikevpn.ike.state.sa import Role, State


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
