"""A configuration folder and a way to call `ikevpn` in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ikevpn.cli.main import main
from tests.cli.stand_in import Ikevpn

CONFIGURATION = """
[tunnel.paris]
remote = "203.0.113.2"
secret = { file = "paris.psk" }
local_networks = ["10.1.1.0/24"]
remote_networks = ["10.2.2.0/24"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ikevpn.toml").write_text(CONFIGURATION)
    (tmp_path / "paris.psk").write_text("a secret that is long enough")
    (tmp_path / "paris.psk").chmod(0o600)
    return tmp_path


@pytest.fixture
def ikevpn(folder: Path) -> Ikevpn:
    """Call it as `ikevpn("status", "--json")`; the control socket is `folder / "sock"`."""

    def call(*words: str) -> Result:
        before = ["--config", str(folder), "--socket", str(folder / "sock")]
        return CliRunner().invoke(main, [*before, *words], catch_exceptions=False)

    return call
