"""Whatever it is that has the name of a configuration, reading it ends at once, and in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ikevpn.config.check import check
from tests.config.conftest import Write


def told(path: Path) -> list[str]:
    """Errors and warnings, as a user reads them."""
    verdict = check(path)
    found = [f"{each.severity}: {each}" for each in (*verdict.errors, *verdict.warnings)]
    return [each.replace(str(path), "FILE").replace(str(path.parent), "DIR") for each in found]


NOT_A_FILE = "error: FILE: this is not a regular file. Name a file of TOML, or a folder of such."


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.toml"
    os.mkfifo(path)
    assert told(path) == [NOT_A_FILE]
    assert told(tmp_path) == [NOT_A_FILE.replace("FILE", "FILE/pipe.toml")]


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_device_is_not_read(device: str) -> None:
    assert NOT_A_FILE in told(Path(device))


def test_a_folder_that_ends_in_toml(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    assert told(tmp_path) == [NOT_A_FILE.replace("FILE", "FILE/folder.toml")]


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert told(tmp_path / ("a" * 300)) == ["error: FILE: it cannot be read: file name too long."]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    (found,) = told(tmp_path / "no" / "such.toml")
    assert found.startswith("error: FILE: there is no such file.")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"[daemon]\nike_port = {'1' * 5000}\n", "a number in the file has too many digits."),
        (f"[daemon]\na = {'[' * 3000}\n", "brackets in the file are nested too deeply."),
    ],
)
def test_more_than_the_parser_takes(write: Write, text: str, sentence: str) -> None:
    assert told(write(text)) == [f"error: FILE: {sentence}"]


def test_a_number_that_python_does_not_write(write: Write) -> None:
    assert told(write(f"[daemon]\nike_port = 0x{'f' * 5000}\n")) == [
        "error: FILE:2: daemon.ike_port: so large a number is not a whole number from 1 to 65535."
    ]


def test_a_secret_that_is_a_folder(tunnel: Write) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert told(tunnel('secret = { file = "." }')) == [
        "error: FILE:5: tunnel.paris.secret: DIR is not a regular file. Name a file."
    ]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# Who else could change it

EVERYBODY = "can be changed by everybody on this machine"


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o644, []),
        (0o664, ["warning: FILE: the file can be changed by its group (mode 0664). Run: chmod go-w FILE"]),
        (
            0o606,
            [f"error: FILE: the file {EVERYBODY} (mode 0606). Run: chmod go-w FILE"],
        ),
    ],
)
def test_a_file_that_others_can_write(tunnel: Write, mode: int, expected: list[str]) -> None:
    path = tunnel()
    path.chmod(mode)
    assert told(path) == expected


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0o755, []),
        (0o1777, []),
        (0o775, ["warning: DIR: the folder can be changed by its group (mode 0775). Run: chmod go-w DIR"]),
        (
            0o777,
            [f"warning: DIR: the folder {EVERYBODY} (mode 0777). Run: chmod go-w DIR"],
        ),
    ],
)
def test_a_folder_that_others_can_write(tunnel: Write, mode: int, expected: list[str]) -> None:
    path = tunnel()
    path.parent.chmod(mode)
    assert told(path) == expected
    assert told(path.parent) == [each.replace("DIR", "FILE") for each in expected]


@pytest.mark.root
def test_a_file_and_a_folder_of_another_user(tunnel: Write) -> None:
    path = tunnel()
    os.chown(path, 12345, 0)
    os.chown(path.parent, 12346, 0)
    assert told(path) == [
        "warning: DIR: the folder belongs to user 12346, who could change it. Run: chown root DIR",
        "warning: FILE: the file belongs to user 12345, who could change it. Run: chown root FILE",
    ]
