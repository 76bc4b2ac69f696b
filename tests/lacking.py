"""What a test needs of the machine: who lacks it sees a skip, except under CI, where nothing may be lacking."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def lacks(what: str) -> NoReturn:
    """End the test because `what` is not there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not installed", pytrace=False)
    pytest.skip(f"{what} is not installed")


def tool(name: str) -> str:
    """The path of a program."""
    return shutil.which(name) or lacks(name)
