"""What anybody can make us do, and therefore only so often: a few at once, then one now and then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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


class Budgets:
    """A bucket for each budget and, within it, each kind: one kind does not use up what is left for another.

    Kinds come from our own tables, so that there are few.
    """

    def __init__(self, allowances: Mapping[Budget, Allowance]) -> None:
        self._allowances = allowances
        self._left: dict[tuple[Budget, str], tuple[float, float]] = {}  # how much, and when that was

    def affords(self, budget: Budget, now: float, kind: str = "") -> bool:
        """Whether this has not yet been done too often; counts where it is done."""
        allowance = self._allowances[budget]
        left, since = self._left.get((budget, kind), (allowance.at_once, now))
        left = min(allowance.at_once, left + (now - since) * allowance.per_s)
        enough = left >= 1
        self._left[budget, kind] = left - enough, now
        return enough
