"""Peers as keys: who is the same, and who only calls itself so."""

from __future__ import annotations

from dataclasses import replace

from ikevpn.ike.state.register import Register
from ikevpn.ike.state.sa import Child, IkeState, Peer
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.events.event import Code
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child as Configured
from tests.ike.bench import HERE, Bench, children, core_of, ike_sas, tunnel

_SECRET = Secret(b"swordfish")
_INNER = Identity.of("192.168.1.5")
_ANY_OF_10_1 = (Configured("net", 41, Selector(AddressRange.of("10.2.0.0/24"), AddressRange.of("10.1.0.0/16"))),)
_NEXT = (Configured("net", 1, Selector(AddressRange.of("10.1.1.0/24"), AddressRange.of("10.2.0.0/24"))),)
_ONE, _OTHER = Endpoint.of("203.0.113.7", 4500), Endpoint.of("203.0.113.8", 4500)


def test_a_name_is_the_same_peer_from_everywhere_and_in_any_spelling() -> None:
    anybody = replace(tunnel(), remotes=())
    first = Peer.of(anybody, Identity.of("A.example.net"), _ONE.address, _SECRET)
    assert first == Peer.of(anybody, Identity.of("a.example.net"), _OTHER.address, _SECRET)
    assert first != Peer.of(replace(anybody, name="other"), Identity.of("a.example.net"), _ONE.address, _SECRET)


def test_an_inner_address_is_another_peer_behind_another_nat() -> None:
    anybody = replace(tunnel(), remotes=())
    assert Peer.of(anybody, _INNER, _ONE.address, _SECRET) != Peer.of(anybody, _INNER, _OTHER.address, _SECRET)
    exactly = replace(anybody, remote_id=_INNER)
    assert Peer.of(exactly, _INNER, _ONE.address, _SECRET) == Peer.of(exactly, _INNER, _OTHER.address, _SECRET)


def test_who_has_another_secret_is_somebody_else() -> None:
    named = Identity.of("a.example.net")
    first = Peer.of(tunnel(), named, _ONE.address, _SECRET)
    other = Peer.of(tunnel(), named, _ONE.address, Secret(b"barracuda"))
    assert first != other and first.who != other.who


def test_nothing_is_kept_of_what_was_removed() -> None:
    bench = Bench().up()
    (child,) = children(bench.a)
    register = Register[Peer, Child]()
    register.remove(child.peer, child)
    register.add(child.peer, child)
    assert register.of(child.peer, child.peer)[0] is child
    register.remove(child.peer, child)
    assert register.of(child.peer) == [] and not register._by_key


def test_tables_are_empty_in_the_end() -> None:
    bench = Bench(tunnel(local_id=_INNER)).up()
    for _ in range(3):
        bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now))
        bench.run(100)
    bench.perform(bench.a, bench.a.engine.terminate("ab", bench.now))
    bench.run(100)
    for side in (bench.a, bench.b):
        core = core_of(side)
        left = (core.ike_sas, core.by_cookie, core.by_first, core.half_open, core.half_open._by_source, core.initiating)
        assert not any((*left, core.children, core.by_spi, core.neighbours, core.keepalives)), side.name
        registers = (core.established, core.established_for, core.established_at)
        for register in (*registers, core.children_of, core.children_for, core.sending):
            assert not register._by_key
        assert not len(core.timers)


def test_two_clients_with_the_same_inner_address_leave_each_other_alone() -> None:
    """Half of the home routers in the world give out 192.168.1.x."""
    client = tunnel(local_id=_INNER)
    server = replace(Bench().b.tunnel, remotes=(), remote_id=None, children=_ANY_OF_10_1)
    first = Bench(client, server, nat={HERE: _ONE.at(500), HERE.at(4500): _ONE}).up()
    second = Bench(replace(client, children=_NEXT), server, nat={HERE: _OTHER.at(500), HERE.at(4500): _OTHER})
    second.b = first.b
    second.a.engine._core.entropy = lambda size: bytes(range(7, 7 + size))
    second.up()
    sas = ike_sas(first.b)
    assert [sa.remote for sa in sas] == [_ONE, _OTHER]
    assert all(sa.state is IkeState.ESTABLISHED and not sa.superseded for sa in sas)
    assert [child.superseded for child in children(first.b)] == [False, False]
    assert len({child.reqid for child in children(first.b)}) == 2
    assert not [event for event in first.b.events if event.code in (Code.INITIAL_CONTACT, Code.CHILD_DOWN)]
