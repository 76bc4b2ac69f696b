"""What holds for all traffic of these tests, of whichever kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

MISSED = "was not loaded before the process was confined"


@pytest.fixture(autouse=True)
def no_module_is_missed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """A worker has all that it imports before it loses the file system."""
    yield
    assert MISSED not in capfd.readouterr().err
