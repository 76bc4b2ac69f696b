"""Files that are ours alone: made so, mended where only others could read, refused where others could write."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ikevpn.errors import HostError
from ikevpn.net.plan import private
from ikevpn.net.plan.journal import Journal


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_we_make_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Journal(tmp_path / "state" / "host.journal").close()
    finally:
        os.umask(before)
    assert mode(tmp_path / "state") == 0o700
    assert {each.name: mode(each) for each in (tmp_path / "state").iterdir()} == {
        "host.journal": 0o600,
        "host.lock": 0o600,
    }


def test_what_others_could_read_is_mended_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "host.lock"
    path.touch(0o644)
    path.chmod(0o644)
    os.close(private.open_file(path, os.O_RDWR))
    assert mode(path) == 0o600 and f"{path} could be read by others; its mode was 644" in caplog.text


@pytest.mark.parametrize("name", ["host.journal", "host.lock"])
def test_what_others_could_write_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    path.chmod(0o666)
    with pytest.raises(HostError, match=f"{path} is not ours alone: .* mode 666") as refused:
        Journal(tmp_path / "host.journal")
    assert "chmod 600" in refused.value.fix


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(HostError, match="is not ours alone"):
        private.make_folder(tmp_path)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / "host.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostError, match=r"host\.lock cannot be written|host\.journal cannot be written"):
        Journal(tmp_path / "host.journal")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_is_somebody_elses_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "host.lock"
    path.touch()
    os.chown(path, 12345, 12345)
    with pytest.raises(HostError, match="belongs to user 12345"):
        private.open_file(path, os.O_RDWR)
