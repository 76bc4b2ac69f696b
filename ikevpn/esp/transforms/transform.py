"""From the algorithms of an SA to the sizes of its packets and the objects that seal and open them.

The numbers come from the rows of `ikevpn.crypto.tables`; what has no row there is refused, and so is without integrity
what protects nothing by itself: NULL encryption (RFC 4303 §1), and counter mode (RFC 3686 §7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ikevpn.crypto.tables import CipherMode, EspCipherRow, esp_cipher_row, integrity_row
from ikevpn.errors import UsageError
from ikevpn.esp.transforms.cbc import (
    CbcDecryption,
    CbcEncryption,
    Decryption,
    Encryption,
    Entropy,
    NoEncryption,
    Octets,
)
from ikevpn.esp.transforms.ccm import CcmOpening, CcmSealing
from ikevpn.esp.transforms.ctr import CounterMode
from ikevpn.esp.transforms.gcm import GcmOpening, GcmSealing
from ikevpn.esp.transforms.gmac import GmacOpening, GmacSealing
from ikevpn.esp.transforms.layout import HEADER, TRAILER
from ikevpn.esp.transforms.mac import Mac
from ikevpn.esp.transforms.room import Rows
from ikevpn.esp.transforms.separate import SeparateOpening, SeparateSealing
from ikevpn.model.sa import Algorithms, Sa
from ikevpn.wire.registry import Integrity


class Sealing(Protocol):
    """Makes ESP packets."""

    def seal(self, sequences: Sequence[int], packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[bytes]:
        """One ESP packet, from SPI to ICV, for each sequence number, packet and trailer."""

    def rows(self, count: int, padded: int) -> Rows | None:
        """Room for `count` packets of `padded` octets, trailer included; None where there is no way for runs."""

    def seal_rows(self, sequences: range, padded: int) -> Rows:
        """What `seal` would make of the packets in `rows`, a row each, valid until the next run."""


class Opening(Protocol):
    """Takes ESP packets apart, in two steps, so that the whole batch can be decrypted at once."""

    def authenticate(self, packet: Octets, sequence: int) -> Octets | None:
        """What `decrypt` wants, or None where the ICV does not verify."""

    def decrypt(self, authentic: Sequence[Octets]) -> list[bytes]:
        """Plaintexts with their trailers, in the order given."""

    def open_rows(self, packets: Rows, sequences: range) -> Rows | None:
        """Plaintexts with their trailers, a row each, valid until the next run.

        None where not every ICV verifies, or where there is no way for runs: then take the packets one by one.
        """


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of an ESP packet in octets. Payload, padding and trailer together are a multiple of `alignment`."""

    iv: int
    block: int
    icv: int
    aead: bool

    @property
    def alignment(self) -> int:
        """RFC 4303 §2.4: whole blocks, and never less than 4 octets."""
        return max(4, self.block)

    @property
    def authenticated(self) -> bool:
        return self.icv > 0

    @property
    def shortest(self) -> int:
        """The shortest packet that can make sense."""
        return HEADER + self.iv + max(self.block, TRAILER) + self.icv

    def padding(self, payload: int) -> int:
        """The fewest octets of padding."""
        return -(payload + TRAILER) % self.alignment


def shape(algorithms: Algorithms) -> Shape:
    """Sizes for these algorithms. Raises UsageError for what we do not speak and keys that do not fit."""
    row = _checked(algorithms)
    icv = row.icv if row.is_aead else _icv(algorithms)
    return Shape(row.iv, row.block, icv, row.is_aead)


def sealing(sa: Sa, entropy: Entropy) -> Sealing:
    """What makes the packets of an outbound SA; `entropy(n)` gives n random octets. Raises UsageError like `shape`."""
    row, key, salt = _key(sa.algorithms)
    extended = sa.extended_sequence_numbers
    encryption: Encryption
    match row.mode:
        case CipherMode.GCM:
            return GcmSealing(sa.spi, key, salt, row.icv, extended=extended)
        case CipherMode.CCM:
            return CcmSealing(sa.spi, key, salt, row.icv, extended=extended)
        case CipherMode.GMAC:
            return GmacSealing(sa.spi, key, salt, extended=extended)
        case CipherMode.CTR:
            encryption = CounterMode(key, salt)
        case CipherMode.CBC:
            encryption = CbcEncryption(row.id, key, row.block, entropy)
        case CipherMode.NULL:
            encryption = NoEncryption()
    return SeparateSealing(sa.spi, encryption, _mac(sa.algorithms), extended=extended)


def opening(sa: Sa) -> Opening:
    """What takes the packets of an inbound SA apart. Raises UsageError like `shape`."""
    row, key, salt = _key(sa.algorithms)
    extended = sa.extended_sequence_numbers
    decryption: Decryption
    match row.mode:
        case CipherMode.GCM:
            return GcmOpening(key, salt, row.icv, extended=extended)
        case CipherMode.CCM:
            return CcmOpening(key, salt, row.icv, extended=extended)
        case CipherMode.GMAC:
            return GmacOpening(key, salt, extended=extended)
        case CipherMode.CTR:
            decryption = CounterMode(key, salt)
        case CipherMode.CBC:
            decryption = CbcDecryption(row.id, key, row.block)
        case CipherMode.NULL:
            decryption = NoEncryption()
    return SeparateOpening(decryption, _mac(sa.algorithms), extended=extended)


def _checked(algorithms: Algorithms) -> EspCipherRow:
    row = esp_cipher_row(algorithms.cipher)
    size = len(algorithms.encryption_key) - row.salt
    if size * 8 not in row.key_bits or (algorithms.key_bits and algorithms.key_bits != size * 8):
        raise UsageError(f"a key of {size} octets and a salt of {row.salt} do not fit {row.name}")
    if algorithms.integrity is not Integrity.NONE:
        if row.is_aead:
            raise UsageError(f"{row.name} authenticates by itself; it takes no integrity algorithm")
        integrity = integrity_row(algorithms.integrity)
        if len(algorithms.integrity_key) != integrity.key:
            raise UsageError(f"{integrity.name} takes a key of {integrity.key} octets")
    elif row.needs_integrity:
        raise UsageError(f"{row.name} without an integrity algorithm protects nothing")
    return row


def _key(algorithms: Algorithms) -> tuple[EspCipherRow, bytes, bytes]:
    row = _checked(algorithms)
    octets = algorithms.encryption_key.reveal()
    end = len(octets) - row.salt
    return row, octets[:end], octets[end:]


def _icv(algorithms: Algorithms) -> int:
    if algorithms.integrity is Integrity.NONE:
        return 0
    row = integrity_row(algorithms.integrity)
    return row.icv_before_rfc if algorithms.integrity_96 and row.icv_before_rfc else row.icv


def _mac(algorithms: Algorithms) -> Mac | None:
    if algorithms.integrity is Integrity.NONE:
        return None
    row = integrity_row(algorithms.integrity)
    return Mac(row.hash, algorithms.integrity_key.reveal(), _icv(algorithms))
