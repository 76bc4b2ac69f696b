"""Notifies and deletes under protection, and what is made of them without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.ike import association
from ikevpn.ike.engine import EngineSettings
from ikevpn.ike.phase2 import children as pairs
from ikevpn.ike.state.effects import Send
from ikevpn.ike.upkeep import informational
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.proposal import Lifetime
from ikevpn.wire import message
from ikevpn.wire.payload import Delete, HashPayload, Notify, Payload
from ikevpn.wire.payloads.attributes import Attribute, write_all
from ikevpn.wire.registry import Doi, ExchangeType, Flag, Ike, NotifyType, Protocol
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

QUICK, INFORMATIONAL = ExchangeType.QUICK, ExchangeType.INFORMATIONAL


def delete(protocol: Protocol, *spis: bytes) -> Delete:
    return Delete(Doi.IPSEC, protocol, spis)


# Deletes


def test_the_peer_deletes_a_pair() -> None:
    bench = Bench(tunnel(children=networks(1, 2))).up()
    (gone, _) = children(bench.b)
    says(bench, "a", delete(Protocol.ESP, gone.spi_out.to_bytes(4, "big")))
    assert bench.b.reasons(Code.CHILD_DOWN) == [Reason.PEER_DELETED] and len(outbound(bench.b)) == 1
    assert facts(bench.b, Code.CHILD_DOWN)["child"] == gone.name


def test_many_in_one_delete() -> None:
    bench = Bench(tunnel(children=networks(1, 2, 3))).up()
    says(bench, "a", delete(Protocol.ESP, *(child.spi_out.to_bytes(4, "big") for child in children(bench.b))))
    assert not bench.b.sas


@pytest.mark.parametrize("protocol", [Protocol.ESP, Protocol.AH])
def test_a_delete_by_the_spi_under_which_we_receive(protocol: Protocol) -> None:
    """As Cisco sends it; strongSwan and libreswan look for either."""
    bench = Bench(tunnel(children=networks(1, 2))).up()
    (gone, _) = children(bench.b)
    says(bench, "a", delete(protocol, b"\x01\x02\x03\x04", gone.spi_in.to_bytes(4, "big")))
    assert bench.b.reasons(Code.CHILD_DOWN) == [Reason.PEER_DELETED]
    assert facts(bench.b, Code.CHILD_DOWN)["child"] == gone.name


def test_an_spi_of_the_peers_own_comes_first_in_a_delete() -> None:
    bench = Bench(tunnel(children=networks(1, 2))).up()
    gone, stays = children(bench.b)
    stays.spi_in = gone.spi_out
    says(bench, "a", delete(Protocol.ESP, gone.spi_out.to_bytes(4, "big")))
    assert children(bench.b) == [stays]


def test_the_spi_of_somebody_else_deletes_nothing() -> None:
    ours = tunnel()
    bench = Bench(ours, replace(other_side(ours), remotes=())).up()
    (child,) = children(bench.b)
    core_of(bench.b).children_of.remove(child.peer, child)
    core_of(bench.b).children_of.add(replace(child.peer, tunnel="another"), child)
    for spi in (child.spi_in, child.spi_out):
        says(bench, "a", delete(Protocol.ESP, spi.to_bytes(4, "big")))
    assert len(bench.b.sas) == 2


def test_the_peer_deletes_the_ike_sa() -> None:
    """The pairs stay (RFC 2408 section 5 allows them to dangle), for a peer that we can call again."""
    bench = Bench().up()
    says(bench, "a", delete(Protocol.ISAKMP, only_sa(bench.b).cookies))
    assert bench.b.reasons(Code.IKE_DOWN) == [Reason.PEER_DELETED] and not ike_sas(bench.b)
    assert len(bench.b.sas) == 2


def test_the_pairs_of_a_caller_outlive_its_ike_sa() -> None:
    """A dialup peer deletes its phase 1 when that is not needed; it calls again when it wants something."""
    ours = tunnel()
    bench = Bench(ours, replace(other_side(ours), remotes=(), remote_id=None)).up()
    says(bench, "a", delete(Protocol.ISAKMP, only_sa(bench.b).cookies))
    bench.run(60)
    assert bench.b.reasons(Code.IKE_DOWN) == [Reason.PEER_DELETED] and not ike_sas(bench.b)
    assert len(bench.b.sas) == 2 and not events(bench.b, Code.PHASE1_FAILED)
    for sa in ike_sas(bench.a):
        association.end(core_of(bench.a), sa, Reason.EXPIRED, with_children=False)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(60)
    assert bench.matched() and events(bench.b, Code.CHILD_REKEYED)


def test_a_caller_that_takes_its_leave_takes_its_pairs_along() -> None:
    ours = tunnel()
    bench = Bench(ours, replace(other_side(ours), remotes=(), remote_id=None)).up()
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    bench.run(0.1)
    assert not bench.b.sas and not ike_sas(bench.b)


@pytest.mark.parametrize("cookies", [bytes(16), b"", b"x" * 15, b"x" * 16])
def test_deletes_of_unknown_ike_sas_mean_nothing(cookies: bytes) -> None:
    bench = Bench().up()
    says(bench, "a", delete(Protocol.ISAKMP, cookies) if cookies else delete(Protocol.ISAKMP))
    assert ike_sas(bench.b) and bench.matched()


def test_taken_down_on_both_sides() -> None:
    bench = Bench(tunnel(children=networks(1, 2))).up()
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    bench.run(1)
    assert not bench.a.sas and not bench.b.sas and not ike_sas(bench.a) and not ike_sas(bench.b)
    assert bench.a.reasons(Code.CHILD_DOWN) == [Reason.REQUESTED] * 2
    assert bench.b.reasons(Code.CHILD_DOWN) == [Reason.PEER_DELETED] * 2
    assert bench.a.engine.next_timer() is None and bench.b.engine.next_timer() is None


# INITIAL-CONTACT


def test_a_peer_that_has_lost_everything_says_so() -> None:
    bench = Bench().up()
    fresh = Bench()
    fresh.b, fresh.now = bench.b, bench.now + 5
    core_of(fresh.a).entropy(3)
    fresh.up()
    assert events(bench.b, Code.INITIAL_CONTACT)
    assert bench.b.reasons(Code.CHILD_DOWN) == [Reason.PEER_RESTARTED]
    assert len(ike_sas(bench.b)) == len(children(bench.b)) == 1 and fresh.matched()
    assert not events(bench.b, Code.IKE_DOWN)


def test_initial_contact_that_comes_late_spares_what_is_new() -> None:
    """racoon and strongSwan may say it in an informational, which can be overtaken by a quick mode."""
    bench = Bench(tunnel(initial_contact=False)).up()
    says(bench, "a", notify(NotifyType.INITIAL_CONTACT))
    assert bench.matched() and not events(bench.b, Code.INITIAL_CONTACT)


def test_initial_contact_long_after_phase_1_means_nothing() -> None:
    bench = Bench(tunnel(initial_contact=False)).up()
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
    bench.run(100)
    says(bench, "a", notify(NotifyType.INITIAL_CONTACT))
    assert bench.matched() and not events(bench.b, Code.INITIAL_CONTACT)


def test_who_has_something_with_the_peer_does_not_say_it() -> None:
    bench = Bench().up()
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
    bench.run(1)
    assert bench.matched() and not events(bench.b, Code.INITIAL_CONTACT)


# Notifies


def test_an_unknown_spi_is_told_and_renewed() -> None:
    bench = Bench().up()
    (lost,) = children(bench.b)
    pairs.remove(core_of(bench.b), lost, Reason.REQUESTED)
    bench.perform(bench.b, bench.b.engine._out())
    bench.perform(bench.b, bench.b.engine.unknown_spi(lost.spi_in, THERE, HERE, bench.now))
    bench.run(1)
    assert bench.a.reasons(Code.CHILD_DOWN) == [Reason.PEER_RESTARTED]
    assert bench.matched() and children(bench.a)[0].spi_out != lost.spi_in


def test_an_spi_that_is_being_negotiated_is_not_unknown() -> None:
    """libreswan sends on a new SA right behind its message 2; told that we do not know it, it might give it up."""
    bench = Bench(tamper=losing(*range(99), sender="b", exchange=QUICK)).up()
    sa = only_sa(bench.a)
    (quick,) = [each for each in sa.exchanges.values() if each.script.kind == QUICK]
    assert bench.a.engine.unknown_spi(quick.state.spis[Protocol.ESP], HERE, THERE, bench.now) == []
    assert bench.a.engine.unknown_spi(quick.state.spis[Protocol.ESP] ^ 1, HERE, THERE, bench.now) != []


def test_unknown_spis_are_told_only_so_often_and_only_to_peers() -> None:
    bench = Bench().up()
    before = len(bench.log)
    for spi in range(0x5000, 0x5100):
        bench.perform(bench.b, bench.b.engine.unknown_spi(spi, THERE, HERE, bench.now))
        bench.perform(bench.b, bench.b.engine.unknown_spi(spi, THERE, Endpoint.of("203.0.113.1", 4500), bench.now))
    assert len(bench.log) - before == EngineSettings().max_notifies_per_s
    known = children(bench.b)[0].spi_in
    bench.now += 1
    assert bench.b.engine.unknown_spi(known, THERE, HERE, bench.now) == []


def test_the_peer_enforces_a_shorter_phase_1() -> None:
    bench = Bench().up()
    data = write_all([Attribute.of(Ike.LIFE_TYPE, 1), Attribute.of(Ike.LIFE_DURATION, 600)])
    says(bench, "b", notify(NotifyType.RESPONDER_LIFETIME, data=data))
    assert only_sa(bench.a).lifetime.seconds == 600 and events(bench.a, Code.LIFETIME_SHORTENED)
    bench.run(599)
    assert events(bench.a, Code.IKE_REKEYED)
    says(bench, "b", notify(NotifyType.RESPONDER_LIFETIME, data=b"\x00"))
    assert bench.matched()


@pytest.mark.parametrize("number", [1, 14, 24, 8192, 16384, 24577, 36137, 40001, 65535])
def test_notifies_out_of_the_blue_change_nothing(number: int) -> None:
    bench = Bench().up()
    for spi in (b"", b"1234", bytes(16)):
        says(bench, "a", Notify(Doi.IPSEC, Protocol.ESP, spi, NotifyType(number), b"what?"))
    assert bench.matched() and len(ike_sas(bench.b)) == 1


def test_an_error_ends_the_quick_mode_that_it_names() -> None:
    bench = Bench(tunnel(children=networks(1, 2)), tamper=losing(*range(99), sender="b", exchange=QUICK)).up()
    second = [each for each in only_sa(bench.a).exchanges.values() if each.script.kind == QUICK][1]
    says(bench, "b", notify(NotifyType.NO_PROPOSAL_CHOSEN, spi=second.state.spis[Protocol.ESP].to_bytes(4, "big")))
    assert [event.facts["child"] for event in events(bench.a, Code.PHASE2_FAILED)] == ["net2"]


@pytest.mark.parametrize("whose", ["spi_in", "spi_out"])
def test_a_peer_that_cannot_install_what_it_agreed_to(whose: str) -> None:
    """strongSwan names the initiator's SPI then, also as responder after message 3."""
    bench = Bench(tunnel(children=networks(1, 2))).up()
    gone, stays = children(bench.a)
    says(bench, "b", notify(NotifyType.NO_PROPOSAL_CHOSEN, spi=getattr(gone, whose).to_bytes(4, "big")))
    assert bench.a.reasons(Code.CHILD_DOWN) == [Reason.PEER_REFUSED_PHASE2] and children(bench.a) == [stays]
    assert facts(bench.a, Code.CHILD_DOWN)["notify"] == "no-proposal-chosen"


