"""A gate that finds out how the peer cuts HMAC-SHA2-256: to 128 bits (RFC 4868) or to 96, as stacks before it did.

Both go by one number in the negotiation, so the SAs come up and then every packet fails. A packet that fails one way is
therefore tried the other way.

A packet that verifies with 16 octets settles it for good: nobody without the key can make 16 of 12. The opposite is
easy (cut off the last four), so 12 are believed only until 16 are seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ikevpn.crypto.tables import INTEGRITIES
from ikevpn.esp.cbc import Octets
from ikevpn.esp.drops import Drop
from ikevpn.esp.gate import Gate
from ikevpn.esp.replay import ReplayWindow
from ikevpn.esp.room import Rows
from ikevpn.model.sa import Sa


def has_two_truncations(sa: Sa) -> bool:
    """Whether the integrity algorithm of `sa` has been in use with two lengths of ICV."""
    row = INTEGRITIES.get(sa.algorithms.integrity)
    return row is not None and row.icv_before_rfc is not None


def with_truncation(sa: Sa, integrity_96: bool) -> Sa:
    """`sa` with HMAC-SHA2-256 cut to 96 bits, or to 128."""
    return replace(sa, algorithms=replace(sa.algorithms, integrity_96=integrity_96))


class TruncationGate:
    """A `Gate` for HMAC-SHA2-256. `sa` tells what it uses now, `hint` what the peer was found to use instead."""

    __slots__ = ("_adapt", "_agreed", "_gate", "_other", "hint", "sa")

    def __init__(self, sa: Sa, *, adapt: bool) -> None:
        """With `adapt` the gate goes over to what verifies; without it only tells. Raises UsageError like `Gate`."""
        self.sa = sa
        self.hint: int | None = None
        self._adapt = adapt
        self._gate = Gate(sa)
        self._other: Gate | None = Gate(with_truncation(sa, not sa.algorithms.integrity_96))
        self._agreed = self._gate.shape.icv

    def examine(self, packet: Octets, window: ReplayWindow) -> Octets | Drop:
        """Like `Gate.examine`."""
        verdict = self._gate.examine(packet, window)
        if self._other is None or verdict is Drop.REPLAY:
            return verdict
        if not isinstance(verdict, Drop):
            self._settle(self._gate)
            return verdict
        second = self._other.examine(packet, window)
        if isinstance(second, Drop):
            return verdict
        found = self._other
        if self._adapt:
            self._gate, self._other = self._other, self._gate
            self.sa = with_truncation(self.sa, not self.sa.algorithms.integrity_96)
        self._settle(found)
        return second if self._adapt else Drop.BAD_ICV

    def decrypt(self, authentic: Sequence[Octets]) -> list[bytes]:
        """Like `Gate.decrypt`; the truncation makes no difference here."""
        return self._gate.decrypt(authentic)

    def open_rows(self, packets: Rows, window: ReplayWindow) -> Rows | None:
        """Like `Gate.open_rows`, once it is settled how the peer cuts."""
        return None if self._other is not None else self._gate.open_rows(packets, window)

    def _settle(self, found: Gate) -> None:
        """Take note of the gate through which an authentic packet came."""
        icv = found.shape.icv
        self.hint = icv if icv != self._agreed else None
        row = INTEGRITIES[self.sa.algorithms.integrity]
        if icv == row.icv:
            self._other = None
