"""The sending half of an SA: a batch of inner packets becomes a batch of ESP packets (RFC 4303 §3.3).

Writes no outer IP or UDP header, looks up no policy and checks no lifetime. One key must have one `Outbound` in its
whole life: a second one would start again at sequence number 1, and with GCM repeat its nonces.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikevpn.errors import IkevpnError, UsageError
from ikevpn.esp.limits import last_sequence
from ikevpn.esp.transforms.cbc import Entropy, Octets
from ikevpn.esp.transforms.layout import PADDINGS, TRAILER
from ikevpn.esp.transforms.room import LARGEST_PACKET, Rows, octets
from ikevpn.esp.transforms.transform import Sealing, Shape, sealing, shape
from ikevpn.esp.truncation import with_truncation
from ikevpn.model.sa import Direction, Sa


class SequenceExhausted(IkevpnError):
    """The batch needs more sequence numbers than the SA has left; they never wrap (RFC 4303 §3.3.3)."""

    reason = "sequence-exhausted"


class Outbound:
    """Seals for one SA. `bytes` and `packets` count inner octets and packets sealed so far."""

    __slots__ = (
        "_alignment",
        "_entropy",
        "_last",
        "_sealing",
        "_sequence",
        "_shape",
        "_trailers",
        "bytes",
        "packets",
        "sa",
    )

    def __init__(self, sa: Sa, entropy: Entropy, *, sequence: int | None = None) -> None:
        """`entropy(n)` gives n random octets; `sequence` is the last number used before, else what the SA says.

        Raises UsageError for algorithms or keys that do not fit.
        """
        if sa.direction is not Direction.OUT:
            raise UsageError("an inbound SA cannot seal")
        self.sa = sa
        self.bytes = 0
        self.packets = 0
        self._entropy = entropy
        self._sequence = sa.sequence if sequence is None else sequence
        self._last = last_sequence(sa)
        self._trailers: dict[int, tuple[bytes, ...]] = {}
        self._sealing: Sealing = sealing(sa, entropy)
        self._use(shape(sa.algorithms))

    @property
    def sequence(self) -> int:
        """The last sequence number used."""
        return self._sequence

    @property
    def remaining(self) -> int:
        """How many packets can still be sealed."""
        return self._last - self._sequence

    def extend(self, sa: Sa) -> None:
        """The same SA is good for more packets than before; sequence numbers go on.

        Those between the last one so far and `sa.sequence`, if any, are somebody else's.
        """
        if sa.sequence > self._last:
            self._sequence = sa.sequence
        self._last = max(self._last, last_sequence(sa))

    def seal(self, packets: Sequence[Octets], next_header: Sequence[int] | int) -> list[bytes]:
        """ESP packets, from SPI to ICV, for whole inner packets (tunnel mode) or payloads (transport mode), in order.

        `next_header` says what the packets are: 4 IPv4, 41 IPv6, in transport mode a protocol; one for all or one for
        each. Raises SequenceExhausted, and then has sealed and counted nothing.
        """
        sequences = self._reserve(len(packets))
        trailers = self._trail(packets, next_header)
        self.packets += len(packets)
        self.bytes += sum(map(len, packets))
        return self._sealing.seal(sequences, packets, trailers)

    def seal_one(self, packet: Octets, next_header: int) -> bytes:
        """What `seal` would give for a packet that comes alone; raises SequenceExhausted like it."""
        sequence = self._sequence + 1
        if sequence > self._last:
            raise SequenceExhausted("the SA has no sequence number left")
        trailers = self._trailers.get(next_header) or self._trailers_of(next_header)
        self._sequence = sequence
        self.packets += 1
        self.bytes += len(packet)
        return self._sealing.seal((sequence,), (packet,), (trailers[len(packet) % self._alignment],))[0]

    def rows(self, count: int, size: int) -> Rows | None:
        """Room for `count` packets of `size` octets, a row each; None where they have to be sealed one by one.

        What stands behind the first `size` octets of a row may be overwritten. Valid until the next run is sealed.
        """
        return self._sealing.rows(count, self._padded(size)) if size <= LARGEST_PACKET else None

    def seal_rows(self, count: int, size: int, next_header: int) -> Rows:
        """The octets that `seal` would give for the packets in `rows(count, size)`, a row each.

        Raises SequenceExhausted like `seal`.
        """
        sequences = self._reserve(count)
        padded = self._padded(size)
        packets = self._sealing.rows(count, padded)
        assert packets is not None
        packets[:, size:] = octets(self._trailers_of(next_header)[size % self._alignment])
        self.packets += count
        self.bytes += count * size
        return self._sealing.seal_rows(sequences, padded)

    def follow_truncation(self, integrity_96: bool) -> None:
        """Cut HMAC-SHA2-256 as the peer does (`Inbound.sa`, `Inbound.truncation_hint`); sequence numbers go on."""
        self.sa = with_truncation(self.sa, integrity_96)
        self._sealing = sealing(self.sa, self._entropy)
        self._use(shape(self.sa.algorithms))

    def _use(self, shape: Shape) -> None:
        self._shape = shape
        self._alignment = shape.alignment

    def _padded(self, size: int) -> int:
        """Octets of packet and trailer."""
        return size + TRAILER + self._shape.padding(size)

    def _reserve(self, count: int) -> range:
        if count > self._last - self._sequence:
            raise SequenceExhausted(f"the SA has {self.remaining} sequence numbers left, {count} are needed")
        first = self._sequence + 1
        self._sequence += count
        return range(first, first + count)

    def _trail(self, packets: Sequence[Octets], next_header: Sequence[int] | int) -> list[bytes]:
        alignment = self._alignment
        if isinstance(next_header, int):
            table = self._trailers_of(next_header)
            return [table[len(packet) % alignment] for packet in packets]
        return [
            self._trailers_of(header)[len(packet) % alignment]
            for packet, header in zip(packets, next_header, strict=True)
        ]

    def _trailers_of(self, next_header: int) -> tuple[bytes, ...]:
        """Padding, pad length and next header by the payload's length modulo alignment."""
        table = self._trailers.get(next_header)
        if table is None:
            alignment = self._alignment
            last = bytes([next_header])
            table = tuple(PADDINGS[-(size + TRAILER) % alignment] + last for size in range(alignment))
            self._trailers[next_header] = table
        return table
