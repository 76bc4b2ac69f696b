"""The systemd unit that is shipped: the daemon's own words, and nothing that the daemon needs is taken from it."""

from __future__ import annotations

import configparser
from pathlib import Path

import ikevpn.service
from ikevpn.cli.main import main
from ikevpn.config.schema import DaemonTable
from ikevpn.service import privileges

UNIT = Path(ikevpn.service.__path__[0]) / "ikevpn.service"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNIT.read_text())
    return parser


def test_it_starts_the_daemon_and_waits_for_its_word() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert service["ExecStart"].split()[-2:] == ["ikevpn", "daemon"] and "daemon" in main.commands


def test_its_reload_waits_and_fails_where_the_configuration_is_broken() -> None:
    words = unit()["Service"]["ExecReload"].split()
    assert words[-2:] == ["ikevpn", "reload"] and "reload" in main.commands


def test_it_grants_what_the_daemon_keeps_and_no_more() -> None:
    names = {f"CAP_{name}" for name in ("NET_ADMIN", "NET_RAW", "NET_BIND_SERVICE", "DAC_READ_SEARCH")}
    assert set(unit()["Service"]["CapabilityBoundingSet"].split()) == names
    kept = {name for name, value in vars(privileges).items() if name.startswith("CAP_") and value in privileges.KEPT}
    assert kept == names


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
