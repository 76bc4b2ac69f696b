"""Where a worker reads the frames of its devices to: places of one width in one buffer, of which a large frame takes
several.

So nothing is copied or allocated for a frame, and frames of one size in a row are already the rows of an array. What is
there is valid until the next batch, of whatever device.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from operator import ne

import numpy as np

from ikevpn.dataplane.userspace.packet import vnet
from ikevpn.dataplane.userspace.packet.run import Octets, Rows
from ikevpn.esp.transforms.room import SHORTEST_RUN

LARGEST_FRAME = vnet.SIZE + 65_535
_MOST_LARGE = 3 * LARGEST_FRAME  # octets, and one more frame: enough for a batch, and others do not wait long
_LINE = 64
WIDTH = 33 * _LINE  # for any packet of an Ethernet, and not a power of two, of which caches keep few
_LEAD = _LINE - vnet.SIZE - 52 % _LINE  # the payload of TCP over IPv4 begins on a line of the cache


class FrameBuffer:
    """`count` of them. `sizes` are the octets of the frames that were read last, in order."""

    def __init__(self, count: int) -> None:
        self.sizes: list[int] = []
        self._large = 0
        octets = np.zeros(_LINE + _LEAD + count * WIDTH + LARGEST_FRAME, np.uint8)  # pages come to be when written to
        start = -octets.ctypes.data % _LINE + _LEAD
        self._rows: Rows = octets[start : start + count * WIDTH].reshape(count, WIDTH)
        self._rooms = [octets.data[at : at + LARGEST_FRAME] for at in range(start, start + count * WIDTH, WIDTH)]

    def fill(self, read: Callable[[memoryview], int | None], limit: int) -> None:
        """Read frames into `limit` places or less, until `read` says None.

        Raises what `read` raises; what came before is there.
        """
        self.sizes = sizes = []
        self._large = 0
        rooms = iter(self._rooms[:limit])
        for room in rooms:
            size = read(room)
            if size is None:
                return
            sizes.append(size)
            if size > WIDTH:
                self._large += size
                if self._large > _MOST_LARGE:
                    return
                deque(islice(rooms, (size - 1) // WIDTH), maxlen=0)  # what it reaches into

    def rows(self) -> Rows | None:
        """A frame a row, where all fit and most come in runs of one size; others are faster to look at singly."""
        sizes = self.sizes
        runs = 1 + sum(map(ne, sizes, sizes[1:]))
        return None if self._large or runs * SHORTEST_RUN > len(sizes) else self._rows[: len(sizes)]

    def frames(self) -> list[Octets]:
        """The frames, of whatever size."""
        found: list[Octets] = []
        at = 0
        for size in self.sizes:
            found.append(self._rooms[at][:size])
            at += max(1, -(-size // WIDTH))
        return found
