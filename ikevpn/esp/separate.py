"""ESP with separate confidentiality and integrity algorithms (RFC 4303 §3.2.1, §3.2.2): encrypt, then authenticate.

With extended sequence numbers the high half is authenticated behind the trailer but not sent (RFC 4303 §2.2.1).
"""

from __future__ import annotations

from collections.abc import Sequence

from ikevpn.esp.cbc import Decryption, Encryption, Octets
from ikevpn.esp.layout import HEADER
from ikevpn.esp.mac import Mac


class SeparateSealing:
    """Seals batches for one SA. Without `mac` packets are encrypted only."""

    __slots__ = ("_encryption", "_extended", "_mac", "_spi")

    def __init__(self, spi: int, encryption: Encryption, mac: Mac | None, *, extended: bool) -> None:
        self._spi = spi.to_bytes(4, "big")
        self._encryption = encryption
        self._mac = mac
        self._extended = extended

    def seal(self, sequences: range, packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[bytes]:
        """One ESP packet, from SPI to ICV, for each sequence number, packet and trailer."""
        spi, mac = self._spi, self._mac
        sealed = []
        for sequence, body in zip(sequences, self._encryption.encrypt(packets, trailers), strict=True):
            number = sequence.to_bytes(8, "big")
            packet = b"".join((spi, number[4:], body))
            if mac is not None:
                packet += mac.compute(packet, number[:4] if self._extended else b"")
            sealed.append(packet)
        return sealed


class SeparateOpening:
    """Opens packets of one SA: `authenticate` each in turn, then `decrypt` those that passed, all at once."""

    __slots__ = ("_decryption", "_extended", "_icv", "_mac")

    def __init__(self, decryption: Decryption, mac: Mac | None, *, extended: bool) -> None:
        self._decryption = decryption
        self._mac = mac
        self._icv = mac.size if mac is not None else 0
        self._extended = extended

    def authenticate(self, packet: Octets, sequence: int) -> Octets | None:
        """What `decrypt` wants, or None where the ICV does not verify."""
        if self._mac is None:
            return packet[HEADER:]
        view = memoryview(packet)
        end = len(packet) - self._icv
        high = (sequence >> 32).to_bytes(4, "big") if self._extended else b""
        if not self._mac.verify(view[end:], view[:end], high):
            return None
        return view[HEADER:end]

    def decrypt(self, authentic: Sequence[Octets]) -> list[bytes]:
        """Plaintexts with their trailers, in the order given."""
        return self._decryption.decrypt(authentic)
