"""Pairs of IPsec SAs: which child a peer means, keys, installation, succession and the end.

Many inbound SAs, one outbound: an inbound SA works until it is deleted or expires, outbound is the newest. A superseded
pair is deleted by the side that initiated its replacement, once nothing has come in on it for a while.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ikevpn.crypto import keys
from ikevpn.crypto.tables import ESP_CIPHERS, INTEGRITIES
from ikevpn.ike.auth import rights
from ikevpn.ike.phase2.quick_state import Quick
from ikevpn.ike.runner.exchange import Rejected
from ikevpn.ike.state import state_changes
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.effects import AddSa, DeleteSa
from ikevpn.ike.state.sa import Child, ChildRequest, Exchange, IkeSa, Keys, Layer, Role
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.ike.upkeep import informational, lifetime
from ikevpn.model.events.event import Fact, Reason
from ikevpn.model.proposal import IpsecProposal
from ikevpn.model.sa import Algorithms, Direction, Sa
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.registry import Integrity, NotifyType

_PEERS_PATIENCE = 4
"""How many times longer we wait before we delete a pair that the peer ought to delete."""
_RIVALS_S = 60.0
"""How far apart two pairs may have begun that either side may hold for a collision: a message that is sent again."""
_SWITCHED_S = 10.0
"""By then a peer sends on a new pair, unless it has yet to get message 3."""


# Which child


def find(core: Core, sa: IkeSa, wanted: Selector) -> tuple[Tunnel, ChildRequest]:
    """The child that a peer asks for: the smallest selector that contains what it names (RFC 2409 knows no narrowing).

    Looks through all tunnels that this peer may use. Raises Rejected with both sides of the mismatch, or where another
    peer has some of it.
    """
    tunnels = rights.tunnels(core, sa)
    pairs = [(tunnel, child) for tunnel in tunnels for child in tunnel.children]
    fitting = [pair for pair in pairs if pair[1].selector.contains(wanted)]
    found = min(fitting, key=lambda pair: pair[1].selector.width, default=None)
    if found is None:
        facts: dict[str, Fact] = {
            "theirs": str(wanted),
            "ours": tuple(f"{tunnel.name}: {child.selector}" for tunnel, child in pairs),
        }
        raise Rejected(
            "no tunnel here has these networks", NotifyType.INVALID_ID_INFORMATION, Reason.PROXY_ID_MISMATCH, facts
        )
    if len(core.children_with(sa)) >= core.settings.max_children_per_peer:
        raise Rejected("too many SAs", NotifyType.NO_PROPOSAL_CHOSEN, Reason.LIMIT)
    tunnel, child = found
    if tunnel.many_peers:
        _check_unclaimed(core, wanted)
        _check_free(core, sa, wanted)
    reqid = child.reqid
    if tunnel.any_remote or child.selector != wanted:
        reqid = _known_reqid(core, sa, tunnel, wanted) or core.reqid()
    return tunnel, ChildRequest(tunnel, child.name, reqid, wanted)


def _check_unclaimed(core: Core, wanted: Selector) -> None:
    """Nobody whom no configuration names gets networks of a tunnel that has a peer of its own. Raises Rejected."""
    claim = core.claims.on(wanted.remote)
    if claim is not None:
        facts: dict[str, Fact] = {"theirs": str(wanted.remote), "owner": claim[0], "held": str(claim[1])}
        raise Rejected(
            "another tunnel has these networks", NotifyType.INVALID_ID_INFORMATION, Reason.NETWORK_CLAIMED, facts
        )


def _check_free(core: Core, sa: IkeSa, wanted: Selector) -> None:
    """Where many peers may call, none gets addresses that another one has, or it would get its traffic.

    Nothing but the same identity, proved by the same secret, shows that both are the same machine. For the case that
    the other is dead we ask it at once: without an answer its pairs go, and the next attempt finds the addresses free.
    Raises Rejected.
    """
    same = {each.who for each in sa.peers}
    holder = next((each for each in core.held.overlapping(wanted.remote) if each.peer.who not in same), None)
    if holder is None:
        return
    asked = core.ike_sa_with(holder.peer)
    if asked is not None:
        informational.suspect(core, asked)
    facts: dict[str, Fact] = {
        "theirs": str(wanted.remote),
        "held": str(holder.selector.remote),
        "holder": str(holder.peer_id),
        "holder_remote": str(holder.remote),
    }
    raise Rejected("another peer has these addresses", NotifyType.INVALID_ID_INFORMATION, Reason.ADDRESS_TAKEN, facts)


def _known_reqid(core: Core, sa: IkeSa, tunnel: Tunnel, wanted: Selector) -> int | None:
    """A renewed pair of the same peer keeps its number."""
    same = (child for child in core.children_with(sa) if child.tunnel.name == tunnel.name and child.selector == wanted)
    return next((child.reqid for child in same), None)


# Making


def make(core: Core, sa: IkeSa, exchange: Exchange, shared: bytes) -> Child:
    """The pair that a quick mode has agreed on; not yet installed."""
    state = Quick.of(exchange)
    request, choice, selector, tunnel = state.request, state.choice, state.selector, state.tunnel
    assert request is not None and choice is not None and selector is not None and tunnel is not None
    child = Child(
        serial=core.serial(),
        name=request.name,
        reqid=request.reqid,
        tunnel=tunnel,
        peer_id=sa.peer_id,
        peer=next(each for each in sa.peers if each.tunnel == tunnel.name),
        proved_from=sa.proved_from,
        selector=selector,
        role=exchange.role,
        proposal=choice.proposal,
        lifetime=state.lifetime,
        spi_in=state.spis[choice.proposal.protocol],
        spi_out=choice.spi(choice.proposal.protocol),
        local=sa.local,
        remote=sa.remote,
        encapsulation=sa.nat.encapsulation,
        begun=exchange.begun,
        created=core.now,
        nonces=state.nonces,
        replaces=request.replaces,
        mapped=sa.natt and sa.nat.peer_is_behind,
        follows=sa.follows,
        behind_nat=sa.nat.we_are_behind,
        expands=choice.compressed,
    )
    assert sa.keys is not None
    material = _Material(sa.keys, state.nonces, shared, tunnel.sha256_96)
    child.algorithms = _both(material, choice.proposal, child.spi_in, child.spi_out)
    if (ah := choice.proposal.around) is not None:
        spis = state.spis[ah.protocol], choice.spi(ah.protocol)
        child.around = Layer(ah, *spis, _both(material, ah, *spis))
    return child


class _Material(NamedTuple):
    """What the keys of all SAs of a quick mode come from."""

    keys: Keys
    nonces: tuple[bytes, bytes]
    shared: bytes
    sha256_96: bool


def _both(material: _Material, proposal: IpsecProposal, spi_in: int, spi_out: int) -> dict[Direction, Algorithms]:
    return {
        Direction.IN: _algorithms(material, proposal, spi_in),
        Direction.OUT: _algorithms(material, proposal, spi_out),
    }


def _algorithms(made_of: _Material, proposal: IpsecProposal, spi: int) -> Algorithms:
    """KEYMAT of one protocol and SPI cut into keys: encryption with its salt first, then integrity (RFC 2409 §5.5)."""
    cipher = ESP_CIPHERS[proposal.cipher]
    key_size = (proposal.key_bits or cipher.default) // 8 + cipher.salt
    integrity_size = INTEGRITIES[proposal.integrity].key if proposal.integrity else 0
    size = key_size + integrity_size
    used, spi_octets = made_of.keys, spi.to_bytes(4, "big")
    material = keys.keymat(
        used.proposal.hash, used.skeyids.d, int(proposal.protocol), spi_octets, *made_of.nonces, size, made_of.shared
    )
    return Algorithms(
        cipher=proposal.cipher,
        key_bits=proposal.key_bits or cipher.default,
        integrity=proposal.integrity,
        encryption_key=Secret(material[:key_size]),
        integrity_key=Secret(material[key_size:]),
        integrity_96=made_of.sha256_96 and proposal.integrity is Integrity.HMAC_SHA2_256,
    )


def install_inbound(core: Core, child: Child) -> None:
    """From now on we can receive."""
    core.add_child(child)
    _install(core, child, Direction.IN)


def agreed(core: Core, child: Child) -> None:
    """The quick mode of a pair is done. A responder sends on it at once; an initiator, whose message 3 the peer has yet
    to read, a moment later, and meanwhile on the pair that it replaces.
    """
    if child.serial not in core.children:
        return
    child.agreed = core.now
    lifetime.plan_child(core, child)
    older = _in_use(core, child)
    calm = older and not any(each.pressed for each in older)
    delay = core.settings.switch_s if calm else core.settings.switch_first_s
    if child.role is Role.RESPONDER or not delay:
        switch(core, child)
    else:
        core.timers.set(Timer(TimerKind.CHILD_SWITCH, child.serial), core.now + delay)


def switch(core: Core, child: Child) -> None:
    """From now on we send on this pair, and what it replaces is retired."""
    core.timers.cancel(Timer(TimerKind.CHILD_SWITCH, child.serial))
    older = _in_use(core, child)
    if any(_beats(each, child) for each in older):
        # The other pair stays in use: what comes in on this one is still taken.
        child.withheld = True
        retire(core, child, initiated=child.role is Role.INITIATOR)
        return
    _send_on(core, child)
    for each in older:
        lost = _collided(child, each)
        retire(core, each, initiated=(each if lost else child).role is Role.INITIATOR)
    state_changes.child_up(core, child, renewed=bool(older))


def press(core: Core, child: Child) -> None:
    """The limits of a pair are near: what is there to replace it does so now, and what comes will do so sooner."""
    child.pressed = True
    for each in core.children_of.of(child.peer):
        if each.reqid == child.reqid and core.timers.at(Timer(TimerKind.CHILD_SWITCH, each.serial)) is not None:
            switch(core, each)
            return


def _send_on(core: Core, child: Child) -> None:
    child.outbound, child.withheld = True, False
    _install(core, child, Direction.OUT)


def _install(core: Core, child: Child, direction: Direction) -> None:
    """The SA of that direction; of a bundle both, and neither works without the other."""
    wraps, answering = 0, direction is Direction.IN and child.role is Role.RESPONDER
    for layer in child.layers:
        sa = _sa(child, layer, direction)
        core.emit(AddSa(replace(sa, wraps=wraps, wrapped=layer.proposal.around is not None), answering))
        wraps = sa.spi


def _uninstall(core: Core, child: Child, direction: Direction) -> None:
    for layer in child.layers:
        spi = layer.spi_in if direction is Direction.IN else layer.spi_out
        core.emit(DeleteSa(spi, direction, child.reqid, child.tunnel.name))


def _sa(child: Child, layer: Layer, direction: Direction) -> Sa:
    return Sa(
        direction=direction,
        spi=layer.spi_in if direction is Direction.IN else layer.spi_out,
        reqid=child.reqid,
        tunnel=child.tunnel.name,
        protocol=layer.proposal.protocol,
        mode=child.tunnel.sa_mode,
        local=child.local,
        remote=child.remote,
        encapsulation=child.encapsulation,
        algorithms=layer.algorithms[direction],
        selectors=(child.selector,),
        limits=lifetime.limits(child, layer, direction),
        replay_window=child.tunnel.replay_window,
        outer=child.tunnel.outer,
        expands=child.expands and direction is Direction.IN and layer is not child.around,
        follows=child.follows,
        extended_sequence_numbers=layer.proposal.extended_sequence_numbers,
    )


# Succession


def _in_use(core: Core, child: Child) -> list[Child]:
    """The other pairs on which we send the same traffic to the same peer; as a rule one or none."""
    return [
        each
        for each in core.children_of.of(child.peer)
        if each is not child and each.reqid == child.reqid and each.outbound and not each.superseded
    ]


def _collided(child: Child, other: Child) -> bool:
    """Whether both sides began without knowing of each other: neither quick mode was done when the other began."""
    return child.role is not other.role and child.begun <= other.agreed and other.begun <= child.agreed


def _beats(other: Child, child: Child) -> bool:
    """Whether `other` stays in use though `child` is ready: it won a collision, or is the later one.

    Of two that one end began the second began when the first was done there, whatever the other end had to wait for.
    """
    if child.role is other.role:
        return child.begun < other.begun
    return _order(child) < _order(other) if _collided(child, other) else child.agreed < other.agreed


def _order(child: Child) -> bytes:
    """Both sides know both nonces: who has the smaller one loses, as in RFC 7296 §2.8.1."""
    return min(child.nonces)


def retire(core: Core, child: Child, *, initiated: bool) -> None:
    """A pair that has a successor is not renewed. Who has initiated the replacement deletes it when it is idle.

    The other side does so later: where only one of them saw a collision, each would wait for the other.
    """
    child.superseded = True
    core.timers.cancel(Timer(TimerKind.CHILD_REKEY, child.serial))
    patience = 1 if initiated else _PEERS_PATIENCE
    core.timers.set(Timer(TimerKind.CHILD_RETIRE, child.serial), core.now + patience * core.settings.retire_s)


def insisted(core: Core, child: Child, used_at: float) -> Child | None:
    """The pair in use that is to be renewed because the peer goes on sending on this one, which we hold for superseded.

    Which quick mode was done when the other began looks different at the two ends where messages crossed: then each
    sends on another pair, and neither falls idle. One of the two ends renews, as the nonces say, of which there can be
    no two opinions; both go to the new pair. A peer that has other reasons costs us one renewal.
    """
    if child.insisted:
        return None
    for rival in _in_use(core, child):
        crossed = rival.role is not child.role and abs(rival.begun - child.begun) <= _RIVALS_S
        if crossed and used_at >= rival.agreed + _SWITCHED_S and _order(rival) < _order(child) and not rival.rekeying:
            child.insisted = True
            return rival
    return None


# The end


def remove(core: Core, child: Child, reason: Reason, **facts: Fact) -> None:
    """Take a pair out of use on our side; `facts` belong to the reason."""
    if not core.forget_child(child):
        return
    _uninstall(core, child, Direction.IN)
    if child.outbound:
        _uninstall(core, child, Direction.OUT)
    same = [each for each in core.children_of.of(child.peer) if each.reqid == child.reqid]
    ready = next(
        (each for each in same if core.timers.at(Timer(TimerKind.CHILD_SWITCH, each.serial)) is not None), None
    )
    if ready is not None and not any(each.outbound for each in same):
        switch(core, ready)
        return
    survivors = [each for each in same if each.outbound or each.withheld]
    if not survivors:
        state_changes.child_down(core, child, reason, **facts)
    elif not child.superseded and all(each.superseded for each in survivors):
        _promote(core, max(survivors, key=lambda each: each.created))


def _promote(core: Core, child: Child) -> None:
    """The pair in use went away while another one lives: traffic goes on with that, and we renew it in time."""
    child.superseded = child.rekeying = False
    if child.withheld:
        _send_on(core, child)
    core.timers.cancel(Timer(TimerKind.CHILD_RETIRE, child.serial))
    lifetime.plan_child(core, child)
