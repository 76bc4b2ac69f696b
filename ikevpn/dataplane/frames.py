"""Between frames of a TUN device with offloads and the packets that go through a tunnel; pure.

Inwards: checksums that the kernel left to us are filled in, packets of one size in a row become a run, large ones are
planned to be cut. Outwards: what belongs together goes in one frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np

from ikevpn.dataplane import checksum, coalesce, segment, vnet
from ikevpn.dataplane.checksum import ORDER
from ikevpn.dataplane.run import Octets, Run, runs
from ikevpn.dataplane.segment import Chain, Super
from ikevpn.dataplane.vnet import Offload
from ikevpn.esp import flows
from ikevpn.esp.inner import plain_key
from ikevpn.esp.room import LARGEST_PACKET, SHORTEST_RUN

Packet = bytes | Run | Chain


def read(frames: Sequence[Octets]) -> tuple[list[Packet], int]:
    """The packets of frames in order, and how many frames were broken."""
    found = _Sorted()
    broken = 0
    for (size, header), group in groupby(frames, _kind):
        alike = list(group)
        if size <= vnet.SIZE:
            broken += len(alike)
            continue
        offload = vnet.read(header)
        if offload.kind != vnet.NONE:
            plans = [segment.plan(frame[vnet.SIZE :], offload) for frame in alike]
            broken += plans.count(None)
            found.add_whole(filter(None, plans))
        elif len(alike) >= SHORTEST_RUN and size <= LARGEST_PACKET:
            found.add_run(_run(alike, size, offload))
        else:
            found.add_small([complete(bytes(frame[vnet.SIZE :]), offload) for frame in alike])
    return found.packets, broken


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


def _run(frames: Sequence[Octets], size: int, offload: Offload) -> Run:
    """Packets of one size, checksums filled in."""
    even = size + size % 2
    rows = np.zeros((len(frames), even), np.uint8)
    rows[:, :size] = np.frombuffer(b"".join(frames), np.uint8).reshape(len(frames), size)
    start = vnet.SIZE + offload.start
    at = start + offload.offset
    if offload.incomplete and at + 2 <= size and start % 2 == 0:
        rows[:, at : at + 2].view("<u2")[:, 0] = np.uint32(ORDER) - checksum.add_rows(rows[:, start:])
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
