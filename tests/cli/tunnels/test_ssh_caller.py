"""From where a session comes, also where sudo has taken its variables away."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

import pytest

from ikevpn.cli.tunnels.ssh_caller import ssh_caller


@pytest.fixture(autouse=True)
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.delenv("SSH_CLIENT", raising=False)


@pytest.mark.parametrize(
    ("variable", "value", "address"),
    [
        ("SSH_CONNECTION", "198.51.100.7 50022 192.0.2.1 22", "198.51.100.7"),
        ("SSH_CLIENT", "2001:db8::7 50022 22", "2001:db8::7"),
        ("SSH_CONNECTION", "fe80::7%eth0 50022 fe80::1%eth0 22", "fe80::7"),
    ],
)
def test_what_ssh_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, address: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert ssh_caller(tmp_path) == ip_address(address)


@pytest.mark.parametrize("value", ["", "UNKNOWN 65535 UNKNOWN 65535"])
def test_what_is_no_address_is_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    monkeypatch.setenv("SSH_CONNECTION", value)
    assert ssh_caller(tmp_path) is None


def test_processes_above_are_asked(tmp_path: Path) -> None:
    ends = {os.getppid(): (70_001, b"A=b"), 70_001: (1, b"B=c\0SSH_CONNECTION=198.51.100.7 1 192.0.2.1 22\0")}
    for number, (parent, environment) in ends.items():
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "environ").write_bytes(environment)
        (tmp_path / str(number) / "stat").write_text(f"{number} (a) name) S {parent} 0 0")
    assert ssh_caller(tmp_path) == ip_address("198.51.100.7")
