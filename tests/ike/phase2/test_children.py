"""Pairs of SAs: renewal, collisions, retirement and the end."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.sa import Child, Role
from ikevpn.ike.state.timers import Timer, TimerKind
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.outer_header import DfBit, OuterHeader
from ikevpn.model.proposal import Lifetime
from ikevpn.model.sa import Direction, ExpireKind
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child as Configured
from ikevpn.wire.payload import Delete
from ikevpn.wire.registry import Doi, ExchangeType, Protocol
from tests.ike.bench import (
    AES,
    HERE,
    PFS,
    TRIPLE_DES,
    Bench,
    Sent,
    Side,
    children,
    core_of,
    events,
    ike_sas,
    losing,
    only_sa,
    other_side,
    outbound,
    says,
    tunnel,
)
from tests.ike.pair import AT_ONCE

QUICK = ExchangeType.QUICK
RETIRE_S = EngineSettings().retire_s


def used(side: Side) -> Child:
    """The one pair on which a side sends."""
    (found,) = [child for child in children(side) if child.outbound and not child.superseded]
    return found


def agreed(bench: Bench) -> bool:
    """Whether both sides send on the two halves of one pair."""
    return used(bench.a).spi_out == used(bench.b).spi_in and used(bench.a).spi_in == used(bench.b).spi_out


@pytest.mark.parametrize("proposal", [AES, TRIPLE_DES], ids=str)
def test_make_before_break(proposal: object) -> None:
    bench = Bench(tunnel(ike_proposals=(proposal,), ipsec_proposals=(PFS,))).up()
    old = used(bench.a)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(0.1)
    assert used(bench.a) is not old and old.superseded and agreed(bench)
    assert len(children(bench.a)) == len(children(bench.b)) == 2
    assert used(bench.b).reqid == 41
    assert events(bench.b, Code.CHILD_REKEYED) and not events(bench.b, Code.CHILD_DOWN)
    bench.run(2 * RETIRE_S + 1)
    assert children(bench.a) == [used(bench.a)] and children(bench.b) == [used(bench.b)]
    assert not events(bench.a, Code.CHILD_DOWN) and bench.matched()


@pytest.mark.parametrize("who", ["a", "b"])
def test_renewed_in_time_by_itself(who: str) -> None:
    """Whoever is told to be early renews; nothing is ever down and nothing piles up."""
    late = Lifetime(3600)
    mine = tunnel(ipsec_lifetime=Lifetime(300), rekey_margin=0.1)
    bench = Bench(mine, replace(other_side(mine), ipsec_lifetime=late)).up()
    if who == "b":
        core_of(bench.a).timers.cancel(Timer(TimerKind.CHILD_REKEY, used(bench.a).serial))
    bench.run(3000)
    assert agreed(bench)
    for side in (bench.a, bench.b):
        assert len(events(side, Code.CHILD_REKEYED)) >= 10 and not events(side, Code.CHILD_DOWN)
        assert len(side.sas) <= 4


def test_a_superseded_pair_is_kept_while_it_is_used() -> None:
    bench = Bench().up()
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.idle_s = {"a": 1.0, "b": 1.0}
    bench.run(10 * RETIRE_S)
    assert len(children(bench.a)) == 2
    bench.idle_s = {"a": 20.0, "b": 20.0}
    bench.run(2 * RETIRE_S)
    assert len(children(bench.a)) == len(children(bench.b)) == 1


# Collisions


def both_renew(bench: Bench, first: str) -> None:
    """Both sides begin before either has heard of the other; the datagrams of `first` arrive first."""
    second = "b" if first == "a" else "a"
    for name in (first, second):
        side = bench.side(name)
        bench.perform(side, side.engine.rekey(side.tunnel.name, bench.now, "net"))
    bench.run(1)


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize("seed", range(6))
def test_both_sides_renew_at_once(first: str, seed: int) -> None:
    bench = Bench().up()
    core_of(bench.a).entropy(seed + 1)
    both_renew(bench, first)
    assert agreed(bench)
    bench.run(5 * RETIRE_S)
    assert agreed(bench) and len(children(bench.a)) == len(children(bench.b)) == 1
    assert not events(bench.a, Code.CHILD_DOWN) and not events(bench.b, Code.CHILD_DOWN)


@pytest.mark.parametrize("lost", range(4))
@pytest.mark.parametrize("sender", ["a", "b"])
def test_both_renew_at_once_and_something_is_lost(sender: str, lost: int) -> None:
    bench = Bench().up()
    bench.tamper = losing(lost, sender=sender, exchange=QUICK)
    both_renew(bench, "a")
    bench.run(10 * RETIRE_S)
    assert agreed(bench) and len(children(bench.a)) == len(children(bench.b)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_both_sides_begin_at_once(seed: int) -> None:
    """From nothing: two phase 1, then two quick modes; one of each stays."""
    bench = Bench()
    core_of(bench.a).entropy(seed + 1)
    bench.initiate()
    bench.perform(bench.b, bench.b.engine.initiate("ba", bench.b.address, bench.a.address, bench.now))
    bench.run(1)
    assert agreed(bench)
    bench.run(6 * RETIRE_S)
    assert agreed(bench) and len(ike_sas(bench.a)) == len(ike_sas(bench.b)) == 1
    assert only_sa(bench.a).cookies == only_sa(bench.b).cookies
    assert len(children(bench.a)) == len(children(bench.b)) == 1


def test_a_renewal_soon_after_the_other_sides_is_no_collision() -> None:
    bench = Bench().up()
    for name in "abab":
        side = bench.side(name)
        before = len(events(side, Code.CHILD_REKEYED))
        bench.perform(side, side.engine.rekey(side.tunnel.name, bench.now, "net"))
        bench.run(1)
        assert len(events(side, Code.CHILD_REKEYED)) == before + 1
        assert used(side).role is Role.INITIATOR and agreed(bench)


class Busy(Bench):
    """Both sides send all the time, on the pair that they hold for the newest."""

    def idle_of(self, side: Side, spi: int) -> float:
        other = self.b if side is self.a else self.a
        return 0.1 if used(other).spi_out == spi else RETIRE_S


@pytest.mark.parametrize("settings", [AT_ONCE, EngineSettings()], ids=["at once", "later"])
@pytest.mark.parametrize("seed", range(6))
def test_a_collision_that_only_one_side_has_seen(settings: EngineSettings, seed: int) -> None:
    """b begins before it has message 3 of a, whose quick mode is done when that of b comes in."""
    bench = Busy(settings=settings).up()
    bench.run(3)
    core_of(bench.a).entropy(8 * seed)
    core_of(bench.b).entropy(5 * seed)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.step()
    bench.perform(bench.b, bench.b.engine.rekey("ba", bench.now, "net"))
    for _ in range(4):
        bench.step()
        bench.now += 0.01
    bench.run(5 * RETIRE_S)
    assert agreed(bench) and len(children(bench.a)) == len(children(bench.b)) == 1
    bench.run(1)
    assert bench.matched() and not events(bench.a, Code.CHILD_DOWN) and not events(bench.b, Code.CHILD_DOWN)


@pytest.mark.parametrize("seed", range(6))
def test_a_pair_that_was_in_use_until_its_successor_came_is_no_rival(seed: int) -> None:
    """The other side renews within a minute, and the peer's last packet on the old pair is not long ago."""
    bench = Bench().up()
    core_of(bench.a).entropy(8 * seed)
    core_of(bench.b).entropy(5 * seed)
    for name in "ab":
        side = bench.side(name)
        bench.perform(side, side.engine.rekey(side.tunnel.name, bench.now, "net"))
        bench.run(40)
    bench.idle_s = {"a": 0.9 * RETIRE_S, "b": 0.9 * RETIRE_S}
    newest = used(bench.a)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(RETIRE_S + 1)
    assert used(bench.a) is not newest and agreed(bench)


