"""What stands on the host at every level, with a host and a data plane that only write down what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path as FilePath
from typing import Any

import pytest

from ikevpn.config.load import load
from ikevpn.errors import HostError
from ikevpn.ike.state.effects import DeleteSa
from ikevpn.model.address import Address, AddressRange
from ikevpn.model.events.event import Code, Event
from ikevpn.model.own_mark import OWN_MARK
from ikevpn.model.sa import Direction, Policy, Sa, SaUse
from ikevpn.model.selector import Selector
from ikevpn.net.follow.rivals import Claim, Rival
from ikevpn.net.kernel.rtnetlink import Route, RouteKind
from ikevpn.net.kernel.rule import Rule
from ikevpn.net.plan.local import Path, Surroundings
from ikevpn.net.plan.steps import AddPair, AddRoute, AddRule, Plan
from ikevpn.service.binding.binding import AGAIN_S, Binding, Bindings
from ikevpn.service.binding.expectation import EXPECTED_WITHIN_S
from ikevpn.wire.registry import EspCipher
from tests.capture.test_wireshark import sa as sample
from tests.service.virtual import run

BLOCK = "blackhole 10.2.0.0/16 metric 2000000000 table 5050"
ROUTE = "10.2.0.0/16 dev ikevpn0 metric 100 table 5050"
SELECTOR = Selector(AddressRange.of("10.1.0.0/16"), AddressRange.of("10.2.0.0/16"))
SA = replace(sample(EspCipher.AES_GCM_16, "00" * 20, spi=1), reqid=7, tunnel="paris", selectors=(SELECTOR,))


class Host:
    """Plans in force by owner; refuses everything while `refusal` is set."""

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}
        self.refusal: HostError | None = None
        self.without_nftables = False
        self.around: tuple[Route, ...] = ()
        self.competing: tuple[Rival, ...] = ()

    async def apply(self, owner: str, plan: Plan) -> None:
        if self.refusal:
            raise self.refusal
        if self.without_nftables and any(isinstance(step, AddPair) for step in plan):
            raise HostError("libnftables.so.1 is missing")
        self.plans[owner] = plan

    async def undo(self, owner: str) -> None:
        self.plans.pop(owner, None)

    async def path_to(self, remote: Address, source: Address | None = None) -> Path:
        return Path(ip_address("192.0.2.1"), "eth0", ip_address("192.0.2.254"), 1500)

    async def surroundings(self) -> Surroundings:
        return Surroundings(frozenset(map(ip_address, ("192.0.2.1", "192.0.2.254", "2001:db8::1"))), self.around)

    async def rivals(
        self, claims: Mapping[str, Iterable[Claim]], devices: Collection[str]
    ) -> dict[str, tuple[Rival, ...]]:
        return {name: self.competing if list(each) else () for name, each in claims.items()}

    async def ensure(self, address: Address) -> None:
        """The IKE port listens everywhere."""

    async def source_in(self, networks: Iterable[AddressRange]) -> Address | None:
        return next((network.first for network in networks), None)

    @property
    def discards(self) -> list[str]:
        steps = [step for plan in self.plans.values() for step in plan]
        return [f"{step.pair.fate} {step.pair}" for step in steps if isinstance(step, AddPair)]

    @property
    def routes(self) -> list[str]:
        return [str(route) for route in self.in_force]

    @property
    def in_force(self) -> list[Route]:
        return [step.route for plan in self.plans.values() for step in plan if isinstance(step, AddRoute)]

    @property
    def rules(self) -> list[Rule]:
        return [step.rule for plan in self.plans.values() for step in plan if isinstance(step, AddRule)]


class Plane:
    """Devices and policies that exist."""

    def __init__(self) -> None:
        self.devices: list[str] = []
        self.mtus: dict[str, int] = {}
        self.refusal: HostError | None = None
        self.policies: list[Policy] = []
        self.asked: list[tuple[int | str, ...]] = []

    async def add_device(self, name: str, mtu: int, peers: Iterable[Address]) -> str:
        if self.refusal:
            raise self.refusal
        self.devices.append(name)
        self.mtus[name] = mtu
        return name

    async def delete_device(self, name: str) -> None:
        self.devices.remove(name)

    async def query(self, spis: Sequence[int] = (), tunnels: Sequence[str] = ()) -> list[SaUse]:
        self.asked.append((*spis, *tunnels))
        return []

    def add_policy(self, policy: Policy) -> None:
        if policy not in self.policies:
            self.policies.append(policy)

    def delete_policy(self, policy: Policy) -> None:
        self.policies.remove(policy)


class Ground:
    """A binding of tunnel paris on such a host."""

    def __init__(self, folder: FilePath, **keys: str) -> None:
        (folder / "psk").write_text("a secret that is long enough")
        (folder / "psk").chmod(0o600)
        table = {
            "remote": '"203.0.113.2"',
            "secret": '{ file = "psk" }',
            "local_networks": '["10.1.0.0/16"]',
            "remote_networks": '["10.2.0.0/16"]',
            **keys,
        }
        (folder / "x.toml").write_text(
            "[tunnel.paris]\n" + "".join(f"{key} = {value}\n" for key, value in table.items())
        )
        self.host, self.plane = Host(), Plane()
        self.reports: list[Event] = []
        self.bindings = Bindings(self.host, self.plane, self.reports.append)  # type: ignore[arg-type]
        config = load(folder / "x.toml").tunnels["paris"]
        reqids = range(7, 7 + len(config.selectors))
        self.binding: Binding = self.bindings.binding(config, reqids)

    def add(self, sa: Sa) -> Coroutine[Any, Any, None]:
        self.bindings.adding(sa)
        return self.binding.settled()

    def delete(self, sa: Sa) -> Coroutine[Any, Any, None]:
        self.bindings.deleted(DeleteSa(sa.spi, sa.direction, sa.reqid, sa.tunnel))
        return self.binding.settled()


def test_the_first_inbound_sa_says_when_the_host_is_ready(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        await ground.binding.stand(always_open=False)
        ready = ground.bindings.adding(SA)
        again = ground.bindings.adding(replace(SA, reqid=8, spi=2))
        assert ready is not None and again is ready, "nothing is in force yet"
        await ready
        assert ROUTE in ground.host.routes
        assert ground.bindings.adding(replace(SA, spi=3)) is None, "a renewal finds the tunnel open"

    run(scenario())


def test_a_host_that_refuses_holds_nobody_up(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        await ground.binding.stand(always_open=False)
        ground.host.refusal = HostError("no")
        ready = ground.bindings.adding(SA)
        assert ready is not None
        await ready
        assert [event.code for event in ground.reports] == [Code.HOST_REFUSED]

    run(scenario())


def test_closed_until_the_first_inbound_sa_and_after_the_last(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        await ground.binding.stand(always_open=False)
        assert (ground.plane.devices, ground.host.routes) == (["ikevpn0"], [BLOCK])
        assert [(policy.reqid, policy.selector, policy.acquire) for policy in ground.plane.policies] == [
            (7, SELECTOR, True)
        ]
        await ground.add(SA)
        assert ground.host.routes == [BLOCK, ROUTE]
        await ground.add(replace(SA, spi=2))  # a renewal
        await ground.add(replace(SA, spi=3, direction=Direction.OUT))
        await ground.delete(SA)
        assert ground.host.routes == [BLOCK, ROUTE]
        await ground.delete(replace(SA, spi=2))
        assert ground.host.routes == [BLOCK]
        await ground.binding.leave()
        assert (ground.plane.devices, ground.host.plans, ground.plane.policies) == ([], {}, [])

    run(scenario())


def test_what_starts_by_traffic_is_always_open(tmp_path: FilePath) -> None:
    async def scenario() -> list[str]:
        ground = Ground(tmp_path)
        await ground.binding.stand(always_open=True)
        return ground.host.routes

    assert run(scenario()) == [BLOCK, ROUTE]


def test_open_while_sas_are_expected_and_not_for_ever(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        await ground.binding.stand(always_open=False)
        ground.binding.expect()
        await ground.binding.settled()
        assert ROUTE in ground.host.routes
        await asyncio.sleep(EXPECTED_WITHIN_S + 1)
        assert ground.host.routes == [BLOCK]

    run(scenario())


def test_a_peer_that_agrees_to_less_gets_no_more(tmp_path: FilePath) -> None:
    """What is left of the network goes into the device, and from there nowhere; when all is gone it may ask again."""
    less = Selector(SELECTOR.local, AddressRange.of("10.2.3.0/24"))
    agreed = replace(SA, selectors=(less,))

    async def scenario() -> None:
        ground = Ground(tmp_path)
        await ground.binding.stand(always_open=False)
        await ground.add(agreed)
        assert [policy.selector for policy in ground.plane.policies] == [less]
        assert ground.host.routes == [BLOCK, ROUTE]
        await ground.add(replace(agreed, spi=2))
        await ground.delete(agreed)
        assert [policy.selector for policy in ground.plane.policies] == [less]
        await ground.add(replace(SA, spi=3))  # and now it agrees to all of it
        assert [policy.selector for policy in ground.plane.policies] == [SELECTOR]
        await ground.add(replace(agreed, spi=4))
        for spi in (2, 3, 4):
            await ground.delete(replace(SA, spi=spi))
        assert [policy.selector for policy in ground.plane.policies] == [SELECTOR]
        await ground.add(agreed)
        await ground.binding.leave()
        assert ground.plane.policies == []

    run(scenario())


@pytest.mark.parametrize(("word", "routes"), [("reject", ["unreachable 10.2.0.0/16"]), ("pass", [])])
def test_what_the_user_wants_of_a_tunnel_that_is_down(tmp_path: FilePath, word: str, routes: list[str]) -> None:
    async def scenario() -> list[str]:
        ground = Ground(tmp_path, when_down=f'"{word}"')
        await ground.binding.stand(always_open=False)
        return [route.partition(" metric ")[0] for route in ground.host.routes]

    assert run(scenario()) == routes


def test_where_the_host_refuses_the_device_nothing_leaves_in_clear_and_it_is_asked_again(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        ground.plane.refusal = HostError("the name is taken")
        with pytest.raises(HostError, match="taken"):
            await ground.binding.stand(always_open=True)
        assert (ground.plane.devices, ground.plane.policies, ground.binding.device) == ([], [], "")
        assert ground.host.routes == [BLOCK]
        await asyncio.sleep(AGAIN_S + 1)
        assert [str(event.facts["detail"]) for event in ground.reports] == ["the name is taken"]
        ground.plane.refusal = None
        await asyncio.sleep(AGAIN_S)
        assert (ground.plane.devices, ground.host.routes) == (["ikevpn0"], [BLOCK, ROUTE])
        await ground.binding.leave()
        assert (ground.plane.devices, ground.host.plans, ground.plane.policies) == ([], {}, [])

    run(scenario())


def test_every_attempt_asks_for_what_was_refused(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        ground.plane.refusal = HostError("the name is taken")
        for act in (ground.binding.stand(always_open=False), ground.binding.admit([])):
            with pytest.raises(HostError, match="taken"):
                await act
        ground.plane.refusal = None
        await ground.binding.admit([])
        assert ground.plane.devices == ["ikevpn0"]

    run(scenario())


def test_what_was_refused_and_is_not_wanted_leaves_nothing(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        ground.plane.refusal = HostError("the name is taken")
        with pytest.raises(HostError, match="taken"):
            await ground.binding.stand(always_open=False)
        await ground.binding.leave()
        ground.plane.refusal = None
        await asyncio.sleep(AGAIN_S + 1)
        assert (ground.plane.devices, ground.host.plans, ground.plane.policies) == ([], {}, [])

    run(scenario())


def test_a_refusal_in_the_background_is_reported(tmp_path: FilePath) -> None:
    async def scenario() -> list[Event]:
        ground = Ground(tmp_path)
        await ground.binding.stand(always_open=False)
        ground.host.refusal = HostError("the route exists", fix="remove it")
        await ground.add(SA)
        return ground.reports

    (event,) = run(scenario())
    assert dict(event.facts) == {"detail": "the route exists", "fix": "remove it"}


def test_with_strict_routes_only_what_carries_the_tunnel_goes_around_it(tmp_path: FilePath) -> None:
    async def scenario() -> Ground:
        ground = Ground(tmp_path, remote_networks='["0.0.0.0/0"]')
        await ground.binding.stand(always_open=True)
        return ground

    ground = run(scenario())
    assert ground.host.routes == [
        "throw 10.1.0.0/16 metric 3000000000 table 5050",
        "blackhole 0.0.0.0/0 metric 2000000000 table 5050",
        "0.0.0.0/0 dev ikevpn0 metric 100 table 5050",
    ]
    assert OWN_MARK in [rule.mark for rule in ground.host.rules]


def test_where_the_most_exact_route_wins_the_peer_has_a_way_out_for_what_carries_the_tunnel(tmp_path: FilePath) -> None:
    async def scenario() -> Ground:
        ground = Ground(tmp_path, remote_networks='["0.0.0.0/0"]', strict_routes="false")
        await ground.binding.stand(always_open=True)
        return ground

    ground = run(scenario())
    assert ground.binding.follows_host
    assert "203.0.113.2/32 via 192.0.2.254 dev eth0 table 5052" in ground.host.routes
    assert {"0.0.0.0/1 dev ikevpn0 metric 100", "128.0.0.0/1 dev ikevpn0 metric 100"} <= set(ground.host.routes)
    assert "203.0.113.2/32 dev ikevpn0 metric 100 table 5050" in ground.host.routes, "nothing else goes by it"


@pytest.mark.parametrize("binding", ["policy", "route"])
def test_strict_routes_are_for_policies_unless_the_user_says_otherwise(tmp_path: FilePath, binding: str) -> None:
    async def scenario() -> list[str]:
        ground = Ground(tmp_path, binding=f'"{binding}"')
        await ground.binding.stand(always_open=True)
        return [route for route in ground.host.routes if route.startswith("blackhole")]

    assert run(scenario()) == [BLOCK if binding == "policy" else BLOCK.removesuffix(" table 5050")]


@pytest.mark.parametrize(("word", "closed"), [("block", False), ("reject", True)])
def test_the_block_of_a_peer_is_the_way_into_a_tunnel_without_sas(tmp_path: FilePath, word: str, closed: bool) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path, remote_networks='["203.0.113.0/24"]', when_down=f'"{word}"')
        way = "203.0.113.0/24 dev ikevpn0 metric 100 table 5050"
        await ground.binding.stand(always_open=False)
        assert (way not in ground.host.routes) is closed
        await ground.binding.close()
        assert (way not in ground.host.routes) is closed
        await ground.binding.leave()
        assert ground.host.plans == {}

    run(scenario())


def test_the_lan_and_what_is_on_links_is_left_to_the_host(tmp_path: FilePath) -> None:
    async def scenario() -> set[str]:
        ground = Ground(tmp_path, remote_networks='["10.0.0.0/8", "0.0.0.0/0"]')
        ground.host.around = (
            Route(ip_network("192.0.2.0/24"), "eth0"),
            Route(ip_network("0.0.0.0/1"), "eth0"),
            Route(ip_network("172.16.0.0/12"), "eth0", ip_address("192.0.2.254")),
        )
        await ground.binding.stand(always_open=False)
        return {str(route.network) for route in ground.host.in_force if route.kind is RouteKind.THROW}

    assert run(scenario()) == {"10.1.0.0/16", "192.0.2.0/24"}


def test_a_dialup_peer_does_not_take_over_what_this_host_has_a_route_for(tmp_path: FilePath) -> None:
    async def scenario() -> list[str]:
        ground = Ground(tmp_path, remote='"any"', remote_networks='["0.0.0.0/0"]')
        ground.host.around = (Route(ip_network("10.2.9.0/24"), "eth1", ip_address("192.0.2.253")),)
        await ground.binding.stand(always_open=False)
        await ground.add(replace(SA, reqid=1_000_000))
        return [route for route in ground.host.routes if "10.2.9.0" in route]

    assert run(scenario()) == ["throw 10.2.9.0/24 metric 3000000000 table 5050"]


def test_a_dialup_peer_has_its_own_policy_and_route_and_no_default_route(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path, remote='"any"', remote_networks='["0.0.0.0/0"]')
        await ground.binding.stand(always_open=False)
        assert ground.host.routes == []
        dialup = replace(SA, reqid=1_000_000)
        await ground.add(dialup)
        assert ROUTE in ground.host.routes
        assert {policy.reqid for policy in ground.plane.policies} == {7, 1_000_000}
        await ground.delete(dialup)
        assert ground.host.routes == []
        assert {policy.reqid for policy in ground.plane.policies} == {7}

    run(scenario())


@pytest.mark.parametrize("network", ["0.0.0.0/1", "192.0.2.0/24", "192.0.2.254/32", "2001:db8::/32", "8000::/1"])
def test_a_dialup_peer_does_not_take_over_the_way_out_of_this_host(tmp_path: FilePath, network: str) -> None:
    async def scenario() -> Ground:
        ground = Ground(
            tmp_path,
            remote='"any"',
            local_networks='["10.1.0.0/16", "fd00::/64"]',
            remote_networks='["0.0.0.0/0", "::/0"]',
        )
        await ground.binding.stand(always_open=False)
        named = Selector(AddressRange.of("10.1.0.0/16"), AddressRange.of(network))
        await ground.add(replace(SA, reqid=1_000_000, selectors=(named, SELECTOR)))
        await ground.add(replace(SA, spi=2, reqid=1_000_001))
        return ground

    ground = run(scenario())
    assert ground.host.routes == [BLOCK, ROUTE]
    assert [(event.code, event.facts["network"]) for event in ground.reports] == [(Code.NETWORK_REFUSED, network)]


@pytest.mark.parametrize(("remote", "less"), [("203.0.113.2", 0), ("2001:db8::2", 20)])
def test_the_device_takes_what_fits_the_path(tmp_path: FilePath, remote: str, less: int) -> None:
    async def scenario() -> dict[str, int]:
        ground = Ground(tmp_path, remote=f'"{remote}"', esp_proposals='"nopfs-esp-aes128gcm16"')
        await ground.binding.stand(always_open=False)
        return ground.plane.mtus

    assert run(scenario()) == {"ikevpn0": 1500 - 20 - 8 - 8 - 8 - 16 - 2 - less}


def test_a_new_worker_learns_the_policies(tmp_path: FilePath) -> None:
    async def scenario() -> int:
        ground = Ground(tmp_path)
        await ground.binding.stand(always_open=False)
        ground.plane.policies.clear()
        ground.binding.restore()
        return len(ground.plane.policies)

    assert run(scenario()) == 1


def test_down_by_the_users_wish_still_sends_nothing_in_clear(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        await ground.binding.stand(always_open=True)
        await ground.binding.close()
        assert ground.host.routes == [BLOCK]
        await ground.binding.leave()
        assert ground.host.plans == {}

    run(scenario())


def test_down_leaves_nothing_where_the_user_lets_traffic_pass(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path, when_down='"pass"')
        await ground.binding.stand(always_open=True)
        await ground.binding.close()
        assert (ground.plane.devices, ground.host.plans) == ([], {})

    run(scenario())


DISCARD = "discard 10.2.0.0/16 to 10.1.0.0/16"


def test_what_comes_unprotected_is_discarded_from_before_the_start_until_the_tunnel_leaves(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        await ground.binding.stand(always_open=False)
        assert ground.host.discards == [DISCARD]
        await ground.add(SA)
        assert ground.host.discards == [DISCARD]
        await ground.binding.close()
        assert ground.host.discards == [DISCARD], "down, and configured still"
        assert any(isinstance(step, AddPair) for step in ground.binding.blocks()), "while a reload changes it, too"
        await ground.binding.leave()
        assert ground.host.plans == {}

    run(scenario())


def test_when_unprotected_accept(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path, when_unprotected='"accept"')
        await ground.binding.stand(always_open=False)
        assert ground.host.discards == ["accept 10.2.0.0/16 to 10.1.0.0/16"]

    run(scenario())


def test_answers_to_what_may_leave_in_the_clear_may_come_so(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path, when_down='"pass"')
        await ground.binding.stand(always_open=False)
        assert ground.host.discards == ["accept 10.2.0.0/16 to 10.1.0.0/16"]
        await ground.add(SA)
        assert ground.host.discards == [DISCARD]

    run(scenario())


def test_without_nftables_the_tunnel_does_not_start_and_its_block_stands(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        ground.host.without_nftables = True
        with pytest.raises(HostError, match="libnftables"):
            await ground.binding.stand(always_open=False)
        assert (ground.host.routes, ground.plane.devices) == ([BLOCK], [])
        ground.host.without_nftables = False
        await ground.binding.admit([])  # the next attempt
        assert (ground.host.discards, ground.plane.devices) == ([DISCARD], ["ikevpn0"])
        await ground.binding.leave()

    run(scenario())


def test_exceptions_of_ours_are_more_exact(tmp_path: FilePath) -> None:
    """What a monitor sends and expects outside of the selectors."""

    async def scenario() -> None:
        ground = Ground(tmp_path)
        ping = Selector(AddressRange.of("10.1.0.1"), AddressRange.of("10.2.0.1"), 1)
        await ground.binding.except_unprotected([ping])
        await ground.binding.stand(always_open=False)
        assert ground.host.discards == [DISCARD, "accept 10.2.0.1/32 to 10.1.0.1/32"]
        await ground.binding.except_unprotected([])
        assert ground.host.discards == [DISCARD]

    run(scenario())


def test_a_route_that_competes_is_said_once(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        ground = Ground(tmp_path)
        rival = Rival(ip_network("10.2.9.0/24"), Route(ip_network("0.0.0.0/0"), "eth0", table=99), 10)
        ground.host.competing = (rival,)
        await ground.binding.stand(always_open=False)
        await ground.bindings.look_for_rivals()
        assert [(event.code, event.facts["network"]) for event in ground.reports] == [
            (Code.ROUTE_COMPETES, "10.2.9.0/24")
        ]
        assert ground.binding.rivals == (rival,)
        await ground.binding.leave()
        assert ground.binding.rivals == (), "what is not on the host competes with nothing"

    run(scenario())


def test_a_hundred_peers_at_once_are_one_change_of_the_host(tmp_path: FilePath) -> None:
    ground = Ground(tmp_path, remote='"any"', remote_networks='["10.0.0.0/8"]', auth='"psk"', remote_id='"any"')
    plans: list[Plan] = []
    policies: list[Policy] = []
    apply, add_policy = ground.host.apply, ground.plane.add_policy

    async def counting(owner: str, plan: Plan) -> None:
        plans.append(plan)
        await apply(owner, plan)

    def counting_policy(policy: Policy) -> None:
        policies.append(policy)
        add_policy(policy)

    async def story() -> None:
        await ground.binding.stand(always_open=False)
        ground.host.apply, ground.plane.add_policy = counting, counting_policy  # type: ignore[method-assign]
        policies.clear()
        for number in range(100):
            inside = Selector(AddressRange.of("10.1.0.0/16"), AddressRange.of(f"10.7.0.{number}/32"))
            ground.binding.adding(replace(SA, spi=10 + number, reqid=1_000_000 + number, selectors=(inside,)))
        await ground.binding.settled()
        assert len(plans) == 1
        assert len(policies) == 100
        assert sum("10.7.0." in str(route) for route in ground.host.in_force) >= 100

    run(story())
