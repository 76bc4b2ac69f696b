"""What the SAs of each tunnel have carried and dropped since the worker started, those that are gone included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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
        if use.drops:
            self.drops.update(dict(use.drops))

    def copy(self) -> _Sum:
        return _Sum(self.bytes, self.packets, self.drops.copy())


Sums = dict[Direction, _Sum]


class Tally:
    """Sums by tunnel and direction; as many as there are tunnels, whose names the configuration gives."""

    def __init__(self) -> None:
        self._gone: dict[str, Sums] = {}

    def retire(self, association: Association, now: float) -> None:
        """The SA is about to be deleted."""
        _add(self._gone.setdefault(association.sa.tunnel, {}), association, now)

    def totals(
        self, alive: Iterable[str], of_tunnel: Callable[[str], Iterable[Association]], now: float
    ) -> Iterator[Total]:
        """One tunnel after the other; `alive` are those that have SAs, which `of_tunnel` gives."""
        for tunnel in dict.fromkeys([*self._gone, *alive]):
            sums = {direction: kept.copy() for direction, kept in self._gone.get(tunnel, {}).items()}
            for association in of_tunnel(tunnel):
                _add(sums, association, now)
            for direction, each in sums.items():
                yield Total(tunnel, direction, each.bytes, each.packets, tuple(sorted(each.drops.items())))


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
    sums.setdefault(sa.direction, _Sum()).add(association.use(now), carries=not sa.wraps)
