"""Main mode: who is who, whose secret it was, and what a stranger in between can do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.ike.phase1.common import Phase1
from ikevpn.ike.state.sa import IkeState
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import Lifetime
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode, SharedSecret, Tunnel
from ikevpn.wire import message
from ikevpn.wire.payload import KeyExchange, Nonce, Payload
from ikevpn.wire.registry import ExchangeType, Flag, IdType, NotifyType, PayloadType
from tests.ike.bench import (
    HERE,
    Bench,
    Sent,
    core_of,
    events,
    facts,
    header_of,
    losing,
    networks,
    notify,
    only_sa,
    tunnel,
)
from tests.manners import bend

ALICE, BOB = Identity.of("alice@example.net"), Identity.of("bob@example.net")


def dialup(**changes: object) -> Tunnel:
    """The responder's side for whoever calls."""
    plain = Bench().b.tunnel
    return replace(plain, name="dialup", remotes=(), remote_id=None, psk=None, **changes)  # type: ignore[arg-type]


def as_client(secret: bytes, identity: Identity | None) -> Tunnel:
    return tunnel(psk=Secret(secret), local_id=identity)


@pytest.mark.parametrize(
    "identity",
    [
        Identity.of("192.0.2.1"),
        Identity.of("gw.example.net"),
        ALICE,
        Identity.of("keyid:group1"),
        Identity(IdType.IPV6_ADDRESS, bytes(15) + b"\x01"),
        Identity(IdType.DN, bytes.fromhex("3000")),
        Identity(IdType.IPV4_SUBNET, bytes.fromhex("0a000000ff000000")),
        Identity(IdType(201), b"private"),
    ],
    ids=str,
)
def test_identities_of_every_type(identity: Identity) -> None:
    bench = Bench(tunnel(local_id=identity))
    bench.up()
    assert bench.matched()
    assert only_sa(bench.b).peer_id == identity
    assert facts(bench.b, Code.PEER_AUTHENTICATED)["identity"] == str(identity)


def test_names_are_compared_without_case() -> None:
    bench = Bench(tunnel(local_id=Identity.of("GW.Example.Net")))
    bench.b.engine.add_tunnel(replace(bench.b.tunnel, remote_id=Identity.of("gw.example.net")))
    bench.up()
    assert bench.matched()


def test_a_wrong_identity_is_told_on_both_sides() -> None:
    ours = tunnel(local_id=ALICE)
    bench = Bench(ours, replace(Bench(ours).b.tunnel, remote_id=BOB))
    bench.up()
    bench.run(60)
    (failed,) = events(bench.b, Code.PHASE1_FAILED)
    assert failed.reason is Reason.WRONG_PEER_IDENTITY
    assert failed.facts["received"] == str(ALICE) and failed.facts["expected"] == (f"ba: {BOB}",)
    assert events(bench.a, Code.PHASE1_FAILED)[0].facts["notify"] == "invalid-id-information"
    assert not core_of(bench.a).ike_sas and not core_of(bench.b).ike_sas


def test_the_initiator_refuses_a_wrong_identity() -> None:
    bench = Bench(tunnel(remote_id=BOB), replace(Bench().b.tunnel, local_id=ALICE))
    bench.up()
    (failed,) = events(bench.a, Code.PHASE1_FAILED)
    assert failed.reason is Reason.WRONG_PEER_IDENTITY and failed.facts["received"] == str(ALICE)
    assert not core_of(bench.a).ike_sas


def test_without_a_configured_identity_an_address_must_be_the_peers_own() -> None:
    bench = Bench(tunnel(local_id=Identity.of("10.9.9.9")), replace(Bench().b.tunnel, remote_id=None))
    bench.up()
    assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.WRONG_PEER_IDENTITY]


def test_behind_a_nat_an_inner_address_will_do() -> None:
    inner, outer = Endpoint.of("192.0.2.1", 500), Endpoint.of("203.0.113.9", 1024)
    floated = Endpoint.of("203.0.113.9", 1025)
    bench = Bench(nat={inner: outer, inner.at(4500): floated})
    bench.b.engine.add_tunnel(replace(bench.b.tunnel, remotes=(AddressRange.of("203.0.113.9"),), remote_id=None))
    bench.up()
    assert bench.matched()
    assert str(only_sa(bench.b).peer_id) == "192.0.2.1" and only_sa(bench.b).remote == floated


# Secrets


