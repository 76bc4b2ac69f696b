"""What became of a negotiation, an IKE SA or a pair: told to people as an event, and to the service as a
state change.

The two are apart on purpose. People are told only so often what strangers call forth; what the service acts on always
comes.
"""

from __future__ import annotations

from ikevpn.ike.state.core import Core
from ikevpn.ike.state.effects import (
    AttemptFailed,
    ChildDown,
    ChildUp,
    PeerAuthenticated,
    PeerLost,
    Phase1Down,
    Phase1Up,
)
from ikevpn.ike.state.sa import Child, IkeSa, Role
from ikevpn.model.events.event import Code, Fact, Reason


def authenticated(core: Core, sa: IkeSa, **facts: Fact) -> None:
    """The peer has proved who it is."""
    core.report(Code.PEER_AUTHENTICATED, sa, Reason.NONE, **facts)
    core.emit(PeerAuthenticated(sa.name))


def phase1_up(core: Core, sa: IkeSa, *, renewed: bool, **facts: Fact) -> None:
    """An IKE SA is established."""
    core.report(Code.IKE_REKEYED if renewed else Code.IKE_UP, sa, Reason.NONE, **facts)
    core.emit(Phase1Up(sa.name))


def phase1_failed(core: Core, sa: IkeSa, reason: Reason, **facts: Fact) -> None:
    """A phase 1 has come to nothing; only where we began it, that was an attempt of ours."""
    core.report(Code.PHASE1_FAILED, sa, reason, **facts)
    if sa.role is Role.INITIATOR:
        core.emit(AttemptFailed(sa.name, "", core.event(Code.PHASE1_FAILED, sa, reason, **facts)))


def phase1_down(core: Core, sa: IkeSa, reason: Reason, **facts: Fact) -> None:
    """The last IKE SA with a peer is gone."""
    core.report(Code.IKE_DOWN, sa, reason, **facts)
    event = core.event(Code.IKE_DOWN, sa, reason, **facts)
    core.emit(Phase1Down(sa.name, replaced=reason is Reason.REPLACED, event=event))


def child_up(core: Core, child: Child, *, renewed: bool) -> None:
    """Traffic leaves through this pair from now on."""
    lifetime, role = child.lifetime, str(child.role)
    code = Code.CHILD_REKEYED if renewed else Code.CHILD_UP
    core.report_child(code, child, seconds=lifetime.seconds, kilobytes=lifetime.kilobytes, role=role)
    core.emit(ChildUp(child.tunnel.name, child.name, child.reqid))


def child_failed(core: Core, sa: IkeSa, role: Role, reason: Reason, **facts: Fact) -> None:
    """A quick mode has come to nothing; only where we began it, that was an attempt of ours, for the fact `child`."""
    facts = {"role": str(role), **facts}
    core.report(Code.PHASE2_FAILED, sa, reason, **facts)
    if role is Role.INITIATOR:
        event = core.event(Code.PHASE2_FAILED, sa, reason, **facts)
        core.emit(AttemptFailed(sa.name, str(facts["child"]), event))


def child_down(core: Core, child: Child, reason: Reason, **facts: Fact) -> None:
    """A child has no pair any more."""
    core.report_child(Code.CHILD_DOWN, child, reason, **facts)
    core.emit(ChildDown(child.tunnel.name, child.name, child.reqid))


def peer_lost(core: Core, sa: IkeSa) -> None:
    """Everything with this peer is gone, because it did not answer."""
    core.emit(PeerLost(sa.name))
