"""Every row against every other message: what does not belong there is dropped for a reason and changes nothing.

Both engines are deterministic, so that one run gives the messages with which the next is disturbed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.runner.script import Protection, Script
from ikevpn.ike.script import INFORMATIONAL, QUICK, SCRIPTS
from ikevpn.ike.state.sa import Role
from ikevpn.model.events.event import Reason
from ikevpn.model.tunnel import Phase1Mode, Tunnel
from ikevpn.wire.payload import HashPayload
from ikevpn.wire.registry import ExchangeType
from tests.ike.bench import PFS, TRIPLE_DES, Bench, Sent, Side, ike_sas, state_of, tunnel

TUNNELS = {
    "main": tunnel(ipsec_proposals=(PFS,)),
    "main-3des": tunnel(ike_proposals=(TRIPLE_DES,)),
    "aggressive": tunnel(mode=Phase1Mode.AGGRESSIVE),
}
STEPS = {"main": 9, "main-3des": 9, "aggressive": 6}
ENCRYPTED = {"main": (4, 5), "main-3des": (4, 5), "aggressive": (2,)}


# The tables themselves


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_the_rows_are_consistent(script: Script) -> None:
    rows = script.rows
    assert [row.sender for row in rows] == [Role.INITIATOR, Role.RESPONDER] * (len(rows) // 2) + [Role.INITIATOR] * (
        len(rows) % 2
    )
    for row in rows:
        assert row.name.startswith(script.name)
        required = {each for kind in row.required for each in (kind if isinstance(kind, tuple) else (kind,))}
        assert HashPayload in required or not row.authenticates
        assert row.hash is HashKind.NONE or row.protection is Protection.ENCRYPTED
        assert not required & set(row.optional)


def test_exchange_types_are_distinct() -> None:
    assert len({script.kind for script in SCRIPTS}) == len(SCRIPTS)


# Every message at every place


def stepping(name: str) -> Bench:
    bench = Bench(TUNNELS[name])
    bench.initiate()
    return bench


def recorded(name: str) -> list[Sent]:
    bench = stepping(name)
    while bench.step():
        pass
    assert bench.matched() and len(bench.log) == STEPS[name]
    return list(bench.log)


def before(name: str, step: int) -> Bench:
    """A run that has delivered `step` datagrams."""
    bench = stepping(name)
    for _ in range(step):
        assert bench.step()
    return bench


def drops(side: Side) -> Counter[str]:
    return Counter({what: n for what, n in side.engine.counters.items() if what.startswith("drop-")})


def snapshot(side: Side) -> list[tuple[object, ...]]:
    return [
        (state_of(sa, exchange), message_id)
        for sa in ike_sas(side)
        for message_id, exchange in sa.exchanges.items()
    ] + [tuple(side.sas)]  # fmt: skip


PLACES = [(name, step, other) for name in TUNNELS for step in range(STEPS[name]) for other in range(STEPS[name])]


@pytest.mark.parametrize(("name", "step", "other"), [place for place in PLACES if place[1] != place[2]])
def test_a_message_in_the_wrong_place(name: str, step: int, other: int) -> None:
    """All earlier ones (duplicates), later ones (overtaking), and our own (played back)."""
    log = recorded(name)
    bench = before(name, step)
    disturbed, wrong = bench.side("b" if log[step].sender == "a" else "a"), log[other].datagram
    reflected = log[other].sender == disturbed.name
    early = len(ike_sas(disturbed)[0].early) if ike_sas(disturbed) else 0
    was, counted, sent = snapshot(disturbed), drops(disturbed), len(bench.log)
    source = wrong.local if not reflected else log[step].datagram.local
    bench.give(disturbed.name, wrong.data, source=source, natt=wrong.natt)
    new = drops(disturbed) - counted
    answers = [each.datagram.data for each in bench.log[sent:]]
    if other < step and not reflected:
        assert new == {"drop-duplicate": 1}
        assert len(answers) <= 1 and set(answers) <= {each.datagram.data for each in log}
    elif any(len(sa.early) > early for sa in ike_sas(disturbed)):
        assert not new and wrong.data[18] == QUICK.kind  # it overtook the end of phase 1 and waits for it
    else:
        assert new.total() == 1 and set(new) <= {f"drop-{reason}" for reason in _expected(name, step, other)}, new
        assert len(answers) <= 1 and all(data[18] == INFORMATIONAL.kind and len(data) < 100 for data in answers)
    assert snapshot(disturbed) == was
    while bench.step():
        pass
    assert bench.matched() and len(bench.side("a").sas) == len(bench.side("b").sas) == 2


def _expected(name: str, step: int, other: int) -> set[Reason]:
    """What may be said of datagram `other` in the place of datagram `step`."""
    quick = STEPS[name] - 3  # the first message of quick mode
    if step == 0 or other == 0:
        return {Reason.UNKNOWN_COOKIE}
    if other >= quick:
        return {Reason.BAD_HASH, Reason.MALFORMED} if step >= quick else {Reason.UNEXPECTED_MESSAGE}
    if step >= quick:
        return {Reason.UNEXPECTED_MESSAGE}
    if step in ENCRYPTED[name] and other not in ENCRYPTED[name]:
        return {Reason.IN_THE_CLEAR, Reason.MALFORMED}
    if other in ENCRYPTED[name] and step not in ENCRYPTED[name]:
        return {Reason.UNEXPECTED_MESSAGE, Reason.MALFORMED}
    return {Reason.MALFORMED, Reason.WRONG_SECRET, Reason.BAD_KEY_EXCHANGE}


# Bent copies of the right message


@dataclass(frozen=True)
class Bent:
    """`reasons` for phase 1 in clear, phase 1 encrypted, quick mode."""

    name: str
    change: Callable[[bytes], bytes]
    clear: Reason
    encrypted: Reason
    quick: Reason


def at(offset: int, *octets: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:offset] + bytes(octets) + data[offset + len(octets) :]


def cut(data: bytes) -> bytes:
    """Shorter by 16 octets, which its length field says too."""
    return data[:24] + (len(data) - 16).to_bytes(4, "big") + data[28:-16]


def hollow(data: bytes) -> bytes:
    return data[:24] + (28).to_bytes(4, "big")


def flag(data: bytes) -> bytes:
    return data[:19] + bytes([data[19] ^ 1]) + data[20:]


_BAD, _SECRET, _HASH, _ODD = Reason.MALFORMED, Reason.WRONG_SECRET, Reason.BAD_HASH, Reason.UNEXPECTED_MESSAGE
BENT = (
    Bent("cut", cut, _BAD, _SECRET, _BAD),
    Bent("cut-short", lambda data: data[:-1], _BAD, _BAD, _BAD),
    Bent("only-a-header", hollow, _BAD, _SECRET, _BAD),
    Bent("other-encryption-flag", flag, _ODD, _SECRET, _ODD),
    Bent("exchange-base", at(18, 1), _ODD, Reason.UNKNOWN_EXCHANGE, Reason.UNKNOWN_EXCHANGE),
    Bent("exchange-informational", at(18, 5), _ODD, _ODD, _ODD),
    Bent("exchange-transaction", at(18, 6), _ODD, Reason.UNKNOWN_EXCHANGE, Reason.UNKNOWN_EXCHANGE),
    Bent("message-id", at(20, 1, 2, 3, 4), _ODD, _ODD, _HASH),
    Bent("next-payload", at(16, 13), _BAD, _SECRET, _BAD),
    Bent("version-2", at(17, 0x20), Reason.WRONG_VERSION, Reason.WRONG_VERSION, Reason.WRONG_VERSION),
    Bent("cookies", at(0, 9, 9, 9, 9), Reason.UNKNOWN_COOKIE, Reason.UNKNOWN_COOKIE, Reason.UNKNOWN_COOKIE),
)


def bendings() -> Iterator[tuple[str, int, Bent]]:
    for name in TUNNELS:
        for step in range(1, STEPS[name]):
            for bent in BENT:
                yield name, step, bent


def label(value: object) -> str:
    return value.name if isinstance(value, Bent) else str(value)


@pytest.mark.parametrize(("name", "step", "bent"), list(bendings()), ids=label)
def test_a_bent_copy_comes_first(name: str, step: int, bent: Bent) -> None:
    log = recorded(name)
    bench = before(name, step)
    real = log[step]
    disturbed = bench.side("b" if real.sender == "a" else "a")
    was, counted, sent = snapshot(disturbed), drops(disturbed), len(bench.log)
    bench.give(disturbed.name, bent.change(real.datagram.data), natt=real.datagram.natt)
    assert snapshot(disturbed) == was
    new = drops(disturbed) - counted
    assert len(new) <= 1 and set(new) <= {f"drop-{reason}" for reason in Reason}
    if not _is_another_message(real.datagram.data, bent):
        expected = (
            bent.quick if real.datagram.data[18] == 32 else bent.encrypted if real.datagram.data[19] & 1 else bent.clear
        )
        assert set(new) <= {f"drop-{expected}", f"drop-{_SECRET}", f"drop-{_BAD}"} and new.total() == 1, new
    said_before = {each.datagram.data for each in log}
    answers = [each.datagram.data for each in bench.log[sent:] if each.datagram.data not in said_before]
    assert len(answers) <= 1 and all(data[18] == INFORMATIONAL.kind for data in answers)
    while bench.step():
        pass
    assert bench.matched()


def _is_another_message(data: bytes, bent: Bent) -> bool:
    """Bent in a way that makes a valid message of another kind of it, or one that a person would have to judge."""
    return bent.name in {"exchange-informational", "exchange-base", "exchange-transaction", "other-encryption-flag"}


def test_the_other_mode_is_not_taken() -> None:
    bench = before("main", 2)
    data = bench._wire[0].datagram.data
    bench.give("b", data[:18] + bytes([ExchangeType.AGGRESSIVE]) + data[19:])
    assert bench.b.engine.counters["drop-unexpected-message"] == 1


def test_a_tunnel_without_optional_parts_comes_up() -> None:
    plain: Tunnel = replace(TUNNELS["main"], natt_drafts=(), fragment_size=0, initial_contact=False, vendor_ids=(b"x",))
    assert Bench(plain).up().matched()
