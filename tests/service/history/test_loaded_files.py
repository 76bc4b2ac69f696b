"""What the daemon has read against what stands there now: changed, new and gone files, secrets among them."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ikevpn.service.history.loaded_files import LoadedFiles


def test_every_way_to_change(tmp_path: Path) -> None:
    one, two, secret = tmp_path / "one.toml", tmp_path / "two.toml", tmp_path / "paris.psk"
    for file in (one, secret):
        file.write_text("a")
    tunnel: Any = SimpleNamespace(secret_from=str(secret), key_files=())
    files = LoadedFiles(tmp_path)
    files.remember(files.stamps(), [tunnel])
    assert files.changed() == ()
    one.write_text("ab")
    assert files.changed() == (str(one),)
    two.write_text("a")
    assert files.changed() == (str(one), str(two))
    files.remember(files.stamps(), [tunnel])
    assert files.changed() == ()
    os.utime(secret, ns=(1, 1))
    one.unlink()
    assert files.changed() == (str(one), str(secret))


def test_a_file_that_changed_while_it_was_read_has_changed(tmp_path: Path) -> None:
    one = tmp_path / "one.toml"
    one.write_text("a")
    files = LoadedFiles(tmp_path)
    stamps = files.stamps()
    one.write_text("ab")
    files.remember(stamps, [])
    assert files.changed() == (str(one),)


def test_no_folder_at_all(tmp_path: Path) -> None:
    files = LoadedFiles(tmp_path / "nowhere")
    files.remember(files.stamps(), [])
    assert files.changed() == ()
