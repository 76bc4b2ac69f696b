"""Keys and hashes of RFC 2409 §5 and appendix B: pure functions from bytes to bytes.

Arguments that end in `_b` are payload bodies without their generic header. `gxi`, `gxr` and `gxy` are the public values
and the shared secret in the group's full width. Comparing a peer's hash with ours is the caller's, in constant time.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from ikevpn.crypto.prf import digest, prf
from ikevpn.wire.registry import Hash


@dataclass(frozen=True, slots=True, repr=False)
class Skeyids:
    """SKEYID and the three keys that grow from it: for further keys, for authentication, for encryption."""

    skeyid: bytes
    d: bytes
    a: bytes
    e: bytes

    def __repr__(self) -> str:
        return f"<SKEYIDs, {len(self.skeyid)} octets each>"


def skeyid_psk(hash: Hash, psk: bytes, ni: bytes, nr: bytes) -> bytes:
    """SKEYID with a pre-shared key, RFC 2409 §5.4."""
    return prf(hash, psk, ni + nr)


def skeyid_signature(hash: Hash, ni: bytes, nr: bytes, gxy: bytes) -> bytes:
    """SKEYID with signatures, and with hybrid authentication, RFC 2409 §5.1."""
    return prf(hash, ni + nr, gxy)


def skeyid_encryption(hash: Hash, ni: bytes, nr: bytes, cky_i: bytes, cky_r: bytes) -> bytes:
    """SKEYID with public key encryption, RFC 2409 §5.2 and §5.3."""
    return prf(hash, digest(hash, ni + nr), cky_i + cky_r)


def derive(hash: Hash, skeyid: bytes, gxy: bytes, cky_i: bytes, cky_r: bytes) -> Skeyids:
    """SKEYID_d, SKEYID_a and SKEYID_e, RFC 2409 §5."""
    seed = gxy + cky_i + cky_r
    d = prf(hash, skeyid, seed + b"\x00")
    a = prf(hash, skeyid, d + seed + b"\x01")
    e = prf(hash, skeyid, a + seed + b"\x02")
    return Skeyids(skeyid, d, a, e)


def encryption_key(hash: Hash, skeyid_e: bytes, size: int) -> bytes:
    """The phase 1 cipher's key of `size` octets: SKEYID_e cut, or stretched where it is too short (appendix B)."""
    if len(skeyid_e) >= size:
        return skeyid_e[:size]
    block = prf(hash, skeyid_e, b"\x00")
    stretched = block
    while len(stretched) < size:
        block = prf(hash, skeyid_e, block)
        stretched += block
    return stretched[:size]


def hash_i(
    hash: Hash, skeyids: Skeyids, gxi: bytes, gxr: bytes, cky_i: bytes, cky_r: bytes, sai_b: bytes, idii_b: bytes
) -> bytes:
    """HASH_I, with which the initiator proves itself in phase 1, RFC 2409 §5."""
    return prf(hash, skeyids.skeyid, gxi + gxr + cky_i + cky_r + sai_b + idii_b)


def hash_r(
    hash: Hash, skeyids: Skeyids, gxi: bytes, gxr: bytes, cky_i: bytes, cky_r: bytes, sai_b: bytes, idir_b: bytes
) -> bytes:
    """HASH_R, the responder's. Arguments in the same order as for HASH_I; `sai_b` is the initiator's here too."""
    return prf(hash, skeyids.skeyid, gxr + gxi + cky_r + cky_i + sai_b + idir_b)


def quick_hash_1(hash: Hash, skeyid_a: bytes, message_id: int, rest: bytes) -> bytes:
    """HASH(1) of quick mode. `rest` is the message as sent behind the hash payload, without padding, RFC 2409 §5.5."""
    return prf(hash, skeyid_a, struct.pack("!I", message_id) + rest)


def quick_hash_2(hash: Hash, skeyid_a: bytes, message_id: int, ni: bytes, rest: bytes) -> bytes:
    """HASH(2) of quick mode, RFC 2409 §5.5."""
    return prf(hash, skeyid_a, struct.pack("!I", message_id) + ni + rest)


def quick_hash_3(hash: Hash, skeyid_a: bytes, message_id: int, ni: bytes, nr: bytes) -> bytes:
    """HASH(3) of quick mode, RFC 2409 §5.5."""
    return prf(hash, skeyid_a, struct.pack("!BI", 0, message_id) + ni + nr)


def keymat(
    hash: Hash, skeyid_d: bytes, protocol: int, spi: bytes, ni: bytes, nr: bytes, size: int, gxy: bytes = b""
) -> bytes:
    """KEYMAT of `size` octets for the SA with this `spi`, the receiver's choice, RFC 2409 §5.5.

    `gxy` is quick mode's own shared secret, with PFS; `protocol` the IPsec protocol number of the DOI (ESP 3, AH 2).
    """
    seed = gxy + bytes((protocol,)) + spi + ni + nr
    block = prf(hash, skeyid_d, seed)
    material = block
    while len(material) < size:
        block = prf(hash, skeyid_d, block + seed)
        material += block
    return material[:size]


def nat_d(hash: Hash, cky_i: bytes, cky_r: bytes, address: IPv4Address | IPv6Address, port: int) -> bytes:
    """The NAT-D hash of an address and a port, RFC 3947 §3.2."""
    return digest(hash, cky_i + cky_r + address.packed + struct.pack("!H", port))
