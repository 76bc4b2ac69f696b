"""What the package says of itself to those who find it on an index."""

from __future__ import annotations

import tomllib
from typing import Any

from tests.conftest import REPOSITORY

PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_the_licence_is_an_spdx_expression_and_comes_along() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    assert all((REPOSITORY / name).is_file() for name in PROJECT["license-files"])
    assert not [each for each in PROJECT["classifiers"] if each.startswith("License ::")], "PEP 639: not both"


def test_what_is_typed_says_so() -> None:
    assert "Typing :: Typed" in PROJECT["classifiers"] and (REPOSITORY / "ikevpn" / "py.typed").is_file()


def test_what_is_not_there_stands_before_the_first_section() -> None:
    first, *_ = (REPOSITORY / "README.md").read_text().split("\n## ")
    words = first.split("```")[0]
    assert all(name in words for name in ("certificates", "XAUTH", "L2TP", "IKEv2"))
