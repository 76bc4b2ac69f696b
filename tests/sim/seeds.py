"""Seeds that once failed, each with the reason; they run first for ever."""

from __future__ import annotations

from pathlib import Path


def regression_seeds() -> list[int]:
    """The seeds of `seeds.txt`: a number and why it is there, one a line."""
    lines = (Path(__file__).parent / "seeds.txt").read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith("#")]
