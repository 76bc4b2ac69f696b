"""Between frames of a TUN device with offloads and the packets that go through a tunnel; pure.

Inwards: checksums that the kernel left to us are filled in, packets of one size in a row become a run, large ones are
planned to be cut. Outwards: what belongs together goes in one frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

import numpy as np

from ikevpn.dataplane.userspace.packet import checksum, coalesce, segment, vnet
from ikevpn.dataplane.userspace.packet.checksum import ORDER, Rows
from ikevpn.dataplane.userspace.packet.run import Octets, Run, runs
from ikevpn.dataplane.userspace.packet.segment import Chain, Super
from ikevpn.dataplane.userspace.packet.vnet import Offload
from ikevpn.esp.packet import flows
from ikevpn.esp.packet.inner import plain_key
from ikevpn.esp.transforms.room import LARGEST_PACKET, SHORTEST_RUN

Packet = bytes | Run | Chain


def read(frames: Sequence[Octets]) -> tuple[list[Packet], int]:
    """The packets of frames in order, and how many frames were broken."""
    found = _Sorted()
    broken = 0
    for (size, header), group in groupby(frames, _kind):
        alike = list(group)
        if len(alike) >= SHORTEST_RUN and vnet.SIZE < size <= LARGEST_PACKET and vnet.is_whole(header):
            found.add_run(_run(_stacked(alike, size), size, header))
        else:
            broken += _add(found, alike, size, header)
    return found.packets, broken


def read_rows(rows: Rows, sizes: Sequence[int]) -> tuple[list[Packet], int]:
    """The same for a frame a row, of `sizes` octets; rows have an even width that no frame exceeds.

    What is left to us is done where the frames are, and runs stay there.
    """
    found = _Sorted()
    broken = 0
    for start, end in pairwise(_cuts(rows, sizes)):
        size, header, alike = sizes[start], rows[start, : vnet.SIZE].tobytes(), rows[start:end]
        if end - start >= SHORTEST_RUN and size > vnet.SIZE and vnet.is_whole(header):
            found.add_run(_run(alike, size, header))
        else:
            broken += _add(found, [row[:size].data for row in alike], size, header)
    return found.packets, broken


def _cuts(rows: Rows, sizes: Sequence[int]) -> list[int]:
    """Where the size or the header of `vnet` is another one, and the ends."""
    heads, lengths = rows[:, : vnet.SIZE].view("<u2"), np.array(sizes)
    differ = (heads[1:] != heads[:-1]).any(axis=1) | (lengths[1:] != lengths[:-1])
    return [0, *(np.flatnonzero(differ) + 1).tolist(), len(rows)]


def _add(found: _Sorted, alike: Sequence[Octets], size: int, header: bytes) -> int:
    """Frames of one size and header one by one; returns how many were broken."""
    if size <= vnet.SIZE:
        return len(alike)
    offload = vnet.read(header)
    if offload.kind == vnet.NONE:
        found.add_small([complete(bytes(frame[vnet.SIZE :]), offload) for frame in alike])
        return 0
    plans = [segment.plan(frame[vnet.SIZE :], offload) for frame in alike]
    found.add_whole(filter(None, plans))
    return plans.count(None)


class _Sorted:
    """Packets in order, but for large ones that join a chain in front of small ones of other flows.

    So acknowledgements of what comes through the tunnel do not cut into pieces what goes through it.
    """

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._chain: Chain | None = None
        self._since: set[bytes | None] = set()  # flows of the packets behind the chain

    def add_small(self, packets: list[bytes]) -> None:
        self.packets += packets
        if self._chain is not None:
            self._since.update(map(plain_key, packets))

    def add_run(self, run: Run) -> None:
        self.packets.append(run)
        if self._chain is not None:
            self._since.update(plain_key(run.rows[at].tobytes()) for at in flows.starts(run.rows))

    def add_whole(self, plans: Iterable[Super]) -> None:
        for plan in plans:
            chain, since = self._chain, self._since
            if (
                chain is None
                or (since and not since.isdisjoint({None, plain_key(plan.packet)}))
                or not chain.extend(plan)
            ):
                self._chain = Chain(plan)
                self.packets.append(self._chain)
                since.clear()


def _kind(frame: Octets) -> tuple[int, bytes]:
    return len(frame), bytes(frame[: vnet.SIZE])


def complete(packet: bytes, offload: Offload) -> bytes:
    """Fill in the checksum where the kernel left it to us."""
    at = offload.start + offload.offset
    if not offload.incomplete or at + 2 > len(packet):
        return packet
    value = ORDER - checksum.add(packet[offload.start :])
    return b"".join((packet[:at], value.to_bytes(2, "little"), packet[at + 2 :]))


def _stacked(frames: Sequence[Octets], size: int) -> Rows:
    """Frames of one size, a row each."""
    rows = np.empty((len(frames), size + size % 2), np.uint8)
    rows[:, :size] = np.frombuffer(b"".join(frames), np.uint8).reshape(len(frames), size)
    return rows


def _run(rows: Rows, size: int, header: bytes) -> Run:
    """Packets of one size where they are, checksums filled in."""
    offload = vnet.read(header)
    even = size + size % 2
    rows[:, size:even] = 0
    start = vnet.SIZE + offload.start
    at = start + offload.offset
    if offload.incomplete and at + 2 <= size and start % 2 == 0:
        rows[:, at : at + 2].view("<u2")[:, 0] = np.uint32(ORDER) - checksum.add_rows(rows[:, start:even])
    return Run(rows[:, vnet.SIZE : size])


def write(packets: Sequence[Octets], *, joins_udp: bool) -> Iterator[tuple[list[Octets], int]]:
    """Frames as pieces to be written in one go, each with the number of packets in it."""
    if len(packets) < SHORTEST_RUN and not isinstance(packets, Run):
        yield from (([vnet.PLAIN, packet], 1) for packet in packets)
        return
    parts = [packets] if isinstance(packets, Run) else runs(packets, SHORTEST_RUN)
    for part in parts:
        if isinstance(part, Run):
            for header, pieces, count in coalesce.coalesce(part.rows, part.tail, joins_udp=joins_udp):
                yield [header, *pieces], count
        else:
            yield from (([vnet.PLAIN, packet], 1) for packet in part)


def apart(pieces: Sequence[Octets]) -> list[bytes]:
    """The packets that `write` put together in a frame, for a kernel that does not take it."""
    header, *rest = pieces
    plan = segment.plan(b"".join(rest), vnet.read(header))
    assert plan is not None
    return segment.split(plan)
