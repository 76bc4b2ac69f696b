"""Runs loads through rigs in turns: ours, the peer's, ours, the peer's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from interop.bench.figure import Figure, shown
from interop.bench.loads import Load, Values
from interop.bench.rig import Rig, Setting
from interop.lab.outcome import InteropError, Interrupted
from interop.lab.site import Site

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is compared: the loads, one setting, and how often and how long.

    `peer` is the kind of the other pair of gateways, or empty; it cannot do raw ESP and always runs in UDP.
    """

    loads: Sequence[Load]
    setting: Setting
    peer: str = "strongswan"
    runs: int = 5
    seconds: float = 3.0

    @property
    def variant(self) -> str:
        """What distinguishes this plan's figures from others of the same load."""
        words = [self.setting.esp, "raw" if self.setting.raw else "", "forwarded" if self.setting.forwarded else ""]
        return ", ".join(word for word in words if word)


@dataclass(frozen=True)
class Failure:
    """A run that failed twice."""

    load: str
    kind: str
    sentence: str


def measure(plan: Plan, say: Say, failures: list[Failure]) -> Iterator[Figure]:
    """The figures of a plan, as soon as each is complete. What fails twice is added to `failures`, and left out."""
    kinds = ["ikevpn", *([plan.peer] if plan.peer else [])]
    with ExitStack() as stack:
        rigs = []
        for number, kind in enumerate(kinds):
            setting = replace(plan.setting, kind=kind, raw=plan.setting.raw and number == 0)
            rig = Rig(stack.enter_context(Site()), setting)
            rig.establish()
            rigs.append(rig)
        for load in plan.loads:
            yield from _figures(plan, load, rigs, say, failures)


def _figures(plan: Plan, load: Load, rigs: Sequence[Rig], say: Say, failures: list[Failure]) -> Iterator[Figure]:
    found: list[dict[str, list[float]]] = [defaultdict(list) for _ in rigs]
    for run in range(1, plan.runs + 1):
        for rig, values in zip(rigs, found, strict=True):
            measured = _attempt(load, rig, plan.seconds, failures)
            for name, value in measured.items():
                values[name].append(value)
            told = ", ".join(f"{quantity.unit} {shown(measured[quantity.name])}" for quantity in load.quantities
                             if quantity.name in measured)  # fmt: skip
            say(f"{load.name} {plan.variant}, run {run} of {plan.runs}, {rig.setting.kind}: {told or 'failed'}")
    ours, peer = found[0], found[1] if len(found) > 1 else {}
    for quantity in load.quantities:
        yield Figure(
            quantity.name,
            plan.variant,
            quantity.unit,
            tuple(ours.get(quantity.name, ())),
            tuple(peer.get(quantity.name, ())),
            quantity.more_is_better,
        )


def _attempt(load: Load, rig: Rig, seconds: float, failures: list[Failure]) -> Values:
    """One run, and a second one where the first fails."""
    for last in (False, True):
        try:
            return load.play(rig, seconds)
        except Interrupted:
            raise
        except InteropError as error:
            if last:
                failures.append(Failure(load.name, rig.setting.kind, str(error)))
    return {}
