"""Scenarios and where they are found: every module of `interop.scenarios` has a tuple `SCENARIOS`."""

from __future__ import annotations

import fnmatch
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from interop import scenarios
from interop.lab.outcome import InteropError
from interop.stage.stage import NEEDS, Stage


@dataclass(frozen=True)
class Scenario:
    """One thing to prove. `play` raises where it does not hold; `needs` are words of `interop.lab.requirements`."""

    name: str
    sentence: str
    play: Callable[[Stage], None]
    needs: frozenset[str] = frozenset()


def needs(*kinds_and_words: str) -> frozenset[str]:
    """What these kinds of peers need, and words of `interop.lab.requirements` as they are."""
    return frozenset(need for word in kinds_and_words for need in NEEDS.get(word, (word,)))


class UnknownName(InteropError):
    """No scenario matches what the user asked for."""


def load() -> dict[str, Scenario]:
    """All scenarios by name, in the order of modules and of their tuples."""
    found: dict[str, Scenario] = {}
    for module in sorted(pkgutil.iter_modules(scenarios.__path__), key=lambda info: info.name):
        for scenario in importlib.import_module(f"{scenarios.__name__}.{module.name}").SCENARIOS:
            if scenario.name in found:
                raise ValueError(f"two scenarios are called {scenario.name}")
            found[scenario.name] = scenario
    return found


def select(patterns: Sequence[str]) -> list[Scenario]:
    """The scenarios that `patterns` name (globs, or `all`), each once; a pattern without any is `UnknownName`."""
    known = load()
    chosen: dict[str, Scenario] = {}
    for pattern in patterns:
        names = list(known) if pattern == "all" else fnmatch.filter(known, pattern)
        if not names:
            raise UnknownName(f"no scenario is called {pattern}; `python -m interop list` has them all")
        chosen.update((name, known[name]) for name in names)
    return list(chosen.values())