def test_an_initiator_that_cannot_install_what_it_agreed_to() -> None:
    """It says so in place of message 3; message 2 is not sent again, and nothing is left."""
    bench = Bench(tamper=losing(1, 2, 3, 4, 5, 6, exchange=QUICK)).up()
    (child,) = children(bench.b)
    sent = len(bench.datagrams("b", QUICK))
    says(bench, "a", notify(NotifyType.NO_PROPOSAL_CHOSEN, spi=child.spi_out.to_bytes(4, "big")))
    assert bench.b.reasons(Code.PHASE2_FAILED) == [Reason.PEER_REFUSED_PHASE2] and not bench.b.sas
    bench.run(30)
    assert len(bench.datagrams("b", QUICK)) == sent


# What comes without protection


def bare(cookies: bytes, *payloads: Payload, flags: int = 0) -> bytes:
    return message.write(cookies[:8], cookies[8:], INFORMATIONAL, Flag(flags), 77, payloads)


@pytest.mark.parametrize("kind", [NotifyType.INVALID_COOKIE, NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.INITIAL_CONTACT])
def test_bare_notifies_and_deletes_end_nothing(kind: NotifyType) -> None:
    bench = Bench().up()
    cookies = only_sa(bench.a).cookies
    for name in "ab":
        bench.give(name, bare(cookies, notify(kind)))
        bench.give(name, bare(cookies, delete(Protocol.ISAKMP, cookies)))
        bench.give(name, bare(cookies, HashPayload(bytes(20)), notify(kind)))
    bench.run(30)
    assert bench.matched() and ike_sas(bench.a) and ike_sas(bench.b)


