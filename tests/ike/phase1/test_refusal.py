"""Why phase 1 fails, by what was seen: the pre-shared keys are blamed only where nothing else explains it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ikevpn.ike.runner import protect
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.state.sa import IkeSa
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire import message
from ikevpn.wire.payload import Delete, HashPayload, Payload
from ikevpn.wire.payloads import fragment
from ikevpn.wire.registry import Doi, ExchangeType, Flag, NotifyType, Protocol
from tests.ike.bench import HERE, Bench, Sent, core_of, events, ike_sas, notify, only_sa, other_side, says, tunnel
from tests.manners import bend

MAIN, INFORMATIONAL = ExchangeType.MAIN, ExchangeType.INFORMATIONAL
LAST_BLOCKS: dict[str, Callable[[IkeSa], bytes]] = {
    "of message 5": lambda sa: sa.exchanges[0].iv,
    "none yet (libreswan)": lambda sa: b"",
}


def encrypted_message_5(sent: Sent) -> bool:
    return sent.sender == "a" and sent.datagram.data[18] == MAIN and bool(sent.datagram.data[19] & 1)


def answered_by(bench: Bench, last_block: Callable[[IkeSa], bytes], payloads: list[Payload]) -> None:
    """ "b" answers each message 5 with an informational under the keys of both, and does not take it."""
    numbers = iter(range(1000, 2000))

    def tamper(sent: Sent) -> list[Sent]:
        if not encrypted_message_5(sent):
            return [sent]
        sa, number = only_sa(bench.b), next(numbers)
        sa.keys, sa.last_block = sa.exchanges[0].state.trials[0], last_block(only_sa(bench.a))
        hashed = protect.with_hash(sa, HashKind.FIRST, number, (b"", b""), payloads)
        data, _ = protect.encrypt(sa, INFORMATIONAL, number, protect.first_iv(sa, number), hashed)
        sa.keys = None
        core_of(bench.b).send(sa, data)
        bench.perform(bench.b, bench.b.engine._out())
        return []

    bench.tamper = tamper


def failure(bench: Bench, side: str = "a") -> Event:
    bench.up()
    bench.run(120)
    (found,) = events(bench.side(side), Code.PHASE1_FAILED)
    return found


@pytest.mark.parametrize("last_block", LAST_BLOCKS.values(), ids=LAST_BLOCKS.keys())
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (NotifyType.INVALID_ID_INFORMATION, Reason.IDENTITY_REFUSED),
        (NotifyType.AUTHENTICATION_FAILED, Reason.IDENTITY_REFUSED),
        (NotifyType.NO_PROPOSAL_CHOSEN, Reason.PEER_REFUSED_PHASE1),
    ],
)
def test_a_refusal_that_our_keys_open_is_true(
    last_block: Callable[[IkeSa], bytes], kind: NotifyType, reason: Reason
) -> None:
    bench = Bench(tunnel(local_id=Identity.of("paris.example")))
    answered_by(bench, last_block, [notify(kind)])
    failed = failure(bench)
    assert failed.reason is reason and failed.facts["notify"] == kind.label
    assert failed.facts["local_id"] == "paris.example"
    assert "pre-shared" not in reasons.sentence(failed)


def test_a_delete_in_place_of_message_6() -> None:
    bench = Bench()
    deleted: list[Payload] = [Delete(Doi.IPSEC, Protocol.ISAKMP, (bytes(16),))]
    answered_by(bench, LAST_BLOCKS["of message 5"], deleted)
    bench.up()
    assert not events(bench.a, Code.PHASE1_FAILED)  # somebody else's
    deleted[:] = [Delete(Doi.IPSEC, Protocol.ISAKMP, (only_sa(bench.a).cookies,))]
    bench.run(20)
    assert bench.a.reasons(Code.PHASE1_FAILED) == [Reason.IDENTITY_REFUSED]


def test_an_initiator_may_refuse_us_after_message_6() -> None:
    """For us phase 1 is done then, for libreswan it is not, and its IV starts afresh."""
    bench = Bench()
    bench.tamper = lambda sent: [sent] if sent.sender == "a" or not sent.datagram.data[19] & 1 else []
    bench.up()
    there = only_sa(bench.a)
    there.last_block = b""
    hashed = protect.with_hash(there, HashKind.FIRST, 77, (b"", b""), [notify(NotifyType.INVALID_ID_INFORMATION)])
    data, _ = protect.encrypt(there, INFORMATIONAL, 77, protect.first_iv(there, 77), hashed)
    bench.give("b", data)
    assert bench.b.reasons(Code.IKE_DOWN) == [Reason.IDENTITY_REFUSED] and not ike_sas(bench.b)


def test_the_same_long_after_ends_nothing() -> None:
    bench = Bench().up()
    bench.run(30)
    says(bench, "a", notify(NotifyType.INVALID_ID_INFORMATION))
    assert bench.matched() and ike_sas(bench.b)


# In the clear

CLEAR = [
    # what is said, to whom (mode), after how many datagrams of "b"; what it means
    (NotifyType.PAYLOAD_MALFORMED, Phase1Mode.MAIN, 2, Reason.WRONG_SECRET),
    (NotifyType.PAYLOAD_MALFORMED, Phase1Mode.MAIN, 0, Reason.PEER_REFUSED_PHASE1),
    (NotifyType.AUTHENTICATION_FAILED, Phase1Mode.MAIN, 2, Reason.PEER_REFUSED_PHASE1),
    (NotifyType.INVALID_HASH_INFORMATION, Phase1Mode.MAIN, 2, Reason.PEER_REFUSED_PHASE1),
    (NotifyType.INVALID_ID_INFORMATION, Phase1Mode.MAIN, 2, Reason.IDENTITY_REFUSED),
    (NotifyType.INVALID_ID_INFORMATION, Phase1Mode.MAIN, 0, Reason.PEER_REFUSED_PHASE1),
    (NotifyType.INVALID_ID_INFORMATION, Phase1Mode.AGGRESSIVE, 0, Reason.IDENTITY_REFUSED),
    (NotifyType.AUTHENTICATION_FAILED, Phase1Mode.AGGRESSIVE, 0, Reason.PEER_REFUSED_PHASE1),
    (NotifyType.INVALID_KEY_INFORMATION, Phase1Mode.MAIN, 1, Reason.PEER_REFUSED_PHASE1),
    (NotifyType.INVALID_MAJOR_VERSION, Phase1Mode.MAIN, 0, Reason.WRONG_VERSION),
]


@pytest.mark.parametrize(("kind", "mode", "after", "reason"), CLEAR)
def test_what_a_refusal_in_the_clear_suggests(kind: NotifyType, mode: Phase1Mode, after: int, reason: Reason) -> None:
    bench = Bench(tunnel(mode=mode))
    heard = iter(range(1_000_000))

    def tamper(sent: Sent) -> list[Sent]:
        if sent.sender == "a":
            return [sent]
        if next(heard) < after:
            return [sent]
        sa = only_sa(bench.a)
        data = message.write(sa.cky_i, sa.cky_r, INFORMATIONAL, Flag(0), 7, [notify(kind)])
        return [replace(sent, datagram=replace(sent.datagram, data=data))]

    bench.tamper = tamper
    failed = failure(bench)
    assert failed.reason is reason and failed.facts["notify"] == kind.label
    assert ("pre-shared" in reasons.sentence(failed)) == (reason is Reason.WRONG_SECRET)


def test_message_6_in_the_clear() -> None:
    bench = Bench()
    with bend.in_clear(bench.b, "main mode message 6"):
        failed = failure(bench)
    assert failed.reason is Reason.IN_THE_CLEAR and "in the clear" in reasons.sentence(failed)


def test_a_hash_that_is_wrong_under_the_right_keys() -> None:
    bench = Bench()
    flipped = bend.swapped(HashPayload, lambda each: HashPayload(bend.flipped(each.write())))
    with bend.payloads(bench.b, "main mode message 6", flipped):
        failed = failure(bench)
    assert failed.reason is Reason.BAD_HASH and "pre-shared" not in reasons.sentence(failed)


def test_the_right_secret_among_several_tells_what_is_wrong() -> None:
    """That the others do not open the message says nothing."""
    ours = tunnel()
    bench = Bench(ours, other_side(ours))
    more = [replace(other_side(ours), name=f"more{n}", psk=Secret(b"other%d" % n)) for n in range(3)]
    for each in more:
        bench.b.engine.add_tunnel(each)
    flipped = bend.swapped(HashPayload, lambda each: HashPayload(bend.flipped(each.write())))
    with bend.payloads(bench.a, "main mode message 5", flipped):
        assert failure(bench, "b").reason is Reason.BAD_HASH


def test_a_part_of_the_answer_is_missing() -> None:
    """Each message 4 loses its second piece."""

    def tamper(sent: Sent) -> list[Sent]:
        data = sent.datagram.data
        if sent.sender == "a" or data[18] != MAIN or len(data) < 150:
            return [sent]
        pieces = [piece for number, piece in enumerate(fragment.split(data, 1, 100)) if number != 1]
        return [replace(sent, datagram=replace(sent.datagram, data=piece)) for piece in pieces]

    failed = failure(Bench(tamper=tamper))
    assert failed.reason is Reason.FRAGMENTS_MISSING and "only some fragments" in reasons.sentence(failed)


def test_silence_on_the_other_port() -> None:
    """Behind a NAT, with UDP 4500 closed."""
    outside = {HERE: Endpoint.of("203.0.113.9", 1024)}
    theirs = replace(other_side(tunnel()), remotes=(AddressRange.of("203.0.113.9"),), any_remote_id=True)
    failed = failure(Bench(tunnel(), theirs, nat=outside, tamper=lambda sent: [] if sent.datagram.natt else [sent]))
    assert failed.reason is Reason.NO_ANSWER_NATT
    assert "no answer from 198.51.100.1:4500 after IKE moved to this port because of a NAT" in reasons.sentence(failed)
    assert "UDP 4500" in reasons.advice(failed)[0]
