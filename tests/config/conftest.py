"""A folder with a configuration in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ikevpn.config.check import check
from ikevpn.config.finding import ConfigErrors
from ikevpn.config.load import load

Write = Callable[..., Path]


def errors(path: Path) -> list[str]:
    """What a user reads, without the parts that differ from machine to machine."""
    folder = path.parent if path.suffix else path
    found = [str(error).replace(str(path), "FILE").replace(str(folder), "DIR") for error in check(path).errors]
    if found:
        with pytest.raises(ConfigErrors) as caught:
            load(path)
        assert [str(each) for each in caught.value.findings] == [str(each) for each in check(path).errors]
    return found


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """`paris.psk`, private, with a good secret in it."""
    path = tmp_path / "paris.psk"
    path.touch(0o600)
    path.write_text("correct horse battery staple\n")
    return path


@pytest.fixture
def write(tmp_path: Path, secret: Path) -> Write:
    """Writes a file of TOML and returns its path."""

    def write_file(text: str, name: str = "ikevpn.toml") -> Path:
        path = tmp_path / name
        path.touch(0o600)
        path.write_text(text)
        return path

    return write_file


@pytest.fixture
def tunnel(write: Write) -> Write:
    """Writes a tunnel `paris` that is complete, with further keys; one with the same name takes the place of ours."""
    ours = {
        "remote": '"203.0.113.2"',
        "secret": '{ file = "paris.psk" }',
        "local_networks": '["10.1.1.0/24"]',
        "remote_networks": '["10.2.2.0/24"]',
    }

    def write_tunnel(*more: str, without: tuple[str, ...] = (), after: str = "") -> Path:
        given = {line.split("=")[0].strip() for line in more}
        lines = [f"{key} = {value}" for key, value in ours.items() if key not in given and key not in without]
        return write("\n".join(["[tunnel.paris]", *lines, *more, after]))

    return write_tunnel
