"""Kinds of values on the command line, beyond those of click: a time to wait, and the name of a file."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import click

LONGEST_S = 86_400.0


class _Seconds(click.FloatRange):
    """Not everything that is read as a number has an end: `nan` lies outside of no range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds


class _Named(click.Path):
    """An empty name would mean the folder in which the command is called, which may be anybody's."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not str(value):
            self.fail("the name is empty.", param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


SECONDS = _Seconds(min=0.1, max=LONGEST_S)
PATH = _Named()