def test_two_renewals_by_one_end_whose_ends_change_places() -> None:
    """Message 3 of the first is lost, and comes again when the second is done."""
    bench = Bench(tamper=losing(3, exchange=QUICK)).up()
    for _ in range(2):
        bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
        bench.run(0.5)
    bench.run(30)
    assert agreed(bench)
    bench.run(6 * RETIRE_S)
    assert agreed(bench) and len(children(bench.a)) == len(children(bench.b)) == 1


def test_the_pair_that_lost_is_used_when_the_winner_goes() -> None:
    bench = Bench().up()
    both_renew(bench, "a")
    winner = used(bench.a)
    assert [child for child in (*children(bench.a), *children(bench.b)) if child.withheld]
    delete = Delete(Doi.IPSEC, Protocol.ESP, (winner.spi_out.to_bytes(4, "big"),))
    says(bench, "b", delete)
    assert used(bench.a) is not winner
    assert [sa.spi for sa in outbound(bench.a)].count(used(bench.a).spi_out) == 1


# Failures of renewal


def test_a_renewal_that_fails_is_tried_again() -> None:
    bench = Bench(tunnel(ipsec_lifetime=Lifetime(3600))).up()
    bench.tamper = lambda sent: [] if sent.datagram.data[18] == QUICK else [sent]
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(100)
    assert bench.a.reasons(Code.PHASE2_FAILED)[0] is Reason.NO_ANSWER
    bench.tamper = lambda sent: [sent]
    bench.run(200)
    assert events(bench.a, Code.CHILD_REKEYED) and agreed(bench)


