"""A table of misbehaviours. Each bends one thing and names what comes of it: tolerance, or a reason of the other side.

After a refusal nothing may be left: no SA in a data plane, no half-open IKE SA, no timer that goes on for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import pytest

from ikevpn.ike.state.effects import Send
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.proposal import IpsecProposal, Lifetime
from ikevpn.model.tunnel import Phase1Mode, Tunnel
from ikevpn.wire.payload import (
    SA,
    CertificateRequest,
    HashPayload,
    Identification,
    KeyExchange,
    NatD,
    Nonce,
    Notify,
    Payload,
    Transform,
    Unknown,
    VendorId,
)
from ikevpn.wire.payloads import ident
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import (
    Doi,
    EspCipher,
    Group,
    IdType,
    Ike,
    Integrity,
    Ipsec,
    NotifyType,
    PayloadType,
    Protocol,
)
from tests.ike.pair import HERE, THERE, Pair, Sent, tunnel
from tests.manners import bend

_M, _A, _Q = "main mode message ", "aggressive mode message ", "quick mode message "
_LONG_AFTER_S = 400.0


@dataclass(frozen=True)
class Manner:
    """`bad` is the side that misbehaves ("a" initiates). `reason` None: the tunnel comes up all the same.

    `reason` is what the other side must give, in whatever event.
    """

    name: str
    bad: str
    bent: Callable[[Pair], AbstractContextManager[None]]
    reason: Reason | None = None
    tunnel: Tunnel = tunnel()


def _payloads(bad: str, row: str, change: bend.Change) -> Callable[[Pair], AbstractContextManager[None]]:
    return lambda pair: bend.payloads(pair.side(bad), row, change)


def _row(
    name: str, bad: str, row: str, change: bend.Change, reason: Reason | None = None, used: Tunnel | None = None
) -> Manner:
    return Manner(name, bad, _payloads(bad, row, change), reason, used or tunnel())


def _wire(name: str, bad: str, number: int, change: Callable[[bytes], bytes], reason: Reason | None = None) -> Manner:
    def bent(pair: Pair) -> AbstractContextManager[None]:
        pair.tamper = bend.octets(bad, number, change)
        return nullcontext()

    return Manner(name, bad, bent, reason)


def _ke(data: bytes) -> bend.Change:
    return bend.swapped(KeyExchange, lambda each: KeyExchange(data))


def _shorter_key(each: Payload) -> Payload:
    assert isinstance(each, KeyExchange)
    return KeyExchange(each.data[:-1])


def _attribute(kind: int, value: Attribute) -> Callable[[Transform], Transform]:
    """A transform in which one attribute has another value."""
    return lambda each: replace(each, attributes=tuple(value if a.type == kind else a for a in each.attributes))


def _network(first: str, last: str) -> Callable[[Payload], Payload]:
    from ipaddress import ip_address

    return lambda each: ident.of_range(ip_address(first), ip_address(last), 0, 0)


def _only_first_identity(built: list[Payload]) -> list[Payload]:
    second = [each for each in built if isinstance(each, Identification)][1]
    return [each for each in built if each is not second]


def _with_ipcomp(offer: SA) -> SA:
    """Proposals of one number are wanted together (RFC 2408 §4.2); AVM's boxes ask for compression so."""
    compression = replace(offer.proposals[0], protocol=Protocol.IPCOMP, spi=b"\x12\x34")
    return replace(offer, proposals=(*offer.proposals, compression))


def _status(kind: int) -> Notify:
    return Notify(Doi.IPSEC, Protocol.ISAKMP, b"", NotifyType(kind), b"anything")


_PFS = tunnel(
    ipsec_proposals=(IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_SHA1, Group.MODP_768),)
)
_AGGRESSIVE = tunnel(mode=Phase1Mode.AGGRESSIVE)
_HUGE = Attribute.variable(Ipsec.LIFE_DURATION, b"\xff" * 8)

_FLIP_HASH = bend.swapped(HashPayload, lambda each: HashPayload(bend.flipped(each.write())))
_BAD_KE, _BAD, _WRONG = Reason.BAD_KEY_EXCHANGE, Reason.MALFORMED, Reason.WRONG_SECRET

