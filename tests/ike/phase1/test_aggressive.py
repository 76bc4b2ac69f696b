"""Aggressive mode: identities in clear, one group at a time, message 3 in either form or lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.ike.runner import protect
from ikevpn.ike.state.effects import Report, Send
from ikevpn.ike.state.sa import IkeState
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import NattDraft, Phase1Mode, SharedSecret, Tunnel
from ikevpn.wire import message
from ikevpn.wire.header import HEADER_SIZE
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import HashPayload, Identification, Payload
from ikevpn.wire.registry import ExchangeType, Group
from tests.ike.bench import (
    AES,
    HERE,
    Bench,
    Sent,
    core_of,
    events,
    facts,
    header_of,
    ike_sas,
    losing,
    only_sa,
    other_side,
    tunnel,
)
from tests.manners import bend

AGGRESSIVE = ExchangeType.AGGRESSIVE
ALICE, BOB, CAROL = Identity.of("alice@example.net"), Identity.of("keyid:bob"), Identity.of("carol@example.net")


def aggressive(**changes: object) -> Tunnel:
    return tunnel(mode=Phase1Mode.AGGRESSIVE, **changes)


def dialup() -> Tunnel:
    return replace(other_side(aggressive()), name="dialup", remotes=(), remote_id=None, psk=None)


@pytest.mark.parametrize("identity", [ALICE, BOB, Identity.of("192.0.2.1"), Identity.of("gw.example.net")], ids=str)
def test_three_messages(identity: Identity) -> None:
    bench = Bench(aggressive(local_id=identity)).up()
    assert bench.matched()
    assert [data[18] for data in bench.datagrams("a")][:2] == [AGGRESSIVE, AGGRESSIVE]
    assert only_sa(bench.b).peer_id == identity
    assert bench.a.codes().index(Code.PEER_AUTHENTICATED) < bench.a.codes().index(Code.IKE_UP)


def test_message_3_in_clear_is_taken() -> None:
    """SonicWall sends it so, with its identity."""
    bench = Bench(aggressive())
    row = "aggressive mode message 3"
    with bend.in_clear(bench.a, row):
        bench.up()
    assert only_sa(bench.b).state is IkeState.ESTABLISHED and not bench.datagrams("a")[1][19] & 1


@pytest.mark.parametrize("times", [1, 3])
def test_message_3_lost_is_repeated_when_quick_mode_comes_too_early(times: int) -> None:
    bench = Bench(aggressive(), tamper=losing(*range(1, 1 + times), exchange=AGGRESSIVE)).up()
    bench.run(20)
    assert bench.matched() and len(bench.datagrams("a", AGGRESSIVE)) > 2
    assert len(set(bench.datagrams("a", AGGRESSIVE))) == 2 == 1 + len(set(bench.datagrams("b", AGGRESSIVE)))


def test_message_3_lost_for_ever() -> None:
    bench = Bench(aggressive(), tamper=losing(*range(1, 99), exchange=AGGRESSIVE)).up()
    bench.run(200)
    assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.NO_ANSWER]
    assert bench.a.reasons(Code.PHASE2_FAILED) == [Reason.NO_ANSWER]
    assert not core_of(bench.b).ike_sas and not bench.b.sas and not bench.a.sas
    assert len(bench.datagrams("b")) <= 2 + core_of(bench.b).settings.max_resent


@pytest.mark.parametrize("side", ["a", "b"])
def test_a_wrong_secret(side: str) -> None:
    wrong = Secret(b"wrong")
    mine = aggressive()
    bench = Bench(replace(mine, psk=wrong), other_side(mine)) if side == "a" else Bench(mine, _with(wrong))
    bench.up()
    bench.run(60)
    (failed,) = events(bench.a, Code.PHASE1_FAILED)
    assert failed.reason is Reason.WRONG_SECRET and failed.facts["message"] == "aggressive mode message 2"
    assert not core_of(bench.a).ike_sas and not core_of(bench.b).ike_sas


def _with(secret: Secret) -> Tunnel:
    return replace(other_side(aggressive()), psk=secret)


def test_a_wrong_hash_in_message_3() -> None:
    bench = Bench(aggressive())
    flip = bend.swapped(HashPayload, lambda each: HashPayload(bend.flipped(each.write())))
    with bend.payloads(bench.a, "aggressive mode message 3", flip):
        bench.up()
        bench.run(60)
    assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.WRONG_SECRET]


# Who


def test_the_secret_of_the_identity_is_used() -> None:
    bench = Bench(aggressive(psk=Secret(b"bobs"), local_id=BOB), dialup())
    secrets = [SharedSecret(Secret(b"any")), SharedSecret(Secret(b"bobs"), identity=BOB)]
    bench.b.engine.replace_secrets(secrets, bench.now)
    assert bench.up().matched()


@pytest.mark.parametrize("order", [1, -1])
def test_a_common_secret_does_not_open_what_has_its_own(order: int) -> None:
    """Whoever knows the secret of the tunnel for all must not come in as one who has a tunnel of his own."""
    common = replace(dialup(), psk=Secret(b"common"))
    bobs = replace(dialup(), name="bobs", remote_id=BOB, psk=Secret(b"bobs"))
    bench = Bench(aggressive(psk=Secret(b"common"), local_id=BOB), common)
    bench.b.engine.remove_tunnel("dialup")
    for each in (common, bobs)[::order]:
        bench.b.engine.add_tunnel(each)
    bench.up()
    bench.run(60)
    assert not core_of(bench.b).ike_sas and not bench.b.sas
    other = Bench(aggressive(psk=Secret(b"bobs"), local_id=BOB), common)
    other.b.engine.add_tunnel(bobs)
    assert only_sa(other.up().b).name == "bobs"


def test_nobody_of_that_name() -> None:
    bench = Bench(aggressive(local_id=ALICE), replace(other_side(aggressive()), remote_id=BOB)).up()
    bench.run(60)
    failed = facts(bench.b, Code.PHASE1_FAILED)
    assert bench.b.reasons(Code.PHASE1_FAILED)[0] is Reason.WRONG_PEER_IDENTITY
    assert failed["received"] == str(ALICE) and failed["expected"] == (f"ba: {BOB}",)
    assert failed["received_type"] == "user-fqdn"


def answers(name: Identity, theirs: Tunnel, secret: bytes = b"no idea", **ours: object) -> Bench:
    """Somebody who knows no secret asks whether there is a peer of this name: message 2 is there, unread."""
    bench = Bench(aggressive(psk=Secret(secret), local_id=name, **ours), theirs)
    bench.b.engine.replace_secrets([SharedSecret(Secret(b"bobs"), identity=BOB)], bench.now)
    bench.initiate()
    bench.step()
    return bench


def chain_of(data: bytes) -> Chain:
    return message.read_chain(header_of(data).next_payload, data[HEADER_SIZE:])


HUB = replace(dialup(), local_id=Identity.of("hub.example.net"))


@pytest.mark.parametrize(
    ("theirs", "reason"),
    [
        (HUB, Reason.NO_SECRET),
        (replace(HUB, remote_id=BOB), Reason.WRONG_PEER_IDENTITY),
        (replace(HUB, psk=Secret(b"for carol"), remote_id=CAROL), Reason.WRONG_PEER_IDENTITY),
    ],
)
def test_a_name_that_nobody_has_is_answered_like_one_that_somebody_has(theirs: Tunnel, reason: Reason) -> None:
    """Else whoever asks learns which names there are (CVE-2010-4354)."""
    known, unknown = answers(BOB, HUB), answers(ALICE, theirs)
    shapes = [
        [(len(data), [type(each) for each in chain_of(data).payloads]) for data in bench.datagrams("b")]
        for bench in (known, unknown)
    ]
    assert shapes[0] == shapes[1] and len(shapes[0]) == 1
    (refused,) = events(unknown.b, Code.CALL_REFUSED)
    assert refused.reason is reason and not events(known.b, Code.CALL_REFUSED)
    kinds = [type(effect) for effect in unknown.effects["b"]]
    assert kinds.index(Send) < len(kinds) - 1 and isinstance(unknown.effects["b"][-1], Report)  # told when it is out
    for bench, why in ((known, Reason.WRONG_SECRET), (unknown, reason)):
        bench.tamper = lambda sent: []
        bench.give("b", protect.clear(only_sa(bench.b), AGGRESSIVE, 0, [HashPayload(bytes(20))]))
        bench.run(70)
        assert bench.b.reasons(Code.PHASE1_FAILED) == [why] and not ike_sas(bench.b)
    said = [[(data[18], len(data)) for data in bench.datagrams("b")] for bench in (known, unknown)]
    assert said[0] == said[1] and len(said[0]) == 2


def test_an_offer_that_only_others_take_does_not_show_whose_name_it_is() -> None:
    """Bob's own tunnel does not take it, another one at that address does."""
    bobs = replace(HUB, name="bobs", remote_id=BOB, psk=Secret(b"bobs"), ike_proposals=(replace(AES, key_bits=256),))
    bench = Bench(aggressive(psk=Secret(b"bobs"), local_id=BOB), HUB)
    bench.b.engine.add_tunnel(bobs)
    bench.up()
    assert events(bench.b, Code.CALL_REFUSED)[0].reason is Reason.NO_PROPOSAL_PHASE1 and not bench.b.sas
    assert bench.a.reasons(Code.DATAGRAM_DROPPED)[:1] == [Reason.WRONG_SECRET]