def test_a_renewal_that_waits_for_a_phase_1_which_fails_is_tried_again() -> None:
    bench = Bench().up()
    sa = only_sa(bench.a)
    core_of(bench.a).forget_ike_sa(sa)
    bench.tamper = lambda sent: []
    bench.perform(bench.a, bench.a.engine.expired(used(bench.a).spi_out, Direction.OUT, 1, ExpireKind.SOFT, bench.now))
    bench.run(100)
    assert bench.a.reasons(Code.PHASE1_FAILED)
    bench.tamper = lambda sent: [sent]
    bench.run(200)
    assert events(bench.a, Code.CHILD_REKEYED) and agreed(bench)


# The end


def test_soft_expiry_renews_once() -> None:
    bench = Bench().up()
    old = used(bench.a)
    for _ in range(3):
        bench.perform(bench.a, bench.a.engine.expired(old.spi_out, Direction.OUT, 1, ExpireKind.SOFT, bench.now))
    bench.run(1)
    assert len(events(bench.a, Code.CHILD_REKEYED)) == 1
    bench.perform(bench.a, bench.a.engine.expired(old.spi_in, Direction.IN, 1, ExpireKind.SOFT, bench.now))
    bench.run(1)
    assert len(events(bench.a, Code.CHILD_REKEYED)) == 1


def test_hard_expiry_deletes_on_both_sides() -> None:
    bench = Bench().up()
    bench.perform(bench.a, bench.a.engine.expired(used(bench.a).spi_in, Direction.IN, 1, ExpireKind.HARD, bench.now))
    bench.run(1)
    assert not bench.a.sas and not bench.b.sas
    assert bench.a.reasons(Code.CHILD_DOWN) == [Reason.EXPIRED]
    assert bench.b.reasons(Code.CHILD_DOWN) == [Reason.PEER_DELETED]
    assert bench.a.engine.expired(123456, Direction.IN, 1, ExpireKind.HARD, bench.now) == []


def test_half_made_pairs_go_with_their_ike_sa() -> None:
    """Message 3 of quick mode is still to come when the IKE SA ends: the responder's inbound SA must not stay."""
    bench = Bench(tamper=losing(*range(1, 99), exchange=QUICK)).up()
    assert len(bench.b.sas) == 1
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    bench.tamper = lambda sent: [] if sent.sender == "b" else [sent]
    bench.run(1)
    assert not bench.b.sas and not children(bench.b) and not ike_sas(bench.b)
    assert bench.b.engine.next_timer() is None