@pytest.mark.parametrize("mode", ["identity", "address", "subnet", "any"])
def test_a_secret_is_found_by(mode: str) -> None:
    secrets = {
        "identity": SharedSecret(Secret(b"right"), identity=ALICE),
        "address": SharedSecret(Secret(b"right"), remote=AddressRange.of("192.0.2.1")),
        "subnet": SharedSecret(Secret(b"right"), remote=AddressRange.of("192.0.2.0/24")),
        "any": SharedSecret(Secret(b"right")),
    }
    bench = Bench(as_client(b"right", ALICE), dialup())
    other = SharedSecret(Secret(b"wrong"), remote=AddressRange.of("10.0.0.0/8"))
    bench.b.engine.replace_secrets((other, secrets[mode]), bench.now)
    bench.up()
    assert bench.matched()


def test_several_secrets_are_tried_on_message_5() -> None:
    bench = Bench(as_client(b"bobs", BOB), dialup())
    secrets = [SharedSecret(Secret(b"alices"), identity=ALICE), SharedSecret(Secret(b"bobs"), identity=BOB)]
    bench.b.engine.replace_secrets(secrets, bench.now)
    bench.up()
    assert bench.matched()


def test_who_knows_one_secret_cannot_call_itself_what_another_belongs_to() -> None:
    bench = Bench(as_client(b"alices", BOB), dialup())
    secrets = [SharedSecret(Secret(b"alices"), identity=ALICE), SharedSecret(Secret(b"bobs"), identity=BOB)]
    bench.b.engine.replace_secrets(secrets, bench.now)
    bench.up()
    (failed,) = events(bench.b, Code.PHASE1_FAILED)
    assert failed.reason is Reason.WRONG_SECRET and failed.facts["received"] == str(BOB)
    assert not bench.b.sas


def test_a_common_secret_does_not_prove_who_has_a_tunnel_of_its_own() -> None:
    """Neither opens it that tunnel, nor any other under that name."""
    bench = Bench(as_client(b"group", BOB), dialup())
    bench.b.engine.add_tunnel(replace(dialup(), name="bobs", remote_id=BOB, psk=Secret(b"bobs own")))
    bench.b.engine.replace_secrets([SharedSecret(Secret(b"group"))], bench.now)
    bench.up()
    assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.WRONG_SECRET] and not bench.b.sas
    other = Bench(as_client(b"group", ALICE), dialup())
    other.b.engine.add_tunnel(replace(dialup(), name="bobs", remote_id=BOB, psk=Secret(b"bobs own")))
    other.b.engine.replace_secrets([SharedSecret(Secret(b"group"))], other.now)
    assert only_sa(other.up().b).name == "dialup"


def test_an_initiator_without_a_secret_says_so_and_sends_nothing() -> None:
    bench = Bench(replace(tunnel(), psk=None))
    bench.up()
    assert bench.a.reasons(Code.PHASE1_FAILED) == [Reason.NO_SECRET]
    assert not bench.log and not core_of(bench.a).ike_sas


def test_a_responder_without_a_secret_says_so() -> None:
    bench = Bench(tunnel(), replace(Bench().b.tunnel, psk=None))
    bench.up()
    bench.run(60)
    assert facts(bench.b, Code.PHASE1_FAILED)["notify"] == "authentication-failed"
    assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.NO_SECRET]
    assert not core_of(bench.b).ike_sas


def test_a_wrong_secret_is_what_both_sides_report() -> None:
    bench = Bench(tunnel(), replace(Bench().b.tunnel, psk=Secret(b"other")))
    bench.up()
    bench.run(60)
    assert bench.a.reasons(Code.PHASE1_FAILED) == [Reason.WRONG_SECRET]
    assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.WRONG_SECRET]
    assert facts(bench.b, Code.PHASE1_FAILED)["message"] == "main mode message 5"


def test_silence_after_message_5_is_told_as_what_it_is() -> None:
    """Another secret is the likeliest cause, but nothing proves it."""
    bench = Bench(tamper=lambda sent: [] if sent.datagram.data[19] & 1 else [sent])
    bench.up()
    bench.run(100)
    (failed,) = events(bench.a, Code.PHASE1_FAILED)
    assert failed.reason is Reason.NO_ANSWER_ENCRYPTED and failed.facts["silent"] is True
    assert failed.facts["local_id"] == str(HERE.address)


def test_silence_before_is_silence() -> None:
    bench = Bench(tamper=losing(*range(99), sender="b"))
    bench.up()
    bench.run(100)
    (failed,) = events(bench.a, Code.PHASE1_FAILED)
    assert failed.reason is Reason.NO_ANSWER
    assert (failed.facts["tries"], failed.facts["message"]) == (6, "main mode message 1")


