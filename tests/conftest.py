"""Fixtures that every test may use."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from certs.make import make

REPOSITORY = Path(__file__).resolve().parent.parent

# No example fails because the machine has much else to do.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def corpus_folder() -> Path | None:
    """The folder of captures and vectors made by others, or None where it is absent (a failure under CI)."""
    folder = Path(os.environ.get("IKEVPN_CORPUS", REPOSITORY.parent / "shared" / "corpus"))
    if folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"the corpus is not at {folder}; set IKEVPN_CORPUS", pytrace=False)
    warnings.warn(f"the corpus is not at {folder}: its tests are SKIPPED; set IKEVPN_CORPUS", stacklevel=1)
    return None


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The corpus folder; a loud skip for a user who has none, a failure under CI."""
    folder = corpus_folder()
    if folder is None:
        pytest.skip("no corpus")
    return folder


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the test PKI, as `certs.make` describes it; nothing may be changed in it."""
    return make(tmp_path_factory.mktemp("certificates"))
