"""Which tunnels a peer may use: what proved it, and what is configured now."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.dn_pattern import DnPattern
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode, SharedSecret, Tunnel
from tests.ike.bench import AES, TRIPLE_DES, Bench, children, core_of, events, ike_sas, networks, other_side, tunnel
from tests.ike.pair import HERE, Sent, Side

BOB = Identity.of("bob@example.net")
OURS, GROUP, SWORDFISH = Secret(b"between the two of us"), Secret(b"what everybody knows"), Secret(b"swordfish")
AWAY = Endpoint.of("203.0.113.66", 500)
RING = (SharedSecret(OURS, AddressRange.of_address(HERE.address)), SharedSecret(GROUP))


def hub(**changes: object) -> Tunnel:
    """For whoever calls, under whatever name; its secrets stand in the table."""
    plain = replace(other_side(tunnel()), remotes=(), psk=None, any_remote_id=True)
    return replace(plain, **changes)  # type: ignore[arg-type]


class Elsewhere(Bench):
    """A second caller of somebody else's responder, at another address."""

    def __init__(self, caller: Tunnel, responder: Side, now: float) -> None:
        super().__init__(caller)
        self.b, self.now = responder, now
        core_of(self.a).entropy = Random(99).randbytes

    def deliver(self, sent: Sent) -> None:
        each = sent.datagram
        if sent.sender == "a":
            self.perform(self.b, self.b.engine.datagram(each.data, each.remote, AWAY, self.now, each.natt))
        else:
            self.perform(self.a, self.a.engine.datagram(each.data, HERE, each.local, self.now, each.natt))


def caller(secret: Secret, **changes: object) -> Tunnel:
    return tunnel(psk=secret, **changes)


@pytest.mark.parametrize("mode", Phase1Mode)
def test_where_an_address_has_a_secret_the_one_for_all_opens_nothing(mode: Phase1Mode) -> None:
    """Behind the NAT of a peer sits many a stranger who knows the secret for all."""
    named = replace(other_side(tunnel(mode=mode)), psk=None)
    for theirs, opens in ((OURS, True), (GROUP, False)):
        bench = Bench(caller(theirs, mode=mode), named)
        bench.b.engine.replace_secrets(RING, bench.now)
        bench.up()
        assert bool(bench.b.sas) is opens


@pytest.mark.parametrize("mode", Phase1Mode)
def test_the_same_name_with_another_secret_is_somebody_else(mode: Phase1Mode) -> None:
    """Its INITIAL-CONTACT ends nothing, its quick mode takes nothing."""
    bob = Bench(caller(OURS, local_id=BOB, mode=mode), hub(mode=mode))
    bob.b.engine.replace_secrets(RING, bob.now)
    bob.up()
    (child,) = children(bob.b)
    bob.b.events.clear()
    road = Elsewhere(caller(GROUP, local_id=BOB, mode=mode), bob.b, bob.now + 100)
    road.up()
    assert children(bob.b) == [child] and len(ike_sas(bob.b)) == 2
    assert not events(bob.b, Code.INITIAL_CONTACT, Code.CHILD_DOWN, Code.CHILD_REKEYED, Code.IKE_REKEYED)
    assert bob.b.reasons(Code.PHASE2_FAILED) == [Reason.ADDRESS_TAKEN]


def test_an_initiator_wants_the_secret_of_who_answers() -> None:
    """It began with the secret for all; the responder says that it is one who has its own."""
    ours = tunnel(psk=None, any_remote_id=True)
    bench = Bench(ours, replace(other_side(ours), psk=GROUP, local_id=BOB, any_remote_id=True))
    bench.a.engine.replace_secrets([SharedSecret(GROUP), SharedSecret(OURS, identity=BOB)], bench.now)
    bench.up()
    assert bench.a.reasons(Code.PHASE1_FAILED) == [Reason.WRONG_SECRET] and not bench.a.sas


@pytest.mark.parametrize("mode", Phase1Mode)
@pytest.mark.parametrize(
    ("pattern", "name", "is_meant"),
    (
        ("wildcard:C=us, O=juniper", "CN=kristine, OU=finance, O=juniper, ST=ca, C=us", True),
        ("wildcard:C=us, O=juniper", "CN=kristine, OU=finance, O=cisco, ST=ca, C=us", False),
        ("container:OU=mkt, OU=west", "CN=rick, OU=west, OU=mkt, O=juniper", True),
        ("container:OU=mkt, OU=west", "CN=tony, OU=mkt, OU=west, O=juniper", False),
        ("wildcard:O=juniper", "kristine@juniper.net", False),
    ),
)
def test_a_pattern_lets_in_whom_it_describes(mode: Phase1Mode, pattern: str, name: str, is_meant: bool) -> None:
    changes = {"psk": GROUP, "mode": mode, "any_remote_id": False, "remote_pattern": DnPattern.of(pattern)}
    bench = Bench(caller(GROUP, local_id=Identity.of(name), mode=mode), hub(**changes))
    bench.up()
    assert bool(children(bench.b)) is is_meant
    if not is_meant:
        assert bench.b.reasons(Code.PHASE1_FAILED) == [Reason.WRONG_PEER_IDENTITY]


