"""Diffie-Hellman in the ECP groups of RFC 5903: points as X|Y, the shared secret is X alone (§7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ikevpn.wire.registry import Group


@dataclass(frozen=True, slots=True)
class Ecp:
    """A curve and the number of its points, which bounds private keys."""

    curve: ec.EllipticCurve
    order: int


ECP: Mapping[Group, Ecp] = MappingProxyType({
    Group.ECP_256: Ecp(  # RFC 5903 §3.1
        ec.SECP256R1(), 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    ),
    Group.ECP_384: Ecp(  # RFC 5903 §3.2
        ec.SECP384R1(), 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D
    ),
    Group.ECP_521: Ecp(  # RFC 5903 §3.3
        ec.SECP521R1(), 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7
    ),
})

_UNCOMPRESSED = b"\x04"  # SEC 1 §2.3.3, in front of X|Y


def public(group: Group, private: int) -> bytes:
    """X|Y of private * G, for 0 < private < order."""
    key = ec.derive_private_key(private, ECP[group].curve).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def shared(group: Group, private: int, peer_public: bytes) -> bytes:
    """X of private * peer's point. Raises ValueError for anything that is not a point of the curve."""
    curve = ECP[group].curve
    peer = ec.EllipticCurvePublicKey.from_encoded_point(curve, _UNCOMPRESSED + peer_public)
    return ec.derive_private_key(private, curve).exchange(ec.ECDH(), peer)
