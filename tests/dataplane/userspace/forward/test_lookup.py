from collections.abc import Sequence

from ikevpn.dataplane.userspace.forward.association import InboundSa, OutboundSa
from ikevpn.dataplane.userspace.forward.lookup import Routes, Sad
from ikevpn.dataplane.userspace.index.spd import Spd
from ikevpn.esp.packet.inner import Flow, read_flow
from ikevpn.model.sa import Direction, Policy, PolicyAction
from ikevpn.model.selector import Selector
from tests.dataplane.fakes import DEVICE, THEIRS, policy, selector
from tests.esp.samples import TCP, entropy, ipv4, ports, sa

SPECIFIC = selector(remote="10.2.2.0/24")


def flow(target: str = "10.2.2.2", port: int = 80) -> Flow:
    found = read_flow(ipv4(ports(1024, port), target=target, protocol=TCP))
    assert found is not None
    return found


def out(spi: int, reqid: int = 1, selectors: Sequence[Selector] = (selector(),)) -> OutboundSa:
    return OutboundSa(sa(Direction.OUT, spi=spi, reqid=reqid, selectors=tuple(selectors)), entropy(), 0.0)


def test_the_newest_outbound_sa_that_may_carry_the_flow() -> None:
    sad = Sad()
    narrow, wide, newest = out(1, selectors=[SPECIFIC]), out(2), out(3, selectors=[selector(remote="10.3.0.0/16")])
    for each in (narrow, wide, newest):
        sad.add(each)
    assert sad.newest(1, flow()) is wide
    assert sad.newest(1, flow(target="10.3.0.1")) is newest
    wide.expired = True
    assert sad.newest(1, flow()) is narrow
    assert sad.newest(2, flow()) is None


def test_inbound_sas_of_one_reqid_live_side_by_side() -> None:
    sad = Sad()
    old, new = (InboundSa(sa(Direction.IN, spi=spi), 0.0) for spi in (1, 2))
    sad.add(old)
    sad.add(new)
    assert (sad.inbound(1), sad.inbound(2), sad.inbound(3)) == (old, new, None)
    sad.delete(old)
    sad.delete(old)
    assert list(sad) == [new]


def test_two_peers_may_choose_the_same_spi() -> None:
    sad = Sad()
    one, two = out(5, reqid=1), out(5, reqid=2)
    sad.add(one)
    sad.add(two)
    assert sad.outbound_of_spi(5) == [one, two]
    assert sad.outbound_of_spi(5, reqid=2) == [two]
    sad.delete(one)
    assert list(sad) == [two]


def test_only_the_sas_of_the_peer_that_moved_follow() -> None:
    sad = Sad()
    moved, elsewhere = out(1), OutboundSa(sa(Direction.OUT, spi=2, remote=THEIRS.at(9)), entropy(), 0.0)
    back = InboundSa(sa(Direction.IN, spi=3), 0.0)
    for each in (moved, elsewhere, back):
        sad.add(each)
    sad.move(1, THEIRS, THEIRS.at(1234))
    assert [moved.path.remote.port, elsewhere.path.remote.port, back.remote.port] == [1234, 9, 1234]


def test_routes_are_remembered_until_told_what_has_changed() -> None:
    spd, sad = Spd(), Sad()
    routes = Routes(spd, sad)
    assert routes.find(DEVICE, flow()) == (None, None)
    spd.add(policy())
    assert routes.find(DEVICE, flow()) == (None, None)
    routes.policy_changed(policy())
    assert routes.find(DEVICE, flow()) == (policy(), None)
    sad.add(association := out(1))
    assert routes.find(DEVICE, flow()) == (policy(), None)
    routes.sa_changed(1)
    assert routes.find(DEVICE, flow()) == (policy(), association)


class CountingSpd(Spd):
    """How many flows were looked up."""

    finds = 0

    def find(self, device: str, flow: Flow) -> Policy | None:
        self.finds += 1
        return super().find(device, flow)


def test_a_change_costs_the_flows_that_rest_on_it_and_no_others() -> None:
    spd, sad = CountingSpd(), Sad()
    routes = Routes(spd, sad)
    policies = [policy(selector=selector(remote=f"10.2.{n}.0/24"), reqid=n) for n in range(200)]
    targets = [f"10.2.{n}.1" for n in range(200)]
    for each in policies:
        spd.add(each)

    def looked_up() -> int:
        before = spd.finds
        for target in targets:
            packet = ipv4(ports(1024, 80), target=target, protocol=TCP)
            routes.of_packet(DEVICE, packet)
            routes.lane(DEVICE, packet)
        return spd.finds - before

    assert (looked_up(), looked_up()) == (200, 0)
    sad.add(out(1, reqid=7))
    routes.sa_changed(7)
    assert (looked_up(), looked_up()) == (1, 0)
    lane = routes.lane(DEVICE, ipv4(ports(1024, 80), target="10.2.7.1", protocol=TCP))
    assert lane is not None and lane.association.sa.reqid == 7
    spd.add(
        added := policy(selector=selector(remote="10.2.8.0/23"), reqid=300, action=PolicyAction.DISCARD, priority=1)
    )
    routes.policy_changed(added)
    assert (looked_up(), looked_up()) == (2, 0)
    spd.delete(added)
    routes.policy_changed(added)
    assert (looked_up(), looked_up()) == (2, 0)


def test_a_lane_ends_with_its_sa() -> None:
    spd, sad = Spd(), Sad()
    routes = Routes(spd, sad)
    spd.add(policy())
    sad.add(old := out(1))
    packet = ipv4(ports(1024, 80), protocol=TCP)
    assert (lane := routes.lane(DEVICE, packet)) is not None and lane.association is old
    sad.delete(old)
    sad.add(new := out(2))
    routes.sa_changed(1)
    assert (lane := routes.lane(DEVICE, packet)) is not None and lane.association is new
    spd.delete(policy())
    routes.policy_changed(policy())
    assert routes.lane(DEVICE, packet) is None


def test_the_sas_of_a_tunnel() -> None:
    sad = Sad()
    ours = [out(1), InboundSa(sa(Direction.IN, spi=3), 0.0)]
    for each in (*ours, OutboundSa(sa(Direction.OUT, spi=2, reqid=2, tunnel="rome"), entropy(), 0.0)):
        sad.add(each)
    assert sad.of_tunnel("paris") == ours
    assert sad.tunnels == ["paris", "rome"]
    for each in ours:
        sad.delete(each)
    assert (sad.of_tunnel("paris"), sad.tunnels) == ([], ["rome"])


def test_a_discarding_policy_leads_to_no_sa() -> None:
    spd, sad = Spd(), Sad()
    discard = policy(action=PolicyAction.DISCARD)
    spd.add(discard)
    sad.add(out(1))
    assert Routes(spd, sad).find(DEVICE, flow()) == (discard, None)


def test_memory_of_flows_is_bounded() -> None:
    routes = Routes(Spd(), Sad())
    for n in range(20_000):
        routes.find(DEVICE, Flow(4, n.to_bytes(4, "big"), bytes(4), TCP))
    assert len(routes) <= 8192
