"""Deletes that come late: who leaves sends one for each pair and one for the IKE SA, and they may change places.

An IKE SA that its peer has deleted is remembered for a moment, for nothing but Deletes of pairs: a pair whose Delete
was thrown away would swallow traffic until it expires, with no IKE SA left under which to ask whether the peer lives.
"""

from __future__ import annotations

from ikevpn.errors import Malformed, NotAuthentic
from ikevpn.ike.phase2 import children
from ikevpn.ike.runner import protect
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Child, IkeSa
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.upkeep import informational
from ikevpn.ike.values.arrival import Arrival
from ikevpn.model.events.event import Reason
from ikevpn.wire.payload import Delete
from ikevpn.wire.registry import ExchangeType

_MOMENT_S = 10.0
_MOST = 64
_LONG_LIVED_S = 60.0


def remember(core: Core, sa: IkeSa) -> None:
    """The peer has deleted this IKE SA, and it is gone; where pairs are left their Deletes may follow."""
    if not core.children_with(sa):
        return
    core.farewells[sa.cookies] = sa
    core.timers.set(Timer(TimerKind.FAREWELL, sa.serial), core.now + _MOMENT_S)
    if len(core.farewells) > _MOST:
        core.timers.set(Timer(TimerKind.FAREWELL, next(iter(core.farewells.values())).serial), core.now)


def forget(core: Core, serial: int) -> list[Child]:
    """The moment is over; the pairs that nobody watches now, for their Deletes may have been lost.

    Where the IKE SA went as soon as it had done its work nothing suggests that: some peers live so.
    """
    core.timers.cancel(Timer(TimerKind.FAREWELL, serial))
    ended = [sa for sa in core.farewells.values() if sa.serial == serial and core.now - sa.established > _LONG_LIVED_S]
    core.farewells = {cookies: sa for cookies, sa in core.farewells.items() if sa.serial != serial}
    left = [child for sa in ended for child in core.children_with(sa) if core.ike_sa_with(child.peer) is None]
    return [child for child in left if not child.superseded and not child.rekeying]


def take(core: Core, arrival: Arrival) -> bool:
    """A datagram for an IKE SA that nobody knows: true where that has just gone, and then it is dealt with."""
    header = arrival.header
    sa = core.farewells.get(header.cky_i + header.cky_r)
    if sa is None or sa.keys is None or header.exchange != ExchangeType.INFORMATIONAL or not header.encrypted:
        return False
    try:
        iv = protect.first_iv(sa, header.message_id)
        chain, _ = protect.decrypt(sa.keys, header, arrival.data, iv)
        protect.check_hash(sa, HashKind.FIRST, header.message_id, (b"", b""), chain)
    except (Malformed, NotAuthentic):
        core.drop(Reason.UNKNOWN_COOKIE)
        return True
    for payload in chain.all(Delete):
        for child in informational.named(core, sa, payload):
            children.remove(core, child, Reason.PEER_DELETED)
    return True
