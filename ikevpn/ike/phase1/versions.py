"""Datagrams of other versions of IKE: a caller is named and told which version we speak; an answer to us is a hint."""

from __future__ import annotations

from ikevpn.ike.phase1 import admission
from ikevpn.ike.runner.exchange import doubt
from ikevpn.ike.state.callers import Callers
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import PHASE1, ZERO_COOKIE, IkeState, Role
from ikevpn.ike.upkeep import informational
from ikevpn.ike.values.arrival import Arrival
from ikevpn.model.events.event import Reason
from ikevpn.wire.registry import NotifyType

_IKE_SA_INIT, _INFORMATIONAL = 34, 37  # the exchange types of IKEv2 (RFC 7296 §3.1) are those between
_INITIATOR, _RESPONSE = 0x08, 0x20  # its flags


def take(core: Core, arrival: Arrival) -> None:
    """A datagram whose major version is not 1. Changes no negotiation."""
    header = arrival.header
    ike2 = header.major == 2 and _IKE_SA_INIT <= header.exchange <= _INFORMATIONAL
    ours = core.by_cookie.get(header.cky_i)
    if ike2 and ours is not None and ours.role is Role.INITIATOR and ours.state is IkeState.NEGOTIATING:
        core.drop(Reason.WRONG_VERSION)
        doubt(core, ours, ours.exchanges[PHASE1], Reason.WRONG_VERSION, version=header.major)
    elif ike2 and header.exchange == _IKE_SA_INIT and header.cky_r == ZERO_COOKIE and _is_request(int(header.flags)):
        meant = Callers(core.tunnels, arrival.local.address, arrival.remote.address).first()
        sa = admission.refuse_call(core, arrival, meant, Reason.WRONG_VERSION, version=header.major)
        informational.refuse(core, sa, NotifyType.INVALID_MAJOR_VERSION)  # RFC 7296 §2.5
    else:
        core.drop(Reason.WRONG_VERSION)


def _is_request(flags: int) -> bool:
    return bool(flags & _INITIATOR) and not flags & _RESPONSE
