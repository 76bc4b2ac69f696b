"""The picture on the page: a pair of bars for each throughput figure, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import median

from interop.bench.figure import Figure, shown

_WIDTH, _LEFT, _ROW, _BAR, _TOP = 860, 300, 44, 16, 46
_COLOURS = ("#2f6f4f", "#b9b4a7")


def svg(figures: Sequence[Figure], peer: str) -> str:
    """Figures of one unit that have runs of ours; `peer` names the second bars. Raises ValueError for none."""
    drawn = [figure for figure in figures if figure.ours]
    if not drawn:
        raise ValueError("there is nothing to draw")
    most = max(median(runs) for figure in drawn for runs in (figure.ours, figure.peer) if runs)
    height = _TOP + _ROW * len(drawn) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif"'
        ' font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fdfcf8"/>',
        *_legend(peer, drawn[0].unit),
    ]
    for index, figure in enumerate(drawn):
        parts += _pair(figure, _TOP + _ROW * index, (_WIDTH - _LEFT - 80) / most)
    return "\n".join([*parts, "</svg>", ""])


def _legend(peer: str, unit: str) -> list[str]:
    names = (f"ikevpn, {unit}", peer)
    return [
        part
        for index, (name, colour) in enumerate(zip(names, _COLOURS, strict=True))
        for part in (
            f'<rect x="{_LEFT + 220 * index}" y="14" width="14" height="14" fill="{colour}"/>',
            f'<text x="{_LEFT + 20 + 220 * index}" y="26">{escape(name)}</text>',
        )
    ]


def _pair(figure: Figure, top: float, scale: float) -> list[str]:
    label = f"{figure.name}, {figure.variant}"
    parts = [f'<text x="{_LEFT - 10}" y="{top + _BAR + 4}" text-anchor="end">{escape(label)}</text>']
    for index, runs in enumerate((figure.ours, figure.peer)):
        if runs:
            value, y = median(runs), top + index * _BAR
            parts += [
                f'<rect x="{_LEFT}" y="{y}" width="{max(1, value * scale):.0f}" height="{_BAR - 2}"'
                f' fill="{_COLOURS[index]}"/>',
                f'<text x="{_LEFT + value * scale + 6:.0f}" y="{y + 12}" font-size="12">{shown(value)}</text>',
            ]
    return parts
