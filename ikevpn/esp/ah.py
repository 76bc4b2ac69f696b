"""The Authentication Header (RFC 4302): both halves of an SA.

On the wire, in transport mode and around the ESP packets of a bundle:

    [IP header, protocol 51][next header, length, reserved, SPI, sequence number, ICV][payload]

and in tunnel mode the payload is a whole IP packet. The ICV covers the IP header too, but for what routers may change;
so a sender has to know that header, and here it writes it: for IPv4 all of it, identification included; for IPv6, where
nothing else in it counts, the kernel does. The number of octets from the length field on, and with IPv6 a multiple of
8, is all that distinguishes the families. IPv6 extension headers in front of AH are not seen and so do not verify.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence

from ikevpn.crypto.tables import integrity_row
from ikevpn.errors import UsageError
from ikevpn.esp.inside import Opened, look_inside
from ikevpn.esp.limits import last_sequence
from ikevpn.esp.outbound import SequenceExhausted
from ikevpn.esp.packet.drops import Drop
from ikevpn.esp.packet.selection import Selection
from ikevpn.esp.replay import ReplayWindow
from ikevpn.esp.transforms.cbc import Entropy, Octets
from ikevpn.esp.transforms.layout import AH
from ikevpn.esp.transforms.mac import Mac
from ikevpn.model.sa import Direction, Sa, SaMode
from ikevpn.wire.registry import EspCipher, Integrity

HEADER = 12  # next header, length, reserved, SPI, sequence number
_HEADER = struct.Struct("!BBHII")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_TTL = 64
LARGEST_DATAGRAM = 65_535

# IPv4 options that do not change on the way (RFC 4302 §A1); all others are zeroed.
_IMMUTABLE_OPTIONS = frozenset({130, 133, 134, 148, 149})
_END, _NO_OPERATION = 0, 1


def header_size(icv: int, version: int) -> int:
    """Octets of the header with its ICV: a multiple of 4, with IPv6 of 8 (RFC 4302 §3.3.3.2.1)."""
    size = HEADER + icv
    return size + -size % (4 if version == 4 else 8)


def immutable(datagram: bytes) -> bytes | None:
    """The IP header in front of AH as the ICV sees it (RFC 4302 §3.3.3.1); None where it is broken.

    `datagram` starts at an IPv4 header, or at an IPv6 header that AH follows directly.
    """
    if len(datagram) >= _IPV4.size and datagram[0] >> 4 == 4:
        size = (datagram[0] & 15) * 4
        if size < _IPV4.size or len(datagram) < size:
            return None
        fixed = b"".join((datagram[:1], b"\0", datagram[2:6], bytes(3), datagram[9:10], bytes(2), datagram[12:20]))
        options = _immutable_options(datagram[20:size])
        return None if options is None else fixed + options
    if len(datagram) >= _IPV6.size and datagram[0] >> 4 == 6:
        return b"".join((b"\x60\0\0\0", datagram[4:7], b"\0", datagram[8:40]))
    return None


def _immutable_options(options: bytes) -> bytes | None:
    kept = bytearray(options)
    at = 0
    while at < len(options) and options[at] != _END:
        if options[at] == _NO_OPERATION:
            at += 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if size < 2 or at + size > len(options):
            return None
        if options[at] not in _IMMUTABLE_OPTIONS:
            kept[at : at + size] = bytes(size)
        at += size
    return bytes(kept)


def _mac(sa: Sa) -> Mac:
    algorithms = sa.algorithms
    if algorithms.integrity is Integrity.NONE or algorithms.cipher is not EspCipher.NULL:
        raise UsageError("AH takes an integrity algorithm and no cipher")
    row = integrity_row(algorithms.integrity)
    if len(algorithms.integrity_key) != row.key:
        raise UsageError(f"{row.name} takes a key of {row.key} octets")
    icv = row.icv_before_rfc if algorithms.integrity_96 and row.icv_before_rfc else row.icv
    return Mac(row.hash, algorithms.integrity_key.reveal(), icv)


class AhOutbound:
    """Authenticates for one SA. `bytes` and `packets` count what was given, as `esp.outbound.Outbound` does."""

    __slots__ = ("_id", "_last", "_mac", "_sequence", "_size", "_version", "bytes", "packets", "sa")

    def __init__(self, sa: Sa, entropy: Entropy) -> None:
        """Raises UsageError for algorithms or keys that do not fit."""
        if sa.direction is not Direction.OUT:
            raise UsageError("an inbound SA cannot seal")
        self.sa = sa
        self.bytes = 0
        self.packets = 0
        self._mac = _mac(sa)
        self._version = sa.remote.address.version
        self._size = header_size(self._mac.size, self._version)
        self._sequence = sa.sequence
        self._last = last_sequence(sa)
        self._id = int.from_bytes(entropy(2), "big")

    @property
    def header(self) -> int:
        """Octets that AH adds to a packet."""
        return self._size

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
        """IPv4 datagrams with their IP header; for IPv6 what follows it. `next_header` as with ESP.

        Raises SequenceExhausted, and then has sealed and counted nothing.
        """
        if len(packets) > self.remaining:
            raise SequenceExhausted(f"the SA has {self.remaining} sequence numbers left, {len(packets)} are needed")
        headers = [next_header] * len(packets) if isinstance(next_header, int) else next_header
        self.packets += len(packets)
        self.bytes += sum(map(len, packets))
        return [self._seal(packet, header) for packet, header in zip(packets, headers, strict=True)]

    def _seal(self, packet: Octets, next_header: int) -> bytes:
        self._sequence += 1
        number = self._sequence.to_bytes(8, "big")
        outer = self._outer(self._size + len(packet))
        header = _HEADER.pack(next_header, self._size // 4 - 2, 0, self.sa.spi, self._sequence & 0xFFFFFFFF)
        room = bytes(self._size - HEADER)
        known = immutable(outer)
        assert known is not None
        high = number[:4] if self.sa.extended_sequence_numbers else b""
        icv = self._mac.compute(b"".join((known, header, room, packet)), high)
        behind = b"".join((header, icv, room[len(icv) :], packet))
        return outer + behind if self._version == 4 else behind

    def _outer(self, size: int) -> bytes:
        """The IP header of a datagram with `size` octets behind it. Fragments are allowed: DF is clear."""
        source, target = self.sa.local.address.packed, self.sa.remote.address.packed
        if self._version == 6:
            return _IPV6.pack(6 << 28, size, AH, _TTL, source, target)
        self._id = self._id % 0xFFFF + 1  # the kernel would put another one in the place of 0
        return _IPV4.pack(0x45, 0, _IPV4.size + size, self._id, 0, _TTL, AH, 0, source, target)


class AhInbound:
    """Verifies for one SA. Counters and `used_at` are those of `esp.inbound.Inbound`."""

    __slots__ = ("_mac", "_selection", "_tunnel", "_window", "bytes", "drops", "packets", "sa", "used_at")

    def __init__(self, sa: Sa) -> None:
        """Raises UsageError for algorithms, keys or a window that do not fit."""
        if sa.direction is not Direction.IN:
            raise UsageError("an outbound SA cannot open")
        self.sa = sa
        self.bytes = 0
        self.packets = 0
        self.drops: Counter[Drop] = Counter()
        self.used_at: float | None = None
        self._mac = _mac(sa)
        self._window = ReplayWindow(sa.replay_window, extended=sa.extended_sequence_numbers)
        self._selection = Selection(sa.selectors, Direction.IN)
        self._tunnel = sa.mode is SaMode.TUNNEL and not sa.wraps

    @property
    def header(self) -> int:
        """Octets that AH adds to a packet, as the RFC has them."""
        return header_size(self._mac.size, self.sa.remote.address.version)

    def open(self, datagrams: Sequence[bytes], now: float) -> list[Opened | Drop]:
        """One answer for each datagram, in order; they start at the IP header. Never raises for what a peer sent."""
        answers = [self._open(datagram, now) for datagram in datagrams]
        for answer in answers:
            if isinstance(answer, Opened):
                self.packets += 1
                self.bytes += len(answer.data)
            else:
                self.drops[answer] += 1
        return answers

    def withdraw(self, reason: Drop, packet: bytes) -> None:
        """A packet that was let through is dropped after all."""
        self.packets -= 1
        self.bytes -= len(packet)
        self.drops[reason] += 1

    def _open(self, datagram: bytes, now: float) -> Opened | Drop:
        known = immutable(datagram)
        if known is None or len(datagram) < len(known) + HEADER + self._mac.size:
            return Drop.SHORT
        next_header, length, _, _, low = _HEADER.unpack_from(datagram, len(known))
        size = (length + 2) * 4
        # Linux aligns as for IPv6 unless it is told otherwise, so over IPv4 both are right.
        if size not in (header_size(self._mac.size, datagram[0] >> 4), header_size(self._mac.size, 6)):
            return Drop.LENGTH
        if len(datagram) < len(known) + size:
            return Drop.SHORT
        sequence = self._window.infer(low)
        if not self._window.check(sequence):
            return Drop.REPLAY
        if not self._verify(known, datagram[len(known) :], sequence):
            return Drop.BAD_ICV
        self._window.advance(sequence)
        self.used_at = now
        payload = datagram[len(known) + size :]
        return look_inside(payload, next_header, self._selection) if self._tunnel else Opened(payload, next_header)

    def _verify(self, known: bytes, behind: bytes, sequence: int) -> bool:
        """`behind` starts at AH. Padding behind the ICV counts as it came (RFC 4302 §3.3.3.2.1)."""
        end = HEADER + self._mac.size
        high = (sequence >> 32).to_bytes(4, "big") if self.sa.extended_sequence_numbers else b""
        covered = b"".join((known, behind[:HEADER], bytes(self._mac.size), behind[end:]))
        return self._mac.verify(behind[HEADER:end], covered, high)


def spi_of(datagram: bytes) -> int | None:
    """The SPI of a datagram that starts at the IP header; None where it ends before."""
    if not datagram:
        return None
    at = (datagram[0] & 15) * 4 if datagram[0] >> 4 == 4 else _IPV6.size
    return int.from_bytes(datagram[at + 4 : at + 8], "big") if len(datagram) >= at + HEADER else None
