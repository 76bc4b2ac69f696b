"""Sizes of every transform, and what is refused before a packet is made."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.errors import UsageError
from ikevpn.esp.transforms.transform import opening, sealing, shape
from ikevpn.model.sa import Algorithms, Direction
from ikevpn.model.secret import Secret
from ikevpn.wire.registry import EspCipher, Integrity
from tests.esp import samples

NONE, MD5, SHA1, SHA256 = Integrity.NONE, Integrity.HMAC_MD5, Integrity.HMAC_SHA1, Integrity.HMAC_SHA2_256


# IV and block from RFC 2405, 2451, 3602, 4106; ICV from RFC 2403, 2404, 4868, 4106.
@pytest.mark.parametrize(
    ("pair", "sizes"),
    [
        ((EspCipher.NULL, 0, MD5), (0, 4, 12)),
        ((EspCipher.DES, 64, NONE), (8, 8, 0)),
        ((EspCipher.DES, 64, MD5), (8, 8, 12)),
        ((EspCipher.TRIPLE_DES, 192, SHA1), (8, 8, 12)),
        ((EspCipher.AES_CBC, 128, SHA1), (16, 16, 12)),
        ((EspCipher.AES_CBC, 192, SHA256), (16, 16, 16)),
        ((EspCipher.AES_CBC, 256, Integrity.HMAC_SHA2_384), (16, 16, 24)),
        ((EspCipher.AES_CBC, 256, Integrity.HMAC_SHA2_512), (16, 16, 32)),
        ((EspCipher.AES_CTR, 128, SHA256), (8, 4, 16)),
        ((EspCipher.AES_CCM_8, 128, NONE), (8, 4, 8)),
        ((EspCipher.AES_CCM_12, 192, NONE), (8, 4, 12)),
        ((EspCipher.AES_CCM_16, 256, NONE), (8, 4, 16)),
        ((EspCipher.NULL_AES_GMAC, 256, NONE), (8, 4, 16)),
        ((EspCipher.AES_GCM_8, 128, NONE), (8, 4, 8)),
        ((EspCipher.AES_GCM_12, 192, NONE), (8, 4, 12)),
        ((EspCipher.AES_GCM_16, 256, NONE), (8, 4, 16)),
    ],
    ids=lambda value: samples.name(value) if isinstance(value[0], EspCipher) else "",
)
def test_sizes(pair: samples.Pair, sizes: tuple[int, int, int]) -> None:
    found = shape(samples.algorithms(pair))
    assert (found.iv, found.alignment, found.icv) == sizes


def test_the_draft_truncation_is_sha2_256_only() -> None:
    assert shape(samples.algorithms(samples.CBC_SHA256, integrity_96=True)).icv == 12
    assert shape(samples.algorithms((EspCipher.AES_CBC, 128, Integrity.HMAC_SHA2_512), integrity_96=True)).icv == 32
    assert shape(samples.algorithms(samples.CBC_SHA1, integrity_96=True)).icv == 12


def bad(pair: samples.Pair, **changes: object) -> Algorithms:
    return replace(samples.algorithms(pair), **changes)  # type: ignore[arg-type]


REFUSED = {
    "no protection": bad(samples.NULL_SHA1, integrity=NONE),
    "AEAD with integrity": bad(samples.GCM, integrity=SHA1, integrity_key=Secret(bytes(20))),
    "GCM key without salt": bad(samples.GCM, encryption_key=Secret(bytes(16))),
    "GCM key of another length": bad(samples.GCM, key_bits=256),
    "AES key too long": bad(samples.CBC_SHA1, encryption_key=Secret(bytes(17))),
    "AES key empty": bad(samples.CBC_SHA1, encryption_key=Secret(b""), key_bits=0),
    "NULL with a key": bad(samples.NULL_SHA1, encryption_key=Secret(bytes(16))),
    "integrity key too short": bad(samples.CBC_SHA1, integrity_key=Secret(bytes(16))),
    "integrity key missing": bad(samples.CBC_SHA256, integrity_key=Secret(b"")),
    "unknown integrity": bad(samples.CBC_SHA1, integrity=Integrity(99)),
    "AES-XCBC": bad(samples.CBC_SHA1, integrity=Integrity.AES_XCBC),
    "AES-CTR without nonce": bad(samples.CBC_SHA1, cipher=EspCipher.AES_CTR),
    "AES-CTR alone": bad((EspCipher.AES_CTR, 128, NONE)),
    "CCM with the salt of GCM": bad((EspCipher.AES_CCM_16, 128, NONE), encryption_key=Secret(bytes(20))),
    "Blowfish": bad(samples.CBC_SHA1, cipher=EspCipher.BLOWFISH),
    "unknown cipher": bad(samples.CBC_SHA1, cipher=EspCipher(250)),
}


@pytest.mark.parametrize("algorithms", REFUSED.values(), ids=REFUSED.keys())
def test_refused(algorithms: Algorithms) -> None:
    with pytest.raises(UsageError):
        shape(algorithms)
    with pytest.raises(UsageError):
        sealing(samples.sa(Direction.OUT, algorithms), samples.entropy())
    with pytest.raises(UsageError):
        opening(samples.sa(Direction.IN, algorithms))


def test_refusals_do_not_show_keys() -> None:
    key = bytes(range(65, 65 + 17))
    with pytest.raises(UsageError) as error:
        shape(bad(samples.CBC_SHA1, encryption_key=Secret(key)))
    assert key.hex() not in str(error.value)
    assert key.decode() not in str(error.value)
