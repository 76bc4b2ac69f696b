"""What an earlier run left behind and no journal knows of any more: routes and rules that carry our protocol number,
what is in our table of nftables, and such tables of other state folders.

A journal may be lost: its folder lies in memory, and others tidy up there. Nobody would ever take away a block then.
Only for when no other daemon is in this network namespace, because what that has set up looks the same; one that has
crashed and is not started again yet counts as gone, so whoever has a journal leaves the rest alone. Blocking, like
`rtnetlink`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from ikevpn.errors import HostError
from ikevpn.net.kernel.rtnetlink import Kernel
from ikevpn.net.plan.steps import AddPair, AddRoute, AddRule, AddTunnelDevice, Step

Stray = AddRule | AddRoute | AddPair | AddTunnelDevice
_log = logging.getLogger(__name__)


def find_strays(kernel: Kernel, known: Collection[Step]) -> tuple[Stray, ...]:
    """What is in force beside the `known` steps. What the kernel does not list is not there."""
    taken = {step.place for step in known}
    found: list[Stray] = []
    for version in (4, 6):
        try:
            found += map(AddRule, kernel.own_rules(version))
            found += map(AddRoute, kernel.own_routes(version))
        except HostError as error:
            _log.debug("%s", error)
    try:
        pairs, devices = kernel.packets.content()
        found += (*map(AddPair, pairs), *map(AddTunnelDevice, devices))
    except HostError as error:
        _log.debug("%s", error)
    return tuple(step for step in found if step.place not in taken)


def sweep(kernel: Kernel, known: Collection[Step]) -> None:
    """Undo all strays. What the kernel refuses is logged: it is no reason not to start."""
    strays = find_strays(kernel, known)
    for stray in strays:
        _log.warning("%s was left behind by an earlier run and is taken away", _words(stray))
        _try(stray.undo, kernel)
    if any(isinstance(stray, AddRule) for stray in strays):
        for step in known:  # of rules the kernel deletes the first that fits, and a narrower one fits a wider one
            _try(step.renew, kernel)

    _sweep_tables(kernel)


def _sweep_tables(kernel: Kernel) -> None:
    """Nobody else is there, so that whose they were is gone."""
    try:
        for name in kernel.packets.others():
            _log.warning("the nftables table %s was left behind by an earlier run and is taken away", name)
            kernel.packets.delete_other(name)
    except HostError as error:
        _log.warning("%s", error)


def _words(stray: Stray) -> str:
    match stray:
        case AddRule():
            return str(stray.rule)
        case AddRoute():
            return str(stray.route)
        case AddPair():
            return f"a rule for packets from {stray.pair} in the clear"
        case AddTunnelDevice():
            return f"the mark of {stray.device} as a tunnel's device"


def _try(act: Callable[[Kernel], object], kernel: Kernel) -> None:
    try:
        act(kernel)
    except HostError as error:
        _log.warning("%s", error)