def test_who_has_not_said_so_does_not_answer() -> None:
    """Nor is it an obstacle to calls of its own."""
    mine = aggressive(answer_aggressive=False)
    bench = Bench(mine, replace(other_side(mine), answer_aggressive=False)).up()
    (refused,) = events(bench.b, Code.CALL_REFUSED)
    assert refused.reason is Reason.AGGRESSIVE_MODE and refused.tunnel == "ba" and not ike_sas(bench.b)
    assert Bench(mine, replace(other_side(mine), answer_aggressive=True)).up().matched()


def test_the_responder_proves_who_it_is() -> None:
    bench = Bench(aggressive(remote_id=ALICE), replace(other_side(aggressive()), local_id=BOB)).up()
    assert bench.a.reasons(Code.PHASE1_FAILED) == [Reason.WRONG_PEER_IDENTITY]


def test_several_tunnels_at_one_address() -> None:
    bench = Bench(aggressive(local_id=BOB), replace(other_side(aggressive()), remote_id=ALICE))
    there = replace(bench.b.tunnel, name="bobs", remote_id=BOB, remotes=(AddressRange.of("192.0.2.0/24"),))
    bench.b.engine.add_tunnel(there)
    assert only_sa(bench.up().b).name == "bobs"


# Groups


def test_one_group_after_the_other() -> None:
    second = replace(AES, group=Group.ECP_256)
    mine = aggressive(ike_proposals=(AES, second))
    bench = Bench(mine, replace(other_side(mine), ike_proposals=(second,))).up()
    bench.run(10)
    assert bench.matched()
    assert [event.facts["offered"] for event in events(bench.a, Code.PHASE1_STARTED)] == [
        (str(AES),),
        (str(second),),
    ]
    assert not events(bench.a, Code.PHASE1_FAILED)


