"""A gate that finds out how the peer cuts HMAC-SHA2-256: to 128 bits (RFC 4868) or to 96, as stacks before it did.

Both go by one number in the negotiation, so the SAs come up and then every packet fails. A packet that fails one way is
therefore tried the other way.

A packet that verifies with 16 octets settles it for good: nobody without the key can make 16 of 12. The opposite is
easy (cut off the last four), and who does it with copies of what is on its way may be faster. So what verifies with 12
is taken, for it is the same packet, but the peer is believed to cut so only after several, and only until one comes
with 16; a packet that was taken already, by its copy, counts as that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ikevpn.crypto.tables import INTEGRITIES
from ikevpn.esp.gate import Gate
from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.replay import ReplayWindow
from ikevpn.esp.transforms.cbc import Octets
from ikevpn.esp.transforms.room import Rows
from ikevpn.model.sa import Sa

BELIEVED_AFTER = 3


def has_two_truncations(sa: Sa) -> bool:
    """Whether the integrity algorithm of `sa` has been in use with two lengths of ICV."""
    row = INTEGRITIES.get(sa.algorithms.integrity)
    return row is not None and row.icv_before_rfc is not None


def with_truncation(sa: Sa, integrity_96: bool) -> Sa:
    """`sa` with HMAC-SHA2-256 cut to 96 bits, or to 128."""
    return replace(sa, algorithms=replace(sa.algorithms, integrity_96=integrity_96))


class TruncationGate:
    """A `Gate` for HMAC-SHA2-256. `sa` tells what it uses now, `hint` what the peer was found to use instead."""

    __slots__ = ("_adapt", "_agreed", "_cut", "_gate", "_highest", "_other", "_whole", "hint", "sa")

    def __init__(self, sa: Sa, *, adapt: bool) -> None:
        """With `adapt` the gate goes over to what verifies; without it only tells. Raises UsageError like `Gate`."""
        self.sa = sa
        self.hint: int | None = None
        self._adapt = adapt
        self._gate = Gate(sa)
        self._other: Gate | None = Gate(with_truncation(sa, not sa.algorithms.integrity_96))
        self._agreed = self._gate.shape.icv
        self._whole = max(self._gate, self._other, key=lambda gate: gate.shape.icv)
        self._cut = 0  # packets that verified with 12 octets
        self._highest = 0  # the number of the last of them

    def examine(self, packet: Octets, window: ReplayWindow) -> Octets | Drop:
        """Like `Gate.examine`."""
        verdict = self._gate.examine(packet, window)
        if self._other is None:
            return verdict
        if not isinstance(verdict, Drop):
            self._settle(self._gate, packet)
            return verdict
        second = self._other.examine(packet, window if self._adapt else window.unchecked())
        if isinstance(second, Drop):
            if Drop.REPLAY not in (verdict, second):
                return verdict
            self._look_again(packet, window)
            return Drop.REPLAY
        found = self._other
        if self._adapt:
            self._gate, self._other = self._other, self._gate
        self._settle(found, packet)
        return second if self._adapt else Drop.BAD_ICV

    def _look_again(self, packet: Octets, window: ReplayWindow) -> None:
        """At one that was taken before: where it is whole, what was taken was a copy that somebody had cut."""
        if not isinstance(self._whole.examine(packet, window.unchecked()), Drop):
            self._settle(self._whole, packet)

    def decrypt(self, authentic: Sequence[Octets]) -> list[bytes]:
        """Like `Gate.decrypt`; the truncation makes no difference here."""
        return self._gate.decrypt(authentic)

    def open_rows(self, packets: Rows, window: ReplayWindow) -> Rows | None:
        """Like `Gate.open_rows`, once it is settled how the peer cuts."""
        return None if self._other is not None else self._gate.open_rows(packets, window)

    def _settle(self, found: Gate, packet: Octets) -> None:
        """Take note of the gate that an authentic packet passes."""
        if found is self._whole:
            if self._adapt or self._agreed == found.shape.icv:
                self._gate = found
            self._other = None
            self._believe(found)
            return
        number = int.from_bytes(packet[4:8], "big")
        if number > self._highest:
            self._cut, self._highest = self._cut + 1, number
        if self._cut >= BELIEVED_AFTER:
            self._believe(found)

    def _believe(self, found: Gate) -> None:
        icv = found.shape.icv
        self.hint = icv if icv != self._agreed else None
        if self._adapt:
            self.sa = with_truncation(self.sa, found is not self._whole)
