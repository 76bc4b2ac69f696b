"""The negotiated hash and the pseudo-random function made of it.

IKEv1 never negotiated another prf than HMAC with the phase 1 hash (RFC 2409 §4).
"""

from __future__ import annotations

import hashlib
import hmac

from ikevpn.crypto.tables import hash_row
from ikevpn.wire.registry import Hash


def prf(hash: Hash, key: bytes, data: bytes) -> bytes:
    """HMAC, RFC 2104; any key length. The result has `size(hash)` octets. Raises UsageError for an unknown hash."""
    return hmac.digest(key, data, hash_row(hash).name)


def digest(hash: Hash, data: bytes) -> bytes:
    """The plain hash of `data`. Raises UsageError for an unknown hash."""
    return hashlib.new(hash_row(hash).name, data).digest()


def size(hash: Hash) -> int:
    """Octets of a hash and of the prf's output. Raises UsageError for an unknown hash."""
    return hash_row(hash).size
