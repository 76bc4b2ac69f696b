"""The receiving half of an SA: a batch of ESP packets becomes inner packets or reasons to drop them (RFC 4303 §3.4).

A packet's way:

1. through the gate: length, sequence number, integrity check value; the window moves before the next packet comes
2. all authentic packets of the batch are decrypted at once
3. padding, dummy packets, compression
4. tunnel mode: next header; the inner packet cut to the length it claims, and compared with the SA's selectors

Finds no SA: the caller has done that by SPI. In transport mode the selectors need the outer addresses, which are not
seen here, and step 4 is the caller's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ikevpn.errors import UsageError
from ikevpn.esp.gate import Gate
from ikevpn.esp.inside import VERSIONS, Opened, look_inside
from ikevpn.esp.packet import ipcomp
from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.packet.flows import starts
from ikevpn.esp.packet.inner import NO_NEXT, lane_key, packet_size, plain_key
from ikevpn.esp.packet.selection import Selection
from ikevpn.esp.replay import ReplayWindow
from ikevpn.esp.transforms.cbc import Octets
from ikevpn.esp.transforms.layout import PADDINGS, TRAILER
from ikevpn.esp.transforms.room import Rows
from ikevpn.esp.transforms.transform import shape
from ikevpn.esp.truncation import TruncationGate, has_two_truncations
from ikevpn.model.sa import Direction, Sa, SaMode


class Inbound:
    """Opens for one SA. `bytes` and `packets` count what was let through (inner octets), `drops` the rest by reason.

    `used_at` is the time of the last authentic packet, None before the first.
    """

    __slots__ = ("_gate", "_sa", "_selection", "_tunnel", "_window", "bytes", "drops", "packets", "used_at")

    def __init__(self, sa: Sa, *, adapt_truncation: bool = True) -> None:
        """Without integrity there is no replay check: anybody could move the window (RFC 4303 §3.4.3).

        With `adapt_truncation` the SA goes over to the peer's truncation of HMAC-SHA2-256 (`ikevpn.esp.truncation`).
        Raises UsageError for algorithms, keys or a window that do not fit.
        """
        if sa.direction is not Direction.IN:
            raise UsageError("an outbound SA cannot open")
        self.bytes = 0
        self.packets = 0
        self.drops: Counter[Drop] = Counter()
        self.used_at: float | None = None
        self._sa = sa
        self._gate = TruncationGate(sa, adapt=adapt_truncation) if has_two_truncations(sa) else Gate(sa)
        window = sa.replay_window if shape(sa.algorithms).authenticated else 0
        self._window = ReplayWindow(window, extended=sa.extended_sequence_numbers)
        self._selection = Selection(sa.selectors, Direction.IN)
        self._tunnel = sa.mode is SaMode.TUNNEL

    @property
    def sa(self) -> Sa:
        """The SA as it is used now: `algorithms.integrity_96` follows the peer, and the outbound SA should too."""
        return self._gate.sa if isinstance(self._gate, TruncationGate) else self._sa

    @property
    def truncation_hint(self) -> int | None:
        """Octets of ICV that the peer sends (12 or 16), where it cuts HMAC-SHA2-256 otherwise than agreed."""
        return self._gate.hint if isinstance(self._gate, TruncationGate) else None

    def open(self, packets: Sequence[Octets], now: float) -> list[Opened | Drop]:
        """One answer for each packet, in order; packets start at the SPI. Never raises for what a peer sent."""
        examine, window, finish = self._gate.examine, self._window, self._finish
        verdicts = [examine(packet, window) for packet in packets]
        bodies = [verdict for verdict in verdicts if not isinstance(verdict, Drop)]
        if bodies:
            self.used_at = now
        plaintexts = iter(self._gate.decrypt(bodies))
        answers = [v if isinstance(v, Drop) else finish(next(plaintexts)) for v in verdicts]
        return self._counted(answers)

    def open_one(self, packet: Octets, now: float) -> bytes | Drop:
        """The inner packet that `open` would give for a packet that comes alone."""
        body = self._gate.examine(packet, self._window)
        if isinstance(body, Drop):
            self.drops[body] += 1
            return body
        self.used_at = now
        plaintext = self._gate.decrypt((body,))[0]
        padding = plaintext[-2]
        end = len(plaintext) - padding - TRAILER
        inner = plaintext[:end]
        key = lane_key(inner) if plaintext[end:-1] == PADDINGS[padding] else None
        is_usual = key is not None and self._tunnel and VERSIONS.get(plaintext[-1]) == inner[0] >> 4
        if key is not None and is_usual and self._selection.admits_lane(key, inner):
            self.packets += 1
            self.bytes += end
            return inner
        (answer,) = self._counted([self._finish(plaintext)])
        return answer.data if isinstance(answer, Opened) else answer

    def open_rows(self, packets: Rows, now: float) -> Rows | list[Opened | Drop] | None:
        """What `open` would give for packets of one size, a row each.

        Where all are let through and equally long: the inner packets, a row each, valid until the next run. None
        where they have to be opened one by one, and then nothing has changed.
        """
        plain = self._gate.open_rows(packets, self._window)
        if plain is None:
            return None
        self.used_at = now
        inner = self._look_inside_run(plain) if self._tunnel else None
        if inner is None:
            return self._counted([self._finish(row.tobytes()) for row in plain])
        self.packets += len(inner)
        self.bytes += inner.size
        return inner

    def withdraw(self, reason: Drop, packet: bytes) -> None:
        """A packet that was let through is dropped after all."""
        self.packets -= 1
        self.bytes -= len(packet)
        self.drops[reason] += 1

    def _counted(self, answers: list[Opened | Drop]) -> list[Opened | Drop]:
        for answer in answers:
            if isinstance(answer, Opened):
                self.packets += 1
                self.bytes += len(answer.data)
            else:
                self.drops[answer] += 1
        return answers

    def _look_inside_run(self, plain: Rows) -> Rows | None:
        """The packets of plaintexts with the same trailer, right lengths and a few flows that are all admitted."""
        first = plain[0].tobytes()
        padding, next_header = first[-2], first[-1]
        size = len(first) - padding - TRAILER
        if size <= 0 or first[size:-1] != PADDINGS[padding]:
            return None
        if (plain[:, size:] != plain[0, size:]).any():
            return None
        inner = plain[:, :size]
        for at in starts(inner):
            packet = inner[at].tobytes()
            if packet_size(packet) != size or packet[0] >> 4 != VERSIONS.get(next_header):
                return None
            if plain_key(packet) is None or not self._selection.judge(packet):
                return None
        return inner

    def _finish(self, plaintext: bytes) -> Opened | Drop:
        """Take off padding and trailer, then look inside."""
        padding, next_header = plaintext[-2], plaintext[-1]
        end = len(plaintext) - padding - TRAILER
        # A pad length that reaches back behind the start leaves a slice too short to be equal.
        if plaintext[end:-1] != PADDINGS[padding]:
            return Drop.BAD_PADDING
        if next_header == NO_NEXT:
            return Drop.DUMMY
        packet = plaintext[:end]
        if next_header == ipcomp.NEXT_HEADER and self._sa.expands:
            expanded = ipcomp.expand(packet)
            if isinstance(expanded, Drop):
                return expanded
            packet, next_header = expanded
        return look_inside(packet, next_header, self._selection) if self._tunnel else Opened(packet, next_header)
