"""The way into an inbound SA: length, sequence number, ICV, in this order (RFC 4303 §3.4.2 to §3.4.4)."""

from __future__ import annotations

import numpy as np

from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.replay import ReplayWindow
from ikevpn.esp.transforms.cbc import Octets
from ikevpn.esp.transforms.layout import HEADER
from ikevpn.esp.transforms.room import LARGEST_PACKET, RAMP, Rows, numbers
from ikevpn.esp.transforms.transform import opening, shape
from ikevpn.model.sa import Sa

_SPI = np.uint64(32)  # where it stands above the sequence number


class Gate:
    """Judges packets by the algorithms of one SA. `decrypt` takes the bodies of a batch and gives plaintexts."""

    __slots__ = ("_authenticate", "_block", "_front", "_open_rows", "_shortest", "decrypt", "shape")

    def __init__(self, sa: Sa) -> None:
        """Raises UsageError for algorithms or keys that do not fit."""
        self.shape = shape(sa.algorithms)
        opens = opening(sa)
        self._authenticate = opens.authenticate
        self.decrypt = opens.decrypt
        self._open_rows = opens.open_rows
        self._block = self.shape.block
        self._front = HEADER + self.shape.iv + self.shape.icv
        self._shortest = self.shape.shortest

    def examine(self, packet: Octets, window: ReplayWindow) -> Octets | Drop:
        """The body of an authentic packet, for `decrypt`; `packet` starts at the SPI.

        Asks the window before the ICV is computed, for replays are to cost little, and moves it only afterwards.
        """
        if len(packet) < self._shortest:
            return Drop.SHORT
        if (len(packet) - self._front) % self._block:
            return Drop.LENGTH
        sequence = window.admit(int.from_bytes(packet[4:8], "big"))
        if sequence is None:
            return Drop.REPLAY
        body = self._authenticate(packet, sequence)
        if body is None:
            return Drop.BAD_ICV
        window.advance(sequence)
        return body

    def open_rows(self, packets: Rows, window: ReplayWindow) -> Rows | None:
        """The plaintexts of a run, with their trailers, where `examine` would let every packet pass.

        For packets of one SPI with consecutive numbers ahead of the window, as they come where nothing is lost. None
        for all others, and nothing has changed then.
        """
        count, width = packets.shape
        if width < self._shortest or (width - self._front) % self._block or width > LARGEST_PACKET:
            return None
        heads = numbers(packets, 0)
        first = heads[0]
        # Numbers that wrap would count on in the SPI.
        if first >> _SPI != heads[-1] >> _SPI or not np.array_equal(heads - first, RAMP[:count]):
            return None
        sequences = window.infer_run(int(first) & 0xFFFFFFFF, count)
        if sequences is None:
            return None
        plain = self._open_rows(packets, sequences)
        if plain is not None:
            window.advance_run(sequences)
        return plain
