"""Who answers what exchanges ask: at once, late, out of order, twice, or not at all; when the network is well, soon."""

from __future__ import annotations

import random
from collections.abc import Callable

from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import Ask
from ikevpn.ike.values.question import Answer
from tests.ike.asking import asking
from tests.sim.engine import EngineFace

_PATIENCE_S = 8.0
_DELAYS_S = (0.0, 0.0, 0.01, 0.3, 3.0, 7.99, 8.01, 20.0, 90.0)
_SOON_S = (0.0, 0.001, 0.05)


def asks(seed: int) -> bool:
    """Whether the hosts of a seed have an oracle."""
    return random.Random(f"{seed}/oracle").random() < 0.3


def asking_engine(entropy: Callable[[int], bytes]) -> EngineFace:
    """An engine that accepts nobody before it has asked."""
    return Engine(EngineSettings(), entropy, asking(seconds=_PATIENCE_S))


class Oracle:
    """One a host. `later` calls after so many seconds, unless the host has gone."""

    def __init__(self, seed: str, later: Callable[[float, Callable[[], None]], None]) -> None:
        self._rng = random.Random(f"{seed}/oracle")
        self._later = later

    def ask(self, effect: Ask, well: bool, tell: Callable[[Ask, Answer], None]) -> None:
        """`well`: from now on it may not be the cause of anything that is lost."""
        if well:
            self._later(self._rng.choice(_SOON_S), lambda: tell(effect, Answer(True)))
            return
        if self._rng.random() < 0.15:
            return
        verdict = self._rng.choice((Answer(True),) * 8 + (Answer(False), Answer(trouble="the oracle has a headache")))
        for _ in range(self._rng.choice((1, 1, 1, 2))):
            self._later(self._rng.choice(_DELAYS_S), lambda: tell(effect, verdict))
