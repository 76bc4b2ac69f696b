"""The commands of docs/certificates.md run as they stand there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ikevpn.cli.pki.online import http
from ikevpn.config.check import check
from tests.cli.pki.conftest import Pki
from tests.conftest import REPOSITORY
from tests.pki.openssl import openssl

PAGE = REPOSITORY / "docs" / "certificates.md"


def commands() -> Iterator[list[str]]:
    """Those of `ikevpn pki` in its blocks, in order; of two joined by && the first."""
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("ikevpn pki "):
                yield shlex.split(line.partition(" && ")[0], comments=True)[2:]


def test_they_run(pki: Pki, store: Path, tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root.cer").write_bytes((certificates / "root.crt").read_bytes())
    (tmp_path / "acme.crl").write_bytes((certificates / "root.crl").read_bytes())
    ran = []
    for words in commands():
        ran.append(words[0])
        if words[0] == "scep":
            continue  # its authority is in test_scep
        if words[:2] == ["import", "answer.p7b"]:
            answer(pki, store, tmp_path)
        pki(*words)
    assert {"ca", "list", "request", "import", "scep", "self-signed"} <= set(ran)
    assert openssl("verify", "-CAfile", store / "lab.crt", store / "paris.crt").endswith(b": OK\n")


def answer(pki: Pki, store: Path, folder: Path) -> None:
    """What an authority sends for the request of the page."""
    pki("ca", "issue", "answered", "--by", "lab", "--request", store / "gateway.csr")
    made = openssl("crl2pkcs7", "-nocrl", "-certfile", store / "answered.crt", "-outform", "DER")
    (folder / "answer.p7b").write_bytes(made)


def test_the_configuration_is_good(pki: Pki, tmp_path: Path) -> None:
    """With the keys that the commands before it make."""
    for words in list(commands())[:3]:
        pki(*words)
    (sample,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "ikevpn.toml").write_text(sample)
    verdict = check(tmp_path)
    assert verdict.good and not verdict.warnings


def test_the_options_of_scep_exist(fails: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read; then the authority would be asked."""

    def nobody(_: object) -> bytes:
        raise KeyError("asked")

    monkeypatch.setattr(http, "fetch", nobody)
    for words in commands():
        if words[0] == "scep" and "--renew" not in words:
            with pytest.raises(KeyError, match="asked"):
                fails(*words)
