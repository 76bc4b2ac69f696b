"""A socket on which rtnetlink tells everybody what changes: links, addresses, routes, rules and next hops."""

from __future__ import annotations

import socket
from contextlib import suppress

NEXT_HOPS = (104, 105)
"""RTM_NEWNEXTHOP and RTM_DELNEXTHOP. Routes that use a next hop go with it, and nothing is told of them."""
_GROUPS = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x40000  # links; addresses, routes and rules of both versions
_NEXT_HOP_GROUP = 32  # RTNLGRP_NEXTHOP: no room for it among the bits of an address
_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1


def subscribe() -> socket.socket:
    """A non-blocking socket that hears of all of these. Raises OSError."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    try:
        made.bind((0, _GROUPS))
        with suppress(OSError):  # a kernel before 5.3 knows no next hops
            made.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _NEXT_HOP_GROUP)
    except OSError:
        made.close()
        raise
    return made
