"""Where datagrams go: by cookies, in fragments, too early, or nowhere."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from ikevpn.ike.engine import EngineSettings
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire.payload import VendorId
from ikevpn.wire.payloads import fragment
from ikevpn.wire.registry import ExchangeType
from tests.ike.bench import PFS, Bench, Sent, core_of, events, ike_sas, only_sa, state_of, tunnel
from tests.manners import bend

MAIN, QUICK, AGGRESSIVE = ExchangeType.MAIN, ExchangeType.QUICK, ExchangeType.AGGRESSIVE


def fragmented(bench: Bench) -> list[bytes]:
    return [sent.datagram.data for sent in bench.log if sent.datagram.data[16] == 132]


def test_long_messages_go_in_fragments() -> None:
    bench = Bench(tunnel(fragment_size=200, ipsec_proposals=(PFS,))).up()
    assert bench.matched() and fragmented(bench)
    assert all(len(data) <= 200 - 28 for data in fragmented(bench))
    assert len(bench.datagrams("a")[0]) > 172  # message 1: nobody knows yet who can put it together


def test_the_first_answer_may_come_in_fragments() -> None:
    bench = Bench(tunnel(fragment_size=300, mode=Phase1Mode.AGGRESSIVE)).up()
    assert bench.matched() and bench.datagrams("b")[0][16] == 132


def test_fragments_in_any_order_and_twice() -> None:
    held: list[Sent] = []

    def tamper(sent: Sent) -> list[Sent]:
        if sent.datagram.data[16] != 132:
            return [sent]
        held.append(sent)
        if not sent.datagram.data[35] & 1:
            return []
        backwards = [*held[::-1], *held]
        held.clear()
        return backwards

    bench = Bench(tunnel(fragment_size=150, ipsec_proposals=(PFS,)), tamper=tamper).up()
    assert bench.matched()


@pytest.mark.parametrize("who", ["a", "b"])
@pytest.mark.parametrize("kind", [MAIN, QUICK])
def test_fragments_with_the_encryption_bit(who: str, kind: ExchangeType) -> None:
    """racoon, and what Apple made of it, leave the flags of the whole in its pieces."""
    cut: list[int] = []

    def tamper(sent: Sent) -> list[Sent]:
        data = sent.datagram.data
        if sent.sender != who or data[18] != kind or not data[19] & 1 or len(data) < 70:
            return [sent]
        cut.append(len(data))
        pieces = [piece[:19] + data[19:20] + piece[20:] for piece in fragment.split(data, 1, 68)]
        return [replace(sent, datagram=replace(sent.datagram, data=piece)) for piece in pieces]

    bench = Bench(tunnel(ipsec_proposals=(PFS,)), tamper=tamper).up()
    assert bench.matched() and cut


def test_what_arrived_of_a_message_counts_when_it_is_repeated() -> None:
    """Each time another fragment is lost; together two attempts are whole."""
    seen: set[bytes] = set()

    def tamper(sent: Sent) -> list[Sent]:
        data = sent.datagram.data
        if data[16] == 132 and data[34] == 2 and sent.sender == "a" and data not in seen:
            seen.add(data)
            return []
        if data[16] == 132 and data[34] == 1 and sent.sender == "a" and seen and data in seen:
            return []
        seen.add(data)
        return [sent]

    bench = Bench(tunnel(fragment_size=200), tamper=tamper).up()
    bench.run(10)
    assert bench.matched()


def test_nobody_who_has_not_announced_it_makes_us_collect() -> None:
    bench = Bench()
    with bend.payloads(bench.a, "main mode message 1", bend.without(VendorId)):
        bench.initiate()
        bench.step()
    sa = only_sa(bench.b)
    pieces = fragment.split(sa.cky_i + sa.cky_r + bench.datagrams("b")[0][16:], 1, 60)
    for piece in pieces:
        bench.give("b", piece)
    assert bench.b.reasons(Code.DATAGRAM_DROPPED) == [Reason.UNEXPECTED_MESSAGE] * len(pieces)
    assert not sa.reassembly._collecting


def test_fragments_of_another_message() -> None:
    bench = Bench().up()
    sa = only_sa(bench.b)
    other = b"another1" + sa.cky_r + bench.datagrams("a")[-1][16:]
    pieces = [sa.cookies + piece[16:] for piece in fragment.split(other, 9, 60)]
    for piece in pieces:
        bench.give("b", piece)
    assert events(bench.b, Code.DATAGRAM_DROPPED)[-1].facts["detail"] == "fragments of another message"
    nested = fragment.split(fragment.split(bench.datagrams("a")[-1], 3, 90)[0], 10, 60)
    for piece in nested:
        bench.give("b", piece)
    assert events(bench.b, Code.DATAGRAM_DROPPED)[-1].facts["detail"] == "fragments of another message"
    bench.give("b", pieces[0][:24] + (28).to_bytes(4, "big"))
    assert bench.b.reasons(Code.DATAGRAM_DROPPED)[-1] is Reason.MALFORMED and bench.matched()


def test_so_much_is_kept_that_comes_too_early() -> None:
    bench = Bench(tunnel(mode=Phase1Mode.AGGRESSIVE), settings=EngineSettings(max_early=2))
    held: list[Sent] = []

    def tamper(sent: Sent) -> list[Sent]:
        if sent.sender == "a" and sent.datagram.data[18] == AGGRESSIVE and sent.datagram.data[19] & 1:
            held.append(sent)
            return []
        return [sent]

    bench.tamper = tamper
    bench.up()
    quick = bench.datagrams("a", QUICK)[0]
    for number in range(5):
        bench.give("b", quick[:20] + bytes([number]) + quick[21:])
    assert len(only_sa(bench.b).early) == 2 and bench.b.engine.counters["drop-limit"] == 4
    bench.tamper = lambda sent: [sent]
    bench.deliver(held[0])
    bench.run(5)
    assert bench.matched() and not only_sa(bench.b).early


def test_few_octets_are_kept_that_come_too_early() -> None:
    bench = Bench(tunnel(mode=Phase1Mode.AGGRESSIVE))
    bench.tamper = lambda sent: [] if sent.sender == "a" and sent.datagram.data[19] & 1 else [sent]
    bench.up()
    quick = bench.datagrams("a", QUICK)[0]
    for number in range(1, 4):
        size = 3000
        data = quick[:20] + bytes([number] * 4) + size.to_bytes(4, "big") + bytes(size - 28)
        bench.give("b", data)
    assert sum(len(each.data) for each in only_sa(bench.b).early) <= EngineSettings().max_early_octets
    assert bench.b.engine.counters["drop-limit"]


def test_all_that_is_kept_for_strangers_is_bounded() -> None:
    """Who has most goes when there is too much."""
    settings = EngineSettings(max_held_octets=5000)
    bench = Bench(Bench().a.tunnel, replace(Bench().b.tunnel, remotes=()), settings=settings, tamper=lambda sent: [])
    bench.initiate()
    (first,) = bench.datagrams("a")
    for number in range(1, 20):
        source = Endpoint.of(f"203.0.113.{number}", 500)
        bench.give("b", bytes([number] * 8) + first[8:], source=source)
        sa = ike_sas(bench.b)[-1]
        size = 100 * (number + 1)
        long = sa.cookies + first[16:24] + size.to_bytes(4, "big") + bytes(size - 28)
        for piece in fragment.split(long, 1, 60)[:-1]:
            bench.give("b", piece, source=source)
            held = sum(each.reassembly.octets for each in ike_sas(bench.b))
            assert held == core_of(bench.b).half_open.octets <= settings.max_held_octets
    assert bench.b.engine.counters["half-open-evicted"] and len(ike_sas(bench.b)) > 3


def test_the_cookie_of_the_other_side_is_not_enough() -> None:
    bench = Bench().up()
    sa = only_sa(bench.b)
    data = bench.datagrams("a")[-1]
    before = len(bench.log)
    bench.give("b", b"forgery!" + data[8:])
    bench.give("b", data[:8] + b"forgery!" + data[16:])
    bench.give("b", sa.cky_r + sa.cky_i + data[16:])
    assert bench.b.engine.counters["drop-unknown-cookie"] == 3 and len(bench.log) == before


MODES = {mode: tunnel(mode=mode, fragment_size=200) for mode in Phase1Mode}


@pytest.mark.parametrize("mode", Phase1Mode)
@pytest.mark.parametrize("clear", [False, True])
def test_without_our_cookie_nothing_but_message_1_counts(mode: Phase1Mode, clear: bool) -> None:
    """Whoever has not seen message 2 may have invented its address: later messages, and fragments, must name it."""
    said = Bench(MODES[mode])
    with bend.in_clear(said.a, "aggressive mode message 3") if clear else nullcontext():
        said.up()
    whole = Bench(replace(MODES[mode], fragment_size=0))
    with bend.in_clear(whole.a, "aggressive mode message 3") if clear else nullcontext():
        whole.up()
    later = [data for each in (said, whole) for data in each.datagrams("a")[1:]]
    bench = Bench(MODES[mode], tamper=lambda sent: [])
    bench.initiate()
    (first,) = bench.datagrams("a")
    bench.give("b", first)
    sa, sent = only_sa(bench.b), len(bench.datagrams("b"))
    before = state_of(sa, sa.exchanges[0])
    for data in later:
        bench.give("b", first[:8] + bytes(8) + data[16:])
    assert state_of(sa, sa.exchanges[0]) == before and not sa.reassembly.octets and not sa.early
    assert len(bench.datagrams("b")) == sent and bench.b.engine.counters["drop-unknown-cookie"] == len(later)
    bench.give("b", first)
    assert bench.datagrams("b")[sent:] == bench.datagrams("b")[:sent]  # a repetition is answered again


def test_message_1_with_other_words_is_no_repetition() -> None:
    bench = Bench(tunnel(), tamper=lambda sent: [])
    bench.initiate()
    (first,) = bench.datagrams("a")
    bench.give("b", first)
    sent = len(bench.datagrams("b"))
    bench.give("b", first[:-1] + bytes([first[-1] ^ 1]))
    assert len(bench.datagrams("b")) == sent and len(ike_sas(bench.b)) == 1


def test_message_1_from_elsewhere_is_somebody_else() -> None:
    """The same cookie from another address: two half-open SAs, each answered where it came from."""
    bench = Bench(tunnel(), tamper=lambda sent: [])
    bench.b.engine.add_tunnel(replace(bench.b.tunnel, remotes=()))
    bench.initiate()
    (first,) = bench.datagrams("a")
    bench.give("b", first)
    bench.give("b", first, source=Endpoint.of("203.0.113.5", 500))
    assert len(ike_sas(bench.b)) == 2 and len({sa.cky_r for sa in ike_sas(bench.b)}) == 2
    assert {sent.datagram.remote for sent in bench.log if sent.sender == "b"} == {sa.remote for sa in ike_sas(bench.b)}


@pytest.mark.parametrize("data", [b"", b"\x00" * 27, bytes(28), b"\xff" * 28, b"\xff" * 3000])
def test_noise(data: bytes) -> None:
    bench = Bench().up()
    assert bench.b.engine.datagram(data, bench.b.address, bench.a.address, bench.now) == []
    assert not core_of(bench.b).half_open


def test_a_replayed_exchange_is_known_for_ever() -> None:
    bench = Bench().up()
    quick = bench.datagrams("a", QUICK)[0]
    bench.run(600)
    before, count = len(bench.log), len(bench.b.sas)
    heard = only_sa(bench.b).heard
    bench.give("b", quick, source=Endpoint.of("203.0.113.5", 500))
    assert len(bench.log) == before and len(bench.b.sas) == count and only_sa(bench.b).heard == heard
    assert bench.b.engine.counters["drop-duplicate"] == 1


def test_our_own_messages_played_back_are_not_the_peers() -> None:
    """The hash of an informational does not say who made it (RFC 2409 section 5.7)."""
    bench = Bench().up()
    bench.perform(bench.a, bench.a.engine.probe("ab", bench.now))
    question = bench.log[-1].datagram.data
    before = len(bench.log)
    bench.give("a", question)
    assert len(bench.log) == before and bench.a.engine.counters["drop-duplicate"] == 1


def test_what_an_observer_forges_is_told_now_and_then() -> None:
    """The cookies of an SA travel in clear: whoever has seen them could fill the history."""
    bench = Bench().up()
    sa = only_sa(bench.b)
    before = len(bench.b.events)
    for number in range(2000):
        head = sa.cookies + bytes([8, 0x10, (32, 5)[number % 2], 1]) + (number + 1).to_bytes(4, "big")
        bench.give("b", head + (60).to_bytes(4, "big") + bytes(32), source=Endpoint.of("203.0.113.5", 4711))
    told, settings = len(bench.b.events) - before, EngineSettings()
    assert told == settings.max_told_per_sa
    assert bench.b.engine.counters["untold-datagram-dropped"] == 2000 - told
    bench.now += 100
    bench.give("b", head + (60).to_bytes(4, "big") + bytes(32), source=Endpoint.of("203.0.113.5", 4711))
    assert len(bench.b.events) - before == told + 1


def test_what_is_not_made_of_whole_blocks_is_not_looked_up() -> None:
    bench = Bench().up()
    sa = only_sa(bench.b)
    head = sa.cookies + bytes([8, 0x10, 5, 1]) + (77).to_bytes(4, "big")
    bench.give("b", head + (59).to_bytes(4, "big") + bytes(31))
    assert bench.b.engine.counters["drop-malformed"] == 1
