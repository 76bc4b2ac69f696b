"""Modular exponentiation: OpenSSL agrees with Python over the whole range of arguments; nothing stands in for it."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.crypto import modexp
from ikevpn.crypto.modexp import OpensslModulus
from ikevpn.errors import HostError
from tests.lacking import lacks

NUMBERS = [2**127 - 1, 2**255 - 19, 2**521 - 1, 2**1279 - 1, 3]


def openssl(number: int) -> OpensslModulus:
    library = modexp.libcrypto()
    if library is None:
        lacks("libcrypto")
    return OpensslModulus(library, number)


def octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


@given(st.sampled_from(NUMBERS), st.data())
def test_it_agrees_with_pow(number: int, data: st.DataObject) -> None:
    base = data.draw(st.integers(0, number - 1))
    exponent = data.draw(st.integers(0, 2**600))
    expected = pow(base, exponent, number).to_bytes(len(octets(number)), "big")
    assert openssl(number).power(octets(base), octets(exponent)) == expected


def test_results_and_arguments_may_have_zeros_in_front() -> None:
    modulus = openssl(2**521 - 1)
    assert modulus.power(b"\x02", b"\x03") == bytes(65) + b"\x08"
    assert modulus.power(bytes(64) + b"\x02", bytes(100) + b"\x03") == bytes(65) + b"\x08"
    assert modulus.power(b"\x02", b"") == bytes(65) + b"\x01"


def test_threads_share_a_modulus() -> None:
    modulus = openssl(2**1279 - 1)
    expected = modulus.power(b"\x07", b"\xfe" * 32)
    results: list[bytes] = []

    def work() -> None:
        results.extend(modulus.power(b"\x07", b"\xfe" * 32) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 80


def test_without_a_libcrypto_nothing_steps_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modexp, "_SONAMES", ("libcrypto-that-nobody-has.so",))
    modexp.libcrypto.cache_clear()
    try:
        with pytest.raises(HostError, match="without it no Diffie-Hellman takes constant time") as refused:
            modexp.modulus(7)
        assert "libssl3" in refused.value.fix and refused.value.reason == "no-libcrypto"
    finally:
        modexp.libcrypto.cache_clear()


def test_a_library_without_the_functions_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modexp, "_SONAMES", ("libc.so.6",))
    modexp.libcrypto.cache_clear()
    try:
        assert modexp.libcrypto() is None
    finally:
        modexp.libcrypto.cache_clear()
