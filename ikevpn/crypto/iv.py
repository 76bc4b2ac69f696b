"""Initialization vectors of IKE messages, RFC 2409 appendix B.

An `IvChain` is a value: `staged = chain.after(ciphertext)` is the chain that would follow, and whoever owns the
exchange keeps it only once that message has authenticated. A forged message therefore leaves no trace.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ikevpn.crypto.prf import digest
from ikevpn.errors import UsageError
from ikevpn.wire.registry import Hash


@dataclass(frozen=True, slots=True)
class IvChain:
    """CBC run through the messages of one exchange, both directions: the last block is the next message's IV."""

    current: bytes

    def after(self, ciphertext: bytes) -> IvChain:
        """The chain behind a message with this ciphertext (whole blocks, at least one). Raises UsageError."""
        block = len(self.current)
        if not ciphertext or len(ciphertext) % block:
            raise UsageError(f"{len(ciphertext)} octets are not whole blocks of {block}")
        return IvChain(ciphertext[-block:])


def phase1_iv(hash: Hash, gxi: bytes, gxr: bytes, block: int) -> bytes:
    """The IV of the first encrypted message of phase 1. `block` in octets."""
    return digest(hash, gxi + gxr)[:block]


def phase2_iv(hash: Hash, last_block: bytes, message_id: int, block: int) -> bytes:
    """The IV of the first message of any exchange under phase 1; `last_block` is phase 1's last chain value."""
    return digest(hash, last_block + struct.pack("!I", message_id))[:block]