def test_a_pattern_comes_before_a_tunnel_for_anybody() -> None:
    described = hub(psk=GROUP, any_remote_id=False, remote_pattern=DnPattern.of("wildcard:O=juniper"))
    for name, chosen in (("CN=rick, O=juniper", "described"), ("CN=rick, O=cisco", "anybody")):
        bench = Bench(caller(GROUP, local_id=Identity.of(name)), replace(hub(psk=GROUP), name="anybody"))
        bench.b.engine.add_tunnel(replace(described, name="described"))
        bench.up()
        assert {sa.name for sa in ike_sas(bench.b)} == {chosen}


def test_an_initiator_expects_what_a_pattern_describes() -> None:
    for name, is_meant in (("CN=rick, O=juniper", True), ("CN=rick, O=cisco", False)):
        ours = tunnel(psk=GROUP, remote_pattern=DnPattern.of("wildcard:O=juniper"))
        bench = Bench(ours, replace(other_side(ours), psk=GROUP, remote_pattern=None, local_id=Identity.of(name)))
        bench.up()
        assert bool(children(bench.a)) is is_meant


# What changes while peers are there


def two_tunnels() -> tuple[Tunnel, Tunnel]:
    plain = hub(psk=SWORDFISH)
    net1, net2 = other_side(tunnel(children=networks(1, 2))).children
    return replace(plain, name="first", children=(net1,)), replace(plain, name="second", children=(net2,))


def shared() -> Bench:
    """One IKE SA, of tunnel "first", which is good for "second" too; its first network is up."""
    first, second = two_tunnels()
    bench = Bench(tunnel(children=networks(1, 2)), first)
    bench.b.engine.add_tunnel(second)
    bench.perform(bench.a, bench.a.engine.initiate("ab", bench.a.address, bench.b.address, bench.now, ["net1"]))
    bench.run(1)
    assert [each.tunnel.name for each in children(bench.b)] == ["first"]
    return bench


def changed(bench: Bench, second: Tunnel) -> list[str]:
    """Which tunnels have pairs when "second" has changed and the peer asks for its network."""
    engine = bench.b.engine
    bench.perform(bench.b, engine.terminate("second", bench.now))
    engine.remove_tunnel("second")
    engine.add_tunnel(second)
    bench.initiate()
    bench.run(1)
    return sorted(each.tunnel.name for each in children(bench.b))


@pytest.mark.parametrize(
    "changes",
    [
        {"psk": Secret(b"another")},
        {"psk": None},
        {"any_remote_id": False, "remote_id": BOB},
        {"ike_proposals": (TRIPLE_DES,)},
        {"remotes": (AddressRange.of("203.0.113.9"),)},
        {"mode": Phase1Mode.AGGRESSIVE},
    ],
)
def test_an_ike_sa_of_two_tunnels_is_good_for_the_one_that_has_not_changed(changes: dict[str, object]) -> None:
    assert changed(shared(), replace(two_tunnels()[1], **changes)) == ["first"]  # type: ignore[arg-type]


def test_what_proves_nobody_may_change() -> None:
    assert changed(shared(), replace(two_tunnels()[1], ike_proposals=(AES, TRIPLE_DES), replay_window=64)) == [
        "first",
        "second",
    ]


@pytest.mark.parametrize("reload", ["before message 5", "after message 1"])
def test_a_secret_that_is_replaced_meanwhile_proves_nothing(reload: str) -> None:
    first, second = (replace(each, psk=Secret(each.name.encode())) for each in two_tunnels())
    bench = Bench(tunnel(psk=second.psk, children=networks(2)), first)
    bench.b.engine.add_tunnel(second)
    bench.initiate()
    for _ in range(4 if reload == "before message 5" else 1):
        bench.step()
    bench.perform(bench.b, bench.b.engine.terminate("second", bench.now))
    bench.b.engine.remove_tunnel("second")
    bench.b.engine.add_tunnel(replace(second, psk=Secret(b"another")))
    bench.run(1)
    assert not bench.b.sas and not events(bench.b, Code.IKE_UP)


def test_a_quick_mode_of_ours_ends_with_its_tunnel() -> None:
    """Also where it runs under the IKE SA of another tunnel."""
    bench = shared()
    bench.initiate()
    bench.run(1)
    lost = bench.tamper
    bench.tamper = lambda sent: []
    bench.perform(bench.b, bench.b.engine.rekey("second", bench.now, "net2"))
    bench.perform(bench.b, bench.b.engine.terminate("second", bench.now))
    bench.tamper = lost
    bench.run(60)
    assert [each.tunnel.name for each in children(bench.b)] == ["first"]
