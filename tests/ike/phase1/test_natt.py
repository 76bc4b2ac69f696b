"""NAT detection, the move to port 4500, and peers whose mapping changes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from ikevpn.ike.engine import EngineSettings
from ikevpn.ike.offers.suite import mode_for
from ikevpn.ike.phase1 import initiation, natt
from ikevpn.ike.state.effects import Effect, Send
from ikevpn.ike.state.sa import Nat
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.proposal import IpsecProposal
from ikevpn.model.sa import Direction, Encapsulation, SaMode
from ikevpn.model.selector import host_pair
from ikevpn.model.tunnel import Child, NattDraft, NatTraversal, Phase1Mode, Tunnel
from ikevpn.wire import vendor
from ikevpn.wire.payload import Identification, NatD, Payload, VendorId
from ikevpn.wire.payloads import ident
from ikevpn.wire.registry import EspCipher, ExchangeType, IdType, Integrity, Mode, PayloadType, Protocol
from tests.ike.bench import (
    HERE,
    THERE,
    Bench,
    Sent,
    children,
    core_of,
    events,
    facts,
    ike_sas,
    keepalives,
    moves,
    only_sa,
    other_side,
    outbound,
    tunnel,
)
from tests.ike.test_transcripts import first_payload
from tests.manners import bend

OUTSIDE = Endpoint.of("203.0.113.9", 1024)
NAPT = {HERE: OUTSIDE, HERE.at(4500): OUTSIDE.at(1025)}
MODES = [Phase1Mode.MAIN, Phase1Mode.AGGRESSIVE]


def behind_nat(ours: Tunnel | None = None, **theirs: object) -> Bench:
    """ "a" behind a NAT that maps ports."""
    mine = ours or tunnel()
    there = replace(other_side(mine), remotes=(AddressRange.of("203.0.113.9"),), **theirs)  # type: ignore[arg-type]
    return Bench(mine, there, nat=NAPT)


@pytest.mark.parametrize("mode", MODES)
def test_no_nat(mode: Phase1Mode) -> None:
    bench = Bench(tunnel(mode=mode)).up()
    for side in (bench.a, bench.b):
        assert events(side, Code.NO_NAT) and not events(side, Code.NAT_DETECTED)
        assert not only_sa(side).natt and only_sa(side).remote.port == 500
        assert all(sa.encapsulation is Encapsulation.NONE for sa in side.sas.values())
    assert not keepalives(bench, "a") and not keepalives(bench, "b")


@pytest.mark.parametrize("mode", MODES)
def test_we_are_behind_one(mode: Phase1Mode) -> None:
    bench = behind_nat(tunnel(mode=mode)).up()
    assert bench.matched()
    assert facts(bench.a, Code.NAT_DETECTED)["behind"] == ("we",)
    assert facts(bench.b, Code.NAT_DETECTED)["behind"] == ("peer",)
    assert only_sa(bench.a).remote == THERE.at(4500) and only_sa(bench.b).remote == OUTSIDE.at(1025)
    assert all(sa.encapsulation is Encapsulation.UDP for sa in (*bench.a.sas.values(), *bench.b.sas.values()))
    assert keepalives(bench, "a") == [(HERE.at(4500), THERE.at(4500), 20)] and not keepalives(bench, "b")
    floated = [sent.datagram for sent in bench.log if sent.sender == "a" and sent.datagram.natt]
    assert floated[0].data[18] in (2, 4) and floated[0].data[19] & 1
    assert all(datagram.local.port == 4500 for datagram in floated)


@pytest.mark.parametrize("who", ["a", "b"])
@pytest.mark.parametrize("mode", MODES)
def test_forced(mode: Phase1Mode, who: str) -> None:
    mine = tunnel(mode=mode)
    forced = replace(mine, nat_traversal=NatTraversal.FORCE)
    bench = Bench(forced, other_side(mine)) if who == "a" else Bench(mine, other_side(forced))
    bench.up()
    assert bench.matched()
    assert all(sa.encapsulation is Encapsulation.UDP for sa in (*bench.a.sas.values(), *bench.b.sas.values()))
    assert only_sa(bench.a).natt and only_sa(bench.b).natt


@pytest.mark.parametrize("off", ["a", "b"])
def test_switched_off(off: str) -> None:
    mine = tunnel()
    quiet = replace(mine, nat_traversal=NatTraversal.OFF)
    bench = Bench(quiet, other_side(mine)) if off == "a" else Bench(mine, other_side(quiet))
    bench.up()
    assert bench.matched() and not events(bench.a, Code.NO_NAT, Code.NAT_DETECTED)
    assert first_payload(bench.datagrams("a")[2 - 1], NatD) is None


@pytest.mark.parametrize("row", natt.DRAFTS, ids=lambda row: str(row.draft))
def test_each_text(row: natt.DraftRow) -> None:
    bench = behind_nat(tunnel(natt_drafts=(row.draft,)), natt_drafts=tuple(NattDraft)).up()
    assert bench.matched()
    assert facts(bench.b, Code.NAT_DETECTED)["draft"] == str(row.draft)
    answer = first_payload(bench.datagrams("b")[0], VendorId)
    assert answer.data == row.vendor_id
    assert first_payload(bench.datagrams("a")[1], NatD).payload_type is row.nat_d
    assert only_sa(bench.a).natt is row.floats
    udp = Encapsulation.UDP if row.floats else Encapsulation.UDP_NON_IKE
    assert all(sa.encapsulation is udp for sa in bench.b.sas.values())
    outside = only_sa(bench.b).remote
    assert bench.b.engine.takes_marked_esp(outside.at(1234)) is not row.floats
    assert not bench.b.engine.takes_marked_esp(Endpoint.of("203.0.113.99", 500))
    core_of(bench.b).move(children(bench.b)[0], bench.b.address, Endpoint.of("203.0.113.99", 500))
    assert not bench.b.engine.takes_marked_esp(outside)
    assert bench.b.engine.takes_marked_esp(Endpoint.of("203.0.113.99", 500)) is not row.floats
    bench.b.engine.shutdown(bench.now)
    assert not core_of(bench.b).marked
    wanted = Mode.UDP_TUNNEL if row.draft is NattDraft.RFC else Mode.UDP_TUNNEL_DRAFT
    assert mode_for(SaMode.TUNNEL, udp, row.draft) is wanted


def test_the_best_common_text_is_used() -> None:
    bench = behind_nat(natt_drafts=(NattDraft.DRAFT_02N, NattDraft.DRAFT_00)).up()
    assert facts(bench.a, Code.NAT_DETECTED)["draft"] == "draft-02n" and bench.matched()
    assert vendor.NATT_DRAFT_02N in bench.datagrams("b")[0]


@pytest.mark.parametrize("change", [bend.without(NatD), lambda built: built[:-1]], ids=["none", "one"])
def test_without_two_hashes_there_is_no_nat_traversal(change: bend.Change) -> None:
    bench = Bench()
    with bend.payloads(bench.a, "main mode message 3", change):
        bench.up()
    assert only_sa(bench.b).nat == Nat(decided=True) and not events(bench.b, Code.NO_NAT)


def test_several_addresses_of_the_peer() -> None:
    """All hashes behind the first are the peer's own addresses; one that fits will do."""
    bench = Bench()
    with bend.payloads(bench.a, "main mode message 3", lambda built: [*built[:3], NatD(bytes(20)), built[3]]):
        bench.up()
    assert events(bench.b, Code.NO_NAT) and bench.matched()