@pytest.mark.parametrize("cookies", [bytes(16), b"unknown!cookies!", b"unknown!" + bytes(8)])
def test_unknown_cookies_are_never_answered(cookies: bytes) -> None:
    bench = Bench().up()
    before = len(bench.log)
    for data in (
        bare(cookies, notify(NotifyType.INVALID_COOKIE)),
        message.write(cookies[:8], cookies[8:], QUICK, Flag(1), 7, [notify(NotifyType.CONNECTED)]),
        message.write(cookies[:8], cookies[8:], ExchangeType.TRANSACTION, Flag(1), 7, []),
        message.write(cookies[:8], cookies[8:], ExchangeType(243), Flag(0), 7, []),
    ):
        bench.give("b", data)
    assert len(bench.log) == before and bench.b.engine.counters["drop-unknown-cookie"] == 4


def test_a_refusal_in_clear_explains_a_failure() -> None:
    bench = Bench(tamper=lambda sent: [])
    bench.initiate()
    cookies = only_sa(bench.a).cookies
    bench.give("a", bare(cookies, notify(NotifyType.NO_PROPOSAL_CHOSEN)))
    assert events(bench.a, Code.PEER_NOTIFY)[0].facts["authenticated"] is False
    bench.run(60)
    (failed,) = events(bench.a, Code.PHASE1_FAILED)
    assert failed.reason is Reason.PEER_REFUSED_PHASE1 and failed.facts["notify"] == "no-proposal-chosen"
    assert failed.facts["offered"]


