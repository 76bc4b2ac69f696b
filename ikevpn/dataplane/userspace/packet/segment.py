"""Cuts what the kernel left whole: a large TCP or UDP packet of a TUN device becomes packets of the segment size.

`split` makes them one by one and says what is right; `Chain.write_rows` makes all but a shorter last one at once, and
octet for octet the same. The kernel's own rules apply: the IP id counts up, FIN and PSH stay with the last segment and
CWR with the first, lengths and checksums are each segment's own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikevpn.dataplane.userspace.packet import checksum, vnet
from ikevpn.dataplane.userspace.packet.checksum import ORDER, Rows
from ikevpn.dataplane.userspace.packet.run import Octets
from ikevpn.dataplane.userspace.packet.vnet import Offload
from ikevpn.esp.packet.inner import plain_key

_TCP, _UDP = 6, 17
_TRANSPORTS = {vnet.TCP4: (4, _TCP), vnet.TCP6: (6, _TCP)}
_CHECKSUM_AT = {_TCP: 16, _UDP: 6}
_FIN, _PSH, _CWR = 0x01, 0x08, 0x80
_MOST_SEGMENTS = 8192  # 64 KiB of eight octets each, the smallest that the TCP of Linux leaves to be cut
_RAMP = np.arange(_MOST_SEGMENTS, dtype=np.uint32)


class Super(NamedTuple):
    """A packet to be cut, in a buffer that is used again.

    `transport` is where its TCP or UDP header begins, `header` where its payload does.
    """

    packet: Octets
    version: int
    protocol: int
    transport: int
    header: int
    segment: int

    @property
    def whole(self) -> int:
        """How many segments are full; one more follows where something is left."""
        return (len(self.packet) - self.header) // self.segment

    @property
    def size(self) -> int:
        """Octets of a full segment with its headers."""
        return self.header + self.segment

    @property
    def is_uneven(self) -> bool:
        """Whether a shorter segment follows the full ones."""
        return bool((len(self.packet) - self.header) % self.segment)


class Chain:
    """Packets to be cut that follow each other; all their segments but the last of all have one size and one class.

    They may be of several flows, and give no more segments than a single packet may.
    """

    __slots__ = ("flows", "parts")

    def __init__(self, first: Super) -> None:
        self.parts = [first]
        self.flows = {plain_key(first.packet): first.packet}
        """The first packet of each flow; None stands for what is no plain one."""

    def extend(self, following: Super) -> bool:
        """Whether `following` is the next one."""
        last = self.parts[-1]
        alike = following.size == last.size and following[1:4] == last[1:4] and following.whole
        if not alike or last.is_uneven or self.whole + following.whole > _MOST_SEGMENTS:
            return False
        before, after = last.packet, following.packet
        if before[:2] != after[:2] or before[6:9] != after[6:9]:  # what the header outside shows of it
            return False
        key = plain_key(after)
        if key is None or None in self.flows:
            return False
        self.flows.setdefault(key, after)
        self.parts.append(following)
        return True

    def apart(self) -> list[Chain]:
        """The same by flow."""
        found: dict[bytes | None, Chain] = {}
        for part in self.parts:
            key = plain_key(part.packet)
            if key in found:
                found[key].parts.append(part)
            else:
                found[key] = Chain(part)
        return list(found.values())

    @property
    def size(self) -> int:
        """Octets of a full segment with its headers."""
        return self.parts[0].size

    @property
    def whole(self) -> int:
        """How many segments are full."""
        return sum(part.whole for part in self.parts)

    def split(self) -> list[bytes]:
        """All segments in order."""
        return [packet for part in self.parts for packet in split(part)]

    def tail(self) -> bytes:
        """The last segment where it is shorter than the others; empty where it is not."""
        last = self.parts[-1]
        return _segment(last, last.whole, last=True) if last.is_uneven else b""

    def write_rows(self, rows: Rows) -> None:
        """Write the full segments to the first octets of `rows`, one for each; their width is even.

        What stands behind a segment in its row is overwritten with zeros.
        """
        start = 0
        for part in self.parts:
            end = start + part.whole
            _write_rows(part, rows[start:end])
            start = end


def plan(packet: Octets, offload: Offload) -> Super | None:
    """How to cut `packet`; None where it is not what the offload says."""
    version = packet[0] >> 4 if packet else 0
    kind = offload.kind & ~vnet.ECN
    expected, protocol = (version, _UDP) if kind == vnet.UDP else _TRANSPORTS.get(kind, (0, 0))
    transport, shortest = offload.start, 20 if version == 4 else 40
    if version != expected or version not in (4, 6) or not offload.segment or transport < shortest:
        return None
    if len(packet) <= transport + (20 if protocol == _TCP else 8):
        return None
    header = transport + 8
    if protocol == _TCP:
        header = transport + (packet[transport + 12] >> 4) * 4
        if header < transport + 20:
            return None
    if header >= len(packet) or (version == 4 and transport != (packet[0] & 15) * 4):
        return None
    found = Super(packet, version, protocol, transport, header, offload.segment)
    return found if found.whole <= _MOST_SEGMENTS else None


def split(whole: Super) -> list[bytes]:
    """All segments in order."""
    count = -(-(len(whole.packet) - whole.header) // whole.segment)
    return [_segment(whole, index, last=index == count - 1) for index in range(count)]


def _segment(whole: Super, index: int, *, last: bool) -> bytes:
    start = whole.header + index * whole.segment
    payload = whole.packet[start : start + whole.segment]
    header = bytearray(whole.packet[: whole.header])
    transport, size = whole.transport, whole.header + len(payload)
    if whole.version == 4:
        identifier = int.from_bytes(header[4:6], "big") + index
        header[2:4] = size.to_bytes(2, "big")
        header[4:6] = (identifier & 0xFFFF).to_bytes(2, "big")
        header[10:12] = bytes(2)
        header[10:12] = checksum.complete(checksum.add(header[:transport])).to_bytes(2, "little")
    else:
        header[4:6] = (size - 40).to_bytes(2, "big")
    if whole.protocol == _TCP:
        sequence = int.from_bytes(header[transport + 4 : transport + 8], "big") + index * whole.segment
        header[transport + 4 : transport + 8] = (sequence & 0xFFFFFFFF).to_bytes(4, "big")
        header[transport + 13] &= _flags(first=index == 0, last=last)
    else:
        header[transport + 4 : transport + 6] = (size - transport).to_bytes(2, "big")
    at = transport + _CHECKSUM_AT[whole.protocol]
    header[at : at + 2] = bytes(2)
    sum = checksum.pseudo_header(header, whole.protocol, size - transport)
    sum += checksum.add(b"".join((header[transport:], payload)))
    header[at : at + 2] = _finish(sum % ORDER, whole.protocol).to_bytes(2, "little")
    return b"".join((header, payload))


def _flags(*, first: bool, last: bool) -> int:
    """The mask of TCP flags that a segment keeps."""
    return 0xFF & ~(0 if first else _CWR) & ~(0 if last else _FIN | _PSH)


def _finish(sum: int, protocol: int) -> int:
    """A UDP checksum of zero would mean that there is none (RFC 768)."""
    return ORDER - sum if protocol == _UDP else checksum.complete(sum)


def _write_rows(whole: Super, rows: Rows) -> None:
    count, size, header = whole.whole, whole.size, whole.header
    packet = np.frombuffer(whole.packet, np.uint8)
    rows[:, :header] = _template(whole)
    rows[:, header:size] = packet[header : header + count * whole.segment].reshape(count, whole.segment)
    rows[:, size:] = 0
    if whole.version == 4:
        _write_ipv4(whole, rows)
    if whole.protocol == _TCP:
        _write_tcp(whole, rows)
    _write_checksums(whole, rows)


def _template(whole: Super) -> Rows:
    """The header that all full segments share: without sequence number, IP id and checksums.

    The flags of first and last segment are put right in `_write_tcp`.
    """
    header = bytearray(whole.packet[: whole.header])
    transport, size = whole.transport, whole.size
    if whole.version == 4:
        header[2:4] = size.to_bytes(2, "big")
        header[10:12] = bytes(2)
    else:
        header[4:6] = (size - 40).to_bytes(2, "big")
    if whole.protocol == _UDP:
        header[transport + 4 : transport + 6] = (size - transport).to_bytes(2, "big")
    at = transport + _CHECKSUM_AT[whole.protocol]
    header[at : at + 2] = bytes(2)
    return np.frombuffer(header, np.uint8)


def _write_ipv4(whole: Super, rows: Rows) -> None:
    count, packet = len(rows), whole.packet
    first = int.from_bytes(packet[4:6], "big")
    identifiers = (_RAMP[:count] + np.uint32(first)).astype(np.uint16)
    rows[:, 4:6].view(">u2")[:, 0] = identifiers
    # In network order for once, because the identifiers count up in it.
    rest = b"".join((packet[:2], whole.size.to_bytes(2, "big"), packet[6:10], packet[12 : whole.transport]))
    others = np.uint32(2 * ORDER - int.from_bytes(rest, "big") % ORDER)
    rows[:, 10:12].view(">u2")[:, 0] = (others - identifiers) % np.uint32(ORDER)


def _write_tcp(whole: Super, rows: Rows) -> None:
    count, transport = len(rows), whole.transport
    first = int.from_bytes(whole.packet[transport + 4 : transport + 8], "big")
    rows[:, transport + 4 : transport + 8].view(">u4")[:, 0] = _RAMP[:count] * np.uint32(whole.segment) + np.uint32(
        first
    )
    flags = whole.packet[transport + 13]
    if flags & (_FIN | _PSH | _CWR):
        last = whole.header + count * whole.segment >= len(whole.packet)
        rows[:, transport + 13] = flags & _flags(first=False, last=False)
        rows[0, transport + 13] |= flags & _CWR
        if last:
            rows[-1, transport + 13] |= flags & (_FIN | _PSH)


def _write_checksums(whole: Super, rows: Rows) -> None:
    """The sum of a whole packet is that of its TCP or UDP part: a valid IPv4 header adds nothing to it."""
    transport, size = whole.transport, whole.size
    sum = checksum.pseudo_header(whole.packet, whole.protocol, size - transport)
    if whole.version == 6:
        # The header of IPv6 and its extensions have no checksum; take them out again.
        sum += ORDER - checksum.add(rows[0, :transport].tobytes())
    sums = (checksum.add_rows(rows) + np.uint32(sum)) % np.uint32(ORDER)
    finished = np.uint32(ORDER) - sums
    at = transport + _CHECKSUM_AT[whole.protocol]
    rows[:, at : at + 2].view("<u2")[:, 0] = finished if whole.protocol == _UDP else finished % np.uint32(ORDER)