def test_original_addresses_in_transport_mode() -> None:
    sa = only_sa(behind_nat(tunnel(sa_mode=SaMode.TRANSPORT)).up().a)
    both = natt.original_addresses(sa, SaMode.TRANSPORT, sa.role)
    assert [each.payload_type for each in both] == [PayloadType.NAT_OA] * 2
    assert [each.write()[-4:] for each in both] == [HERE.address.packed, THERE.address.packed]
    assert natt.original_addresses(sa, SaMode.TUNNEL, sa.role) == []


AH_SHA = IpsecProposal(Protocol.AH, EspCipher.NULL, 0, Integrity.HMAC_SHA1)


# Transport mode: the two ends do not see the same addresses


def hosts(who: str, **changes: object) -> Bench:
    """Transport mode with a NAT in front of "a", of "b", or of both; each end knows the addresses that it sees."""
    seen_by_b = OUTSIDE.address if "a" in who else HERE.address
    inside_b = ip_address("10.9.9.9") if "b" in who else THERE.address
    ours = tunnel(sa_mode=SaMode.TRANSPORT, children=(Child("t", 1, host_pair(HERE.address, THERE.address)),))
    theirs = replace(
        other_side(ours),
        any_remote_id=True,
        remotes=(AddressRange.of_address(seen_by_b),),
        children=(Child("t", 41, host_pair(inside_b, seen_by_b)),),
    )
    ours = replace(ours, any_remote_id=True, **changes)  # type: ignore[arg-type]
    bench = Bench(ours, theirs, nat=NAPT if "a" in who else None)
    if "b" in who:
        deliver, give = bench.deliver, bench.b.engine.datagram

        def inwards(data: bytes, local: Endpoint, remote: Endpoint, now: float, natt: bool = False) -> list[Effect]:
            return give(data, Endpoint(inside_b, local.port), remote, now, natt)

        def outwards(sent: Sent) -> None:
            each = sent.datagram
            own = replace(each, local=Endpoint(THERE.address, each.local.port)) if sent.sender == "b" else each
            deliver(replace(sent, datagram=own))

        bench.b.engine.datagram = inwards  # type: ignore[method-assign]
        bench.deliver = outwards  # type: ignore[method-assign]
    return bench


