"""The receiving half of an SA: a batch of ESP packets becomes inner packets or reasons to drop them (RFC 4303 §3.4).

A packet's way:

1. through the gate: length, sequence number, integrity check value
2. the window moves, so that the next packet of the batch is already judged by it
3. all authentic packets of the batch are decrypted at once
4. padding, dummy packets
5. tunnel mode: next header; the inner packet cut to the length it claims, and compared with the SA's selectors

Finds no SA: the caller has done that by SPI. In transport mode the selectors need the outer addresses, which are not
seen here, and step 5 is the caller's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ikevpn.crypto.tables import INTEGRITIES
from ikevpn.errors import UsageError
from ikevpn.esp.cbc import Octets
from ikevpn.esp.drops import Drop
from ikevpn.esp.gate import Authentic, Gate
from ikevpn.esp.inner import IPV4, IPV6, NO_NEXT, packet_size
from ikevpn.esp.layout import PADDINGS
from ikevpn.esp.replay import ReplayWindow
from ikevpn.esp.selection import Selection
from ikevpn.model.sa import Direction, Sa, SaMode

_VERSIONS = {IPV4: 4, IPV6: 6}


class Opened(NamedTuple):
    """A packet that came through, without padding and trailer. A tuple, because one is made for each."""

    data: bytes
    next_header: int


class Inbound:
    """Opens for one SA. `bytes` and `packets` count what was let through (inner octets), `drops` the rest by reason.

    `used_at` is the time of the last authentic packet, None before the first. `truncation_hint` is None until the peer
    is found to cut HMAC-SHA2-256 otherwise than agreed; from then on it is the octets of ICV it sends, 12 or 16.
    """

    __slots__ = (
        "_adapt",
        "_gate",
        "_other_gate",
        "_selection",
        "_window",
        "bytes",
        "drops",
        "packets",
        "sa",
        "truncation_hint",
        "used_at",
    )

    def __init__(self, sa: Sa, *, adapt_truncation: bool = True) -> None:
        """Without integrity there is no replay check: anybody could move the window (RFC 4303 §3.4.3).

        With `adapt_truncation` the SA goes over to the peer's truncation of HMAC-SHA2-256, as long as no packet has
        verified under its own. Raises UsageError for algorithms, keys or a window that do not fit.
        """
        if sa.direction is not Direction.IN:
            raise UsageError("an outbound SA cannot open")
        self.sa = sa
        self.bytes = 0
        self.packets = 0
        self.drops: Counter[Drop] = Counter()
        self.used_at: float | None = None
        self.truncation_hint: int | None = None
        self._adapt = adapt_truncation
        self._gate = Gate(sa)
        other = _other_truncation(sa)
        self._other_gate = Gate(other) if other is not None else None
        window = sa.replay_window if self._gate.shape.authenticated else 0
        self._window = ReplayWindow(window, extended=sa.extended_sequence_numbers)
        self._selection = Selection(sa.selectors, Direction.IN)

    def open(self, packets: Sequence[Octets], now: float) -> list[Opened | Drop]:
        """One answer for each packet, in order; packets start at the SPI. Never raises for what a peer sent."""
        verdicts = [self._authenticate(packet) for packet in packets]
        bodies = [verdict.body for verdict in verdicts if isinstance(verdict, Authentic)]
        if bodies:
            self.used_at = now
        plaintexts = iter(self._gate.decrypt(bodies))
        answers = [self._finish(next(plaintexts)) if isinstance(v, Authentic) else v for v in verdicts]
        for answer in answers:
            if isinstance(answer, Opened):
                self.packets += 1
                self.bytes += len(answer.data)
            else:
                self.drops[answer] += 1
        return answers

    def _authenticate(self, packet: Octets) -> Authentic | Drop:
        verdict = self._gate.examine(packet, self._window)
        if self._other_gate is not None:
            verdict = self._settle_truncation(packet, verdict)
        if isinstance(verdict, Authentic):
            self._window.advance(verdict.sequence)
        return verdict

    def _settle_truncation(self, packet: Octets, verdict: Authentic | Drop) -> Authentic | Drop:
        """Until a first packet verifies, try those that do not with the other truncation; then never again."""
        if isinstance(verdict, Authentic):
            self._other_gate = None
            return verdict
        gate = self._other_gate
        if gate is None or verdict is Drop.REPLAY:
            return verdict
        second = gate.examine(packet, self._window)
        if isinstance(second, Drop):
            return verdict
        self.truncation_hint = gate.shape.icv
        self._other_gate = None
        if not self._adapt:
            return Drop.BAD_ICV
        self._gate = gate
        self.sa = _other_truncation(self.sa) or self.sa
        return second

    def _finish(self, plaintext: bytes) -> Opened | Drop:
        """Take off padding and trailer, then look inside."""
        padding, next_header = plaintext[-2], plaintext[-1]
        end = len(plaintext) - padding - 2
        if end < 0 or plaintext[end:-1] != PADDINGS[padding]:
            return Drop.BAD_PADDING
        if next_header == NO_NEXT:
            return Drop.DUMMY
        if self.sa.mode is SaMode.TRANSPORT:
            return Opened(plaintext[:end], next_header)
        return self._look_inside(plaintext[:end], next_header)

    def _look_inside(self, packet: bytes, next_header: int) -> Opened | Drop:
        version = _VERSIONS.get(next_header)
        if version is None:
            return Drop.NEXT_HEADER
        size = packet_size(packet)
        if size is None or packet[0] >> 4 != version:
            return Drop.MALFORMED_INNER
        if size < len(packet):
            packet = packet[:size]  # the rest is padding for traffic flow confidentiality (RFC 4303 §2.7)
        admitted = self._selection.judge(packet)
        if admitted:
            return Opened(packet, next_header)
        return Drop.MALFORMED_INNER if admitted is None else Drop.SELECTOR


def _other_truncation(sa: Sa) -> Sa | None:
    """`sa` with HMAC-SHA2-256 cut to the other length; None where the algorithm knows only one."""
    row = INTEGRITIES.get(sa.algorithms.integrity)
    if row is None or row.icv_before_rfc is None:
        return None
    return replace(sa, algorithms=replace(sa.algorithms, integrity_96=not sa.algorithms.integrity_96))
