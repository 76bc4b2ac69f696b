from collections.abc import Sequence

from ikevpn.dataplane.userspace.forward.association import InboundSa, OutboundSa
from ikevpn.dataplane.userspace.forward.lookup import Routes, Sad, Spd
from ikevpn.esp.packet.inner import Flow, read_flow
from ikevpn.model.address import AddressRange
from ikevpn.model.sa import Direction, PolicyAction
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


def test_the_most_specific_policy_wins_among_equals() -> None:
    spd = Spd()
    everything, network, service = (
        policy(selector=each, reqid=reqid)
        for reqid, each in enumerate(
            [selector(), SPECIFIC, selector(remote="10.2.2.0/24", protocol=TCP, remote_port=80)]
        )
    )
    for each in (everything, service, network):
        spd.add(each)
    assert spd.find(DEVICE, flow()) == service
    assert spd.find(DEVICE, flow(port=22)) == network
    assert spd.find(DEVICE, flow(target="10.9.9.9")) == everything
    assert spd.find("other", flow()) is None


def test_priority_comes_before_specificity() -> None:
    spd = Spd()
    first = policy(priority=5, action=PolicyAction.DISCARD)
    for each in (policy(selector=SPECIFIC, reqid=2), first):
        spd.add(each)
    assert spd.find(DEVICE, flow()) == first


def test_adding_again_changes_and_deleting_again_does_nothing() -> None:
    spd = Spd()
    spd.add(policy())
    spd.add(policy(acquire=False))
    assert spd.find(DEVICE, flow()) == policy(acquire=False)
    spd.delete(policy())
    spd.delete(policy())
    assert spd.find(DEVICE, flow()) is None
    assert spd.device(1) is None


def test_a_policy_names_the_device_of_its_reqid() -> None:
    spd = Spd()
    spd.add(policy(device="one", reqid=1))
    spd.add(policy(device="two", reqid=2))
    spd.add(policy(device="three", reqid=3, action=PolicyAction.DISCARD))
    assert [spd.device(reqid) for reqid in (1, 2, 3)] == ["one", "two", None]


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


def test_routes_are_remembered_until_told_to_forget() -> None:
    spd, sad = Spd(), Sad()
    routes = Routes(spd, sad)
    assert routes.find(DEVICE, flow()) == (None, None)
    spd.add(policy())
    assert routes.find(DEVICE, flow()) == (None, None)
    routes.forget()
    assert routes.find(DEVICE, flow()) == (policy(), None)
    sad.add(association := out(1))
    routes.forget()
    assert routes.find(DEVICE, flow()) == (policy(), association)


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


def test_versions_do_not_mix() -> None:
    spd = Spd()
    spd.add(policy(selector=Selector(AddressRange.everything(6), AddressRange.everything(6))))
    assert spd.find(DEVICE, flow()) is None
