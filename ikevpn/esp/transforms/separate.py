"""ESP with separate confidentiality and integrity algorithms (RFC 4303 §3.2.1, §3.2.2): encrypt, then authenticate.

With extended sequence numbers the high half is authenticated behind the trailer but not sent (RFC 4303 §2.2.1).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import numpy as np

from ikevpn.esp.transforms.cbc import Decryption, Encryption, Octets
from ikevpn.esp.transforms.layout import HEADER
from ikevpn.esp.transforms.mac import Mac
from ikevpn.esp.transforms.room import RAMP, Numbers, Room, Rows, octets, room


class SeparateSealing:
    """Seals batches for one SA. Without `mac` packets are encrypted only."""

    __slots__ = ("_encryption", "_extended", "_mac", "_spi")

    def __init__(self, spi: int, encryption: Encryption, mac: Mac | None, *, extended: bool) -> None:
        self._spi = spi.to_bytes(4, "big")
        self._encryption = encryption
        self._mac = mac
        self._extended = extended

    def seal(self, sequences: Sequence[int], packets: Sequence[Octets], trailers: Sequence[bytes]) -> list[bytes]:
        """One ESP packet, from SPI to ICV, for each sequence number, packet and trailer."""
        spi, mac = self._spi, self._mac
        sealed = []
        for sequence, body in zip(sequences, self._encryption.encrypt(sequences, packets, trailers), strict=True):
            number = sequence.to_bytes(8, "big")
            packet = b"".join((spi, number[4:], body))
            if mac is not None:
                packet += mac.compute(packet, number[:4] if self._extended else b"")
            sealed.append(packet)
        return sealed

    def rows(self, count: int, padded: int) -> Rows | None:
        """See `Sealing.rows`."""
        return self._room(count, padded).packets[:count] if self._encryption.block else None

    def seal_rows(self, sequences: range, padded: int) -> Rows:
        """See `Sealing.seal_rows`."""
        count, block, mac = len(sequences), self._encryption.block, self._mac
        space = self._room(count, padded)
        whole = space.write_heads(int.from_bytes(self._spi, "big"), sequences)
        sealed = space.sealed[:count]
        sealed[:, HEADER : HEADER + block + padded] = self._encryption.encrypt_rows(space.plain[:count])
        if mac is not None:
            icvs = _compute(mac, space, count, whole if self._extended else None)
            sealed[:, -mac.size :] = octets(icvs).reshape(count, mac.size)
        return sealed

    def _room(self, count: int, padded: int) -> Room:
        block, icv = self._encryption.block, 0 if self._mac is None else self._mac.size
        return room(count, block, padded, block, icv)


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

    def open_rows(self, packets: Rows, sequences: range) -> Rows | None:
        """See `Opening.open_rows`."""
        count, width = packets.shape
        block, mac = self._decryption.block, self._mac
        if not block:
            return None
        end = width - self._icv
        space = room(count, block, end - HEADER - block, block, self._icv)
        space.take(packets)
        if mac is not None:
            whole = RAMP[:count] + np.uint64(sequences.start) if self._extended else None
            if not hmac.compare_digest(_compute(mac, space, count, whole), packets[:, end:].tobytes()):
                return None
        return self._decryption.decrypt_rows(packets[:, HEADER:end])[:, block:]


def _compute(mac: Mac, space: Room, count: int, whole: Numbers | None) -> bytes:
    """The ICVs of the first packets, end to end; `whole` sequence numbers where they are extended."""
    authentic = space.authentic[:count]
    if whole is None:
        return b"".join(map(mac.compute, authentic))
    highs = [(number >> 32).to_bytes(4, "big") for number in whole.tolist()]
    return b"".join(map(mac.compute, authentic, highs))
