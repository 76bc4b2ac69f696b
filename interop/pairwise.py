"""Covering arrays: few rows in which every pair of values of any two factors meets at least once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

Row = dict[str, str]
Pair = tuple[tuple[str, str], tuple[str, str]]


def pairs(row: Row) -> set[Pair]:
    """All pairs of (factor, value) in a row."""
    return set(combinations(row.items(), 2))


def cover(factors: Mapping[str, Sequence[str]]) -> list[Row]:
    """Rows that cover all pairs; greedy and deterministic: of equal rows the first in the product's order is taken."""
    candidates = [dict(zip(factors, values, strict=True)) for values in product(*factors.values())]
    uncovered = set().union(*(pairs(row) for row in candidates))
    rows = []
    while uncovered:
        best = max(candidates, key=lambda row: len(pairs(row) & uncovered))
        rows.append(best)
        uncovered -= pairs(best)
    return rows