def test_a_deleted_pair_gives_way_to_the_one_before() -> None:
    bench = Bench().up()
    old = used(bench.b)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(0.1)
    says(bench, "a", Delete(Doi.IPSEC, Protocol.ESP, (used(bench.b).spi_out.to_bytes(4, "big"),)))
    assert used(bench.b) is old and not events(bench.b, Code.CHILD_DOWN)
    assert core_of(bench.b).timers.at(Timer(TimerKind.CHILD_RETIRE, old.serial)) is None
    assert core_of(bench.b).timers.at(Timer(TimerKind.CHILD_REKEY, old.serial)) is not None


def test_a_delete_of_somebody_elses_spi_means_nothing() -> None:
    bench = Bench().up()
    says(bench, "a", Delete(Doi.IPSEC, Protocol.ESP, (b"\x12\x34\x56\x78",)))
    says(bench, "a", Delete(Doi.IPSEC, Protocol.ESP, (b"\x12\x34",)), Delete(Doi.IPSEC, Protocol.ISAKMP, (b"x" * 16,)))
    assert bench.matched() and not events(bench.b, Code.CHILD_DOWN)


def test_keys_of_both_ends_agree_for_long_keys_and_pfs() -> None:
    from ikevpn.model.proposal import IpsecProposal
    from ikevpn.wire.registry import EspCipher, Group, Integrity

    for proposal in (
        IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 256, Integrity.HMAC_SHA2_512, Group.MODP_768),
        IpsecProposal(Protocol.ESP, EspCipher.AES_GCM_16, 256, Integrity.NONE, Group.ECP_256),
        IpsecProposal(Protocol.ESP, EspCipher.NULL, 0, Integrity.HMAC_SHA1),
        IpsecProposal(Protocol.ESP, EspCipher.TRIPLE_DES, 0, Integrity.HMAC_MD5),
        IpsecProposal(Protocol.ESP, EspCipher.DES, 0, Integrity.NONE),
        IpsecProposal(Protocol.AH, EspCipher.NULL, 0, Integrity.HMAC_SHA2_256),
    ):
        bench = Bench(tunnel(ipsec_proposals=(proposal,))).up()
        assert bench.matched(), proposal
        (sa,) = outbound(bench.a)
        assert sa.protocol is proposal.protocol
        assert ("Secret" not in repr(sa) and sa.algorithms.encryption_key.reveal().hex() not in repr(sa)) or not len(
            sa.algorithms.encryption_key
        )


def test_the_96_bit_quirk_is_told_to_the_data_plane() -> None:
    from ikevpn.model.proposal import IpsecProposal
    from ikevpn.wire.registry import EspCipher, Integrity

    quirky = IpsecProposal(Protocol.ESP, EspCipher.AES_CBC, 128, Integrity.HMAC_SHA2_256)
    bench = Bench(tunnel(ipsec_proposals=(quirky,), sha256_96=True)).up()
    assert all(sa.algorithms.integrity_96 for sa in bench.a.sas.values())


def test_what_outer_headers_say_is_told_to_the_data_plane() -> None:
    outer = OuterHeader(DfBit.SET, 46)
    mine = tunnel(outer=outer)
    bench = Bench(mine, replace(other_side(mine), outer=OuterHeader())).up()
    assert {sa.outer for sa in bench.a.sas.values()} == {outer}
    assert {sa.outer for sa in bench.b.sas.values()} == {OuterHeader()}


def test_replays_of_a_lost_collision_do_not_make_more() -> None:
    bench = Bench().up()
    both_renew(bench, "b")
    count = len(children(bench.a)), len(children(bench.b))
    for sent in [each for each in bench.log if each.datagram.data[18] == QUICK]:
        bench.deliver(Sent(sent.sender, sent.datagram))
    bench.run(1)
    assert (len(children(bench.a)), len(children(bench.b))) == count


def test_an_initiator_waits_a_moment_with_its_first_packet() -> None:
    """The peer must read message 3 before it can open anything: a packet beside it would be lost."""
    bench = Bench(tunnel(), settings=EngineSettings())
    bench.initiate()
    bench.run(EngineSettings().switch_first_s / 2)
    assert outbound(bench.b) and not outbound(bench.a)
    bench.run(EngineSettings().switch_first_s)
    assert agreed(bench) and events(bench.a, Code.CHILD_UP)


