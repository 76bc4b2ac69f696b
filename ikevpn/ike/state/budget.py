"""What anybody can make us do, and therefore only so often: a few at once, then one now and then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf


class Budget(StrEnum):
    """What is spent."""

    REFUSAL = "refusal"  # an unprotected error notify in phase 1
    INVALID_SPI = "invalid-spi"  # telling a peer that we do not know an SPI
    EVENT = "event"  # telling about somebody who has proved nothing


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many at once, and so many a second in the long run."""

    at_once: float
    per_s: float


class Bucket:
    """One allowance, and how much of it is left."""

    __slots__ = ("_left", "_since")

    def __init__(self) -> None:
        self._left, self._since = inf, 0.0

    def affords(self, allowance: Allowance, now: float) -> bool:
        """Whether this has not yet been done too often; counts where it is done."""
        left = min(allowance.at_once, self._left + (now - self._since) * allowance.per_s)
        enough = left >= 1
        self._left, self._since = left - enough, now
        return enough


class Budgets:
    """A bucket for each budget and, within it, each kind: one kind does not use up what is left for another.

    Kinds come from our own tables, so that there are few.
    """

    def __init__(self, allowances: Mapping[Budget, Allowance]) -> None:
        self._allowances = allowances
        self._buckets: dict[tuple[Budget, str], Bucket] = {}

    def affords(self, budget: Budget, now: float, kind: str = "") -> bool:
        """Whether this has not yet been done too often; counts where it is done."""
        return self._buckets.setdefault((budget, kind), Bucket()).affords(self._allowances[budget], now)
