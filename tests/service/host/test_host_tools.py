"""What a host lacks is said before it is missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikevpn.net.kernel import nftables
from ikevpn.service.host import host_tools
from ikevpn.service.host.host_tools import lacking


def test_a_host_without_tun_and_without_nftables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(host_tools, "TUN", tmp_path / "tun")
    monkeypatch.setattr(nftables, "LIBRARY", "libnftables.so.0-missing")
    assert len(lacking(())) == 1, "nobody wants nftables"
    tun, one = lacking(["paris"])
    assert "modprobe tun" in tun
    assert "paris cannot start without it" in one and "Install the package nftables" in one
    assert "paris and 2 more tunnels cannot" in lacking(["paris", "rome", "oslo"])[1]
    (tmp_path / "tun").touch()
    assert lacking(()) == []
