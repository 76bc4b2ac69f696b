"""Strangers: who gets a half-open SA, how many, and what the rest hears."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ikevpn.ike.engine import EngineSettings
from ikevpn.ike.state.effects import LookUp
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire import message
from ikevpn.wire.payload import Notify
from ikevpn.wire.registry import NotifyType, PayloadType
from tests.ike.bench import HERE, Bench, core_of, events, facts, ike_sas, losing, other_side, tunnel
from tests.ike.test_transcripts import first_payload


def first_message() -> bytes:
    bench = Bench(tamper=lambda sent: [])
    bench.initiate()
    return bench.datagrams("a")[0]


def from_everywhere(data: bytes, number: int) -> tuple[bytes, Endpoint]:
    """The same message with another cookie from another address."""
    return number.to_bytes(8, "big") + data[8:], Endpoint.of(f"203.0.{number >> 8 & 255}.{number & 255}", 500)


def listening(settings: EngineSettings) -> Bench:
    return Bench(tunnel(), replace(Bench().b.tunnel, remotes=()), settings=settings)


def test_under_a_flood_from_one_address_others_stay() -> None:
    bench = listening(EngineSettings(max_half_open=100, max_half_open_per_source=5))
    data = first_message()
    other = Endpoint.of("203.0.113.9", 500)
    bench.give("b", b"another!" + data[8:], source=other)
    for number in range(1, 300):
        bench.give("b", number.to_bytes(8, "big") + data[8:])
    table = core_of(bench.b).half_open
    assert len(table) == len(ike_sas(bench.b)) == 100
    assert table.from_source(other.address) == 1 and table.from_source(bench.a.address.address) == 99
    assert bench.b.engine.counters["half-open-evicted"] == 200


def test_whom_a_flood_overtakes_is_let_in_all_the_same() -> None:
    """More first messages within the peer's way there and back than the table holds, under its own address: of two the
    older one goes, drawn, so that some stay. With the oldest first none would.
    """
    data, survived = first_message(), 0
    for attempt in range(100):
        bench = listening(EngineSettings(max_half_open=20, max_half_open_per_source=20))
        core_of(bench.b).entropy = random.Random(attempt).randbytes
        bench.give("b", b"honest!!" + data[8:])
        for number in range(1, 30):
            bench.give("b", number.to_bytes(8, "big") + data[8:])
        survived += any(sa.cky_i == b"honest!!" for sa in ike_sas(bench.b))
    assert 10 < survived < 90


def test_only_so_many_from_one_address_cost_a_key_exchange() -> None:
    """Who has a true address may answer to any number of cookies."""
    bench = listening(EngineSettings(max_half_open_per_source=3))
    bench.tamper = lambda sent: [] if sent.datagram.data[19] & 1 else [sent]
    for _ in range(5):
        bench.a.engine.remove_tunnel("ab")
        core_of(bench.a).initiating.clear()
        bench.a.engine.add_tunnel(bench.a.tunnel)
        bench.up()
    assert core_of(bench.b).half_open.answered_from(bench.a.address.address) == 3
    assert bench.b.engine.counters["drop-too-many-half-open"] == 2


def test_a_first_message_that_is_too_long_is_not_read() -> None:
    bench = listening(EngineSettings())
    data = first_message()
    long = data[:24] + (4100).to_bytes(4, "big") + data[28:] + bytes(4100 - len(data))
    assert not bench.give("b", long) and bench.b.engine.counters["drop-limit"] == 1


def test_a_first_message_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, data, parsed = listening(EngineSettings()), first_message(), []
    genuine = message.read_chain

    def counting(first: PayloadType, octets: bytes, padded: bool = False, *, origin: int = 0) -> message.Chain:
        parsed.append(octets)
        return genuine(first, octets, padded, origin=origin)

    monkeypatch.setattr(message, "read_chain", counting)
    bench.give("b", data)
    assert len(parsed) == 1 and ike_sas(bench.b)


def test_what_a_stranger_says_is_cut_before_it_is_told() -> None:
    name = "x" * 3000
    bench = Bench(
        tunnel(mode=Phase1Mode.AGGRESSIVE, local_id=Identity.of(name)),
        replace(Bench(tunnel(mode=Phase1Mode.AGGRESSIVE)).b.tunnel, remotes=(), remote_id=Identity.of("somebody")),
    ).up()
    told = [fact for event in bench.b.events for fact in event.facts.values() if isinstance(fact, str)]
    assert any("(3000 characters)" in fact for fact in told) and max(map(len, told)) < 300


def test_a_stranger_with_a_forged_address_locks_nobody_out() -> None:
    """One invented message a second in the name of our peer, for as long as it likes."""
    bench = Bench()
    data = first_message()
    for number in range(1, 200):
        bench.give("b", number.to_bytes(8, "big") + data[8:])
        bench.run(1)
    bench.up()
    assert bench.matched()


def test_who_has_answered_does_not_go_for_others_of_its_address() -> None:
    bench = listening(EngineSettings(max_half_open=2, max_half_open_per_source=2))
    bench.tamper = lambda sent: [] if sent.sender == "a" and sent.datagram.data[19] & 1 else [sent]
    data = first_message()
    bench.up()
    bench.give("b", b"second!!" + data[8:])
    second = ike_sas(bench.b)[-1]
    second.exchanges[0].row = 4
    core_of(bench.b).half_open.answered(second)
    bench.give("b", b"third!!!" + data[8:])
    assert [sa.cky_i for sa in ike_sas(bench.b)][1:] == [b"second!!"]
    assert bench.b.engine.counters["drop-too-many-half-open"] == 1


def test_one_network_of_ipv6_is_one_source() -> None:
    """Whoever has a /64 has 2^64 addresses."""
    bench = listening(EngineSettings(max_half_open=60, max_half_open_per_source=1))
    data = first_message()
    bench.give("b", b"another!" + data[8:], source=Endpoint.of("2001:db8:1:2::1", 500))
    for number in range(1, 200):
        source = Endpoint.of(f"2001:db8:1:1::{number:x}", 500)
        bench.give("b", number.to_bytes(8, "big") + data[8:], source=source)
    assert len(ike_sas(bench.b)) == 60 and b"another!" in [sa.cky_i for sa in ike_sas(bench.b)]


def test_so_many_at_all() -> None:
    bench = listening(EngineSettings(max_half_open=10))
    data = first_message()
    for number in range(1, 31):
        message, source = from_everywhere(data, number)
        bench.give("b", message, source=source)
    assert len(ike_sas(bench.b)) == 10
    assert bench.b.engine.counters["half-open-evicted"] == 20
    assert bench.b.engine.status(bench.now).half_open == 10
    bench.run(60)
    assert not ike_sas(bench.b) and not core_of(bench.b).half_open._by_source and not len(core_of(bench.b).timers)


def test_who_has_answered_stays_during_a_flood() -> None:
    """Message 3 proves that the address is no invention."""
    bench = listening(EngineSettings(max_half_open=10))
    held: list[object] = []
    bench.tamper = lambda sent: held.append(sent) or [] if sent.datagram.data[19] & 1 else [sent]  # type: ignore[func-returns-value]
    bench.up()
    data = first_message()
    for number in range(1, 50):
        message, source = from_everywhere(data, number)
        bench.give("b", message, source=source)
    for sent in held:
        bench.deliver(sent)  # type: ignore[arg-type]
    bench.tamper = lambda sent: [sent]
    bench.run(1)
    assert bench.matched()


def test_an_established_sa_is_not_half_open() -> None:
    bench = listening(EngineSettings(max_half_open_per_source=1)).up()
    assert bench.matched() and not core_of(bench.b).half_open and not core_of(bench.b).half_open._by_source
    for _ in range(3):
        bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
        bench.run(1)
    assert len(events(bench.a, Code.IKE_REKEYED)) == 3


def test_a_half_open_sa_ends_with_a_reason() -> None:
    bench = Bench(tamper=losing(*range(99), sender="b")).up()
    bench.run(59)
    assert not events(bench.b, Code.PHASE1_FAILED)
    bench.tamper = lambda sent: []
    bench.run(2)
    assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.NO_ANSWER]
    assert facts(bench.b, Code.PHASE1_FAILED)["half_open"] is True


def test_nobody_is_expected_from_there() -> None:
    bench = Bench()
    data = first_message()
    bench.give("b", data, source=Endpoint.of("203.0.113.77", 500))
    (dropped,) = events(bench.b, Code.CALL_REFUSED)
    assert dropped.reason is Reason.NO_MATCHING_TUNNEL and dropped.facts["remote"] == "203.0.113.77:500"
    (answer,) = bench.datagrams("b")
    assert first_payload(answer, Notify).type == NotifyType.NO_PROPOSAL_CHOSEN
    assert len(answer) <= len(data) and not ike_sas(bench.b)


def test_the_other_mode_is_configured() -> None:
    bench = Bench(tunnel(mode=Phase1Mode.AGGRESSIVE), Bench().b.tunnel).up()
    (refused,) = events(bench.b, Code.CALL_REFUSED)
    assert (refused.tunnel, refused.facts["candidates"]) == ("ba", ("ba (main mode)",))


def test_answers_and_events_for_strangers_are_few() -> None:
    bench = Bench()
    data = first_message()
    for number in range(1, 500):
        message, source = from_everywhere(data, number)
        bench.give("b", message, source=source)
    limit = EngineSettings().max_notifies_per_s
    told = len(events(bench.b, Code.CALL_REFUSED))
    assert len(bench.datagrams("b")) == limit and told == EngineSettings().max_stranger_events
    assert bench.b.engine.counters["untold-call-refused"] == 499 - told
    assert bench.b.engine.counters["drop-no-matching-tunnel"] == 499
    bench.now += 1
    bench.give("b", data, source=Endpoint.of("203.0.113.77", 500))
    assert len(bench.datagrams("b")) == limit + 1


def test_refusals_of_proposals_are_few() -> None:
    bench = Bench(tunnel(), replace(Bench().b.tunnel, remotes=(), ike_proposals=()))
    data = first_message()
    for number in range(1, 100):
        message, source = from_everywhere(data, number)
        bench.give("b", message, source=source)
    assert len(bench.datagrams("b")) == EngineSettings().max_notifies_per_s and not ike_sas(bench.b)


def test_a_flood_does_not_wipe_the_history() -> None:
    """An hour of invented first messages, answered and forgotten, is worth few events; what is not told is counted."""
    bench = listening(EngineSettings())
    data = first_message()
    for number in range(1, 3600):
        message, source = from_everywhere(data, number)
        bench.give("b", message, source=source)
        bench.run(1)
    assert len(bench.b.events) < 1500
    assert bench.b.engine.counters["untold-phase1-responding"] > 3000


def test_one_kind_of_failure_does_not_hide_another() -> None:
    """In a flood of first messages that lead nowhere, a wrong secret is told."""
    bench = listening(EngineSettings())
    data = first_message()
    for number in range(1, 500):
        message, source = from_everywhere(data, number)
        bench.give("b", message, source=source)
    wrong = Bench(tunnel(psk=Secret(b"another")), replace(Bench().b.tunnel, remotes=()))
    wrong.b = bench.b
    wrong.up()
    wrong.run(100)
    assert Reason.WRONG_SECRET in bench.b.reasons(Code.PHASE1_FAILED, Code.DATAGRAM_DROPPED)


# Peers that are known by a DNS name


def named_peer() -> Bench:
    """ "b" believes that its peer is where its name led to before."""
    theirs = replace(other_side(tunnel()), remotes=(AddressRange.of("203.0.113.50"),), named=True, any_remote_id=True)
    return Bench(tunnel(), theirs)


def test_names_are_looked_up_before_a_caller_is_refused() -> None:
    bench = named_peer().up()
    assert len(bench.of("b", LookUp)) == 1 and not bench.datagrams("b") and not events(bench.b, Code.CALL_REFUSED)
    found = replace(bench.b.tunnel, remotes=(AddressRange.of_address(HERE.address),))
    bench.b.engine.add_tunnel(found)
    bench.run(5)  # its message 1 comes again
    assert bench.matched() and not events(bench.a, Code.PEER_NOTIFY)


def test_who_is_not_found_by_name_is_refused() -> None:
    bench = named_peer().up()
    bench.run(9)
    assert events(bench.b, Code.CALL_REFUSED) and bench.datagrams("b")
    assert len(bench.of("b", LookUp)) == 1


def test_strangers_cannot_have_names_looked_up_for_ever() -> None:
    bench = named_peer()
    bench.tamper = lambda sent: []
    bench.initiate()
    (first,) = bench.datagrams("a")
    for number in range(1000):
        bench.now += 0.1
        bench.give("b", number.to_bytes(8, "little")[:7] + b"\x01" + first[8:])
    assert len(bench.of("b", LookUp)) == 10


def test_without_names_nobody_waits() -> None:
    bench = Bench(tunnel(), replace(other_side(tunnel()), remotes=(AddressRange.of("203.0.113.50"),))).up()
    assert not bench.of("b", LookUp) and events(bench.b, Code.CALL_REFUSED)
