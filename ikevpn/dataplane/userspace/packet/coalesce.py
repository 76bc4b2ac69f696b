"""Puts TCP or UDP packets of a run together again, exactly where the kernel's own receive offload would have done so.

What comes out is cut by the kernel, where it has to be, into the same packets (`segment.split` says how), so nothing
is lost by it: neither a checksum that was wrong, nor a flag, an option, a TTL, a DSCP or a mark of congestion. What
does not fit goes singly.

A packet joins the one before it where all of this holds:

- version, header lengths, DSCP and ECN, TTL, fragment field, addresses, ports and, of TCP, acknowledgement, window,
  reserved bits and options are equal; no IP options, no extension headers, no fragment
- the IP id is the next one, or the same where DF is set (RFC 6864 §4.1 gives it no meaning then)
- TCP: its sequence number follows, both have a payload, and none has SYN, RST, URG or CWR; only a last one has FIN, PSH
- IP and TCP or UDP checksums are valid, and UDP has one
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ikevpn.dataplane.userspace.packet import checksum, vnet
from ikevpn.dataplane.userspace.packet.checksum import ORDER, Rows
from ikevpn.dataplane.userspace.packet.run import Octets
from ikevpn.dataplane.userspace.packet.vnet import Offload
from ikevpn.esp.packet import flows

_TCP, _UDP = 6, 17
_LARGEST = 65_535
_MOST_UDP = 64  # UDP_MAX_SEGMENTS; a frame of more is refused
_FIN, _SYN, _RST, _PSH, _URG, _CWR = 0x01, 0x02, 0x04, 0x08, 0x20, 0x80
_NEVER, _ENDS = _SYN | _RST | _URG | _CWR, _FIN | _PSH
_KINDS = {(4, _TCP): vnet.TCP4, (6, _TCP): vnet.TCP6, (4, _UDP): vnet.UDP, (6, _UDP): vnet.UDP}

_RAMP = np.arange(1 << 16, dtype=np.uint32)
_Bools = NDArray[np.bool_]


class Frame(NamedTuple):
    """Header of `vnet`, the pieces of one packet, and how many packets it is made of."""

    header: bytes
    pieces: list[Octets]
    packets: int


class _Form(NamedTuple):
    """Where things stand in the headers that the first packet of a flow has."""

    version: int
    protocol: int
    transport: int
    header: int

    @property
    def checksum(self) -> int:
        return self.transport + (16 if self.protocol == _TCP else 6)


def coalesce(rows: Rows, tail: bytes = b"", *, joins_udp: bool) -> Iterator[Frame]:
    """Frames for a TUN device with offloads, in the order of the packets.

    `rows` are IP packets of the right length, a row each, `tail` a shorter one behind them. UDP packets stay apart
    without `joins_udp`.
    """
    for start, end in pairwise([*flows.starts(rows), len(rows)]):
        yield from _coalesce_flow(rows[start:end], joins_udp=joins_udp)
    if tail:
        yield Frame(vnet.PLAIN, [tail], 1)


def _coalesce_flow(rows: Rows, *, joins_udp: bool) -> Iterator[Frame]:
    """Rows whose form and pseudo header are those of the first."""
    form = _form(rows[0]) if len(rows) > 1 else None
    if form is None or (form.protocol == _UDP and not joins_udp):
        yield from (Frame(vnet.PLAIN, [row.data], 1) for row in rows)
    else:
        yield from _coalesce(rows, form)


def _coalesce(rows: Rows, form: _Form) -> Iterator[Frame]:
    segment = rows.shape[1] - form.header
    most = (_LARGEST - form.header) // segment
    if form.protocol == _UDP:
        most = min(most, _MOST_UDP)
    start = 0
    for end in _ends(rows, form):
        while start < end:
            stop = min(end, start + most)
            if stop - start == 1:
                yield Frame(vnet.PLAIN, [rows[start].data], 1)
            else:
                yield _join(rows[start:stop], form)
            start = stop


def _form(packet: Rows) -> _Form | None:
    """None for packets that are never put together."""
    first, size = int(packet[0]), len(packet)
    if first == 0x45 and size > 28:
        protocol, transport, fragment = int(packet[9]), 20, int(packet[6]) & 0x3F or int(packet[7])
    elif first >> 4 == 6 and size > 48:
        protocol, transport, fragment = int(packet[6]), 40, 0
    else:
        return None
    if fragment or protocol not in (_TCP, _UDP):
        return None
    header = transport + 8
    if protocol == _TCP:
        if size < transport + 20:
            return None
        header = transport + (int(packet[transport + 12]) >> 4) * 4
        if header < transport + 20:
            return None
    return _Form(first >> 4, protocol, transport, header) if header < size else None


def _ends(rows: Rows, form: _Form) -> list[int]:
    """The rows behind which something new begins, and the number of rows."""
    ends = _usual_ends(rows, form)
    return [*(np.flatnonzero(~_follows(rows, form)) + 1).tolist(), len(rows)] if ends is None else ends


def _usual_ends(rows: Rows, form: _Form) -> list[int] | None:
    """The same with fewer steps where nothing but FIN and PSH keeps packets apart; None where something else may.

    So it is as long as one flow fills a tunnel.
    """
    words, count = rows[:, : form.header].view("<u2"), len(rows)
    if ((words[1:] ^ words[0]) & _mask(form)).any():
        return None
    if form.version == 4 and rows[:, 4:6].tobytes() != _ramp(rows[0, 4:6], ">u2", 1, count):
        return None
    ends = [count]
    if form.protocol == _TCP:
        at, segment = form.transport, rows.shape[1] - form.header
        if rows[:, at + 4 : at + 8].tobytes() != _ramp(rows[0, at + 4 : at + 8], ">u4", segment, count):
            return None
        flags = rows[:, at + 13].tobytes()
        if flags[0] & _NEVER:
            return None
        if flags.count(flags[0]) != count or flags[0] & _ENDS:
            ends = [*(index for index, value in enumerate(flags[:-1], 1) if value & _ENDS), count]
    return ends if _valid(rows, form).all() else None


def _ramp(first: Rows, kind: str, step: int, count: int) -> bytes:
    """Numbers of a header that count up from `first`."""
    start = int.from_bytes(first.tobytes(), "big")
    return (_RAMP[:count] * np.uint32(step) + np.uint32(start)).astype(kind).tobytes()


def _follows(rows: Rows, form: _Form) -> _Bools:
    """For each row but the first, whether it joins the one before it."""
    words = rows[:, : form.header].view("<u2")
    same: _Bools = ~((words[1:] ^ words[:-1]) & _mask(form)).any(axis=1)
    valid = _valid(rows, form)
    same &= valid[1:] & valid[:-1]
    if form.version == 4:
        identifiers = rows[:, 4:6].view(">u2")[:, 0].astype(np.uint16)
        step = identifiers[1:] - identifiers[:-1]
        same &= _steady(step, atomic=bool(rows[0, 6] & 0x40))
    if form.protocol == _TCP:
        at, segment = form.transport, rows.shape[1] - form.header
        same &= rows[1:, at + 12] >> 4 == rows[0, at + 12] >> 4  # header length
        sequences = rows[:, at + 4 : at + 8].view(">u4")[:, 0].astype(np.uint32)
        same &= sequences[1:] - sequences[:-1] == segment
        flags = rows[:, at + 13]
        same &= (flags[1:] & _NEVER == 0) & (flags[:-1] & (_NEVER | _ENDS) == 0)
    return same


def _steady(step: NDArray[np.uint16], *, atomic: bool) -> _Bools:
    """Where the IP id goes on as it began: always one more, or, in atomic datagrams, always the same."""
    following: _Bools = step == 1
    if atomic and not following.all():
        constant: _Bools = step == 0
        if constant.sum() > following.sum():
            return constant
    return following


@lru_cache(256)
def _mask(form: _Form) -> NDArray[np.uint16]:
    """The header words that have to be equal, all others 0."""
    mask = np.full(form.header, 0xFF, np.uint8)
    if form.version == 4:
        mask[4:6] = mask[10:12] = 0
    if form.protocol == _TCP:
        mask[form.transport + 4 : form.transport + 8] = 0
        mask[form.transport + 13] = 0xFF & ~_ENDS
    mask[form.checksum : form.checksum + 2] = 0
    return mask.view("<u2")


def _valid(rows: Rows, form: _Form) -> _Bools:
    """Whether all checksums of a packet are right, and there is one.

    A packet's sum is that of its TCP or UDP part where its IP header's is right.
    """
    size, transport = rows.shape[1], form.transport
    first = rows[0].tobytes()
    sum = checksum.pseudo_header(first, form.protocol, size - transport)
    even = rows[:, : size & ~1]
    sums = checksum.add_rows(even) + np.uint32(sum)
    if size % 2:
        sums = sums + rows[:, -1]
    if form.version == 6:
        sums = sums + np.uint32(ORDER - checksum.add(first[:transport]))
    valid: _Bools = sums % np.uint32(ORDER) == 0
    if form.version == 4:
        valid &= checksum.add_rows(rows[:, :transport]) == 0
    if form.protocol == _UDP:
        valid &= rows[:, form.checksum : form.checksum + 2].any(axis=1)
        lengths = rows[:, transport + 4 : transport + 6].view(">u2")[:, 0]
        valid &= lengths == size - transport
    return valid


def _join(rows: Rows, form: _Form) -> Frame:
    segment, at = rows.shape[1] - form.header, form.transport
    size = form.header + len(rows) * segment
    header = bytearray(rows[0, : form.header].tobytes())
    if form.version == 4:
        header[2:4] = size.to_bytes(2, "big")
        header[10:12] = bytes(2)
        header[10:12] = checksum.complete(checksum.add(header[:at])).to_bytes(2, "little")
    else:
        header[4:6] = (size - 40).to_bytes(2, "big")
    if form.protocol == _TCP:
        header[at + 13] |= int(rows[-1, at + 13]) & _ENDS
    else:
        header[at + 4 : at + 6] = (size - at).to_bytes(2, "big")
    partial = checksum.pseudo_header(header, form.protocol, size - at)
    header[form.checksum : form.checksum + 2] = partial.to_bytes(2, "little")
    kind = _KINDS[form.version, form.protocol]
    offload = Offload(vnet.NEEDS_CHECKSUM, kind, form.header, segment, at, form.checksum - at)
    payload = np.ascontiguousarray(rows[:, form.header :])
    return Frame(vnet.write(offload), [bytes(header), payload.data], len(rows))
