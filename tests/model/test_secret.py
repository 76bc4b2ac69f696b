"""A secret prints its length only, and compares by content."""

from __future__ import annotations

import logging
from typing import cast

import pytest

from ikevpn.model.secret import Secret


def test_prints_only_its_length(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(b"garibaldi")
    logging.getLogger("test").warning("%s %r", secret, {"secret": secret})
    for text in (str(secret), repr(secret), f"{secret}", f"{[secret]}", caplog.text):
        assert "<secret, 9 octets>" in text
        assert "garibaldi" not in text


def test_an_error_that_carries_it_does_not_tell_it() -> None:
    assert "garibaldi" not in repr(ValueError(Secret(b"garibaldi")))


def test_reveals_a_copy_that_nobody_else_can_change() -> None:
    octets = bytearray(b"garibaldi")
    secret = Secret(cast(bytes, octets))
    octets[:] = bytes(9)
    assert secret.reveal() == b"garibaldi"
    assert len(secret) == 9


def test_compares_by_content_and_only_with_secrets() -> None:
    assert Secret(b"one") == Secret(b"one")
    assert Secret(b"one") != Secret(b"two")
    assert Secret(b"one") != Secret(b"one, longer")
    assert Secret(b"one") != b"one"


def test_equal_secrets_are_one_member_of_a_set() -> None:
    assert {Secret(b"one"), Secret(b"one"), Secret(b"two")} == {Secret(b"two"), Secret(b"one")}


def test_one_of_many_is_found_without_a_comparison_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    many = {Secret(b"%d" % number): number for number in range(1000, 1100)}
    compared = []
    equal = Secret.__eq__
    monkeypatch.setattr(Secret, "__eq__", lambda self, other: compared.append(other) or equal(self, other))
    assert many[Secret(b"1050")] == 50 + 1000
    assert len(compared) == 1
