"""Quick mode: three messages that make one pair of IPsec SAs (RFC 2409 §5.5). `build_n` and `take_n` are message n."""

from __future__ import annotations

from collections.abc import Iterable

from ikevpn.crypto import groups
from ikevpn.errors import Malformed, Refused
from ikevpn.ike.offers import select, suite
from ikevpn.ike.phase1 import natt
from ikevpn.ike.phase2 import children
from ikevpn.ike.phase2.quick_state import Quick
from ikevpn.ike.runner.exchange import Rejected
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import ChildRequest, Exchange, IkeSa, Role
from ikevpn.model.address import Address, AddressRange
from ikevpn.model.events.event import Code, Fact, Reason
from ikevpn.model.proposal import IpsecProposal
from ikevpn.model.sa import SaMode
from ikevpn.model.selector import Selector, host_pair
from ikevpn.model.tunnel import Tunnel
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import SA, Identification, KeyExchange, Nonce, Notify, Payload
from ikevpn.wire.payloads import attributes, ident
from ikevpn.wire.registry import Doi, Group, IdType, NotifyType, Protocol

_NONCE_SIZE = 32
_NETWORKS = (IdType.IPV4_SUBNET, IdType.IPV6_SUBNET, IdType.IPV4_RANGE, IdType.IPV6_RANGE)


def possible(core: Core, sa: IkeSa, tunnel: Tunnel, request: ChildRequest) -> tuple[IpsecProposal, ...]:
    """What we can offer: what the tunnel says. A pair that is renewed may have more, perfect forward secrecy that the
    peer wanted, and comes first.
    """
    replaced = core.children.get(request.replaces)
    agreed = (replaced.proposal,) if replaced is not None and replaced.proposal.group else ()
    more = [each for each in agreed if each in suite.with_pfs(tunnel.ipsec_proposals)]
    return suite.possible((*more, *tunnel.ipsec_proposals), sa.nat.encapsulation)


def group_of_attempt(proposals: tuple[IpsecProposal, ...], index: int) -> Group | None:
    """One quick mode can offer one group only (RFC 2409 §5.5): that of the nth attempt, None when all are done."""
    found = list(dict.fromkeys(each.group for each in proposals))
    return found[index] if index < len(found) else None


# Message 1


