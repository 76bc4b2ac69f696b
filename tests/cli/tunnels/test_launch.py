"""A daemon in the background is ours, wherever `ikevpn up` happens to be called."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikevpn.cli.context import Context
from ikevpn.cli.tunnels.launch import start_daemon
from tests.cli.conftest import CONFIGURATION


@pytest.mark.parametrize("relative", [False, True])
def test_code_in_the_working_directory_is_not_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    there = folder / "somebodys"
    (there / "ikevpn").mkdir(parents=True)
    for module in ("ikevpn/__init__.py", "ikevpn/__main__.py", "click.py", "sitecustomize.py"):
        (there / module).write_text(f"open({str(folder / 'run')!r}, 'w')\n")
    (folder / "file").touch()
    (folder / "ikevpn.toml").write_text(f'[daemon]\nstate = "{folder}/state"\n{CONFIGURATION}')
    monkeypatch.chdir(there)
    places = (Path("../ikevpn.toml"), Path("../file/sock")) if relative else (folder, folder / "file" / "sock")
    with pytest.raises(SystemExit):  # a file is no folder for a socket, and who is not root gets no further anyway
        start_daemon(Context(*places), "paris", as_json=False)
    assert not (folder / "run").exists()
