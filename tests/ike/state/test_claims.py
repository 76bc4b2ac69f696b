"""Networks of a tunnel with a named peer, and peers that nobody has named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.ike.state.claims import Claims
from ikevpn.model.address import AddressRange
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, Tunnel
from tests.ike.bench import Bench, children, events, other_side, tunnel

OFFICE, SITE, ROADS = (AddressRange.of(each) for each in ("10.1.0.0/24", "10.64.5.0/24", "10.64.0.0/10"))
EVERYTHING = AddressRange.everything()


def site(**changes: object) -> Tunnel:
    """A tunnel with one named peer, which is not here."""
    plain = tunnel(name="site", children=(Child("net", 7, Selector(OFFICE, SITE)),), psk=Secret(b"of the site"))
    return replace(plain, remotes=(AddressRange.of("203.0.113.9"),), **changes)  # type: ignore[arg-type]


def road(claimed: str, allowed: AddressRange = ROADS, remotes: tuple[AddressRange, ...] = ()) -> Bench:
    """A peer of a tunnel for many, which says that it has these networks."""
    ours = tunnel(children=(Child("net", 1, Selector(AddressRange.of(claimed), OFFICE)),))
    theirs = replace(
        other_side(ours), name="roads", remotes=remotes, children=(Child("net", 2, Selector(OFFICE, allowed)),)
    )
    return Bench(ours, theirs)


@pytest.mark.parametrize("claimed", ["10.64.5.0/24", "10.64.5.7", "10.64.0.0/16"])
@pytest.mark.parametrize("remotes", [(), (AddressRange.of("192.0.2.0/24"),)])
def test_a_dialup_peer_does_not_get_networks_of_a_named_tunnel(claimed: str, remotes: tuple[AddressRange, ...]) -> None:
    bench = road(claimed, remotes=remotes)
    bench.b.engine.add_tunnel(site())
    bench.up()
    (failed,) = events(bench.b, Code.PHASE2_FAILED)
    assert failed.reason is Reason.NETWORK_CLAIMED and not bench.b.sas
    assert failed.facts["owner"] == "site" and failed.facts["held"] == "10.64.5.0/24"
    assert [str(event.facts["notify"]) for event in events(bench.a, Code.PEER_NOTIFY)] == ["invalid-id-information"]


def test_also_while_that_tunnel_is_down() -> None:
    bench = road("10.64.5.0/24")
    assert bench.b.engine.reserve({"site": [SITE]}, bench.now) == []
    bench.up()
    assert bench.b.reasons(Code.PHASE2_FAILED) == [Reason.NETWORK_CLAIMED]


def test_who_has_them_when_that_tunnel_is_configured_loses_them() -> None:
    bench = road("10.64.5.0/24").up()
    assert bench.matched()
    bench.perform(bench.b, bench.b.engine.reserve({"site": [SITE]}, bench.now))
    bench.run(1)
    assert not bench.b.sas and not bench.a.sas
    assert bench.b.reasons(Code.CHILD_DOWN) == [Reason.NETWORK_CLAIMED]
    bench.perform(bench.b, bench.b.engine.reserve({"site": [SITE]}, bench.now))


@pytest.mark.parametrize("claimed", ["10.64.6.0/24", "10.65.0.0/16"])
def test_what_nobody_else_has_is_free(claimed: str) -> None:
    bench = road(claimed)
    bench.b.engine.add_tunnel(site())
    assert bench.up().matched()


def test_a_tunnel_for_everything_claims_nothing() -> None:
    """The default route to headquarters, and a branch that calls: what is narrower wins."""
    bench = road("10.64.5.0/24")
    bench.b.engine.add_tunnel(site(children=(Child("net", 7, Selector(OFFICE, EVERYTHING)),)))
    assert bench.up().matched()


def test_a_branch_with_everything_on_both_sides_gets_what_is_routed_to_it() -> None:
    bench = road("0.0.0.0/0", EVERYTHING)
    bench.b.engine.add_tunnel(site())
    assert bench.up().matched()


def test_a_named_peer_has_its_own() -> None:
    bench = Bench()
    bench.b.engine.reserve({"ba": [each.selector.remote for each in bench.b.tunnel.children]}, bench.now)
    assert bench.up().matched() and len(children(bench.b)) == 1


def test_claims_come_and_go() -> None:
    claims = Claims()
    claims.know(site())
    assert claims.reserve({"site": [SITE], "other": [EVERYTHING]}) == [SITE]
    assert claims.reserve({"site": [SITE]}) == []
    claims.forget("site")
    assert claims.on(SITE) == ("site", SITE) and claims.on(EVERYTHING) is None
    claims.reserve({})
    assert claims.on(SITE) is None
    claims.know(replace(site(), remotes=()))
    assert claims.on(SITE) is None
