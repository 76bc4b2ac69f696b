"""What a configuration takes for granted of a host: said where it is not so, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikevpn.config.load import load
from ikevpn.service.host import host_state
from ikevpn.service.host.host_state import not_so

HERE, ELSEWHERE = "127.0.0.9", "192.0.2.254"


def notes(folder: Path, text: str) -> list[str]:
    file = folder / "ikevpn.toml"
    file.write_text(text)
    (folder / "psk").write_text("a secret that is long enough")
    (folder / "psk").chmod(0o600)
    return not_so(load(file))


def tunnel(name: str, **keys: str) -> str:
    table = {
        "remote": '"203.0.113.2"',
        "secret": '{ file = "psk" }',
        "local_networks": '["10.1.1.0/24"]',
        "remote_networks": '["10.2.2.0/24"]',
        **keys,
    }
    return "\n".join([f"[tunnel.{name}]", *(f"{key} = {value}" for key, value in table.items())]) + "\n"


@pytest.fixture
def sysctl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The switch for forwarding IPv4, which is on."""
    monkeypatch.setattr(host_state, "SYSCTL", tmp_path)
    switch = tmp_path / "net" / "ipv4" / "ip_forward"
    switch.parent.mkdir(parents=True)
    switch.write_text("1\n")
    return switch


@pytest.mark.usefixtures("sysctl")
def test_addresses_that_are_not_here(tmp_path: Path) -> None:
    text = f'[daemon]\nlisten = ["0.0.0.0", "{ELSEWHERE}"]\n'
    text += tunnel("paris", local=f'"{ELSEWHERE}"') + tunnel(
        "rome", local=f'"{HERE}"', remote_networks='["10.3.0.0/16"]'
    )
    assert notes(tmp_path, text) == [
        f"this host does not have the address {ELSEWHERE}, on which `listen` wants the daemon to be reached",
        f"this host does not have the address {ELSEWHERE}, which is `local` of tunnel paris: see `ip address`",
    ]


@pytest.mark.usefixtures("sysctl")
def test_an_interface_that_is_not_here(tmp_path: Path) -> None:
    text = tunnel("paris", interface='"nosuch0"') + tunnel("rome", interface='"lo"', remote_networks='["10.3.0.0/16"]')
    assert notes(tmp_path, text) == [
        "this host has no interface nosuch0, which is `interface` of tunnel paris: see `ip link`"
    ]


def test_forwarding_that_is_off(tmp_path: Path, sysctl: Path) -> None:
    assert notes(tmp_path, tunnel("paris")) == []
    sysctl.write_text("0\n")
    (note,) = notes(tmp_path, tunnel("paris") + tunnel("rome", remote_networks='["10.3.0.0/16"]'))
    assert note.startswith("forwarding of IPv4 is off, so only this host itself can use tunnels paris, rome:")
    assert "sysctl -w net.ipv4.ip_forward=1" in note
    assert notes(tmp_path, tunnel("paris", local_networks='["10.1.1.1/32"]')) == []
