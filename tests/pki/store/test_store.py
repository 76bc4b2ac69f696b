"""Files are replaced in one step, and a key is never open to others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ikevpn.errors import ConfigError, HostError
from ikevpn.pki.store import store as module
from ikevpn.pki.store.store import Kind, Store


def test_what_is_written_is_there(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "pki")
    assert store.names() == []
    store.write("paris", Kind.KEY, b"secret")
    store.write("paris", Kind.CERTIFICATE, b"public")
    assert store.names() == ["paris"]
    assert store.kinds("paris") == [Kind.KEY, Kind.CERTIFICATE]
    assert store.read("paris", Kind.KEY) == b"secret"
    assert [oct(path.stat().st_mode & 0o777) for path in sorted(store.folder.iterdir())] == ["0o644", "0o600"]
    assert [path.name for path in store.delete("paris", Kind)] == ["paris.key", "paris.crt"]
    with pytest.raises(ConfigError, match=r"there is no private key .*paris\.key"):
        store.read("paris", Kind.KEY)


def test_a_crash_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.write("paris", Kind.KEY, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HostError, match="no space left"):
        store.write("paris", Kind.KEY, b"new", replacing=True)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("paris.key", b"old")]


def test_a_key_has_its_rights_before_its_octets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the umask says, and also where it replaces a file that others could read."""
    seen = []
    monkeypatch.setattr(module.os, "replace", lambda old, new: seen.append(Path(old).stat().st_mode & 0o777))
    (tmp_path / "paris.key").write_bytes(b"old")
    (tmp_path / "paris.key").chmod(0o644)
    before = os.umask(0)
    try:
        Store(tmp_path).write("paris", Kind.KEY, b"new", replacing=True)
    finally:
        os.umask(before)
    assert seen == [0o600]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    for name in ("readme.txt", ".paris.key.x8", "a b.crt"):
        (tmp_path / name).touch()
    assert Store(tmp_path).names() == []
