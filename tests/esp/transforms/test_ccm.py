"""AES-CCM in ESP with every tag, and its IVs; scapy has only the longest."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.esp.transforms.ccm import CcmOpening, CcmSealing

SALT = b"sal"
keys = st.sampled_from([bytes(range(size)) for size in (16, 24, 32)])


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("icv", [8, 12, 16])
@given(keys, st.binary(max_size=100), st.integers(1, (1 << 64) - 1))
def test_every_tag(icv: int, extended: bool, key: bytes, text: bytes, sequence: int) -> None:
    iv, spi = sequence.to_bytes(8, "big"), b"\0\0\1\2"
    body = AESCCM(key, icv).encrypt(SALT + iv, text + b"\0\4", spi + (iv if extended else iv[4:]))
    expected = spi + iv[4:] + iv + body

    sealing = CcmSealing(0x102, key, SALT, icv, extended=extended)
    assert sealing.seal(range(sequence, sequence + 1), [text], [b"\0\4"]) == [expected]

    opening = CcmOpening(key, SALT, icv, extended=extended)
    opened = opening.authenticate(memoryview(expected), sequence)
    assert opened is not None
    assert opening.decrypt([opened]) == [text + b"\0\4"]
    assert opening.authenticate(expected[:-1] + bytes([expected[-1] ^ 1]), sequence) is None
