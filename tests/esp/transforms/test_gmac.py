"""AES-GMAC in ESP: nothing is hidden, and every octet from the SPI on is authenticated, the IV too."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ikevpn.esp.transforms.gmac import GmacOpening, GmacSealing

KEY, SALT = bytes(range(16)), b"salt"
SEQUENCE = 0x1_0000_0002


@pytest.mark.parametrize("extended", [False, True])
def test_what_is_authenticated(extended: bool) -> None:
    sealing = GmacSealing(0x102, KEY, SALT, extended=extended)
    (sealed,) = sealing.seal(range(SEQUENCE, SEQUENCE + 1), [b"in the clear"], [b"\1\2\2\4"])
    iv = SEQUENCE.to_bytes(8, "big")
    assert sealed[:-16] == b"\0\0\1\2\0\0\0\2" + iv + b"in the clear\1\2\2\4"
    front = b"\0\0\1\2" + (iv if extended else iv[4:])  # RFC 4543 §3.3
    assert sealed[-16:] == AESGCM(KEY).encrypt(SALT + iv, b"", front + sealed[8:-16])

    opening = GmacOpening(KEY, SALT, extended=extended)
    body = opening.authenticate(memoryview(sealed), SEQUENCE)
    assert body is not None
    assert opening.decrypt([body]) == [b"in the clear\1\2\2\4"]
    for at in range(len(sealed)):
        if extended and 4 <= at < 8:
            continue  # the sequence number counts as it was inferred
        bent = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        assert opening.authenticate(bent, SEQUENCE) is None, at


def test_the_upper_half_of_the_number_counts() -> None:
    (sealed,) = GmacSealing(1, KEY, SALT, extended=True).seal(range(7, 8), [b""], [b"\0\4"])
    assert GmacOpening(KEY, SALT, extended=True).authenticate(sealed, 7 + (1 << 32)) is None