@pytest.mark.parametrize("who", ["a", "b", "ab"])
@pytest.mark.parametrize("draft", [NattDraft.RFC, NattDraft.DRAFT_02N])
def test_transport_mode_through_a_nat_on_either_side(who: str, draft: NattDraft) -> None:
    bench = hosts(who, natt_drafts=(draft,)).up()
    assert bench.matched(), [*events(bench.a, Code.PHASE2_FAILED), *events(bench.b, Code.PHASE2_FAILED)]
    (child,) = children(bench.b)
    assert child.selector == bench.b.tunnel.children[0].selector
    assert children(bench.a)[0].selector == bench.a.tunnel.children[0].selector


def test_windows_names_itself_by_its_host_name() -> None:
    bench = hosts("a")

    def named(built: list[Payload]) -> list[Payload]:
        first = next(each for each in built if isinstance(each, Identification))
        return [Identification(IdType.FQDN, 17, 1701, b"win-7") if each is first else each for each in built]

    service = host_pair(THERE.address, OUTSIDE.address)
    l2tp = replace(service, protocol=17, local_port=1701, remote_port=1701)
    bench.b.engine.add_tunnel(replace(bench.b.tunnel, children=(Child("l2tp", 42, l2tp),)))
    mine = replace(host_pair(HERE.address, THERE.address), protocol=17, local_port=1701, remote_port=1701)
    bench.a.engine.add_tunnel(replace(bench.a.tunnel, children=(Child("t", 1, mine),)))
    with bend.payloads(bench.a, "quick mode message 1", named):
        bench.up()
    assert bench.matched() and children(bench.b)[0].selector == l2tp


@pytest.mark.parametrize(
    ("who", "mode"), [("", SaMode.TRANSPORT), ("a", SaMode.TUNNEL)], ids=["without a NAT", "tunnel mode"]
)
def test_elsewhere_identities_are_what_they_say(who: str, mode: SaMode) -> None:
    bench = hosts(who)
    for side in (bench.a, bench.b):
        side.engine.add_tunnel(replace(side.tunnel, sa_mode=mode))
    other = ident.of_range(ip_address("192.0.2.77"), ip_address("192.0.2.77"))
    with bend.payloads(bench.a, "quick mode message 1", bend.swapped(Identification, lambda each: other)):
        bench.up()
    assert bench.b.reasons(Code.PHASE2_FAILED) == [Reason.PROXY_ID_MISMATCH]


def test_ah_alone_fails_behind_a_nat_and_says_why() -> None:
    bench = behind_nat(tunnel(ipsec_proposals=(AH_SHA,)))
    bench.up()
    assert not bench.a.sas and bench.a.reasons(Code.PHASE2_FAILED) == [Reason.AH_BEHIND_NAT]


def test_esp_is_offered_instead_of_ah_behind_a_nat() -> None:
    mine = tunnel()
    bench = behind_nat(replace(mine, ipsec_proposals=(AH_SHA, *mine.ipsec_proposals))).up()
    assert bench.matched() and {sa.protocol for sa in bench.a.sas.values()} == {Protocol.ESP}


def test_ah_without_a_nat() -> None:
    mine = tunnel(ipsec_proposals=(AH_SHA,))
    bench = Bench(mine, other_side(mine)).up()
    assert bench.matched() and {sa.protocol for sa in bench.a.sas.values()} == {Protocol.AH}


# The mapping changes