def test_proposals_that_differ_show_both_sides() -> None:
    mine = tunnel()
    theirs = replace(other_side(mine), ike_proposals=(replace(mine.ike_proposals[0], key_bits=256),))
    bench = Bench(mine, theirs).up()
    failed = facts(bench.b, Code.PHASE1_FAILED)
    assert failed["offered"] == ("pre-g1-aes128-sha",) and failed["accepted"] == ("pre-g1-aes256-sha",)
    assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.NO_PROPOSAL_PHASE1]
    bench.run(20)
    assert facts(bench.a, Code.PHASE1_FAILED)["notify"] == "no-proposal-chosen"


def test_a_refusal_under_the_new_keys() -> None:
    """A responder may say already encrypted that it will not have us."""
    bench = Bench()
    with bend.payloads(bench.a, "main mode message 5", bend.swapped(HashPayload, lambda each: HashPayload(bytes(20)))):
        bench.tamper = lambda sent: [] if sent.sender == "b" and sent.datagram.data[18] == INFORMATIONAL else [sent]
        bench.up()
    sa, there = only_sa(bench.a), only_sa(bench.b)
    there.keys = there.exchanges[0].state.trials[0]
    there.last_block = sa.exchanges[0].iv
    bench.tamper = lambda sent: [sent]
    informational.send(core_of(bench.b), there, [notify(NotifyType.AUTHENTICATION_FAILED)])
    bench.perform(bench.b, bench.b.engine._out())
    bench.run(0.1)
    (failed,) = events(bench.a, Code.PHASE1_FAILED)
    assert failed.facts["notify"] == "authentication-failed"


def test_garbage_under_other_keys_is_a_hint_only() -> None:
    bench = Bench(tamper=lambda sent: [] if sent.datagram.data[19] & 1 else [sent])
    bench.up()
    sa = only_sa(bench.a)
    garbage = message.write(sa.cky_i, sa.cky_r, INFORMATIONAL, Flag(1), 9, [notify(NotifyType.INVALID_COOKIE)])
    bench.give("a", garbage)
    assert sa.hint is not None and sa.hint.reason is Reason.UNREADABLE_REFUSAL
    bench.tamper = lambda sent: [sent]
    bench.run(10)
    assert bench.matched()


def test_the_lifetime_of_phase_1_that_both_count() -> None:
    mine = tunnel(ike_lifetime=Lifetime(7200))
    bench = Bench(mine, replace(other_side(mine), ike_lifetime=Lifetime(900))).up()
    assert only_sa(bench.b).lifetime.seconds == 900
    bench.run(2000)
    assert bench.matched() and events(bench.b, Code.IKE_REKEYED)
    assert not events(bench.b, Code.CHILD_DOWN)


def test_nothing_is_sent_to_a_stranger_who_replays() -> None:
    bench = Bench().up()
    last = bench.log[-1].datagram
    stranger = Endpoint.of("203.0.113.66", 999)
    bench.deliver(Sent("a", Send(last.data, stranger, THERE)))
    assert only_sa(bench.b).remote == HERE
