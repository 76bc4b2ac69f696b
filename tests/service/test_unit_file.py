"""The systemd unit that is shipped: the daemon's own words, and nothing that the daemon needs is taken from it."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path

import pytest

import ikevpn.service
from ikevpn.cli.main import VERBS
from ikevpn.config.keys.schema import DaemonTable
from ikevpn.dataplane.confinement import confinement
from ikevpn.dataplane.userspace.control import launcher
from ikevpn.service.host import privileges
from tests.lacking import tool

FOLDER = Path(ikevpn.service.__path__[0])


def unit(name: str = "ikevpn.service") -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False)  # SystemCallFilter= adds and takes away, a line each
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((FOLDER / name).read_text())
    return parser


def test_it_starts_the_daemon_and_waits_for_its_word() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert service["ExecStart"].split()[-2:] == ["ikevpn", "daemon"] and "daemon" in VERBS


def test_its_reload_waits_and_fails_where_the_configuration_is_broken() -> None:
    words = unit()["Service"]["ExecReload"].split()
    assert words[-2:] == ["ikevpn", "reload"] and "reload" in VERBS


def test_it_grants_what_the_daemon_keeps_and_no_more() -> None:
    names = {f"CAP_{name}" for name in ("NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE", "DAC_READ_SEARCH")}
    kept = {name for name, value in vars(privileges).items() if name.startswith("CAP_") and value in privileges.KEPT}
    assert kept == names
    for_workers = {
        name for name, value in vars(confinement).items() if name.startswith("CAP_") and value in launcher.KEPT
    }
    assert set(unit()["Service"]["CapabilityBoundingSet"].replace("\\", " ").split()) == names | for_workers


@pytest.mark.root
def test_its_exposure_as_systemd_sees_it() -> None:
    words = [
        tool("systemd-analyze"),
        "security",
        "--offline=yes",
        "--threshold=31",
        "--no-pager",
        str(FOLDER / "ikevpn.service"),
    ]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Overall exposure level for ikevpn.service: " in ended.stdout


def test_what_must_outlive_a_reboot_is_where_the_daemon_looks_for_it() -> None:
    assert DaemonTable().sequences == Path("/var/lib") / unit()["Service"]["StateDirectory"]


def test_what_must_outlive_a_failure_does() -> None:
    service = unit()["Service"]
    assert DaemonTable().state == Path("/run") / service["RuntimeDirectory"]
    assert service["RuntimeDirectoryPreserve"] == "yes", "with restart it goes where the unit ends as failed"


def test_it_leaves_the_tun_device_and_the_socket_families() -> None:
    service = unit()["Service"]
    assert "/dev/net/tun rw" in service["DeviceAllow"]
    assert {"AF_NETLINK", "AF_PACKET", "AF_UNIX", "AF_INET", "AF_INET6"} <= set(
        service["RestrictAddressFamilies"].split()
    )


def test_blocks_stand_before_there_is_a_network_and_before_the_daemon() -> None:
    block, daemon = unit("ikevpn-block.service"), unit()
    assert block["Service"]["ExecStart"].split()[-2:] == ["ikevpn", "block"] and "block" in VERBS
    assert {"network-pre.target", "ikevpn.service"} <= set(block["Unit"]["Before"].split())
    assert "nftables.service" in block["Unit"]["After"].split(), "which flushes all tables when it starts"
    assert block["Unit"]["DefaultDependencies"] == "no"
    for key in ("Wants", "After"):
        assert "ikevpn-block.service" in daemon["Unit"][key].split()


def test_blocks_are_noted_where_the_daemon_looks_and_stay_when_the_unit_stops() -> None:
    service = unit("ikevpn-block.service")["Service"]
    assert DaemonTable().state == Path("/run") / service["RuntimeDirectory"]
    assert service["RuntimeDirectoryPreserve"] == "yes" and "ExecStop" not in service