def test_ike_follows_the_mapping_that_esp_has_proved() -> None:
    bench = behind_nat().up()
    elsewhere = OUTSIDE.at(7777)
    (child,) = children(bench.b)
    bench.perform(bench.b, bench.b.engine.mapping(child.spi_in, elsewhere, bench.now))
    assert only_sa(bench.b).remote == child.remote == elsewhere
    bench.nat = {HERE: OUTSIDE, HERE.at(4500): elsewhere}
    bench.perform(bench.b, bench.b.engine.rekey("ba", bench.now, "net"))
    bench.run(1)
    assert events(bench.b, Code.CHILD_REKEYED) and bench.matched()
    assert bench.b.engine.mapping(123456, elsewhere, bench.now) == []


def test_children_follow_authenticated_ike() -> None:
    bench = behind_nat().up()
    (out,) = outbound(bench.b)
    elsewhere = OUTSIDE.at(7777)
    bench.nat = {HERE: OUTSIDE, HERE.at(4500): elsewhere}
    bench.perform(bench.a, bench.a.engine.probe("ab", bench.now))
    bench.run(1)
    (moved,) = moves(bench, "b")
    assert moved.spis == (out.spi,) and moved.remote == elsewhere
    assert events(bench.b, Code.PEER_MOVED) and core_of(bench.b).neighbours[OUTSIDE.address] == 2


def test_a_message_that_was_held_back_moves_nothing() -> None:
    """b never saw this question, but its repetition: whoever kept it may send it from anywhere, at any time."""
    bench = behind_nat().up()
    bench.perform(bench.a, bench.a.engine.probe("ab", bench.now))
    kept = bench._wire.pop()
    bench.run(10)
    where = only_sa(bench.b).remote
    assert events(bench.a, Code.DPD_ANSWERED) and not moves(bench, "b")
    bench.give("b", kept.datagram.data, source=OUTSIDE.at(7777), natt=True)
    assert only_sa(bench.b).remote == where and not moves(bench, "b")


def test_a_quick_mode_is_answered_where_it_comes_from() -> None:
    """Message 1 may be old, message 3 has proved that it is not: only then the peer has moved."""
    bench = behind_nat().up()
    where, elsewhere = only_sa(bench.b).remote, OUTSIDE.at(7777)
    bench.nat = {HERE: OUTSIDE, HERE.at(4500): elsewhere}
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.step()
    answer = bench._wire[-1]
    assert answer.datagram.remote == elsewhere and only_sa(bench.b).remote == where
    bench.run(1)
    assert only_sa(bench.b).remote == elsewhere and events(bench.b, Code.PEER_MOVED)
    assert events(bench.a, Code.CHILD_REKEYED) and bench.matched()


def test_a_quick_mode_is_refused_where_it_comes_from() -> None:
    """And who sent it is asked there, so that the refused peer is not lost for good."""
    other = IpsecProposal(Protocol.ESP, EspCipher.NULL, 0, Integrity.HMAC_SHA1)
    bench = behind_nat(tunnel(), ipsec_proposals=(other,)).up()
    assert bench.b.reasons(Code.PHASE2_FAILED) == [Reason.NO_PROPOSAL_PHASE2]
    elsewhere = OUTSIDE.at(7777)
    bench.nat = {HERE: OUTSIDE, HERE.at(4500): elsewhere}
    bench.run(30)
    bench.perform(bench.a, bench.a.engine.initiate("ab", HERE, THERE, bench.now))
    bench.step()
    assert {sent.datagram.remote for sent in bench._wire} == {elsewhere}
    bench.run(1)
    assert only_sa(bench.b).remote == elsewhere


SENT_ON = Endpoint.of("203.0.113.66", 500)


@pytest.mark.parametrize("mobile", [False, True])
def test_without_a_nat_nobody_moves_unless_the_user_says_so(mobile: bool) -> None:
    """What an observer sends on from elsewhere is authentic, and following it would be what he wants."""
    mine = tunnel()
    bench = Bench(mine, replace(other_side(mine), mobility=mobile)).up()
    (child,) = children(bench.b)
    bench.nat = {HERE: SENT_ON, THERE: THERE}
    bench.perform(bench.a, bench.a.engine.probe("ab", bench.now))
    bench.run(1)
    bench.perform(bench.b, bench.b.engine.mapping(child.spi_in, SENT_ON, bench.now))
    assert only_sa(bench.b).remote == child.remote == (SENT_ON if mobile else HERE)
    assert {sa.follows for (way, _), sa in bench.b.sas.items() if way is Direction.IN} == {mobile}


