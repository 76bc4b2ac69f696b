"""Habits of peers that others have met, each with where it was seen: the tunnel comes up and lives, or fails for the
reason that is given. What has a test file of its own (late vendor ids, racoon's fragments, ...) is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from unittest import mock

import pytest

from ikevpn.crypto.ciphers import block_size
from ikevpn.ike.offers import select
from ikevpn.ike.phase1 import common
from ikevpn.ike.state.effects import Send
from ikevpn.ike.state.sa import Exchange, IkeSa
from ikevpn.ike.upkeep import dpd
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.proposal import IkeProposal, Lifetime
from ikevpn.model.tunnel import Phase1Mode, Tunnel
from ikevpn.wire import message
from ikevpn.wire.payload import (
    SA,
    Delete,
    Identification,
    NatOa,
    Notify,
    Transform,
    VendorId,
)
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import (
    Doi,
    ExchangeType,
    IdType,
    Ike,
    NotifyType,
    Protocol,
)
from tests.ike.bench import (
    AES,
    HERE,
    TRIPLE_DES,
    Bench,
    Sent,
    children,
    core_of,
    events,
    ike_sas,
    only_sa,
    says,
    tunnel,
)
from tests.ike.phase1.test_natt import behind_nat
from tests.manners import bend

_M, _A, _Q = "main mode message ", "aggressive mode message ", "quick mode message "


def _without(*kinds: int) -> Callable[[Transform], Transform]:
    return lambda each: replace(each, attributes=tuple(a for a in each.attributes if a.type not in kinds))


def _with(extra: Attribute) -> Callable[[Transform], Transform]:
    return lambda each: replace(each, attributes=(*each.attributes, extra))


def _responder_lifetime(data: bytes) -> Notify:
    return Notify(Doi.IPSEC, Protocol.ESP, b"", NotifyType.RESPONDER_LIFETIME, data)


@dataclass(frozen=True)
class Habit:
    """`bad` is the side that has it, in one row of a script."""

    name: str
    seen: str
    bad: str
    row: str
    change: bend.Change
    tunnel: Tunnel = tunnel()


HABITS = (
    Habit(
        "half an attribute in RESPONDER-LIFETIME",
        "FortiGate, openwrt/packages#2423: vpnc stopped at it",
        "b",
        _Q + "2",
        bend.more(_responder_lifetime(bytes.fromhex("800b000100020004"))),
    ),
    Habit(
        "RESPONDER-LIFETIME of a phase 1 in message 6",
        "FortiGate",
        "b",
        _M + "6",
        bend.more(_responder_lifetime(bytes.fromhex("800b00010002000400007080"))),
    ),
    Habit(
        "NAT-OA in tunnel mode, without a NAT",
        "NetworkManager-l2tp#191: both are sent whatever the mode",
        "a",
        _Q + "1",
        bend.more(NatOa(IdType.IPV4_ADDRESS, HERE.address.packed), NatOa(IdType.IPV4_ADDRESS, HERE.address.packed)),
    ),
    Habit(
        "INITIAL-CONTACT in quick mode",
        "SSH Sentinel, Windows",
        "a",
        _Q + "1",
        bend.more(Notify(Doi.IPSEC, Protocol.ISAKMP, bytes(16), NotifyType.INITIAL_CONTACT)),
    ),
    Habit(
        "vendor ids in encrypted messages",
        "Cisco ASA",
        "b",
        _M + "6",
        bend.more(VendorId(b"x" * 16), VendorId(b"y" * 8)),
    ),
    Habit("vendor ids in quick mode", "Windows", "a", _Q + "1", bend.more(VendorId(b"x" * 16))),
)


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.name.replace(" ", "-"))
def test_the_tunnel_comes_up_and_stays(habit: Habit) -> None:
    bench = Bench(replace(habit.tunnel, dpd_interval_s=20))
    with bend.payloads(bench.side(habit.bad), habit.row, habit.change):
        bench.up()
        assert bench.matched(), [str(event) for event in (*bench.a.events, *bench.b.events)]
        bench.run(300)
    assert bench.matched() and len(ike_sas(bench.a)) == len(ike_sas(bench.b)) == 1
    assert all(sa.lifetime.seconds >= 3600 for sa in (*ike_sas(bench.a), *ike_sas(bench.b)))


@pytest.mark.parametrize("who", ["a", "b"])
def test_a_question_with_other_cookies_is_answered(who: str) -> None:
    """Openswan and libreswan call them "broken Cisco?" and answer."""
    bench = Bench().up()
    sa = only_sa(bench.side(who))
    for number, spi in enumerate((sa.cky_r + sa.cky_i, bytes(16), sa.cky_i, b"")):
        before = len(bench.log)
        question = replace(dpd._notify(sa, NotifyType.R_U_THERE, (7 + number).to_bytes(4, "big")), spi=spi)
        says(bench, who, question)
        assert len(bench.log) == before + 2, spi.hex()


def test_message_3_of_aggressive_mode_in_clear_leaves_an_iv_of_one_block() -> None:
    """libreswan#2027, against racoon: the IV was as long as the hash. In clear: Volans (libreswan#230), SonicWall."""
    bench = Bench(tunnel(mode=Phase1Mode.AGGRESSIVE))
    with bend.in_clear(bench.a, _A + "3"):
        bench.up()
    assert bench.matched()
    for side in (bench.a, bench.b):
        sa = only_sa(side)
        assert sa.proposal is not None and len(sa.last_block) == block_size(sa.proposal.cipher)


