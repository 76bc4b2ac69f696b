"""Figures: runs of ours and of the peer under one name, their medians and the ratio of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the table. `name` is the load, `variant` what it was measured with (a suite, raw ESP).

    `ours` and `peer` are the runs in the order in which they were made; `peer` is empty where nothing was compared.
    `more_is_better` tells a rate from a time.
    """

    name: str
    variant: str
    unit: str
    ours: tuple[float, ...]
    peer: tuple[float, ...] = ()
    more_is_better: bool = True

    @property
    def ratio(self) -> float | None:
        """Median of ours to median of the peer; None where there is nothing to compare or to divide by."""
        if not self.ours or not self.peer or not median(self.peer):
            return None
        return median(self.ours) / median(self.peer)

    def to_json(self) -> dict[str, Any]:
        """The figure as `--json` prints it."""
        return {
            "figure": f"{self.name} {self.variant}".strip(),
            "name": self.name,
            "variant": self.variant,
            "unit": self.unit,
            "more_is_better": self.more_is_better,
            "ours": list(self.ours),
            "peer": list(self.peer),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
        }

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Figure:
        """The inverse of `to_json`. Raises KeyError for what is no figure."""
        return Figure(
            value["name"],
            value["variant"],
            value["unit"],
            tuple(value["ours"]),
            tuple(value["peer"]),
            value["more_is_better"],
        )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them (0 to 1) do not exceed. Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))]


def shown(value: float) -> str:
    """Three significant digits, or all of an integer part."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