def test_only_who_is_behind_the_nat_moves() -> None:
    bench = behind_nat().up()
    (child,) = children(bench.a)
    bench.perform(bench.a, bench.a.engine.mapping(child.spi_in, THERE.at(7777), bench.now))
    assert only_sa(bench.a).remote == child.remote == THERE.at(4500)
    assert not any(sa.follows for sa in bench.a.sas.values()) and any(sa.follows for sa in bench.b.sas.values())


@pytest.mark.parametrize("traversal", [NatTraversal.OFF, NatTraversal.AUTO])
@pytest.mark.parametrize("side", ["a", "b"])
def test_a_proof_that_was_sent_on_moves_nobody_in_aggressive_mode(traversal: NatTraversal, side: str) -> None:
    """Messages 2 and 3 are proofs, and whether there is a NAT shows in them: where there is none, nobody has moved."""
    mine = tunnel(mode=Phase1Mode.AGGRESSIVE, nat_traversal=traversal)
    bench = Bench(mine, tamper=lambda sent: [])
    bench.initiate()
    (first,) = bench.datagrams("a")
    bench.give("b", first)
    (second,) = bench.datagrams("b")
    bench.give("a", second, source=SENT_ON if side == "a" else None)
    third = bench.datagrams("a", ExchangeType.AGGRESSIVE)[-1]
    bench.give("b", third, source=SENT_ON if side == "b" else None)
    assert (only_sa(bench.a).remote, only_sa(bench.b).remote) == (THERE, HERE)


def test_keepalives_end_with_what_needs_them() -> None:
    bench = behind_nat().up()
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    assert keepalives(bench, "a") == [
        (HERE.at(4500), THERE.at(4500), 20),
        (HERE.at(4500), THERE.at(4500), 0),
    ]
    assert not core_of(bench.a).keepalives


def test_who_is_behind_a_nat_is_called_where_its_mapping_is() -> None:
    """A phase 1 that the outer side renews begins on port 4500 (RFC 3947 §4): nothing else comes through the NAT."""
    bench = behind_nat().up()
    bench.perform(bench.b, bench.b.engine.rekey("ba", bench.now))
    bench.run(1)
    assert events(bench.b, Code.IKE_REKEYED) and events(bench.a, Code.IKE_REKEYED)
    newest = ike_sas(bench.b)[-1]
    assert newest.natt and newest.remote == OUTSIDE.at(1025) and newest.nat.peer_is_behind
    assert all(sa.encapsulation is Encapsulation.UDP for sa in bench.b.sas.values())


def test_who_is_behind_a_nat_begins_on_the_ike_port() -> None:
    bench = behind_nat().up()
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
    bench.run(1)
    assert events(bench.a, Code.IKE_REKEYED) and bench.matched()
    assert ike_sas(bench.b)[-1].first_from == OUTSIDE


@pytest.mark.parametrize("text", [NattDraft.DRAFT_02, NattDraft.DRAFT_03])
def test_a_peer_that_answers_with_another_draft_of_the_same_wire_is_understood(text: NattDraft) -> None:
    """strongSwan answers draft 02 with a newline to whoever announces draft 02 or 03."""

    def answers_02n(built: list[object]) -> list[object]:
        texts = {vendor.NATT_DRAFT_02, vendor.NATT_DRAFT_03}
        return [
            VendorId(vendor.NATT_DRAFT_02N) if isinstance(each, VendorId) and each.data in texts else each
            for each in built
        ]

    bench = behind_nat(tunnel(natt_drafts=(text,)))
    with bend.payloads(bench.b, "main mode message 2", answers_02n):  # type: ignore[arg-type]
        bench.up()
    assert events(bench.a, Code.NAT_DETECTED) and events(bench.a, Code.CHILD_UP)


def test_a_draft_of_another_wire_is_not_taken_for_it() -> None:
    bench = behind_nat(tunnel(natt_drafts=(NattDraft.DRAFT_00,)), natt_drafts=(NattDraft.DRAFT_03,))
    bench.up()
    assert not events(bench.a, Code.NAT_DETECTED)