MANNERS = (
    # main mode, in clear
    _row("message 1 without SA", "a", _M + "1", bend.without(SA), _BAD),
    _row("message 1 with the SA last", "a", _M + "1", bend.backwards),
    _row("twenty unknown vendor ids", "a", _M + "1", bend.more(*(VendorId(bytes([n]) * 16) for n in range(20)))),
    _row("more vendor ids than anybody needs", "a", _M + "1", bend.more(*(VendorId(b"x" * 16),) * 80), _BAD),
    _row("an empty vendor id", "a", _M + "1", bend.more(VendorId(b""))),
    _row("an unknown payload in the clear", "a", _M + "1", bend.more(Unknown(PayloadType(200), b"hello"))),
    _row("a certificate request in message 1", "a", _M + "1", bend.more(CertificateRequest(4, b""))),
    _row("a certificate request in message 2", "b", _M + "2", bend.more(CertificateRequest(4, b""))),
    _row("a nonce in message 1", "a", _M + "1", bend.more(Nonce(bytes(16))), _BAD),
    _row(
        "a phase 1 cipher that nobody has",
        "a",
        _M + "1",
        bend.transforms(_attribute(Ike.ENCRYPTION, Attribute.of(Ike.ENCRYPTION, 65000))),
        Reason.NO_PROPOSAL_PHASE1,
    ),
    _row(
        "another DOI",
        "a",
        _M + "1",
        bend.offers(lambda each: replace(each, doi=Doi.GDOI)),
        Reason.UNSUPPORTED,
    ),
    _row(
        "a situation with labels",
        "a",
        _M + "1",
        bend.offers(lambda each: replace(each, situation=3)),
        Reason.UNSUPPORTED,
    ),
    _row("an endless phase 1 lifetime", "a", _M + "1", list, used=tunnel(ike_lifetime=Lifetime(2**40, 2**40))),
    _row(
        "the responder chooses what was not offered",
        "b",
        _M + "2",
        bend.transforms(_attribute(Ike.HASH, Attribute.of(Ike.HASH, 6))),
        Reason.PEER_REFUSED_PHASE1,
    ),
    _row("message 2 without SA", "b", _M + "2", bend.without(SA), _BAD),
    _row("message 2 behind a vendor id", "b", _M + "2", bend.first(VendorId(b"first"))),
    _row("message 3 without nonce", "a", _M + "3", bend.without(Nonce), _BAD),
    _row("message 3 without key", "a", _M + "3", bend.without(KeyExchange), _BAD),
    _row("a key of zeros", "a", _M + "3", _ke(bytes(96)), _BAD_KE),
    _row("a key of one", "a", _M + "3", _ke(bytes(95) + b"\x01"), _BAD_KE),
    _row("an empty key", "a", _M + "3", _ke(b""), _BAD_KE),
    _row("a key that is too short", "a", _M + "3", bend.swapped(KeyExchange, _shorter_key), _BAD_KE),
    _row("a key beyond the prime", "a", _M + "3", _ke(b"\xff" * 96), _BAD_KE),
    _row("a responder's key of zeros", "b", _M + "4", _ke(bytes(96)), _BAD_KE),
    _row("a nonce of seven octets", "a", _M + "3", bend.swapped(Nonce, lambda each: Nonce(bytes(7))), _BAD),
    _row("a nonce of 257 octets", "a", _M + "3", bend.swapped(Nonce, lambda each: Nonce(bytes(257))), _BAD),
    _row("message 4 without nonce", "b", _M + "4", bend.without(Nonce), _BAD),
    _row("one NAT-D only", "a", _M + "3", lambda built: built[:-1]),
    _row("no NAT-D at all", "a", _M + "3", bend.without(NatD)),
    # main mode, encrypted
    _row("a wrong HASH_I", "a", _M + "5", _FLIP_HASH, Reason.BAD_HASH),
    _row("a wrong HASH_R", "b", _M + "6", _FLIP_HASH, Reason.BAD_HASH),
    _row("message 5 without identity", "a", _M + "5", bend.without(Identification), _BAD),
    _row("message 5 without hash", "a", _M + "5", bend.without(HashPayload), _BAD),
    _row("an unknown notify beside the identity", "a", _M + "5", bend.more(_status(34567))),
    _row("the hash before the identity", "a", _M + "5", bend.backwards),
    # aggressive mode
    _row("aggressive message 1 without key", "a", _A + "1", bend.without(KeyExchange), _BAD, _AGGRESSIVE),
    _row("aggressive message 1 with a key of zeros", "a", _A + "1", _ke(bytes(96)), _BAD_KE, _AGGRESSIVE),
    _row("aggressive message 1 without identity", "a", _A + "1", bend.without(Identification), _BAD, _AGGRESSIVE),
    _row("aggressive, a wrong HASH_R", "b", _A + "2", _FLIP_HASH, _WRONG, _AGGRESSIVE),
    _row("aggressive, a wrong HASH_I", "a", _A + "3", _FLIP_HASH, _WRONG, _AGGRESSIVE),
    # quick mode
    _row("quick mode without nonce", "a", _Q + "1", bend.without(Nonce), _BAD),
    _row("quick mode without SA", "a", _Q + "1", bend.without(SA), _BAD),
    _row("a key without a group", "a", _Q + "1", bend.more(KeyExchange(bytes(96))), Reason.NO_PROPOSAL_PHASE2),
    _row("a group without a key", "a", _Q + "1", bend.without(KeyExchange), Reason.NO_PROPOSAL_PHASE2, _PFS),
    _row("a PFS key of zeros", "a", _Q + "1", _ke(bytes(96)), _BAD_KE, _PFS),
    _row("a responder's PFS key of zeros", "b", _Q + "2", _ke(bytes(96)), _BAD_KE, _PFS),
    _row(
        "an SPI of two octets",
        "a",
        _Q + "1",
        bend.proposals(lambda each: replace(each, spi=b"\x12\x34")),
        Reason.NO_PROPOSAL_PHASE2,
    ),
    _row(
        "a reserved SPI",
        "a",
        _Q + "1",
        bend.proposals(lambda each: replace(each, spi=b"\x00\x00\x00\xff")),
        Reason.NO_PROPOSAL_PHASE2,
    ),
    _row(
        "an endless lifetime",
        "a",
        _Q + "1",
        bend.transforms(_attribute(Ipsec.LIFE_DURATION, _HUGE)),
    ),
    _row(
        "a bundle with an unknown compression",
        "a",
        _Q + "1",
        bend.offers(_with_ipcomp),
        Reason.ONLY_COMPRESSED,
    ),
    _row("one identity of two", "a", _Q + "1", _only_first_identity, Reason.PROXY_ID_MISMATCH),
    _row(
        "an identity that is no address",
        "a",
        _Q + "1",
        bend.swapped(Identification, lambda each: Identification(IdType.FQDN, 0, 0, b"example.net")),
        Reason.PROXY_ID_MISMATCH,
    ),
    _row(
        "networks that nobody has",
        "a",
        _Q + "1",
        bend.swapped(Identification, _network("172.16.0.0", "172.16.0.255")),
        Reason.PROXY_ID_MISMATCH,
    ),
    _row(
        "the responder echoes wider networks",
        "b",
        _Q + "2",
        bend.swapped(Identification, _network("10.0.0.0", "10.255.255.255")),
        Reason.PROXY_ID_MISMATCH,
    ),
    _row("the responder echoes no networks", "b", _Q + "2", bend.without(Identification)),
    _row(
        "the responder chooses an ESP that was not offered",
        "b",
        _Q + "2",
        bend.transforms(_attribute(Ipsec.AUTHENTICATION, Attribute.of(Ipsec.AUTHENTICATION, 1))),
        Reason.PEER_REFUSED_PHASE2,
    ),
    _row("message 2 of quick mode without nonce", "b", _Q + "2", bend.without(Nonce), _BAD),
    _row("an unknown notify in quick mode", "a", _Q + "1", bend.more(_status(40001))),
    _row("an unknown payload in quick mode", "a", _Q + "1", bend.more(Unknown(PayloadType(200), b"hello"))),
    Manner("a wrong HASH(1)", "a", lambda pair: bend.hashes(pair.a, 0), Reason.BAD_HASH),
    Manner("a wrong HASH(2)", "b", lambda pair: bend.hashes(pair.b, 0), Reason.BAD_HASH),
    Manner("a wrong HASH(3)", "a", lambda pair: bend.hashes(pair.a, 1), Reason.BAD_HASH),
    # envelopes
    Manner("one more block of zeros", "a", lambda pair: bend.envelope(pair.a, extra=bytes(16))),
    Manner("one more block of anything", "b", lambda pair: bend.envelope(pair.b, extra=b"anything at all!")),
    Manner("the commit bit", "b", lambda pair: bend.envelope(pair.b, flags=2)),
    Manner("reserved flags", "a", lambda pair: bend.envelope(pair.a, flags=0xF0)),
    Manner("nothing encrypted in main mode", "a", lambda pair: bend.envelope(pair.a, clear=True), Reason.IN_THE_CLEAR),
    Manner("aggressive message 3 in clear", "a", lambda pair: bend.in_clear(pair.a, _A + "3"), None, _AGGRESSIVE),
    # headers and octets
    _wire("major version 2", "a", 0, bend.at(17, b"\x20"), Reason.WRONG_VERSION),
    _wire("minor version 1", "a", 0, bend.at(17, b"\x11")),
    _wire("exchange type 243", "a", 0, bend.at(18, b"\xf3"), Reason.UNKNOWN_COOKIE),
    _wire("a length field that is too long", "a", 0, bend.at(24, b"\x00\x00\xff\xff"), _BAD),
    _wire("a reserved octet that is not zero", "a", 0, bend.at(29, b"\xff")),
    _wire("a message cut in half", "a", 1, lambda data: data[: len(data) // 2], _BAD),
    _wire("message 1 with a responder's cookie", "a", 0, bend.at(8, b"\x01" * 8), Reason.UNKNOWN_COOKIE),
    _wire("message 3 with a message id", "a", 1, bend.at(20, b"\x00\x00\x00\x07"), Reason.UNEXPECTED_MESSAGE),
)


@pytest.mark.parametrize("manner", MANNERS, ids=lambda manner: manner.name.replace(" ", "-"))
def test_manner(manner: Manner) -> None:
    pair = Pair(manner.tunnel)
    polite = pair.b if manner.bad == "a" else pair.a
    with manner.bent(pair):
        pair.up()
        if manner.reason is None:
            assert pair.matched(), [str(event) for event in (*pair.a.events, *pair.b.events)]
            return
        reasons = {event.reason for event in polite.events} | set(_counted(polite.engine))
        assert manner.reason in reasons, [str(event) for event in polite.events]
        pair.run(_LONG_AFTER_S)
    assert not pair.matched()
    for side in (pair.a, pair.b):
        assert not side.sas, side.name
        assert all(sa.state == "established" for sa in side.engine.status(pair.now).ike_sas), side.name
    failures = pair.a.reasons(Code.PHASE1_FAILED, Code.PHASE2_FAILED, Code.CHILD_DOWN)
    assert failures and Reason.NONE not in failures


def _counted(engine: object) -> list[Reason]:
    """Reasons of drops that belong to no tunnel, so that no event tells them."""
    counters: dict[str, int] = engine.counters  # type: ignore[attr-defined]
    return [reason for reason in Reason if counters.get(f"drop-{reason}")]


# What no row can express: order, repetition, other addresses


def test_a_quick_mode_that_overtakes_phase_1_waits_for_it() -> None:
    """UDP may deliver quick mode message 1 of an aggressive initiator before its message 3."""
    held: list[Sent] = []

    def tamper(sent: Sent) -> list[Sent]:
        kind = sent.datagram.data[18]
        if sent.sender == "a" and kind == 4 and sent.datagram.data[19] & 1 and not held:
            held.append(sent)
            return []
        return [sent, *held] if kind == 32 and sent.sender == "a" else [sent]

    pair = Pair(_AGGRESSIVE, tamper=tamper).up()
    assert held and pair.matched()


def test_replayed_messages_change_nothing() -> None:
    """Everything once more, in order, from where it came: duplicates are answered a few times or dropped."""
    pair = Pair().up()
    before = dict(pair.b.sas), dict(pair.a.sas)
    for sent in list(pair.log):
        pair.deliver(sent)
    pair.run(1.0)
    assert (dict(pair.b.sas), dict(pair.a.sas)) == before
    assert len(pair.a.engine.status(pair.now).ike_sas) == 1


@pytest.mark.parametrize("later_s", [0.0, 30.0, 120.0, 700.0])
def test_replays_from_elsewhere_do_not_move_the_peer(later_s: float) -> None:
    """An eavesdropper repeats authentic messages from another address, also long after their exchange was forgotten."""
    pair = Pair(tunnel(dpd_interval_s=20)).up()
    pair.run(later_s)
    stranger = Endpoint.of("203.0.113.66", 5555)
    for sent in [each for each in pair.log if each.sender == "a"]:
        replayed = replace(sent.datagram, local=stranger)
        pair.log.clear()
        pair.deliver(Sent("a", replayed))
        encrypted = [each for each in pair.log if each.datagram.remote == stranger and each.datagram.data[19] & 1]
        assert not encrypted, "the established SA answers a stranger"
    assert {sa.remote for sa in pair.b.engine.status(pair.now).ike_sas if sa.state == "established"} == {str(HERE)}
    pair.run(60.0)
    assert pair.matched()


@pytest.mark.parametrize("later_s", [0.0, 120.0])
def test_a_replayed_quick_mode_makes_no_second_pair(later_s: float) -> None:
    pair = Pair().up()
    quick = [sent for sent in pair.log if sent.datagram.data[18] == 32]
    pair.run(later_s)
    count = len(pair.b.sas)
    for sent in quick:
        pair.deliver(sent)
        pair.run(0.01)
    assert len(pair.b.sas) == count


@pytest.mark.parametrize("later_s", [0.0, 120.0])
def test_a_replayed_delete_kills_nothing_new(later_s: float) -> None:
    """A Delete names SPIs; once they are gone it means nothing, and it is no news that would move an SA."""
    pair = Pair().up()
    pair.perform(pair.a, pair.a.engine.terminate("ab", pair.now, "net"))
    pair.run(0.1)
    deletes = [sent for sent in pair.log if sent.sender == "a" and sent.datagram.data[18] == 5]
    assert deletes and not pair.b.sas
    pair.initiate()
    pair.run(later_s)
    assert pair.matched()
    for sent in deletes:
        pair.deliver(sent)
    pair.run(1.0)
    assert pair.matched()


@pytest.mark.parametrize(
    "kind", [NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.PAYLOAD_MALFORMED, NotifyType.INVALID_COOKIE]
)
def test_a_bare_notify_kills_no_tunnel(kind: NotifyType) -> None:
    """Anybody can send an unencrypted error with cookies that went over the wire in clear."""
    from ikevpn.wire import message
    from ikevpn.wire.registry import ExchangeType, Flag

    pair = Pair().up()
    cookies = pair.log[3].datagram.data[:16]
    notify = Notify(Doi.IPSEC, Protocol.ISAKMP, cookies, kind)
    data = message.write(cookies[:8], cookies[8:], ExchangeType.INFORMATIONAL, Flag(0), 77, [notify])
    pair.log.clear()
    pair.deliver(Sent("b", Send(data, THERE, HERE)))
    pair.deliver(Sent("a", Send(data, HERE, THERE)))
    pair.run(1.0)
    assert len(pair.log) <= 4  # at most one question of each side whether the other lives, and its answer
    assert all(sent.datagram.data[19] & 1 for sent in pair.log)
    assert pair.matched() and len(pair.a.engine.status(pair.now).ike_sas) == 1


def test_a_bare_notify_during_phase_1_does_not_stop_it() -> None:
    """strongSwan 4 was seen to send one and to go on (corpus: strongswan4-main-with-unexpected-notify)."""
    from ikevpn.wire import message
    from ikevpn.wire.registry import ExchangeType, Flag

    pair = Pair()
    pair.initiate()
    for _ in range(3):
        pair.step()
        cookies = pair.log[-1].datagram.data[:16]
        notify = Notify(Doi.IPSEC, Protocol.ISAKMP, b"", NotifyType.NO_PROPOSAL_CHOSEN)
        data = message.write(cookies[:8], cookies[8:], ExchangeType.INFORMATIONAL, Flag(0), 78, [notify])
        pair.deliver(Sent("b", Send(data, THERE, HERE)))
        pair.deliver(Sent("a", Send(data, HERE, THERE)))
    pair.run(1.0)
    assert pair.matched()
