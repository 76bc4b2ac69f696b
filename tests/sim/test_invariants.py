"""The simulator notices what it is there to notice: engines spoilt in one way each, and a sound one that passes."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address

import pytest

from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.selector import Selector
from ikevpn.model.tunnel import Child, Tunnel
from tests.sim import stand_in
from tests.sim.choices import ike_proposal, ipsec_proposal
from tests.sim.engine import EngineFactory
from tests.sim.host import HostPlan, TunnelPlan
from tests.sim.keeper import Start
from tests.sim.network import Weather
from tests.sim.scenario import Flow, Scenario
from tests.sim.world import Outcome, simulate

_A, _B = ip_address("192.0.2.1"), ip_address("198.51.100.1")
_NET_A, _NET_B = AddressRange.of("10.1.0.0/24"), AddressRange.of("10.2.0.0/24")


def plain_scenario(seed: int = 1) -> Scenario:
    """Two gateways in fair weather; one keeps the tunnel up."""
    rng = random.Random(0)
    tunnel = Tunnel(
        "ab",
        (ike_proposal(rng),),
        (ipsec_proposal(rng),),
        (Child("net", 1, Selector(_NET_A, _NET_B)),),
        (AddressRange.of_address(_B),),
    )
    back = replace(
        tunnel,
        name="ba",
        children=(Child("net", 41, Selector(_NET_B, _NET_A)),),
        remotes=(AddressRange.of_address(_A),),
    )
    hosts = (
        HostPlan("a", _A, (TunnelPlan(tunnel, Endpoint(_B, 500), Start.UP),)),
        HostPlan("b", _B, (TunnelPlan(back, None, Start.LISTEN),)),
    )
    flow = Flow("a", "b", _NET_A.first + 5, _NET_B.first + 5)
    return Scenario(seed, "plain", hosts, (), Weather(), (), (flow,), 10.0, 100.0, 600.0, False, None)


def run(factory: EngineFactory) -> Outcome:
    return simulate(plain_scenario(), factory)


def test_a_sound_engine_passes() -> None:
    outcome = run(stand_in.Honest)
    assert outcome.violations == ()
    assert outcome.datagrams > 4


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        (stand_in.Forgetful, "left after shutdown"),
        (stand_in.Forgetful, "was superseded"),
        (stand_in.Forgetful, "only the data plane knows"),
        (stand_in.WrongKeys, "not the same transform or keys"),
        (stand_in.Hasty, "quiet hours"),
        (stand_in.Spinning, "rings without end"),
        (stand_in.Raising, "KeyError"),
        (stand_in.Silent, "neither succeeded nor failed"),
        (stand_in.Unreasonable, "without a reason"),
        (stand_in.Hoarding, "entries in hoard"),
        (stand_in.Careless, "were lost in fair weather"),
    ],
)
def test_a_spoilt_engine_is_noticed(factory: EngineFactory, sentence: str) -> None:
    assert any(sentence in violation for violation in run(factory).violations)


def test_one_seed_gives_one_trace() -> None:
    assert run(stand_in.Honest).digest == run(stand_in.Honest).digest
    assert run(stand_in.Honest).digest != simulate(plain_scenario(2), stand_in.Honest).digest