def test_a_peer_that_is_behind_no_nat_is_not_followed() -> None:
    """What seems to come from elsewhere is a message that somebody held back (RFC 3947 §7)."""
    bench = behind_nat().up()
    effects = bench.b.engine.probe("ba", bench.now)
    held = next(effect.data for effect in effects if isinstance(effect, Send))
    before = only_sa(bench.a).remote
    bench.perform(bench.a, bench.a.engine.datagram(held, HERE.at(4500), THERE.at(56955), bench.now, natt=True))
    assert only_sa(bench.a).remote == before and not moves(bench, "a")


@pytest.mark.parametrize("draft", [NattDraft.DRAFT_00, NattDraft.RFC])
@pytest.mark.parametrize("natt", [False, True], ids=["500", "4500"])
@pytest.mark.parametrize("address", [THERE, Endpoint.of("198.51.100.77", 500)], ids=["there", "another of ours"])
@pytest.mark.parametrize("mode", MODES)
def test_who_comes_from_where_it_says_is_behind_no_nat(
    mode: Phase1Mode, address: Endpoint, natt: bool, draft: NattDraft
) -> None:
    """Its NAT-D match the places of message 1: message 3 is one that somebody has sent on."""
    bench = Bench(tunnel(mode=mode, natt_drafts=(draft,)))
    bench.initiate()
    bench.step()
    bench.step()
    relayed = bench._wire.popleft().datagram.data
    at = address.at(4500 if natt else 500)
    bench.perform(bench.b, bench.b.engine.datagram(relayed, at, HERE.at(7777), bench.now, natt=natt))
    bench.run(60)
    assert bench.matched() and events(bench.b, Code.CHILD_UP) and not events(bench.b, Code.NAT_DETECTED)
    sa = only_sa(bench.b)
    assert (sa.local, sa.remote, sa.natt) == (THERE, HERE, False)
    assert {each.encapsulation for each in bench.b.sas.values()} == {Encapsulation.NONE}


def test_where_there_is_no_nat_a_copy_of_message_5_moves_nobody() -> None:
    bench = Bench()
    bench.initiate()
    for _ in range(4):
        bench.step()
    bench.give("b", bench._wire[0].datagram.data, source=HERE.at(7777))
    bench.run(60)
    assert bench.matched() and events(bench.a, Code.CHILD_UP) and not events(bench.a, Code.PHASE1_FAILED)
    assert only_sa(bench.b).remote == HERE


# Ports: ours are ours, the peer's are 500 and 4500 unless its tunnel says otherwise


def called_at(bench: Bench) -> list[tuple[int, int]]:
    """From which port to which, in order, each pair once."""
    sent = (each.datagram for each in bench.log if each.sender == "a")
    return list(dict.fromkeys((each.local.port, each.remote.port) for each in sent))


def behind(ours: Tunnel, settings: EngineSettings) -> Bench:
    local, local_natt = HERE.at(settings.ike_port), HERE.at(settings.natt_port)
    outside = Endpoint.of("203.0.113.9", 1024)
    theirs = replace(other_side(ours), remotes=(AddressRange.of_address(outside.address),), any_remote_id=True)
    bench = Bench(ours, theirs, nat={local: outside, local_natt: outside.at(1025)})
    core_of(bench.a).settings = replace(core_of(bench.a).settings, ike_port=local.port, natt_port=local_natt.port)
    return bench


@pytest.mark.parametrize("mode", [Phase1Mode.MAIN, Phase1Mode.AGGRESSIVE])
def test_ports_of_our_own_are_not_the_peers(mode: Phase1Mode) -> None:
    bench = behind(tunnel(mode=mode), EngineSettings(ike_port=501, natt_port=4501)).up()
    assert called_at(bench) == [(501, 500), (4501, 4500)] and bench.matched()
    initiation.renew(core_of(bench.a), only_sa(bench.a))
    bench.perform(bench.a, bench.a.engine._out())
    bench.run(1)
    assert called_at(bench) == [(501, 500), (4501, 4500)] and len(events(bench.a, Code.IKE_REKEYED)) == 1


def test_a_peer_with_other_ports() -> None:
    bench = behind(tunnel(remote_ike_port=1500, remote_natt_port=14500), EngineSettings()).up()
    assert called_at(bench) == [(500, 1500), (4500, 14500)] and bench.matched()


def test_a_peer_with_one_port_only_is_called_there_at_once() -> None:
    bench = behind(tunnel(remote_ike_port=4500), EngineSettings()).up()
    assert called_at(bench) == [(4500, 4500)] and bench.matched()
    assert all(sent.datagram.natt for sent in bench.log)
