"""Bundles in the simulator: who has them, and that the pretended data plane notices what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import AddSa, Effect
from ikevpn.model.sa import Direction, Sa
from ikevpn.model.tunnel import NatTraversal
from tests.sim.bundles import nest
from tests.sim.scenario import Scenario, draw
from tests.sim.seeds import regression_seeds
from tests.sim.world import simulate

NESTED = [seed for seed in range(200) if "AH around ESP" in draw(seed).title]


def test_a_share_of_the_seeds_has_them_and_both_ends_alike() -> None:
    assert len(NESTED) > 5
    for seed in NESTED:
        scenario = draw(seed)
        proposals = [set(plan.tunnel.ipsec_proposals) for host in scenario.hosts for plan in host.tunnels]
        assert scenario.mismatch or set.intersection(*proposals)
        assert not scenario.nats
        assert all(
            plan.tunnel.nat_traversal is not NatTraversal.FORCE for host in scenario.hosts for plan in host.tunnels
        )
    assert any(each.around for seed in NESTED for each in draw(seed).hosts[0].tunnels[0].tunnel.ipsec_proposals)


def test_seeds_that_once_failed_are_what_they_were() -> None:
    for seed in [seed for seed in regression_seeds() if "AH" not in draw(seed).title]:
        assert nest(draw(seed)) == draw(seed)


Change = Callable[[Sa], Sa | None]


def lying(change: Change) -> Callable[[Callable[[int], bytes]], Engine]:
    """Engines whose SAs are installed otherwise, or not."""

    class Lying(Engine):
        def _out(self) -> list[Effect]:
            effects = ((each, change(each.sa) if isinstance(each, AddSa) else None) for each in super()._out())
            return [AddSa(sa) if sa else each for each, sa in effects if sa is not None or not isinstance(each, AddSa)]

    return lambda entropy: Lying(EngineSettings(), entropy)


LIES: dict[str, Change] = {
    "no AH": lambda sa: None if sa.wraps else sa,
    "no ESP": lambda sa: sa if sa.wraps else None,
    "ESP that leaves alone": lambda sa: replace(sa, wrapped=sa.wrapped and sa.direction is Direction.IN),
    "AH around another SA": lambda sa: replace(sa, wraps=sa.wraps ^ 1) if sa.wraps else sa,
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_wrong_with_a_bundle_is_noticed(lie: str) -> None:
    fitting = (draw(seed) for seed in NESTED)
    scenario = next(each for each in fitting if each.mismatch is None and _all_nested(each))
    assert simulate(scenario, lying(lambda sa: sa)).violations == ()
    assert simulate(scenario, lying(LIES[lie])).violations


def _all_nested(scenario: Scenario) -> bool:
    return all(each.around for host in scenario.hosts for plan in host.tunnels for each in plan.tunnel.ipsec_proposals)
