"""When SAs are renewed and when they end (RFC 2407 §4.5): before their time, with jitter, the initiator first."""

from __future__ import annotations

from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Child, ChildRequest, IkeSa, Layer, Role
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.model.sa import Direction, Limits

_SOFT_PACKETS = 0xF000_0000  # sequence numbers must not wrap (RFC 4303 §3.3.3): leave time for a renewal
_HARD_PACKETS = 0xFFFF_FFFF
_EARLIEST = 0.1  # of a lifetime; a renewal at once would lead to the next one
_EARLY_PART = 0.75  # of the octets of a lifetime that a fast line may leave unused
_LEAD_S = 5.0  # enough for a renewal whose first message is lost
_RENEW_AGAIN_S = 10.0
_RESPONDER_SHARE = 0.5
"""A responder waits longer than an initiator, so that as a rule only one of the two starts."""


def renewal_share(core: Core, margin: float, role: Role) -> float:
    """The part of a lifetime after which renewal starts: 1 - margin * (1 to 1.5), for a responder half that margin."""
    jitter = 1 + core.entropy(1)[0] / 512
    return max(_EARLIEST, 1 - margin * jitter * (1 if role is Role.INITIATOR else _RESPONDER_SHARE))


def plan_child(core: Core, child: Child) -> None:
    """Arm the timers of a pair."""
    if not child.lifetime.seconds:
        return
    share = renewal_share(core, child.tunnel.rekey_margin, child.role)
    core.timers.set(Timer(TimerKind.CHILD_REKEY, child.serial), child.created + child.lifetime.seconds * share)
    core.timers.set(Timer(TimerKind.CHILD_EXPIRE, child.serial), child.created + child.lifetime.seconds)


def renew_later(core: Core, child: Child) -> None:
    """A renewal that fails is tried again while there is time."""
    retry_at = core.now + max(_RENEW_AGAIN_S, child.lifetime.seconds * 0.02)
    core.timers.set(Timer(TimerKind.CHILD_REKEY, child.serial), retry_at)


def not_renewed(core: Core, request: ChildRequest) -> None:
    """What a request was to replace is in need of another one."""
    replaced = core.children.get(request.replaces)
    if replaced is not None and not replaced.superseded:
        replaced.rekeying = False
        renew_later(core, replaced)


def plan_ike(core: Core, sa: IkeSa) -> None:
    """Arm the timers of an IKE SA. Towards peers at any address only they can start again."""
    tunnel = sa.tunnel
    if tunnel is None or not sa.lifetime.seconds:
        return
    core.timers.set(Timer(TimerKind.IKE_EXPIRE, sa.serial), sa.established + sa.lifetime.seconds)
    if sa.role is Role.INITIATOR or not tunnel.any_remote:
        share = renewal_share(core, tunnel.rekey_margin, sa.role)
        core.timers.set(Timer(TimerKind.IKE_REKEY, sa.serial), sa.established + sa.lifetime.seconds * share)


def limits(child: Child, layer: Layer, direction: Direction) -> Limits:
    """What the data plane watches over: octets by the negotiated kilobytes, and packets by the sequence number.

    Of a bundle ESP counts the octets, and what is configured in packets.
    """
    hard = 0 if layer is child.around else child.lifetime.kilobytes * 1024
    share = 1 if child.role is Role.INITIATOR else _RESPONDER_SHARE
    margin = child.tunnel.rekey_margin * 1.5 * share
    soft_packets, hard_packets = _packets(child, layer, direction, margin)
    return Limits(
        soft_bytes=int(hard * max(_EARLIEST, 1 - margin)),
        hard_bytes=hard,
        soft_packets=soft_packets,
        hard_packets=hard_packets,
        hard_seconds=child.lifetime.seconds,
        early_bytes=int(hard * (1 - _EARLY_PART * share)),
        lead_s=_LEAD_S * share if hard else 0,
    )


def _packets(child: Child, layer: Layer, direction: Direction, margin: float) -> tuple[int, int]:
    """The soft and the hard limit: what is configured, and never more than there are sequence numbers."""
    wraps = direction is Direction.OUT and not layer.proposal.extended_sequence_numbers
    soft, hard = (_SOFT_PACKETS, _HARD_PACKETS) if wraps else (0, 0)
    wanted = 0 if layer is child.around else child.tunnel.ipsec_lifetime_packets
    if not wanted:
        return soft, hard
    early = max(1, int(wanted * max(_EARLIEST, 1 - margin)))
    return (min(soft, early), min(hard, wanted)) if wraps else (early, wanted)
