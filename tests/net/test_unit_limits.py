"""The daemon with what the systemd unit leaves to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.lacking import tool
from tests.net.daemons import statuses, two_sides, until, worker_of

pytestmark = pytest.mark.root
_NONE = "0" * 16


def test_under_the_limits_of_the_unit_all_works_and_is_in_force(tmp_path: Path) -> None:
    """Traffic, a capture, another worker, nft: with the capabilities and system calls that the unit leaves."""
    under = [sys.executable, "-m", "tests.net.unit_limits"]
    with two_sides(tmp_path) as (left, right):
        right.write("london", start="listen")
        left.write("paris")
        with right.daemon(), left.daemon(under=under) as process:
            until(lambda: left.tunnel()["state"] == "up", "paris")
            assert left.pings(right.inner) == 3
            (status,) = statuses(worker_of(process.pid))
            assert int(status["Uid"].split()[0]) and (status["CapBnd"], status["Seccomp"]) == (_NONE, "2")
            assert int(status["Seccomp_filters"]) == 2, "the unit's and its own"
            os.kill(worker_of(process.pid), 9)
            until(lambda: left.pings(right.inner, 1) == 1, "paris over another worker")
            assert left.ikevpn("down", "paris").status == 0
            assert left.ikevpn("up", "paris", "--capture", str(tmp_path / "paris.pcapng")).status == 0
            assert 'process="worker"' in left.ikevpn("metrics").out
            said = left.log()
            assert "less confined" not in said and "keep all capabilities" not in said
        nft = subprocess.run([*under, tool("nft"), "list", "ruleset"], capture_output=True, text=True, cwd=REPOSITORY)
        assert nft.returncode == 0, nft.stderr
