"""Nothing leaves and nothing gets in unprotected; `whole_life` by hand goes through more."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.net.whole_life import CONTROLS, SETTLE_S, ground, watch

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    ("outer", "phases"),
    [
        (4, ["boot", "start", "up", "rekey", "down", "up-again", "reload", "crash-of-children", "crash", "restart"]),
        (6, ["boot", "start", "up", "stop", "peer-death", "dns-change"]),
    ],
)
def test_a_tunnel_from_boot_to_its_end(tmp_path: Path, outer: int, phases: list[str]) -> None:
    with ground(tmp_path, outer) as (story, meters):
        for name, count in watch(story, meters, phases):
            if name in CONTROLS:
                assert count.is_open, f"{name}: {count}"
            else:
                assert count.is_clean, f"{name}: {count}"
            if name in ("up", "restart"):
                assert all(count.carried), f"{name}: {count}"


def test_a_flush_of_all_tables_is_mended(tmp_path: Path) -> None:
    with ground(tmp_path) as (story, meters):
        story.boot()
        story.start()
        story.flush()
        meters.take()
        time.sleep(SETTLE_S)
        assert meters.take().is_clean
