"""`ikevpn metrics`: the daemon's page as it is, or as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from ikevpn.control import api
from tests.cli.stand_in import Ikevpn, daemon

TEXT = "# HELP ikevpn_up_seconds How long.\n# TYPE ikevpn_up_seconds gauge\nikevpn_up_seconds 1\n"


def test_the_page(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", api.MetricsAnswer(text=TEXT)) as requests:
        assert ikevpn("metrics").output == TEXT
    assert requests == [api.Metrics()]


def test_json(ikevpn: Ikevpn, folder: Path) -> None:
    with daemon(folder / "sock", api.MetricsAnswer(text=TEXT)):
        assert json.loads(ikevpn("metrics", "--json").output)["text"] == TEXT
