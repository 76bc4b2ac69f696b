"""Daemons know of each other, whatever folders they keep their state in.

That one is alone needs a namespace of its own: `tests/net/test_host.py`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from ikevpn.net.follow import presence
from ikevpn.net.follow.presence import Presence


def test_two_are_not_alone() -> None:
    with contextlib.closing(Presence()) as one, contextlib.closing(Presence()) as other:
        assert not one.is_alone() and not other.is_alone()


def test_where_the_kernel_does_not_tell_nobody_is_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(presence, "_ALL", tmp_path / "nothing")
    with contextlib.closing(Presence()) as one:
        assert not one.is_alone()
