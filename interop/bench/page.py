"""`docs/performance.md`: what is between its marks is written from the figures, the rest by hand."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import interop
from interop.bench import plot, table
from interop.bench.figure import Figure

DOCS = Path(interop.__file__).parent.parent / "docs"
PAGE, KEPT, PICTURE = DOCS / "performance.md", DOCS / "performance.json", DOCS / "performance.svg"
PEER = "strongSwan"
_DRAWN_UNIT = "Mbit/s"


def machine() -> str:
    """What the figures were measured on, in a few words."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores ({model}), Linux {platform.release().split('-')[0]}"


def write(figures: Sequence[Figure], measured: dict[str, Any]) -> None:
    """Keep the figures and renew page and picture. `measured` says when and how, for readers of the JSON."""
    KEPT.write_text(json.dumps({**measured, "figures": [each.to_json() for each in figures]}, indent=1) + "\n")
    renew()


def renew() -> None:
    """Write page and picture from the figures that are kept."""
    kept = json.loads(KEPT.read_text())
    figures = [Figure.from_json(each) for each in kept["figures"]]
    PICTURE.write_text(plot.svg([each for each in figures if each.unit == _DRAWN_UNIT], PEER))
    head = f"Medians of {kept['runs']} runs of {kept['seconds']:g} s each, in turns, on {kept['machine']}."
    text = f"{head}\n\n{table.markdown(figures, PEER)}"
    page = between_marks(PAGE.read_text(), "table", text)
    PAGE.write_text(between_marks(page, "profile", table.shares(kept["profile"])))


def between_marks(page: str, name: str, text: str) -> str:
    """`page` with `text` between the marks of `name`. Raises ValueError where the marks are missing."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(start)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"the page has no marks {start} and {end}")
    return f"{before}{start}\n{text}\n{end}{after}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
