"""The configuration that scenarios give to ikevpn is what a user would write."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import replace

import pytest

from interop.peers import ikevpn
from interop.peers.tunnel import TunnelParameters
from tests.conftest import REPOSITORY

TUNNEL = TunnelParameters("192.0.2.1", "192.0.2.2", ("10.1.1.0/24",), ("10.2.2.0/24",), pfs=True)


def test_it_is_toml_with_our_names() -> None:
    text = ikevpn.configuration((TUNNEL,), daemon={"socket": "/x/socket"})
    read = tomllib.loads(text)
    assert read["daemon"] == {"socket": "/x/socket"}
    assert read["tunnel"]["t"]["secret"] == {"file": "t.psk"}
    assert read["tunnel"]["t"]["ike_proposals"] == ["pre-g2-aes128-sha"]
    assert read["tunnel"]["t"]["esp_proposals"] == ["g2-esp-aes128-sha"]
    assert TUNNEL.secret not in text


def test_identities_are_written_only_where_there_are_some() -> None:
    without = tomllib.loads(ikevpn.configuration((TUNNEL,), daemon={}))["tunnel"]["t"]
    assert "local_id" not in without
    named = replace(TUNNEL, local_id="a.example", extra=(("dpd_interval_s", 1.5),))
    with_name = tomllib.loads(ikevpn.configuration((named,), daemon={}))["tunnel"]["t"]
    assert with_name["local_id"] == "a.example"
    assert with_name["dpd_interval_s"] == 1.5


@pytest.mark.root
def test_a_process_with_a_lower_number_may_be_younger() -> None:
    """In a PID namespace of its own, where the numbers begin anew as they do after the highest one."""
    program = (
        "import subprocess, time\n"
        "from pathlib import Path\n"
        "from interop.peers.ikevpn import oldest_first\n"
        "last = Path('/proc/sys/kernel/ns_last_pid')\n"
        "last.write_text('299')\n"
        "elder = subprocess.Popen(['sleep', '60'])\n"
        "ticks = time.clock_gettime(time.CLOCK_BOOTTIME) * 100 // 1 + 2\n"
        "while time.clock_gettime(time.CLOCK_BOOTTIME) * 100 < ticks: pass\n"
        "last.write_text('199')\n"
        "younger = subprocess.Popen(['sleep', '60'])\n"
        "assert younger.pid < elder.pid\n"
        "assert oldest_first([younger.pid, elder.pid]) == [elder.pid, younger.pid]\n"
    )
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", program]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=REPOSITORY)
    assert ended.returncode == 0, ended.stderr
