"""CRLs out of files: read again when they change, and missing where they cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ikevpn.service.crl_files import CrlFiles


def test_a_file_that_changes(certificates: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, found = tmp_path / "lab.crl", CrlFiles()
    for _ in range(2):
        assert found.lists([str(file)]) == []
    assert [record.getMessage() for record in caplog.records] == [
        f"the CRL {file} cannot be used: no such file or directory"
    ]
    file.write_bytes((certificates / "second.crl").read_bytes())
    (first,) = found.lists([str(file)])
    assert found.lists([str(file)])[0] is first
    replaced = tmp_path / "new"
    replaced.write_bytes((certificates / "root.crl").read_bytes())
    os.replace(replaced, file)  # noqa: PTH105
    (second,) = found.lists([str(file)])
    assert second.issuer != first.issuer
    file.write_bytes(b"nonsense")
    assert found.lists([str(file), str(file)]) == []
    assert len(caplog.records) == 2 and "this is no CRL" in caplog.records[-1].getMessage()
