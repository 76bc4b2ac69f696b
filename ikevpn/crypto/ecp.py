"""Diffie-Hellman in the ECP groups of RFC 5903: points travel as X|Y, the shared secret is X alone (§7)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ikevpn.wire.registry import Group

_UNCOMPRESSED = b"\x04"  # SEC 1 §2.3.3, in front of X|Y


@dataclass(frozen=True, slots=True)
class EcpGroup:
    """The points of one curve."""

    curve: ec.EllipticCurve

    @property
    def private_end(self) -> int:
        """Private scalars lie above 0 and below this, the number of points."""
        return self.curve.group_order

    def private(self, entropy: Callable[[int], bytes]) -> bytes:
        """A fresh scalar. 64 bits more than needed make the bias of the remainder negligible (FIPS 186-5 §A.2.1)."""
        end = self.private_end
        size = (end.bit_length() + 7) // 8
        scalar = int.from_bytes(entropy(size + 8), "big") % (end - 1) + 1
        return scalar.to_bytes(size, "big")

    def public(self, private: bytes) -> bytes:
        """X|Y of private * G."""
        point = self._key(private).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return point[len(_UNCOMPRESSED) :]

    def shared(self, private: bytes, peer_public: bytes) -> bytes:
        """X of private * peer's point. Raises ValueError for anything that is not a point of the curve."""
        peer = ec.EllipticCurvePublicKey.from_encoded_point(self.curve, _UNCOMPRESSED + peer_public)
        return self._key(private).exchange(ec.ECDH(), peer)

    def _key(self, private: bytes) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(int.from_bytes(private, "big"), self.curve)


ECP: Mapping[Group, EcpGroup] = MappingProxyType(
    {
        Group.ECP_256: EcpGroup(ec.SECP256R1()),  # RFC 5903 §3.1
        Group.ECP_384: EcpGroup(ec.SECP384R1()),  # RFC 5903 §3.2
        Group.ECP_521: EcpGroup(ec.SECP521R1()),  # RFC 5903 §3.3
    }
)
