"""A way to call `ikevpn pki` on a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ikevpn.cli.main import main

Pki = Callable[..., Result]
PASSPHRASE = {"PASS": "open sesame"}
WITH_PASSPHRASE = ("--passphrase", "env:PASS")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "pki"


@pytest.fixture
def fails(store: Path) -> Pki:
    """Call it as `fails("show", "paris")`; it may end as it likes."""

    def call(*words: object, env: dict[str, str] | None = None, **options: object) -> Result:
        before = ["--config", str(store.parent), "pki"]
        command = [*before, *map(str, words)]
        return CliRunner().invoke(main, command, catch_exceptions=False, env=PASSPHRASE | (env or {}), **options)  # type: ignore[arg-type]

    return call


@pytest.fixture
def pki(fails: Pki) -> Pki:
    """The same, where it must work."""

    def call(*words: object, **options: object) -> Result:
        result = fails(*words, **options)
        assert result.exit_code == 0, result.output
        return result

    return call
