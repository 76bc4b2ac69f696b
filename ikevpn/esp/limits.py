"""When an SA has lived long enough: soft and hard limits in octets, packets and seconds. Decides; acts on nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

from ikevpn.model.sa import Direction, ExpireKind, Limits, Sa

LAST_SEQUENCE = (1 << 32) - 1
LAST_EXTENDED_SEQUENCE = (1 << 64) - 1

# A sixteenth of the numbers is left for the new SA to come up in: 268 million packets.
SOFT_SEQUENCE = LAST_SEQUENCE - (1 << 28)


class LimitWatch:
    """Tells each expiry of one SA once. After `HARD` there is nothing more to tell."""

    __slots__ = ("_limits", "_told")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._told: ExpireKind | None = None

    @classmethod
    def of(cls, sa: Sa) -> Self:
        """The limits of `sa`; an outbound one without ESN also expires before its sequence numbers run out."""
        if sa.direction is Direction.IN or sa.extended_sequence_numbers:
            return cls(sa.limits)
        soft = min(sa.limits.soft_packets or SOFT_SEQUENCE, SOFT_SEQUENCE)
        hard = min(sa.limits.hard_packets or LAST_SEQUENCE, LAST_SEQUENCE)
        return cls(replace(sa.limits, soft_packets=soft, hard_packets=hard))

    def check(self, bytes: int, packets: int, age_s: float) -> ExpireKind | None:
        """What has come to pass since the last call: `SOFT`, `HARD` (also where soft was skipped), or None."""
        limits = self._limits
        if self._told is ExpireKind.HARD:
            return None
        if _reached((bytes, limits.hard_bytes), (packets, limits.hard_packets), (age_s, limits.hard_seconds)):
            self._told = ExpireKind.HARD
            return ExpireKind.HARD
        if self._told is None and _reached(
            (bytes, limits.soft_bytes), (packets, limits.soft_packets), (age_s, limits.soft_seconds)
        ):
            self._told = ExpireKind.SOFT
            return ExpireKind.SOFT
        return None


def _reached(*uses: tuple[float, float]) -> bool:
    return any(limit and used >= limit for used, limit in uses)
