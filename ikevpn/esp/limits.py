"""When an SA has lived long enough: soft and hard limits in octets, packets and seconds. Decides; acts on nothing."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Self

from ikevpn.model.sa import Direction, ExpireKind, Limits, Sa

LAST_SEQUENCE = (1 << 32) - 1
LAST_EXTENDED_SEQUENCE = (1 << 64) - 1

# A sixteenth of the numbers is left for the new SA to come up in: 268 million packets.
SOFT_SEQUENCE = LAST_SEQUENCE - (1 << 28)


def last_sequence(sa: Sa) -> int:
    """The last sequence number that an outbound SA may ever use; a hard limit in packets is never passed."""
    last = LAST_EXTENDED_SEQUENCE if sa.extended_sequence_numbers else LAST_SEQUENCE
    return min(last, sa.sequence + sa.limits.hard_packets) if sa.limits.hard_packets else last


SAMPLE_S = 0.05
"""Over how long speed is measured at least."""


class LimitWatch:
    """Tells each expiry of one SA once. After `HARD` there is nothing more to tell."""

    __slots__ = ("_limits", "_quiet", "_sampled", "_told", "_urgent")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._told: ExpireKind | None = None
        self._urgent = (0, 0)  # octets and packets, once soft was told
        self._sampled = (0.0, 0)  # age and octets when speed was looked at last
        self._quiet = self._find_quiet()

    @classmethod
    def of(cls, sa: Sa) -> Self:
        """The limits of `sa`; an outbound one without ESN also expires before its sequence numbers run out."""
        if sa.direction is Direction.IN or sa.extended_sequence_numbers:
            return cls(sa.limits)
        soft = min(sa.limits.soft_packets or SOFT_SEQUENCE, SOFT_SEQUENCE)
        hard = min(sa.limits.hard_packets or LAST_SEQUENCE, LAST_SEQUENCE)
        return cls(replace(sa.limits, soft_packets=soft, hard_packets=hard))

    def check(self, bytes: int, packets: int, age_s: float) -> ExpireKind | None:
        """What has come to pass since the last call: the latest of `SOFT`, `URGENT` and `HARD`, or None."""
        quiet = self._quiet
        if bytes < quiet[0] and packets < quiet[1] and age_s < quiet[2]:
            return None
        kind = self._judge(bytes, packets, age_s)
        self._quiet = self._find_quiet()
        return kind

    def _find_quiet(self) -> tuple[float, float, float]:
        """Octets, packets and age before which there is nothing to tell, so that most checks are short."""
        limits = self._limits
        octets, packets, ages = [limits.hard_bytes], [limits.hard_packets], [float(limits.hard_seconds)]
        if self._told is ExpireKind.HARD:
            return inf, inf, inf
        if self._told is ExpireKind.SOFT:
            octets.append(self._urgent[0])
            packets.append(self._urgent[1])
        elif self._told is None:
            octets.append(limits.soft_bytes)
            packets.append(limits.soft_packets)
            ages += [limits.soft_seconds, self._sampled[0] + SAMPLE_S if limits.lead_s else 0]
        octets_until, packets_until, age_until = (
            min((limit for limit in each if limit), default=inf) for each in (octets, packets, ages)
        )
        return octets_until, packets_until, age_until

    def _judge(self, bytes: int, packets: int, age_s: float) -> ExpireKind | None:
        limits = self._limits
        if _reached((bytes, limits.hard_bytes), (packets, limits.hard_packets), (age_s, limits.hard_seconds)):
            self._told = ExpireKind.HARD
            return ExpireKind.HARD
        if self._told is ExpireKind.SOFT:
            if _reached(*zip((bytes, packets), self._urgent, strict=True)):
                self._told = ExpireKind.URGENT
                return ExpireKind.URGENT
        elif self._told is None and (
            _reached((bytes, limits.soft_bytes), (packets, limits.soft_packets), (age_s, limits.soft_seconds))
            or self._too_fast(bytes, age_s)
        ):
            self._urgent = (_between(bytes, limits.hard_bytes), _between(packets, limits.hard_packets))
            self._told = ExpireKind.SOFT
            return ExpireKind.SOFT
        return None

    def _too_fast(self, bytes: int, age_s: float) -> bool:
        """Whether at the present speed less is left than a renewal may take."""
        limits, (sampled_s, sampled) = self._limits, self._sampled
        elapsed_s = age_s - sampled_s
        if not limits.lead_s or elapsed_s < SAMPLE_S:
            return False
        self._sampled = (age_s, bytes)
        left = limits.hard_bytes - bytes
        return bytes >= limits.early_bytes and left * elapsed_s < (bytes - sampled) * limits.lead_s


def _between(used: int, hard: int) -> int:
    return (used + hard) // 2 if hard else 0


def _reached(*uses: tuple[float, float]) -> bool:
    return any(limit and used >= limit for used, limit in uses)
