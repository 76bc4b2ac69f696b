"""No step of the engine costs more because other tunnels are up: counted in instructions, not in time."""

from __future__ import annotations

import pytest

from tests.growth.engine import STEPS, Shape, grow
from tests.growth.instructions import Instructions

FEW, MANY, TRIES = 4, 120, 3
GROWTH = 1.03
"""The longer numbers of more tunnels, and a random number that has to be drawn twice."""
COLLISIONS = 5 * 42
"""Instructions of as many comparisons of addresses: hashes are keyed anew in each process, and keys that meet in a
table are compared. To look at each of so many tunnels takes more, even if nothing is asked of them.
"""


@pytest.mark.parametrize("shape", Shape)
def test_a_step_costs_the_same_with_many_tunnels_as_with_few(shape: Shape) -> None:
    measured = dict(grow(shape, [FEW, MANY], TRIES, Instructions))
    steps = [name for name, step in STEPS.items() if step.unit == "us" and name in measured[FEW]]
    assert len(steps) >= len(STEPS) - 2 and all(measured[FEW][name] > 5 for name in steps)
    grown = {name: (measured[FEW][name], measured[MANY][name]) for name in steps}
    assert not {name: pair for name, pair in grown.items() if pair[1] > pair[0] * GROWTH + COLLISIONS}


def test_to_look_at_each_tunnel_would_be_seen() -> None:
    tunnels, found = [object()] * (MANY - FEW), Instructions()

    def look() -> None:
        for _ in tunnels:
            pass

    with found.running():
        look()
    assert found.taken_us() > COLLISIONS
