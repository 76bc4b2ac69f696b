"""AES-GCM in ESP with short tags, which scapy cannot do, and its IVs."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.esp.transforms.gcm import GcmOpening, GcmSealing

SALT = b"salt"
keys = st.sampled_from([bytes(range(size)) for size in (16, 24, 32)])
texts = st.binary(max_size=100)


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("icv", [8, 12, 16])
@given(keys, texts, st.integers(1, (1 << 64) - 1))
def test_a_short_tag_is_the_beginning_of_the_whole_one(
    icv: int, extended: bool, key: bytes, text: bytes, sequence: int
) -> None:
    iv, spi = sequence.to_bytes(8, "big"), b"\0\0\1\2"
    whole = AESGCM(key).encrypt(SALT + iv, text + b"\0\4", spi + (iv if extended else iv[4:]))
    expected = spi + iv[4:] + iv + whole[: len(whole) - 16 + icv]

    sealing = GcmSealing(0x102, key, SALT, icv, extended=extended)
    assert sealing.seal(range(sequence, sequence + 1), [text], [b"\0\4"]) == [expected]

    opening = GcmOpening(key, SALT, icv, extended=extended)
    body = opening.authenticate(memoryview(expected), sequence)
    assert body is not None
    assert opening.decrypt([body]) == [text + b"\0\4"]
    assert opening.authenticate(expected[:-1] + bytes([expected[-1] ^ 1]), sequence) is None
