"""Policies are found as a look at all of them in their order would find them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.dataplane.userspace.index.spd import Spd
from ikevpn.esp.packet.inner import Flow, read_flow
from ikevpn.esp.packet.selection import Selection
from ikevpn.model.address import AddressRange
from ikevpn.model.sa import Direction, Policy, PolicyAction
from ikevpn.model.selector import ANY, Selector
from tests.dataplane.fakes import DEVICE, policy, selector
from tests.esp.samples import TCP, ipv4, ports

REMOTE_PORTS = st.sampled_from([ANY, 80])
SPECIFIC = selector(remote="10.2.2.0/24")


def flow(target: str = "10.2.2.2", port: int = 80) -> Flow:
    found = read_flow(ipv4(ports(1024, port), target=target, protocol=TCP))
    assert found is not None
    return found


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


def test_versions_do_not_mix() -> None:
    spd = Spd()
    spd.add(policy(selector=Selector(AddressRange.everything(6), AddressRange.everything(6))))
    assert spd.find(DEVICE, flow()) is None


class Linear:
    """The same, by looking at all of them."""

    def __init__(self) -> None:
        self.policies: list[Policy] = []

    def add(self, added: Policy) -> None:
        self.delete(added)
        self.policies.append(added)
        self.policies.sort(key=_consulted)

    def delete(self, policy: Policy) -> None:
        name = (policy.device, policy.selector, policy.reqid)
        self.policies = [each for each in self.policies if (each.device, each.selector, each.reqid) != name]

    def find(self, device: str, flow: Flow) -> Policy | None:
        covering = (each for each in self.policies if each.device == device and _covers(each, flow))
        return next(covering, None)


def _covers(policy: Policy, flow: Flow) -> bool:
    return Selection((policy.selector,), Direction.OUT).admits(flow)


def _consulted(policy: Policy) -> tuple[int, int, int, int]:
    each = policy.selector
    wildcards = [each.protocol, each.local_port, each.remote_port].count(ANY)
    return -policy.priority, each.remote.size, each.local.size, wildcards


@st.composite
def ranges(draw: st.DrawFn, version: int) -> AddressRange:
    """Of few addresses, so that they meet, on either side of large boundaries."""
    low = int(ip_address("127.255.255.248" if version == 4 else "7fff:ffff:ffff:ffff:ffff:ffff:ffff:fff8"))
    if draw(st.booleans()):
        bits = draw(st.sampled_from([0, 1, 2, 3, 5, 32 if version == 4 else 128]))
        first = (low + draw(st.integers(0, 15))) >> bits << bits
        last = first + (1 << bits) - 1
    else:
        first, last = sorted(low + draw(st.integers(0, 15)) for _ in range(2))
    make = type(ip_address("0.0.0.0" if version == 4 else "::"))
    return AddressRange(make(first), make(last))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    version = draw(st.sampled_from([4, 6]))
    return policy(
        device=draw(st.sampled_from(["one", "two"])),
        selector=Selector(
            draw(ranges(version)),
            draw(ranges(version)),
            draw(st.sampled_from([0, 6])),
            0,
            draw(st.sampled_from([0, 80])),
        ),
        reqid=draw(st.integers(1, 3)),
        action=draw(st.sampled_from([PolicyAction.PROTECT, PolicyAction.DISCARD])),
        priority=draw(st.integers(0, 1)),
    )


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    version = draw(st.sampled_from([4, 6]))
    source, target = draw(ranges(version)), draw(ranges(version))
    return Flow(
        version,
        source.first.packed,
        target.last.packed,
        draw(st.sampled_from([6, 17])),
        9,
        draw(st.sampled_from([80, 81])),
    )


@given(st.lists(st.tuples(st.booleans(), policies()), max_size=24), st.lists(flows(), min_size=1, max_size=12))
def test_the_same_as_a_look_at_all(changes: list[tuple[bool, Policy]], some: list[Flow]) -> None:
    spd, oracle = Spd(), Linear()
    for adds, changed in changes:
        for each in (spd, oracle):
            (each.add if adds else each.delete)(changed)
    for device in ("one", "two"):
        for each in some:
            assert spd.find(device, each) == oracle.find(device, each)
    protecting = [each for each in oracle.policies if each.action is PolicyAction.PROTECT]
    for reqid in (1, 2, 3):
        devices = {each.device for each in protecting if each.reqid == reqid}
        assert (spd.device(reqid) in devices) if devices else spd.device(reqid) is None


@pytest.mark.parametrize("count", [10, 1000])
def test_a_lookup_compares_with_few_however_many_there_are(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    spd = Spd()
    for number in range(count):
        remote = f"10.{number // 250}.{number % 250}.0/24"
        spd.add(policy(selector=selector(remote=remote), reqid=number))
        spd.add(
            policy(selector=selector(local=f"10.9.{number % 250}.3-10.9.{number % 250}.9", remote=remote), reqid=number)
        )
    compared: list[Flow] = []
    admits = Selection.admits

    def counted(self: Selection, flow: Flow) -> bool:
        compared.append(flow)
        return admits(self, flow)

    monkeypatch.setattr(Selection, "admits", counted)
    found = spd.find(DEVICE, flow(target="10.0.7.1"))
    assert found is not None and found.reqid == 7
    assert len(compared) <= 3
