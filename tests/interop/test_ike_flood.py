"""The gateway of the flood of first messages is one that the configuration allows."""

from __future__ import annotations

from pathlib import Path

from ikevpn.config.load import load
from interop.loads.ike_flood import configuration


def test_its_configuration_is_good(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(configuration(tmp_path, tmp_path / "control.sock"))
    path.chmod(0o600)
    assert set(load(path).tunnels) == {"road", "site", "phones"}
