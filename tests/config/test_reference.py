"""The page and the samples are what the schema says, and every sample loads."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from ikevpn.config import reference
from ikevpn.config.check import check
from ikevpn.config.keys.key import key_of
from ikevpn.config.keys.manual_table import KeyTable, ManualTable
from ikevpn.config.keys.schema import DaemonTable, PskTable, TunnelTable
from ikevpn.config.keys.secret_table import SecretTable
from ikevpn.config.keys.traffic_keys import SelectorTable
from ikevpn.config.load import load
from tests.conftest import REPOSITORY

SAMPLES = sorted((REPOSITORY / "configs").glob("*.toml"))
TABLES = [DaemonTable, TunnelTable, SelectorTable, ManualTable, PskTable, SecretTable, KeyTable]
KEYS = {".3des": 24, ".sha": 20}
"""Octets of a hex key by the suffix of its file."""


@pytest.mark.parametrize(("path", "text"), [(reference.PAGE, reference.page), (reference.SAMPLE, reference.sample)])
def test_what_is_written_is_current(path: Path, text: object) -> None:
    assert callable(text)
    assert (REPOSITORY / path).read_text() == text(), "run: python -m ikevpn.config.reference"


def test_writing(tmp_path: Path) -> None:
    reference.write(tmp_path)
    assert (tmp_path / reference.PAGE).read_text() == reference.page()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_every_sample_loads(sample: Path, tmp_path: Path) -> None:
    """Its secrets are not in the repository: here are some."""
    copy = Path(shutil.copy(sample, tmp_path))
    for name in re.findall(r'file = "([^"]+)"', sample.read_text()):
        secret = tmp_path / name
        secret.touch(0o600)
        octets = KEYS.get(Path(name).suffix)
        secret.write_text(os.urandom(octets).hex() if octets else f"a long secret for {name}")
    verdict = check(copy)
    assert verdict.errors == ()
    assert verdict.tunnels >= 1
    codes = {warning.code for warning in verdict.warnings}
    assert codes <= {"weak"}, "a sample warns of old algorithms at most"
    assert load(copy).tunnels


@pytest.mark.parametrize("table", TABLES)
def test_every_example_is_taken_by_its_own_key(table: type) -> None:
    for field in dataclasses.fields(table):
        key = key_of(field)
        if key.example and "Table" not in type(key.kind).__name__:
            key.kind.read(tomllib.loads(f"key = {key.example}")["key"])


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_a_sentence(table: type) -> None:
    for field in dataclasses.fields(table):
        assert key_of(field).sentence.endswith("."), field.name
        assert table.__doc__


def test_a_comment_breaks_no_name_in_two() -> None:
    text = reference.sample().replace("\n# ", " ")
    for name in ("docs/manual-keys.md", "docs/configuration.md"):
        assert name in text


def test_the_page_tells_ah_from_esp() -> None:
    page = reference.page()
    assert "| integrity of AH | `md5`, `sha`, `sha256`, `sha384`, `sha512` |" in page
    assert (
        "A file with the key" in page and 'file = "paris.psk"' not in page.split("## `encryption_key")[1].split("##")[0]
    )


def test_the_page_shows_every_key() -> None:
    page = reference.page()
    for table in TABLES:
        for field in dataclasses.fields(table):
            assert f"| `{field.name}` |" in page
