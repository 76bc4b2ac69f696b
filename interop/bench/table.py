"""Figures as a table: for a terminal, and for the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from interop.bench.figure import Figure, shown

HEAD = ("figure", "suite", "unit", "ikevpn", "peer", "ratio")
_RIGHT = (3, 4, 5)


def row(figure: Figure) -> tuple[str, ...]:
    """One line: name, variant, unit, both medians and their ratio; "-" for what is not there."""
    unit = figure.unit if figure.more_is_better else f"{figure.unit}, less is better"
    ratio = "-" if figure.ratio is None else f"{figure.ratio:.2f}"
    return (figure.name, figure.variant, unit, _median(figure.ours), _median(figure.peer), ratio)


def text(figures: Iterable[Figure]) -> str:
    """The table for a terminal."""
    rows = [HEAD, *map(row, figures)]
    widths = [max(len(each[column]) for each in rows) for column in range(len(HEAD))]
    return "\n".join("  ".join(_padded(cell, width, column)
                               for column, (cell, width) in enumerate(zip(each, widths, strict=True))).rstrip()
                     for each in rows)  # fmt: skip


def markdown(figures: Iterable[Figure], peer: str) -> str:
    """The table for the page; `peer` is what its column is called."""
    head = [peer if word == "peer" else word for word in HEAD]
    rules = ["---:" if column in _RIGHT else "---" for column in range(len(HEAD))]
    return "\n".join(f"| {' | '.join(each)} |" for each in (head, rules, *map(row, figures)))


def shares(profile: Mapping[str, Mapping[str, float]]) -> str:
    """Shares of time by kind, a column for each process, for the page."""
    kinds = dict.fromkeys(kind for column in profile.values() for kind in column)
    lines = [("", *profile), ("---", *("---:" for _ in profile))]
    lines += [(kind, *(f"{100 * column.get(kind, 0):.0f} %" for column in profile.values())) for kind in kinds]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


def _median(values: tuple[float, ...]) -> str:
    return shown(median(values)) if values else "-"


def _padded(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column in _RIGHT else cell.ljust(width)