def test_a_peer_on_port_4500_without_a_nat() -> None:
    """Juniper goes there as soon as both know NAT traversal (libreswan#1238), and others begin there."""
    bench = Bench()

    def tamper(sent: Sent) -> list[Sent]:
        each = sent.datagram
        late = sent.sender == "a" and (each.data[19] & 1 or each.data[18] != ExchangeType.MAIN)
        moved = replace(each, local=each.local.at(4500), remote=each.remote.at(4500), natt=True)
        return [replace(sent, datagram=moved)] if late else [sent]

    bench.tamper = tamper
    bench.up()
    assert bench.matched()


def test_what_comes_to_port_500_after_the_move_to_4500() -> None:
    """strongswan#447: it was not heard there any more."""
    bench = behind_nat().up()
    assert bench.matched() and only_sa(bench.b).natt
    again = bench.a.engine.rekey("ab", bench.now, "net")
    sent = [effect for effect in again if isinstance(effect, Send)]
    source = bench.nat[HERE]
    for each in sent:
        bench.give("b", each.data, source=source)
    bench.perform(bench.a, [effect for effect in again if not isinstance(effect, Send)])
    bench.run(30)
    assert bench.matched() and len(events(bench.b, Code.CHILD_REKEYED)) == 1


def test_deletes_of_all_kinds_in_one_message() -> None:
    """Cisco and ScreenOS say all that is gone at once."""
    bench = Bench().up()
    sa, (child,) = only_sa(bench.a), children(bench.a)
    gone = [
        Delete(Doi.IPSEC, Protocol.ESP, (child.spi_in.to_bytes(4, "big"),)),
        Delete(Doi.IPSEC, Protocol.ISAKMP, (sa.cookies,)),
    ]
    says(bench, "a", *gone)
    assert not bench.b.sas and not ike_sas(bench.b)
    assert bench.b.reasons(Code.CHILD_DOWN) == [Reason.PEER_DELETED]


def test_a_lost_message_3_of_quick_mode_is_asked_for() -> None:
    """Openswan#60: the responder's second message 2 was taken for garbage, and the pair was up at one end only."""
    lost = iter([True])

    def tamper(sent: Sent) -> list[Sent]:
        third = sent.sender == "a" and sent.datagram.data[18] == ExchangeType.QUICK and len(core_of(bench.b).children)
        return [] if third and next(lost, False) else [sent]

    bench = Bench()
    bench.tamper = tamper
    bench.up()
    bench.run(10)
    assert bench.matched() and next(lost, None) is None


OFFERS = (
    # what an offer of phase 1 looks like, and where it was seen
    ("no lifetime", "libreswan#2858, where it was taken for 0 s", AES, _without(Ike.LIFE_TYPE, Ike.LIFE_DURATION)),
    ("a key length for 3DES", "Check Point", TRIPLE_DES, _with(Attribute.of(Ike.KEY_LENGTH, 192))),
)


@pytest.mark.parametrize(("name", "seen", "proposal", "change"), OFFERS, ids=[each[0] for each in OFFERS])
def test_an_odd_offer(name: str, seen: str, proposal: IkeProposal, change: Callable[[Transform], Transform]) -> None:
    def offer(proposals: Sequence[IkeProposal], lifetime: Lifetime) -> SA:
        (bent,) = bend.transforms(change)([genuine(proposals, lifetime)])
        assert isinstance(bent, SA)
        return bent

    genuine = select.offer_ike
    with mock.patch.object(select, "offer_ike", offer):  # before it is hashed
        bench = Bench(tunnel(ike_proposals=(proposal,))).up()
    assert bench.matched() and only_sa(bench.b).lifetime.seconds == 28800


@pytest.mark.parametrize("who", ["a", "b"])
def test_an_identity_with_udp_and_port_500(who: str) -> None:
    """Cisco IOS, KAME; RFC 2407 section 4.6.2 allows it. The hash covers it."""

    def identity(sa: IkeSa, exchange: Exchange, used: Tunnel) -> Identification:
        built = genuine(sa, exchange, used)
        if bend._belongs(bench.side(who), sa):
            built = replace(built, protocol=17, port=500)
            exchange.state.set_id(exchange.role, message.body_of(built))
        return built

    bench, genuine = Bench(), common.build_identity
    with mock.patch.object(common, "build_identity", identity):
        bench.up()
    assert bench.matched()
