"""Generated pages are current."""

from __future__ import annotations

import runpy

from tests.house.imports import REPOSITORY


def test_the_page_of_exchanges_is_current() -> None:
    drawn = runpy.run_path(str(REPOSITORY / "docs" / "exchanges.py"))["page"]()
    assert (REPOSITORY / "docs" / "exchanges.md").read_text() == drawn, "run: python docs/exchanges.py"