# What a stranger in between can do


def test_message_1_played_back_is_no_answer() -> None:
    bench = Bench(tamper=lambda sent: [])
    bench.initiate()
    (first,) = bench.datagrams("a")
    bench.give("a", first)
    assert bench.a.engine.counters["drop-unknown-cookie"] == 1
    sa = only_sa(bench.a)
    assert sa.cky_r == bytes(8) and sa.exchanges[0].row == 1 and len(bench.datagrams("a")) == 1


def test_a_bad_public_value_from_a_stranger_leaves_the_real_peer_its_chance() -> None:
    held: list[bytes] = []

    def tamper(sent: Sent) -> list[Sent]:
        data = sent.datagram.data
        if sent.sender == "a" and data[18] == ExchangeType.MAIN and data[16] == PayloadType.KEY_EXCHANGE and not held:
            held.append(data)
            return []
        return [sent]

    bench = Bench(tamper=tamper)
    bench.up()
    (real,) = held
    header = header_of(real)
    for public in (bytes(96), b"\x01" * 5):
        payloads: list[Payload] = [KeyExchange(public), Nonce(bytes(16))]
        forged = message.write(header.cky_i, header.cky_r, ExchangeType.MAIN, Flag(0), 0, payloads)
        bench.give("b", forged)
        assert bench.b.reasons(Code.DATAGRAM_DROPPED)[-1] is Reason.BAD_KEY_EXCHANGE
    bench.give("b", real)
    bench.run(1)
    assert bench.matched()


def test_initial_contact_added_in_clear_is_not_believed() -> None:
    """Aggressive mode's message 3 may come in clear, and its hash does not cover notifies."""
    ours = tunnel(mode=Phase1Mode.AGGRESSIVE, initial_contact=False)
    bench = Bench(ours)
    bench.up()
    contact = notify(NotifyType.INITIAL_CONTACT)
    row = "aggressive mode message 3"
    with bend.payloads(bench.a, row, bend.more(contact)):
        bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
        bench.run(1)
    assert not bench.b.sas  # encrypted, it counts
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(1)
    before = dict(bench.b.sas)
    assert before
    with bend.in_clear(bench.a, row), bend.payloads(bench.a, row, bend.more(contact)):
        bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
        bench.run(1)
    assert dict(bench.b.sas) == before


def test_the_lifetime_is_that_of_the_tunnel_that_is_meant() -> None:
    short = replace(dialup(), name="short", remote_id=ALICE, psk=Secret(b"one"), ike_lifetime=Lifetime(600))
    long = replace(dialup(), name="long", remote_id=BOB, psk=Secret(b"one"), ike_lifetime=Lifetime(7200))
    bench = Bench(as_client(b"one", BOB), short)
    bench.b.engine.add_tunnel(long)
    bench.up()
    assert only_sa(bench.b).name == "long" and only_sa(bench.b).lifetime.seconds == 7200


# Which tunnel


def test_the_more_specific_address_wins() -> None:
    base = Bench().b.tunnel
    ranges = {"host": "192.0.2.1", "net": "192.0.2.0/24", "wide": "0.0.0.0/0"}
    bench = Bench(tunnel(), replace(dialup(), psk=base.psk))
    for name, text in ranges.items():
        bench.b.engine.add_tunnel(replace(base, name=name, remotes=(AddressRange.of(text),)))
    bench.up()
    assert only_sa(bench.b).name == "host"
    bench.b.engine.remove_tunnel("host")
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    bench.run(1)
    bench.up()
    assert only_sa(bench.b).name == "net"


def test_the_identity_decides_between_tunnels_of_one_address() -> None:
    bench = Bench(as_client(b"one", BOB), replace(dialup(), psk=Secret(b"one")))
    for name, identity in (("alices", ALICE), ("bobs", BOB)):
        bench.b.engine.add_tunnel(replace(dialup(), name=name, remote_id=identity, psk=Secret(b"one")))
    bench.up()
    assert only_sa(bench.b).name == "bobs"


def test_half_open_keys_are_forgotten_when_done() -> None:
    bench = Bench(tunnel(children=networks(1)))
    bench.up()
    for side in (bench.a, bench.b):
        sa = only_sa(side)
        assert sa.state is IkeState.ESTABLISHED
        left = Phase1.of(sa.exchanges[0])
        assert left == Phase1(told=left.told, initial_contact=left.initial_contact) and "swordfish" not in repr(left)
        assert "swordfish" not in repr(sa)