def build_1(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
    """SA, Ni, KE with PFS, IDci, IDcr."""
    state = Quick.of(exchange)
    tunnel, request = state.tunnel, state.request
    assert tunnel is not None and request is not None
    proposals = possible(core, sa, tunnel, request)
    if not proposals:
        facts: dict[str, Fact] = {"accepted": tuple(map(str, tunnel.ipsec_proposals))}
        raise Rejected("AH does not pass a NAT", NotifyType.NO_PROPOSAL_CHOSEN, Reason.AH_BEHIND_NAT, facts)
    group = group_of_attempt(proposals, request.group_index)
    state.offered = tuple(each for each in proposals if each.group == group)
    state.selector, state.spis = request.selector, _spis(core, state.offered)
    state.nonces = (core.entropy(_NONCE_SIZE), b"")
    mode = suite.mode_for(tunnel.sa_mode, sa.nat.encapsulation, sa.nat.draft)
    offer = suite.propose(state.offered, tunnel.ipsec_lifetime, state.spis, mode)
    payloads: list[Payload] = [offer, Nonce(state.nonces[0])]
    if group:
        state.pair = groups.generate(group, core.entropy)
        payloads.append(KeyExchange(state.pair.public))
    if tunnel.send_ids or state.selector != host_pair(sa.local.address, sa.remote.address):
        payloads += identities(state.selector)
    payloads += natt.original_addresses(sa, tunnel.sa_mode, exchange.role)
    core.report(
        Code.PHASE2_STARTED,
        sa,
        child=request.name,
        selector=str(request.selector),
        offered=tuple(map(str, state.offered)),
    )
    return payloads


def take_1(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The responder finds the child that is meant, then a proposal."""
    state = Quick.of(exchange)
    offer, nonce, public = chain.first(SA), chain.first(Nonce), chain.first(KeyExchange)
    assert offer is not None and nonce is not None
    wanted = _selector(sa, chain, Role.INITIATOR, suite.wants_transport(offer))
    state.identities = tuple(chain.all(Identification))
    state.tunnel, state.request = children.find(core, sa, wanted)
    state.selector = wanted
    tunnel = state.tunnel
    accepted = suite.possible(tunnel.ipsec_proposals, sa.nat.encapsulation)
    choice = _choose(sa, tunnel, offer, accepted) or _choose(sa, tunnel, offer, suite.with_pfs(accepted))
    if choice is None or bool(choice.proposal.group) != (public is not None):
        facts: dict[str, Fact] = {
            "offered": suite.names(offer),
            "accepted": tuple(map(str, tunnel.ipsec_proposals)),
            "selector": str(wanted),
        }
        reason = Reason.NO_PROPOSAL_PHASE2 if accepted else Reason.AH_BEHIND_NAT
        if suite.only_compressed(offer):
            reason = Reason.ONLY_COMPRESSED
        raise Rejected("no proposal that we accept", NotifyType.NO_PROPOSAL_CHOSEN, reason, facts)
    told = "" if not suite.compresses(offer) else "for what it sends" if choice.compressed else "is left out"
    core.report(Code.PHASE2_RESPONDING, sa, child=state.request.name, selector=str(wanted), compression=told)
    state.choice = choice
    state.lifetime = tunnel.ipsec_lifetime.shorter(choice.lifetime)
    state.shorter = state.lifetime != choice.lifetime
    state.peer_public = public.data if public else b""
    state.nonces = (nonce.data, core.entropy(_NONCE_SIZE))
    state.spis = _spis(core, (choice.proposal,))


def _choose(sa: IkeSa, tunnel: Tunnel, offer: SA, accepted: tuple[IpsecProposal, ...]) -> suite.Choice | None:
    return suite.choose(offer, accepted, tunnel.proposal_order, tunnel.sa_mode, sa.nat.encapsulation)


# Message 2


def build_2(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
    """SA, Nr, KE with PFS, the identities as they came, RESPONDER-LIFETIME. Our inbound SA is ready before."""
    state = Quick.of(exchange)
    choice = state.choice
    assert choice is not None
    payloads: list[Payload] = [choice.payload(state.spis), Nonce(state.nonces[1])]
    if choice.proposal.group:
        state.pair = groups.generate(choice.proposal.group, core.entropy)
        payloads.append(KeyExchange(state.pair.public))
    payloads += state.identities
    assert state.tunnel is not None
    payloads += natt.original_addresses(sa, state.tunnel.sa_mode, exchange.role)
    if state.shorter:
        data = attributes.write_all(select.lifetime_attributes(state.lifetime, phase1=False))
        protocol = choice.proposal.protocol
        spi = suite.octets(state.spis[protocol])
        payloads.append(Notify(Doi.IPSEC, protocol, spi, NotifyType.RESPONDER_LIFETIME, data))
    state.child = children.make(core, sa, exchange, _shared(state))
    children.install_inbound(core, state.child)
    return payloads


def take_2(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The initiator has all it needs for both directions."""
    state = Quick.of(exchange)
    answer, nonce, public = chain.first(SA), chain.first(Nonce), chain.first(KeyExchange)
    assert answer is not None and nonce is not None and state.tunnel is not None
    choice = suite.check(answer, state.offered, state.tunnel.sa_mode, sa.nat.encapsulation)
    if choice is None or bool(choice.proposal.group) != (public is not None):
        facts = {"offered": tuple(map(str, state.offered)), "chosen": suite.names(answer)}
        raise Rejected(
            "the peer chose what we did not offer", NotifyType.BAD_PROPOSAL_SYNTAX, Reason.PEER_REFUSED_PHASE2, facts
        )
    state.choice = choice
    state.selector = _answered_selector(core, sa, chain, state)
    state.peer_public = public.data if public else b""
    state.nonces = (state.nonces[0], nonce.data)
    state.lifetime = state.tunnel.ipsec_lifetime.shorter(choice.lifetime)
    _take_responder_lifetime(core, sa, state, chain)
    state.child = children.make(core, sa, exchange, _shared(state))
    children.install_inbound(core, state.child)


def _answered_selector(core: Core, sa: IkeSa, chain: Chain, state: Quick) -> Selector:
    """The peer must echo our identities; who narrows them (strongSwan) is taken at its word, who widens is not."""
    assert state.selector is not None
    if not chain.all(Identification):
        return state.selector
    assert state.tunnel is not None
    answered = _selector(sa, chain, Role.RESPONDER, state.tunnel.sa_mode is SaMode.TRANSPORT)
    if not state.selector.contains(answered):
        facts = {"ours": str(state.selector), "theirs": str(answered)}
        raise Rejected(
            "the peer answered with other networks", NotifyType.INVALID_ID_INFORMATION, Reason.PROXY_ID_MISMATCH, facts
        )
    if answered != state.selector:
        core.report(Code.DEVIATION, sa, asked=str(state.selector), agreed=str(answered))
    return answered


def _take_responder_lifetime(core: Core, sa: IkeSa, state: Quick, chain: Chain) -> None:
    for notify in chain.all(Notify):
        if notify.type == NotifyType.RESPONDER_LIFETIME:
            try:
                told = select.read_lifetime(attributes.read_all(notify.data), phase1=False)
            except Malformed:
                continue  # FortiGate is known to send half an attribute pair; our own lifetime stands
            shorter = state.lifetime.shorter(told)
            if shorter != state.lifetime:
                core.report(Code.LIFETIME_SHORTENED, sa, seconds=shorter.seconds, kilobytes=shorter.kilobytes)
            state.lifetime = shorter


# Message 3


def build_3(core: Core, sa: IkeSa, exchange: Exchange) -> list[Payload]:
    """Only the hash."""
    return []


def take_3(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain) -> None:
    """The initiator has everything; there is nothing more to learn."""


# Shared


def _spis(core: Core, proposals: Iterable[IpsecProposal]) -> dict[Protocol, int]:
    """Our inbound SPIs, one a protocol; ESP and AH that are alternatives need one only."""
    spi = core.spi()
    bundle = any(each.around for each in proposals)
    return {Protocol.ESP: spi, Protocol.AH: core.spi(besides=spi) if bundle else spi}


def identities(selector: Selector) -> list[Payload]:
    """IDci and IDcr of an offer of ours: first our side, then the peer's."""
    return [
        ident.of_range(selector.local.first, selector.local.last, selector.protocol, selector.local_port),
        ident.of_range(selector.remote.first, selector.remote.last, selector.protocol, selector.remote_port),
    ]


def _selector(sa: IkeSa, chain: Chain, sender: Role, transport: bool) -> Selector:
    """The traffic that the identities mean, seen from our side; without identities, the two endpoints.

    IDci is the initiator's side, whoever sends the message. Raises Rejected for one identity alone or of a wrong form.
    """
    found = chain.all(Identification)
    if not found:
        return host_pair(sa.local.address, sa.remote.address)
    translated = transport and sa.nat.found
    try:
        if len(found) != 2:
            raise Malformed(f"{len(found)} identification payloads", 0)
        initiator, responder = sa.local.address, sa.remote.address
        if sender is Role.INITIATOR:
            initiator, responder = responder, initiator
        first = _side(found[0], initiator if translated else None)
        second = _side(found[1], responder if translated else None)
    except Malformed as error:
        facts = {"detail": str(error)}
        raise Rejected(str(error), NotifyType.INVALID_ID_INFORMATION, Reason.PROXY_ID_MISMATCH, facts) from error
    ours_first = sender is Role.RESPONDER
    protocol = found[0].protocol or found[1].protocol
    straight = Selector(first, second, protocol, found[0].port, found[1].port)
    return straight if ours_first else straight.reversed()


def _side(identity: Identification, seen: Address | None) -> AddressRange:
    """The addresses of one side. Raises Malformed for what names none.

    In transport mode through a NAT the two ends do not see the same addresses, and each names those that it knows
    (RFC 3947 §5.2, RFC 3948 §3.1.2); Windows names itself by its host name. All of them mean the two ends, so that what
    is `seen` counts, with protocol and port as they are named. NAT-OA tells the original addresses for the sake of
    checksums, which are computed anew here.
    """
    names_one = identity.id_type not in _NETWORKS
    return AddressRange.of_address(seen) if seen and names_one else AddressRange(*ident.to_range(identity))


def _shared(state: Quick) -> bytes:
    """g(qm)^xy, or nothing without PFS. Raises Rejected for a bad public value."""
    if state.pair is None:
        return b""
    try:
        return groups.shared(state.pair, state.peer_public)
    except Refused as error:
        facts = {"detail": str(error)}
        raise Rejected(str(error), NotifyType.INVALID_KEY_INFORMATION, Reason.BAD_KEY_EXCHANGE, facts) from error