def test_no_group_is_left() -> None:
    mine = aggressive(ike_proposals=(AES, replace(AES, group=Group.ECP_256)))
    bench = Bench(mine, replace(other_side(mine), ike_proposals=(replace(AES, key_bits=256),))).up()
    bench.run(60)
    (failed,) = events(bench.a, Code.PHASE1_FAILED)
    assert failed.reason is Reason.PEER_REFUSED_PHASE1 and failed.facts["notify"] == "no-proposal-chosen"
    offered = {event.facts["offered"] for event in events(bench.b, Code.PHASE1_FAILED)}
    assert offered == {("pre-g1-aes128-sha",), ("pre-g19-aes128-sha",)} and not core_of(bench.a).ike_sas


# Forgeries


def test_forged_answers_do_not_stop_the_real_one() -> None:
    """Anybody who saw message 1 can answer it; only who knows the secret is believed."""

    def tamper(sent: Sent) -> list[Sent]:
        data = sent.datagram.data
        if sent.sender == "a" or data[18] != AGGRESSIVE:
            return [sent]
        return [*(replace(sent, datagram=replace(sent.datagram, data=each)) for each in _forged(data)), sent]

    bench = Bench(aggressive(), tamper=tamper).up()
    assert bench.matched() and bench.a.engine.counters["drop-wrong-secret"] >= 1
    assert len(events(bench.a, Code.PROPOSAL_CHOSEN)) == 1


def _forged(real: bytes) -> list[bytes]:
    header = header_of(real)
    payloads = list(message.read(real).chain.payloads)
    changed: list[list[Payload]] = [
        [replace(each, data=b"mallory") if isinstance(each, Identification) else each for each in payloads],
        [HashPayload(bytes(20)) if isinstance(each, HashPayload) else each for each in payloads],
        [each for each in payloads if not isinstance(each, HashPayload)],
    ]
    cookies = (header.cky_i, header.cky_r), (header.cky_i, b"forgery!")
    return [
        message.write(cky_i, cky_r, header.exchange, header.flags, 0, each)
        for each in changed
        for cky_i, cky_r in cookies
    ] + [real[:HEADER_SIZE]]


ELSEWHERE = replace(HERE, port=4321)


def _third_from_elsewhere(*natt_drafts: NattDraft, nat: dict[Endpoint, Endpoint] | None = None) -> Bench:
    """Message 3 reaches the responder from another port than message 1."""
    mine = aggressive(natt_drafts=natt_drafts)
    bench = Bench(mine, replace(other_side(mine), remotes=()), nat=nat)
    bench.initiate()
    bench.step()
    bench.step()
    bench.give("b", bench._wire.popleft().datagram.data, source=ELSEWHERE)
    return bench


def test_the_address_of_who_has_proved_itself_is_followed() -> None:
    sa = only_sa(_third_from_elsewhere(NattDraft.DRAFT_00, nat={HERE: Endpoint.of("203.0.113.9", 1234)}).b)
    assert sa.remote == ELSEWHERE and sa.nat.peer_is_behind


@pytest.mark.parametrize("natt_draft", [NattDraft.DRAFT_00, NattDraft.RFC])
def test_who_found_no_nat_has_none(natt_draft: NattDraft) -> None:
    """The initiator knows both hashes when it sends message 3: where message 1 came from is where it says it is."""
    bench = _third_from_elsewhere(natt_draft)
    sa = only_sa(bench.b)
    assert sa.remote == HERE and not sa.nat.found and not sa.natt
    assert not events(bench.b, Code.NAT_DETECTED)
