"""AH around ESP: two SAs a direction, one pair to everybody else. What ends either ends both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.crypto import keys
from ikevpn.ike.engine import EngineSettings
from ikevpn.ike.state.effects import AddSa
from ikevpn.ike.state.sa import Child
from ikevpn.model.address import Endpoint
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.proposal import IpsecProposal, Lifetime
from ikevpn.model.proposal_name import read_ipsec
from ikevpn.model.sa import Direction, ExpireKind, Sa, SaMode
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire.payload import SA, Delete
from ikevpn.wire.registry import Doi, ExchangeType, NotifyType, Protocol
from tests.ike.bench import (
    HERE,
    Bench,
    Side,
    children,
    core_of,
    events,
    facts,
    ike_sas,
    losing,
    notify,
    only_sa,
    other_side,
    says,
    tunnel,
)
from tests.manners import bend

IN, OUT = Direction.IN, Direction.OUT
BUNDLE = read_ipsec("nopfs-esp-aes128-sha+ah-sha256")
KINDS = ("nopfs-esp-aes128-sha+ah-sha", "g1-esp-aes128gcm16-esn+ah-sha256", "nopfs-esp-aes256-null+ah-md5-esn")


def both(*proposals: IpsecProposal, **changes: object) -> Bench:
    return Bench(tunnel(ipsec_proposals=proposals or (BUNDLE,), **changes))


def sas(side: Side, direction: Direction) -> dict[Protocol, Sa]:
    return {sa.protocol: sa for (way, _), sa in side.sas.items() if way is direction}


def only_child(side: Side) -> Child:
    (found,) = children(side)
    return found


def gone(bench: Bench) -> bool:
    return not bench.a.sas and not bench.b.sas and not children(bench.a) and not children(bench.b)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("mode", Phase1Mode)
def test_both_sides_have_both_sas_each_way(name: str, mode: Phase1Mode) -> None:
    proposal = read_ipsec(name)
    bench = both(proposal, mode=mode).up()
    assert bench.matched() and proposal.around is not None
    for side in (bench.a, bench.b):
        assert len(side.sas) == 4
        for direction in Direction:
            found = sas(side, direction)
            esp, ah = found[Protocol.ESP], found[Protocol.AH]
            assert (esp.wraps, esp.wrapped, ah.wraps, ah.wrapped) == (0, True, esp.spi, False)
            assert esp.extended_sequence_numbers == proposal.extended_sequence_numbers
            assert ah.extended_sequence_numbers == proposal.around.extended_sequence_numbers
            assert esp.selectors == ah.selectors and esp.reqid == ah.reqid
        assert facts(side, Code.CHILD_UP)["proposal"] == name
    assert len({sa.spi for side in (bench.a, bench.b) for sa in sas(side, IN).values()}) == 4
    assert facts(bench.a, Code.CHILD_UP)["ah_spi_in"] == facts(bench.b, Code.CHILD_UP)["ah_spi_out"]


def test_keys_come_from_protocol_and_spi_of_each() -> None:
    """RFC 2409 §5.5, computed here once more."""
    bench = both().up()
    held = only_sa(bench.a).keys
    child = only_child(bench.a)
    assert held is not None
    for sa in sas(bench.a, OUT).values():
        number = {Protocol.ESP: 3, Protocol.AH: 2}[sa.protocol]
        size = len(sa.algorithms.encryption_key) + len(sa.algorithms.integrity_key)
        spi = sa.spi.to_bytes(4, "big")
        material = keys.keymat(held.proposal.hash, held.skeyids.d, number, spi, *child.nonces, size)
        assert sa.algorithms.encryption_key.reveal() + sa.algorithms.integrity_key.reveal() == material
    assert len({sa.algorithms.integrity_key for side in (bench.a, bench.b) for sa in side.sas.values()}) == 4


def test_the_inner_sa_comes_first_and_inbound_before_outbound() -> None:
    bench = both().up()
    for name in ("a", "b"):
        added = [effect.sa for effect in bench.of(name, AddSa) if isinstance(effect, AddSa)]
        assert [(sa.direction, sa.protocol) for sa in added] == [
            (IN, Protocol.ESP),
            (IN, Protocol.AH),
            (OUT, Protocol.ESP),
            (OUT, Protocol.AH),
        ]


def test_esp_counts_octets_and_each_its_packets() -> None:
    bench = both(ipsec_lifetime=Lifetime(3600, 1000)).up()
    found = sas(bench.a, OUT)
    assert found[Protocol.ESP].limits.hard_bytes == 1000 * 1024 and found[Protocol.AH].limits.hard_bytes == 0
    assert {sa.limits.hard_packets for sa in found.values()} == {0xFFFFFFFF}
    assert {sa.limits.hard_seconds for sa in found.values()} == {3600}


def test_transport_mode() -> None:
    bench = both(sa_mode=SaMode.TRANSPORT).up()
    assert bench.matched() and {sa.mode for sa in bench.a.sas.values()} == {SaMode.TRANSPORT}


@pytest.mark.parametrize("ours", [True, False])
def test_a_side_that_wants_esp_alone_gets_none_of_it(ours: bool) -> None:
    plain = replace(BUNDLE, around=None)
    mine = tunnel(ipsec_proposals=(BUNDLE if ours else plain,))
    theirs = replace(other_side(mine), ipsec_proposals=(plain if ours else BUNDLE,))
    bench = Bench(mine, theirs).up()
    assert not bench.a.sas and not bench.b.sas
    assert bench.a.reasons(Code.PHASE2_FAILED) == [Reason.PEER_REFUSED_PHASE2]
    (refused,) = events(bench.b, Code.PHASE2_FAILED)
    assert refused.reason is Reason.NO_PROPOSAL_PHASE2
    assert (refused.facts["offered"], refused.facts["accepted"]) == (
        ((str(BUNDLE),), (str(plain),)) if ours else ((str(plain),), (str(BUNDLE),))
    )


def test_an_answer_with_half_of_the_bundle_is_refused() -> None:
    bench = both()

    def halved(payloads: list[object]) -> list[object]:
        first = payloads[0]
        assert isinstance(first, SA)
        return [replace(first, proposals=first.proposals[1:]), *payloads[1:]]

    with bend.payloads(bench.b, "quick mode message 2", halved):
        bench.up()
    assert not bench.a.sas
    assert bench.a.reasons(Code.PHASE2_FAILED) == [Reason.PEER_REFUSED_PHASE2]


def test_a_bundle_fails_behind_a_nat_and_says_why() -> None:
    outside = {Endpoint(HERE.address, port): Endpoint.of("203.0.113.7", port + 40_000) for port in (500, 4500)}
    bench = Bench(tunnel(ipsec_proposals=(BUNDLE,)), nat=outside)
    bench.b.engine.add_tunnel(replace(bench.b.tunnel, remotes=()))
    bench.up()
    assert not bench.a.sas and bench.a.reasons(Code.PHASE2_FAILED) == [Reason.AH_BEHIND_NAT]


# Renewal and the end


def test_a_renewal_replaces_all_four() -> None:
    bench = both().up()
    old = set(bench.a.sas)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(EngineSettings().retire_s * 3)
    assert bench.matched() and len(bench.a.sas) == len(bench.b.sas) == 4 and not old & set(bench.a.sas)
    assert len(events(bench.a, Code.CHILD_REKEYED)) == len(events(bench.b, Code.CHILD_REKEYED)) == 1
    assert not events(bench.a, Code.CHILD_DOWN)


@pytest.mark.parametrize("protocol", [Protocol.ESP, Protocol.AH])
@pytest.mark.parametrize("direction", Direction)
def test_soft_expiry_of_either_renews_once(protocol: Protocol, direction: Direction) -> None:
    bench = both().up()
    child, sa = only_child(bench.a), sas(bench.a, direction)[protocol]
    for _ in range(2):
        bench.perform(bench.a, bench.a.engine.expired(sa.spi, direction, child.reqid, ExpireKind.SOFT, bench.now))
    bench.run(1)
    assert len(children(bench.a)) == 2 and child.superseded and bench.matched()


@pytest.mark.parametrize("protocol", [Protocol.ESP, Protocol.AH])
@pytest.mark.parametrize("direction", Direction)
def test_hard_expiry_of_either_is_the_end_of_both(protocol: Protocol, direction: Direction) -> None:
    bench = both().up()
    sa = sas(bench.a, direction)[protocol]
    bench.perform(bench.a, bench.a.engine.expired(sa.spi, direction, sa.reqid, ExpireKind.HARD, bench.now))
    bench.run(0.1)
    assert gone(bench)
    assert bench.b.reasons(Code.CHILD_DOWN) == [Reason.PEER_DELETED]


def test_a_delete_names_both() -> None:
    bench = both().up()
    before = len(bench.datagrams("a", ExchangeType.INFORMATIONAL))
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now, "net"))
    bench.run(0.1)
    assert gone(bench) and len(bench.datagrams("a", ExchangeType.INFORMATIONAL)) == before + 1


@pytest.mark.parametrize("protocol", [Protocol.ESP, Protocol.AH])
def test_a_delete_of_either_ends_the_bundle(protocol: Protocol) -> None:
    """The peer names its own inbound SPI, which is the one we send under."""
    bench = both().up()
    spi = sas(bench.a, OUT)[protocol].spi.to_bytes(4, "big")
    other = Protocol.AH if protocol is Protocol.ESP else Protocol.ESP
    says(bench, "b", Delete(Doi.IPSEC, other, (spi,)))
    assert len(bench.a.sas) == 4, "a number of the other protocol is another one"
    says(bench, "b", Delete(Doi.IPSEC, protocol, (spi,)))
    assert not bench.a.sas and bench.a.reasons(Code.CHILD_DOWN) == [Reason.PEER_DELETED]


@pytest.mark.parametrize("protocol", [Protocol.ESP, Protocol.AH])
def test_a_peer_that_has_lost_either_gets_a_new_bundle(protocol: Protocol) -> None:
    bench = both().up()
    old = set(bench.a.sas)
    spi = sas(bench.a, OUT)[protocol].spi.to_bytes(4, "big")
    says(bench, "b", notify(NotifyType.INVALID_SPI, spi=spi))
    assert len(bench.a.sas) == 4 and not old & set(bench.a.sas)


def test_no_spi_of_a_bundle_is_unknown_before_or_after() -> None:
    bench = both()
    bench.tamper = losing(0, sender="b", exchange=ExchangeType.QUICK)  # message 2: the quick mode stays open
    bench.up()
    (quick,) = [each for each in ike_sas(bench.a)[0].exchanges.values() if not each.done]
    there = bench.b.address
    for spi in quick.state.spis.values():
        assert bench.a.engine.unknown_spi(spi, HERE, there, bench.now) == []
    assert bench.a.engine.unknown_spi(next(iter(quick.state.spis.values())) ^ 1, HERE, there, bench.now) != []
    done = both().up()
    for sa in sas(done.a, IN).values():
        assert done.a.engine.unknown_spi(sa.spi, HERE, there, done.now) == []


def test_nothing_is_left_of_a_bundle() -> None:
    bench = both().up()
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    bench.run(1)
    assert gone(bench) and not core_of(bench.a).by_spi and not core_of(bench.b).by_spi


def test_status_shows_both() -> None:
    bench = both().up()
    (ours,), (theirs,) = (side.engine.status(bench.now).children for side in (bench.a, bench.b))
    assert (ours.spi_in, ours.ah_spi_in) == (theirs.spi_out, theirs.ah_spi_out)
    assert ours.proposal == str(BUNDLE) and ours.ah_spi_in == sas(bench.a, IN)[Protocol.AH].spi
