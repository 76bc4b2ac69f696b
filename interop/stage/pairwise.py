"""Covering arrays: few rows in which every pair of values of any two factors meets at least once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, product

Row = dict[str, str]
Pair = tuple[tuple[str, str], tuple[str, str]]


def pairs(row: Row) -> set[Pair]:
    """All pairs of (factor, value) in a row."""
    return set(combinations(row.items(), 2))


def cover(factors: Mapping[str, Sequence[str]]) -> list[Row]:
    """Rows that cover all pairs; greedy and deterministic.

    Of rows that cover equally many new pairs, the one whose pairs have been used least is taken, so that factors with
    few values are not left at their first ones; then the first in the product's order.
    """
    candidates = [dict(zip(factors, values, strict=True)) for values in product(*factors.values())]
    uncovered = set().union(*(pairs(row) for row in candidates))
    used: Counter[Pair] = Counter()
    rows = []
    while uncovered:
        best = max(candidates, key=lambda row: (len(pairs(row) & uncovered), -sum(used[pair] for pair in pairs(row))))
        rows.append(best)
        used.update(pairs(best))
        uncovered -= pairs(best)
    return rows