def test_a_renewed_pair_carries_traffic_only_after_its_predecessor_has_had_time() -> None:
    bench = Bench(tunnel(), settings=EngineSettings()).up()
    bench.run(1)
    old = used(bench.a)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(EngineSettings().switch_s / 2)
    assert used(bench.a) is old
    bench.run(EngineSettings().switch_s)
    assert used(bench.a) is not old and agreed(bench)


def test_a_ready_pair_takes_over_at_once_where_its_predecessor_goes() -> None:
    bench = Bench(tunnel(), settings=EngineSettings()).up()
    bench.run(1)
    old = used(bench.a)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(0.1)
    bench.perform(bench.a, bench.a.engine.expired(old.spi_in, Direction.IN, 1, ExpireKind.HARD, bench.now))
    assert used(bench.a) is not old and not events(bench.a, Code.CHILD_DOWN)


@pytest.mark.parametrize("pressed_after_s", [0.0, 0.1])
def test_a_pair_that_is_nearly_used_up_hands_over_at_once(pressed_after_s: float) -> None:
    """Whether its successor is ready by then or not; what follows is in no hurry."""
    bench = Bench(tunnel(), settings=EngineSettings()).up()
    bench.run(1)
    old = used(bench.a)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(pressed_after_s)
    bench.perform(bench.a, bench.a.engine.expired(old.spi_out, Direction.OUT, 1, ExpireKind.URGENT, bench.now))
    bench.run(0.15)
    assert used(bench.a) is not old and agreed(bench)
    assert not used(bench.a).pressed


def test_a_pair_that_the_peer_uses_up_before_we_used_it_is_used_and_renewed() -> None:
    bench = Bench(tunnel(), settings=EngineSettings()).up()
    bench.run(1)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(0.1)
    (ready,) = [child for child in children(bench.a) if not child.outbound]
    bench.perform(bench.a, bench.a.engine.expired(ready.spi_in, Direction.IN, 1, ExpireKind.SOFT, bench.now))
    assert ready.outbound and ready.rekeying
    bench.run(3)
    assert ready.superseded and agreed(bench)


def test_the_peers_renewal_during_the_wait_is_no_collision() -> None:
    """Both sides know that it is the newer one, and both end on it."""
    bench = Bench(tunnel(), settings=EngineSettings()).up()
    bench.run(1)
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(0.3)
    bench.perform(bench.b, bench.b.engine.rekey("ba", bench.now, "net"))
    bench.run(3 * EngineSettings().switch_s)
    assert agreed(bench) and used(bench.b).role is Role.INITIATOR


def test_the_smallest_network_that_contains_the_request_is_meant() -> None:
    wide, narrow = (
        Selector(AddressRange.of(local), AddressRange.of(remote))
        for local, remote in (("0.0.0.0/0", "0.0.0.0/0"), ("10.2.0.0/16", "10.1.0.0/16"))
    )
    there = (Configured("everything", 51, wide), Configured("office", 52, narrow))
    bench = Bench(tunnel(), replace(other_side(tunnel()), children=there)).up()
    assert [child.name for child in children(bench.b)] == ["office"]


# Many peers under one tunnel

_DIALUP = Configured("net", 41, Selector(AddressRange.of("10.2.0.0/24"), AddressRange.of("10.1.0.0/16")))


def dialup(name: str, inner: str, address: str, server: Bench | None = None) -> Bench:
    """A client that asks for `inner`, towards the server of another bench or one of its own."""
    client = tunnel(
        local_id=Identity.of(name),
        children=(Configured("net", 1, Selector(AddressRange.of(inner), _DIALUP.selector.local)),),
    )
    theirs = replace(other_side(client), remotes=(), remote_id=None, children=(_DIALUP,))
    outside = {HERE: Endpoint.of(address, 500), HERE.at(4500): Endpoint.of(address, 4500)}
    bench = Bench(client, theirs, nat=outside)
    bench.a.engine = Engine(AT_ONCE, random.Random(name + address).randbytes)
    bench.a.engine.add_tunnel(client)
    if server is not None:
        bench.b, bench.now = server.b, server.now
    return bench


