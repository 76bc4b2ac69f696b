"""Quick mode: proposals, networks, PFS, lifetimes; what is lost, late or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.ike.state.effects import AddSa, Send
from ikevpn.model.address import AddressRange
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.events.reasons import sentence
from ikevpn.model.proposal import Lifetime
from ikevpn.model.sa import Direction
from ikevpn.model.selector import Selector, host_pair
from ikevpn.model.tunnel import Child as Configured
from ikevpn.model.tunnel import ProposalOrder
from ikevpn.wire.payload import SA, KeyExchange, Nonce, Notify
from ikevpn.wire.registry import ExchangeType, Group, NotifyType, Protocol
from tests.ike.bench import (
    ESP,
    HERE,
    PFS,
    THERE,
    Bench,
    Sent,
    children,
    core_of,
    events,
    facts,
    ike_sas,
    losing,
    networks,
    notify,
    only_sa,
    other_side,
    outbound,
    says,
    tunnel,
)
from tests.manners import bend

QUICK = ExchangeType.QUICK


def test_inbound_is_ready_before_the_peer_can_send() -> None:
    bench = Bench().up()
    for name in "ab":
        kinds = [
            effect.sa.direction if isinstance(effect, AddSa) else "send"
            for effect in bench.effects[name]
            if isinstance(effect, AddSa) or (isinstance(effect, Send) and effect.data[18] == QUICK)
        ]
        expected = {"a": ["send", Direction.IN, "send", Direction.OUT], "b": [Direction.IN, "send", Direction.OUT]}
        assert kinds == expected[name]


def test_message_3_lost_once() -> None:
    bench = Bench(tamper=losing(1, exchange=QUICK)).up()
    assert not bench.matched()
    bench.run(3)
    assert bench.matched()
    second, third = bench.datagrams("b", QUICK), bench.datagrams("a", QUICK)
    assert second[0] == second[1] and third[1] == third[2]


def test_message_3_lost_for_ever() -> None:
    """The responder gives up its half of a pair and says so: the initiator believes that it is up."""
    bench = Bench(tamper=losing(*range(1, 50), exchange=QUICK)).up()
    assert outbound(bench.a) and not outbound(bench.b)
    bench.run(200)
    assert not bench.b.sas and not bench.a.sas
    (failed,) = events(bench.b, Code.PHASE2_FAILED)
    assert failed.reason is Reason.NO_ANSWER and failed.facts["message"] == "quick mode message 2"
    assert failed.facts["role"] == "responder" and failed.facts["seconds"] in range(80, 90)
    assert not children(bench.a) and not children(bench.b)


def test_nobody_answers_quick_mode() -> None:
    bench = Bench(tamper=losing(*range(50), exchange=QUICK, sender="b"))
    bench.up()
    bench.run(200)
    (failed,) = events(bench.a, Code.PHASE2_FAILED)
    assert failed.reason is Reason.NO_ANSWER and failed.facts["child"] == "net"
    assert not bench.a.sas and not bench.b.sas


# Refusals


def test_a_refusal_is_repeated_when_it_was_lost() -> None:
    theirs = replace(Bench().b.tunnel, ipsec_proposals=(PFS,))
    bench = Bench(tunnel(), theirs, tamper=losing(0, sender="b", exchange=ExchangeType.INFORMATIONAL)).up()
    assert bench.b.reasons(Code.PHASE2_FAILED) == [Reason.NO_PROPOSAL_PHASE2] and not events(
        bench.a, Code.PHASE2_FAILED
    )
    bench.run(3)
    first, second = bench.datagrams("b", ExchangeType.INFORMATIONAL)
    assert first == second
    (failed,) = events(bench.a, Code.PHASE2_FAILED)
    assert failed.reason is Reason.PEER_REFUSED_PHASE2 and failed.facts["notify"] == "no-proposal-chosen"
    assert len(bench.b.reasons(Code.PHASE2_FAILED)) == 1


def test_a_refusal_is_not_repeated_for_ever() -> None:
    theirs = replace(Bench().b.tunnel, ipsec_proposals=(PFS,))
    bench = Bench(tunnel(), theirs).up()
    (first,) = bench.datagrams("a", QUICK)
    for _ in range(40):
        bench.give("b", first)
    assert len(bench.datagrams("b", ExchangeType.INFORMATIONAL)) == 1 + core_of(bench.b).settings.max_resent


def test_a_proposal_mismatch_shows_both_sides() -> None:
    theirs = replace(Bench().b.tunnel, ipsec_proposals=(replace(ESP, key_bits=256),))
    bench = Bench(tunnel(), theirs).up()
    failed = facts(bench.b, Code.PHASE2_FAILED)
    assert failed["offered"] == ("nopfs-esp-aes128-sha",) and failed["accepted"] == ("nopfs-esp-aes256-sha",)
    assert facts(bench.a, Code.PHASE2_FAILED)["offered"] == ("nopfs-esp-aes128-sha",)


def test_networks_that_differ_show_both_sides() -> None:
    theirs = replace(Bench().b.tunnel, children=networks(7))
    bench = Bench(tunnel(), theirs).up()
    failed = facts(bench.b, Code.PHASE2_FAILED)
    assert failed["theirs"] == "10.2.0.0/24 === 10.1.0.0/24"
    assert failed["ours"] == ("ba: 10.1.7.0/24 === 10.2.7.0/24",)
    (there,) = events(bench.a, Code.PHASE2_FAILED)
    assert there.reason is Reason.PROXY_ID_MISMATCH and there.facts["ours"] == "10.1.0.0/24 === 10.2.0.0/24"


def test_pfs_that_only_the_responder_wants() -> None:
    mine = tunnel(ipsec_proposals=(ESP,))
    bench = Bench(mine, replace(other_side(mine), ipsec_proposals=(PFS,))).up()
    assert bench.b.reasons(Code.PHASE2_FAILED) == [Reason.NO_PROPOSAL_PHASE2]
    assert bench.a.reasons(Code.PHASE2_FAILED) == [Reason.PEER_REFUSED_PHASE2]
    assert not bench.a.sas and not bench.b.sas


@pytest.mark.parametrize("by", ["ab", "ba"])
def test_pfs_that_only_the_initiator_wants(by: str) -> None:
    """It costs us a little and is what strongSwan and libreswan take. Whoever renews keeps to what was agreed."""
    mine = tunnel(ipsec_proposals=(PFS,))
    bench = Bench(mine, replace(other_side(mine), ipsec_proposals=(ESP,))).up()
    assert bench.matched() and children(bench.b)[0].proposal == PFS
    for name in by:
        side = bench.side(name)
        bench.perform(side, side.engine.rekey(side.tunnel.name, bench.now, "net"))
        bench.run(60)
        assert bench.matched() and {each.proposal for each in children(bench.b)} == {PFS}
    assert len(events(bench.a, Code.CHILD_REKEYED)) == 2
    assert not events(bench.a, Code.PHASE2_FAILED) and not events(bench.b, Code.PHASE2_FAILED)


def test_pfs_without_a_key_is_no_pfs() -> None:
    bench = Bench(tunnel(ipsec_proposals=(PFS,)), replace(other_side(tunnel()), ipsec_proposals=(ESP,)))
    with bend.payloads(bench.a, "quick mode message 1", bend.without(KeyExchange)):
        bench.up()
    assert bench.b.reasons(Code.PHASE2_FAILED) == [Reason.NO_PROPOSAL_PHASE2]


def test_one_group_after_the_other() -> None:
    """A quick mode can offer one group only; a refusal leads to the next."""
    other = replace(ESP, group=Group.MODP_1024)
    mine = tunnel(ipsec_proposals=(replace(ESP, group=Group.ECP_256), other, PFS))
    bench = Bench(mine, replace(other_side(mine), ipsec_proposals=(PFS,))).up()
    assert bench.matched()
    assert len(events(bench.a, Code.PHASE2_STARTED)) == 3 and not events(bench.a, Code.PHASE2_FAILED)


@pytest.mark.parametrize("size", [0, 7, 257])
@pytest.mark.parametrize(("side", "row"), [("a", "quick mode message 1"), ("b", "quick mode message 2")])
def test_nonces_of_wrong_sizes(side: str, row: str, size: int) -> None:
    bench = Bench()
    polite = bench.b if side == "a" else bench.a
    with bend.payloads(bench.side(side), row, bend.swapped(Nonce, lambda each: Nonce(bytes(size)))):
        bench.up()
        bench.run(200)
    assert Reason.MALFORMED in polite.reasons(Code.DATAGRAM_DROPPED)
    assert not bench.a.sas and not bench.b.sas


@pytest.mark.parametrize("row", ["quick mode message 1", "quick mode message 2"])
def test_what_must_be_there_once_is_there_once(row: str) -> None:
    bench = Bench()
    side = "a" if row.endswith("1") else "b"
    polite = bench.b if side == "a" else bench.a
    with bend.payloads(bench.side(side), row, bend.twice(SA)):
        bench.up()
    assert not outbound(polite) and Reason.MALFORMED in polite.reasons(Code.DATAGRAM_DROPPED)


# Networks


def test_without_identities_the_two_ends_are_meant() -> None:
    pair = host_pair(HERE.address, THERE.address)
    mine = tunnel(children=(Configured("hosts", 1, pair),), send_ids=False)
    bench = Bench(mine).up()
    assert bench.matched()
    assert children(bench.b)[0].selector == pair.reversed()
    assert facts(bench.b, Code.CHILD_UP)["child"] == "hosts"


def test_the_peer_may_ask_for_a_part() -> None:
    part = Selector(AddressRange.of("10.1.0.8/29"), AddressRange.of("10.2.0.9"), 17, 0, 53)
    mine = tunnel(children=(Configured("part", 1, part),))
    bench = Bench(mine, other_side(tunnel())).up()
    assert bench.matched()
    (child,) = children(bench.b)
    assert child.selector == part.reversed() and child.name == "net" and child.reqid != 41


def test_an_equal_selector_comes_before_one_that_contains_it() -> None:
    everything = Selector(AddressRange.everything(), AddressRange.everything())
    wide = Configured("any", 9, everything)
    bench = Bench(tunnel(), replace(Bench().b.tunnel, children=(wide, *Bench().b.tunnel.children))).up()
    assert children(bench.b)[0].name == "net"


def test_the_responder_may_narrow_but_not_widen() -> None:
    wide = tunnel(
        children=(Configured("net", 1, Selector(AddressRange.of("10.1.0.0/16"), AddressRange.of("10.2.0.0/16"))),)
    )
    narrow = networks(3)[0].selector.reversed()
    bench = Bench(wide)
    with bend.payloads(bench.b, "quick mode message 2", _echo(narrow)):
        bench.up()
    assert children(bench.a)[0].selector == narrow.reversed()
    asked = wide.children[0].selector
    (deviation,) = events(bench.a, Code.DEVIATION)
    assert sentence(deviation).endswith(f"we asked for {asked}, it agrees only to {narrow.reversed()}")


def _echo(selector: Selector) -> bend.Change:
    from ikevpn.ike.phase2.quick import identities
    from ikevpn.wire.payload import Identification

    def change(built: bend.Payloads) -> bend.Payloads:
        return [each for each in built if not isinstance(each, Identification)] + identities(selector.reversed())

    return change


def test_several_children() -> None:
    bench = Bench(tunnel(children=networks(1, 2, 3))).up()
    assert bench.matched() and len(outbound(bench.a)) == len(outbound(bench.b)) == 3
    assert {sa.reqid for sa in outbound(bench.a)} == {1, 2, 3}
    assert {sa.reqid for sa in outbound(bench.b)} == {41, 42, 43}


def test_too_many_children() -> None:
    from ikevpn.ike.engine import EngineSettings

    settings = EngineSettings(max_children_per_peer=3, switch_first_s=0)
    bench = Bench(tunnel(children=networks(*range(1, 6))), settings=settings).up()
    assert len(outbound(bench.b)) == 3
    assert bench.b.reasons(Code.PHASE2_FAILED) == [Reason.LIMIT] * 2


def test_children_of_another_tunnel_with_the_same_peer() -> None:
    """The peer knows one IKE SA; that our networks stand in two tunnels is no concern of its."""
    bench = Bench(tunnel(children=networks(1, 2)))
    both = bench.b.tunnel
    bench.b.engine.remove_tunnel("ba")
    for name, child in zip(("one", "two"), both.children, strict=True):
        bench.b.engine.add_tunnel(replace(both, name=name, children=(child,)))
    bench.up()
    assert bench.matched()
    assert {child.tunnel.name for child in children(bench.b)} == {"one", "two"} and len(ike_sas(bench.b)) == 1
    for name in ("one", "two"):  # renewal goes over the same IKE SA
        bench.perform(bench.b, bench.b.engine.rekey(name, bench.now, f"net{1 if name == 'one' else 2}"))
    bench.run(1)
    assert bench.matched() and len(ike_sas(bench.b)) == 1
    assert len(events(bench.b, Code.CHILD_REKEYED)) == 2
    (gone,) = [child for child in children(bench.b) if child.tunnel.name == "two" and not child.superseded]
    says(bench, "a", notify(NotifyType.INVALID_SPI, protocol=Protocol.ESP, spi=gone.spi_out.to_bytes(4, "big")))
    assert [child.tunnel.name for child in children(bench.b) if child.outbound and not child.superseded] == [
        "one",
        "two",
    ]


# Proposals and lifetimes


@pytest.mark.parametrize(("order", "chosen"), [(ProposalOrder.OURS, 256), (ProposalOrder.THEIRS, 128)])
def test_whose_order_decides(order: ProposalOrder, chosen: int) -> None:
    weak, strong = ESP, replace(ESP, key_bits=256)
    mine = tunnel(ipsec_proposals=(weak, strong))
    bench = Bench(mine, replace(other_side(mine), ipsec_proposals=(strong, weak), proposal_order=order)).up()
    assert bench.matched() and children(bench.a)[0].proposal.key_bits == chosen


@pytest.mark.parametrize(
    ("ours", "theirs", "both"),
    [
        (Lifetime(3600), Lifetime(600), Lifetime(600)),
        (Lifetime(600), Lifetime(3600), Lifetime(600)),
        (Lifetime(600, 5000), Lifetime(3600, 100), Lifetime(600, 100)),
        (Lifetime(3600), Lifetime(3600, 777), Lifetime(3600, 777)),
        (Lifetime(100_000), Lifetime(90_000), Lifetime(90_000)),
    ],
)
def test_both_sides_count_the_shorter_lifetime(ours: Lifetime, theirs: Lifetime, both: Lifetime) -> None:
    mine = tunnel(ipsec_lifetime=ours)
    bench = Bench(mine, replace(other_side(mine), ipsec_lifetime=theirs)).up()
    assert children(bench.a)[0].lifetime == children(bench.b)[0].lifetime == both
    shortened = events(bench.a, Code.LIFETIME_SHORTENED)
    assert bool(shortened) == (both != ours.shorter(ours) and both != ours)


def test_without_a_lifetime_eight_hours_are_meant() -> None:
    mine = tunnel(ipsec_lifetime=Lifetime())
    bench = Bench(mine, replace(other_side(mine), ipsec_lifetime=Lifetime(100_000))).up()
    assert {child.lifetime.seconds for child in (*children(bench.a), *children(bench.b))} == {28800}


def test_half_an_attribute_in_responder_lifetime_is_passed_over() -> None:
    """FortiGate was seen to send a life type without its duration."""
    bench = Bench()
    half = notify(NotifyType.RESPONDER_LIFETIME, protocol=Protocol.ESP, data=bytes.fromhex("80010001"))
    broken = notify(NotifyType.RESPONDER_LIFETIME, protocol=Protocol.ESP, data=b"\x00\x02\x00\x09")
    with bend.payloads(bench.b, "quick mode message 2", bend.more(half, broken)):
        bench.up()
    assert bench.matched() and children(bench.a)[0].lifetime == Lifetime(3600)
    assert not events(bench.a, Code.LIFETIME_SHORTENED)


def test_absurd_lifetimes_fit_into_what_counts_them() -> None:
    mine = tunnel(ipsec_lifetime=Lifetime(2**60, 2**60))
    bench = Bench(mine, replace(other_side(mine), ipsec_lifetime=Lifetime())).up()
    assert bench.matched()
    assert all(sa.limits.hard_bytes < 2**63 for sa in bench.b.sas.values())


# Commands while it is under way


def test_a_child_that_is_taken_down_while_it_comes_up() -> None:
    bench = Bench(tunnel(children=networks(1, 2)), tamper=losing(*range(99), sender="b", exchange=QUICK))
    bench.up()
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now, "net1"))
    bench.tamper = lambda sent: [sent]
    bench.run(30)
    assert [sa.reqid for sa in outbound(bench.a)] == [2] and bench.matched()
    assert bench.a.reasons(Code.PHASE2_FAILED) == [Reason.REQUESTED]
    assert len(only_sa(bench.a).waiting) == 0


def test_a_tunnel_that_is_taken_down_while_it_comes_up() -> None:
    bench = Bench(tamper=lambda sent: [])
    bench.up()
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    assert bench.a.reasons(Code.PHASE1_FAILED) == [Reason.REQUESTED]
    assert bench.a.engine.next_timer() is None and not core_of(bench.a).initiating


def test_the_same_child_is_not_negotiated_twice_at_once() -> None:
    def tamper(sent: Sent) -> list[Sent]:
        return [] if sent.datagram.data[18] == QUICK else [sent]

    bench = Bench(tamper=tamper).up()
    for _ in range(5):
        bench.initiate()
    assert len(bench.datagrams("a", QUICK)) == 1


def test_notifies_of_quick_mode_are_read() -> None:
    bench = Bench()
    strange = Notify(notify(NotifyType(40001)).doi, Protocol.ESP, b"1234", NotifyType(40001), b"x")
    with bend.payloads(bench.a, "quick mode message 1", bend.more(strange)):
        bench.up()
    assert bench.matched()
