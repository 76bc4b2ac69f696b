"""What the data plane tells of its SAs, and what follows for IKE."""

from __future__ import annotations

from ikevpn.ike.phase2 import children, ending, requests
from ikevpn.ike.runner import exchange
from ikevpn.ike.state.budget import Budget
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.upkeep import informational
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Reason
from ikevpn.model.sa import SaUse
from ikevpn.wire.registry import NotifyType


def moved(core: Core, spi: int, remote: Endpoint) -> None:
    """Authenticated ESP came from another address or port: IKE follows, where anything does (RFC 3948 §4)."""
    child = core.by_spi.get(spi)
    if child is None or not child.follows:
        return
    sa = core.ike_sa_with(child.peer)
    core.move(child, child.local, remote)
    if sa is not None and sa.natt and sa.follows and sa.remote != remote:
        core.move(sa, sa.local, remote)
        exchange.move_children(core, sa)


def used(core: Core, use: SaUse) -> None:
    """Traffic proves that the peer lives, silence that a superseded pair is done with."""
    child = core.by_spi.get(use.spi)
    if child is None:
        return
    sa = core.ike_sa_with(child.peer)
    if sa is not None and use.idle_s is not None:
        sa.heard = max(sa.heard, core.now - use.idle_s)
    retire = Timer(TimerKind.CHILD_RETIRE, child.serial)
    if child.superseded and core.timers.at(retire) is not None:
        idle_s = use.idle_s if use.idle_s is not None else core.settings.retire_s
        if idle_s >= core.settings.retire_s:
            ending.delete_child(core, child, Reason.REPLACED)
        elif (rival := children.insisted(core, child, core.now - idle_s)) is not None:
            requests.renew(core, rival)


def unknown_spi(core: Core, spi: int, remote: Endpoint) -> None:
    """ESP for an SPI that we do not have: tell a peer that we know, under the protection of its IKE SA.

    Anybody can send such packets under a peer's address, so this is done only so often. An SPI that we have offered
    is not unknown: libreswan sends on a new SA before we can have read its message 2.
    """
    if spi in core.by_spi or not core.neighbours[remote.address] or not core.affords(Budget.INVALID_SPI):
        return
    there = core.established_at.of(remote.address)
    if any(_is_promised(each, spi) for each in there):
        return
    sa = max(there, key=lambda sa: (sa.remote == remote, not sa.superseded, sa.established), default=None)
    if sa is not None:
        informational.notify(core, sa, NotifyType.INVALID_SPI, spi=spi.to_bytes(4, "big"))


def _is_promised(sa: IkeSa, spi: int) -> bool:
    """Whether an exchange that is under way is about this inbound SPI of ours."""
    return any(each.state.concerns(spi) for each in sa.exchanges.values() if not each.done)
