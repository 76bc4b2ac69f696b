"""What the SAs of each tunnel have carried and dropped since the worker started, those that are gone included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ikevpn.dataplane.userspace.forward.association import Association
from ikevpn.model.sa import Direction, SaUse, Total


@dataclass(slots=True)
class _Sum:
    bytes: int = 0
    packets: int = 0
    drops: Counter[str] = field(default_factory=Counter)

    def add(self, use: SaUse, *, carries: bool) -> None:
        if carries:
            self.bytes += use.bytes
            self.packets += use.packets
        self.drops.update(dict(use.drops))

    def copy(self) -> _Sum:
        return _Sum(self.bytes, self.packets, self.drops.copy())


Sums = dict[tuple[str, Direction], _Sum]


class Tally:
    """Sums by tunnel and direction; as many as there are tunnels, whose names the configuration gives."""

    def __init__(self) -> None:
        self._gone: Sums = {}

    def retire(self, association: Association, now: float) -> None:
        """The SA is about to be deleted."""
        _add(self._gone, association, now)

    def totals(self, associations: Iterable[Association], now: float) -> list[Total]:
        """With `associations`, which are those that still live."""
        sums = {key: kept.copy() for key, kept in self._gone.items()}
        for association in associations:
            _add(sums, association, now)
        return [
            Total(tunnel, direction, each.bytes, each.packets, tuple(sorted(each.drops.items())))
            for (tunnel, direction), each in sums.items()
        ]


def merge(totals: Iterable[Total]) -> list[Total]:
    """Those of several workers: a tunnel whose device has moved has been with more than one."""
    merged: dict[tuple[str, Direction], Total] = {}
    for each in totals:
        key = (each.tunnel, each.direction)
        before = merged.get(key, Total(*key))
        drops = Counter(dict(before.drops)) + Counter(dict(each.drops))
        amounts = before.bytes + each.bytes, before.packets + each.packets
        merged[key] = Total(*key, *amounts, tuple(sorted(drops.items())))
    return list(merged.values())


def _add(sums: Sums, association: Association, now: float) -> None:
    """What AH carries in a bundle is counted as what ESP inside of it does."""
    sa = association.sa
    sums.setdefault((sa.tunnel, sa.direction), _Sum()).add(association.use(now), carries=not sa.wraps)