@pytest.mark.parametrize("asked", ["10.1.0.7", "10.1.0.0/24", "10.1.0.0/16"])
def test_nobody_takes_the_address_of_another_peer(asked: str) -> None:
    one = dialup("one.example", "10.1.0.7", "203.0.113.1").up()
    (held,) = children(one.b)
    two = dialup("two.example", asked, "203.0.113.2", one).up()
    assert children(two.b) == [held] and not children(two.a)
    (failed,) = events(two.b, Code.PHASE2_FAILED)
    assert failed.reason is Reason.ADDRESS_TAKEN
    assert failed.facts["peer_id"] == "two.example" and failed.facts["holder"] == "one.example"
    assert reasons.sentence(failed) == (
        f"phase 2 failed: two.example asks for {asked}, but 10.1.0.7 belongs to one.example at 203.0.113.1:4500"
    )
    assert two.a.reasons(Code.PHASE2_FAILED) == [Reason.PROXY_ID_MISMATCH]


def test_two_peers_may_choose_the_same_spi() -> None:
    """What expires is the SA of that reqid, not the other one."""
    one = dialup("one.example", "10.1.0.7", "203.0.113.1").up()
    dialup("two.example", "10.1.0.8", "203.0.113.2", one).up()
    first, second = children(one.b)
    core = core_of(one.b)
    core.sending.remove(second.spi_out, second)
    second.spi_out = first.spi_out
    core.sending.add(second.spi_out, second)
    one.perform(one.b, one.b.engine.expired(second.spi_out, Direction.OUT, second.reqid, ExpireKind.HARD, one.now))
    assert children(one.b) == [first]


def test_other_addresses_are_free() -> None:
    one = dialup("one.example", "10.1.0.7", "203.0.113.1").up()
    two = dialup("two.example", "10.1.0.8", "203.0.113.2", one).up()
    assert len(children(two.b)) == 2 and not events(two.b, Code.PHASE2_FAILED)
    two.perform(two.a, two.a.engine.rekey("ab", two.now, "net"))
    two.run(0.1)
    assert events(two.b, Code.CHILD_REKEYED)


@pytest.mark.parametrize("initial_contact", [True, False])
def test_the_same_identity_gets_its_addresses_back_from_anywhere(initial_contact: bool) -> None:
    one = dialup("one.example", "10.1.0.7", "203.0.113.1").up()
    (old,) = children(one.b)
    again = dialup("one.example", "10.1.0.7", "203.0.113.2", one)
    again.a.engine.add_tunnel(replace(again.a.tunnel, initial_contact=initial_contact))
    again.up()
    assert used(again.b) is not old and used(again.b).remote.address == Endpoint.of("203.0.113.2", 500).address
    assert used(again.b).spi_in == used(again.a).spi_out


def test_the_addresses_of_a_dead_peer_are_free_once_it_does_not_answer() -> None:
    one = dialup("one.example", "10.1.0.7", "203.0.113.1").up()
    two = dialup("two.example", "10.1.0.7", "203.0.113.2", one).up()
    assert events(two.b, Code.DPD_SENT) and not children(two.a)
    two.run(60)
    assert Reason.DEAD_PEER in two.b.reasons(Code.CHILD_DOWN)
    two.initiate()
    two.run(0.1)
    assert used(two.a) and used(two.b).peer_id == Identity.of("two.example")


def test_a_tunnel_with_one_named_peer_changes_hands_at_once() -> None:
    """Several single addresses are those of one peer: nobody else may call."""
    both = (AddressRange.of("203.0.113.1"), AddressRange.of("203.0.113.2"))
    one = dialup("one.example", "10.1.0.7", "203.0.113.1")
    one.b.engine.add_tunnel(replace(one.b.tunnel, remotes=both, any_remote_id=True))
    one.up()
    two = dialup("two.example", "10.1.0.7", "203.0.113.2", one).up()
    assert used(two.a) and not events(two.b, Code.PHASE2_FAILED)
