"""Where in a run of packets the flow changes: what is said of one packet then holds for those behind it."""

from __future__ import annotations

import numpy as np

from ikevpn.esp.transforms.room import Rows

_SHORTEST = {4: 24, 6: 44}
_TTL = {4: 8, 6: 7}


def _mask(version: int, *counted: slice) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    octets = np.zeros(_SHORTEST[version], np.uint8)
    for part in counted:
        octets[part] = 0xFF
    if version == 6:
        octets[1] = 0xF0  # the rest is a flow label
    return octets.view(np.uint16)


# What `packet_size` and `plain_key` look at, and the class of service, which the header outside takes over.
_FIRST, _IPV4_SERVICE, _IPV4_LENGTH, _IPV4_FRAGMENT, _IPV4_PROTOCOL = (
    slice(0, 1),
    slice(1, 2),
    slice(2, 4),
    slice(6, 8),
    slice(9, 10),
)
_MASKS = {
    4: _mask(4, _FIRST, _IPV4_SERVICE, _IPV4_LENGTH, _IPV4_FRAGMENT, _IPV4_PROTOCOL, slice(12, 24)),
    6: _mask(6, _FIRST, slice(4, 7), slice(8, 44)),
}


def starts(packets: Rows) -> list[int]:
    """The rows at which another flow, length or class of service begins, the first one included.

    Between them `packet_size` and `plain_key` say the same of every packet, where they say anything. Packets that are
    too short or of no IP version are each on their own.
    """
    version = int(packets[0, 0]) >> 4
    size = _SHORTEST.get(version)
    if size is None or packets.shape[1] < size:
        return list(range(len(packets)))
    words = packets[:, :size].view(np.uint16)
    differ = (words[1:] ^ words[:-1]) & _MASKS[version]
    if not differ.any():
        return [0]
    return [0, *(np.flatnonzero(differ.any(axis=1)) + 1).tolist()]


def alike(packets: Rows) -> bool:
    """Whether all are of one flow, length, class of service and TTL, so that one header outside does for all."""
    at = _TTL.get(int(packets[0, 0]) >> 4)
    return at is not None and len(starts(packets)) == 1 and bool((packets[:, at] == packets[0, at]).all())
