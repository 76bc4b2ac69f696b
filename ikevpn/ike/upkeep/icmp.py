"""ICMP errors about our datagrams. They prove nothing, and may explain why nobody answers: hints, and no more."""

from __future__ import annotations

from collections.abc import Mapping

from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Fact, Reason


def take(core: Core, local: Endpoint, remote: Endpoint, facts: Mapping[str, Fact]) -> None:
    """A datagram from `local` did not reach `remote`: `facts` are `router` (who says so), `icmp` (what) and `meaning`.

    Told once for a negotiation of ours, which goes on as before.
    """
    near = core.initiating_to.of(remote.address)
    sa = next((sa for sa in near if _is_between(sa, local, remote)), None)
    if sa is not None and not sa.icmp:
        sa.icmp = dict(facts)
        core.report(Code.ICMP_ERROR, sa, Reason.NONE, **facts)


def _is_between(sa: IkeSa, local: Endpoint, remote: Endpoint) -> bool:
    return sa.remote == remote and sa.local.address == local.address
