"""What a reload does with which tunnel."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.load import load
from ikevpn.service.tunnels import compare
from ikevpn.service.unknown import unknown_tunnel

TUNNEL = """
[tunnel.{name}]
remote = "192.0.2.{last}"
secret = {{ file = "psk" }}
local_networks = ["10.1.0.0/16"]
remote_networks = ["10.{last}.0.0/16"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "psk").write_text("a long enough secret")
    (tmp_path / "psk").chmod(0o600)
    return tmp_path


def tunnels(folder: Path, **last: int) -> dict[str, TunnelConfig]:
    file = folder / "ikevpn.toml"
    file.write_text("".join(TUNNEL.format(name=name, last=number) for name, number in last.items()))
    return dict(load(file).tunnels)


def test_every_tunnel_is_in_one_place(folder: Path) -> None:
    difference = compare(tunnels(folder, a=1, b=2, c=3), tunnels(folder, a=1, b=4, d=5))
    assert difference.unchanged == ("a",)
    assert difference.changed == ("b",)
    assert difference.removed == ("c",)
    assert difference.added == ("d",)


def test_moving_a_tunnel_within_the_file_changes_nothing(folder: Path) -> None:
    assert compare(tunnels(folder, a=1, b=2), tunnels(folder, b=2, a=1)).changed == ()


def test_another_secret_is_a_change(folder: Path) -> None:
    before = tunnels(folder, a=1)
    (folder / "psk").write_text("another long enough secret")
    assert compare(before, tunnels(folder, a=1)).changed == ("a",)


def test_a_wrong_name_is_answered_with_the_right_one() -> None:
    error = unknown_tunnel("pariss", ["paris", "rome"])
    assert error.reason == "tunnel-unknown" and 'Did you mean "paris"?' in str(error)
    assert "Known are: paris, rome." in str(unknown_tunnel("xyz", ["paris", "rome"]))
    assert "None is configured." in str(unknown_tunnel("xyz", []))
