"""The primes: those of the RFCs as OpenSSL has them written down, and safe ones."""

from __future__ import annotations

import ctypes

import pytest

from ikevpn.crypto import modexp
from ikevpn.crypto.modp import MODP
from ikevpn.crypto.tables import GROUPS
from ikevpn.wire.registry import Group
from tests.lacking import lacks

EVERY = sorted(MODP)


@pytest.mark.parametrize("group", EVERY)
def test_primes_are_those_of_openssl(group: Group) -> None:
    library = modexp.libcrypto()
    if library is None:
        lacks("libcrypto")
    bits = MODP[group].bits
    get = getattr(library, f"BN_get_rfc{2409 if bits <= 1024 else 3526}_prime_{bits}")
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
    number = get(None)
    octets = ctypes.create_string_buffer(bits // 8)
    assert library.BN_bn2binpad(number, octets, bits // 8) == bits // 8
    library.BN_clear_free(number)
    assert int.from_bytes(octets.raw, "big") == MODP[group].prime


@pytest.mark.parametrize("group", EVERY)
def test_primes_are_safe_primes(group: Group) -> None:
    """Fermat's test to base 3 of p and (p - 1) / 2: a wrong digit anywhere would fail it."""
    prime = MODP[group].prime
    for number in (prime, (prime - 1) // 2):
        exponent = (number - 1).to_bytes(len(f"{number:x}") // 2 + 1, "big")
        assert int.from_bytes(modexp.modulus(number).power(b"\x03", exponent), "big") == 1


@pytest.mark.parametrize("group", EVERY)
def test_exponents_have_one_length_and_enough_strength(group: Group) -> None:
    strength = {1536: 90, 2048: 112, 3072: 128, 4096: 152, 6144: 176, 8192: 200}
    row = MODP[group]
    assert row.exponent_bits >= 2 * strength.get(row.bits, 80)
    assert row.exponent_bits % 64 == 0
    for octet in (b"\0", b"\xff"):
        private = row.private(lambda size, octet=octet: octet * size)  # type: ignore[misc]
        assert int.from_bytes(private, "big").bit_length() == row.exponent_bits == len(private) * 8


@pytest.mark.parametrize("group", EVERY)
def test_sizes_in_the_table_are_those_of_the_prime(group: Group) -> None:
    assert GROUPS[group].public == GROUPS[group].shared == MODP[group].bits // 8
    assert MODP[group].prime.bit_length() == MODP[group].bits
