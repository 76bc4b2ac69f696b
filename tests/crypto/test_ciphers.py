"""CBC against the known answers of the ciphers' RFCs and NIST, and its refusal of sizes that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.crypto import ciphers, tables
from ikevpn.errors import UsageError
from ikevpn.wire.registry import IkeCipher

unhex = bytes.fromhex

CIPHER_OF = {
    "ENCR_DES": IkeCipher.DES_CBC,
    "ENCR_3DES": IkeCipher.TRIPLE_DES_CBC,
    "ENCR_AES_CBC": IkeCipher.AES_CBC,
}
KEYS = [(row.id, bits) for row in tables.IKE_CIPHERS.values() for bits in row.key_bits]


def test_known_answers(corpus: Path) -> None:
    vectors = json.loads((corpus / "crypto" / "rfc-known-answers.json").read_text())["vectors"]
    known = [vector for vector in vectors if vector["alg"] in CIPHER_OF]
    assert len(known) == 6
    for vector in known:
        cipher = CIPHER_OF[vector["alg"]]
        key, iv = unhex(vector["key"]), unhex(vector["iv"])
        plain, encrypted = unhex(vector["plain"]), unhex(vector["cipher"])
        assert ciphers.encrypt(cipher, key, iv, plain) == encrypted, vector["name"]
        assert ciphers.decrypt(cipher, key, iv, encrypted) == plain, vector["name"]


def test_single_des_known_answers_of_one_block(corpus: Path) -> None:
    """One block of CBC behind a zero IV is ECB."""
    vectors = json.loads((corpus / "crypto" / "rfc-known-answers.json").read_text())["vectors"]
    known = [vector for vector in vectors if vector["alg"] == "ENCR_DES_ECB"]
    assert len(known) == 2
    for vector in known:
        computed = ciphers.encrypt(IkeCipher.DES_CBC, unhex(vector["key"]), bytes(8), unhex(vector["plain"]))
        assert computed == unhex(vector["cipher"]), vector["name"]


@given(st.sampled_from(KEYS), st.data())
def test_decrypt_reverses_encrypt_and_messages_chain(chosen: tuple[IkeCipher, int], data: st.DataObject) -> None:
    cipher, bits = chosen
    block = ciphers.block_size(cipher)
    key = data.draw(st.binary(min_size=bits // 8, max_size=bits // 8))
    iv = data.draw(st.binary(min_size=block, max_size=block))
    first, second = (bytes(block * data.draw(st.integers(1, 8))) for _ in range(2))
    whole = ciphers.encrypt(cipher, key, iv, first + second)
    head = ciphers.encrypt(cipher, key, iv, first)
    assert ciphers.decrypt(cipher, key, iv, whole) == first + second
    assert whole == head + ciphers.encrypt(cipher, key, head[-block:], second)


@pytest.mark.parametrize(("cipher", "bits"), KEYS)
def test_sizes_that_do_not_fit_are_our_misuse(cipher: IkeCipher, bits: int) -> None:
    block, key = ciphers.block_size(cipher), bytes(bits // 8)
    for way in (ciphers.encrypt, ciphers.decrypt):
        for arguments in (
            (key + b"\0", bytes(block), bytes(block)),
            (b"", bytes(block), bytes(block)),
            (key, bytes(block - 1), bytes(block)),
            (key, bytes(block), bytes(block + 1)),
        ):
            with pytest.raises(UsageError):
                way(cipher, *arguments)


def test_key_sizes() -> None:
    assert ciphers.key_size(IkeCipher.DES_CBC) == 8
    assert ciphers.key_size(IkeCipher.TRIPLE_DES_CBC, 0) == 24
    assert [ciphers.key_size(IkeCipher.AES_CBC, bits) for bits in (None, 128, 192, 256)] == [16, 16, 24, 32]
    for cipher, bits in ((IkeCipher.AES_CBC, 127), (IkeCipher.DES_CBC, 128), (IkeCipher.BLOWFISH_CBC, 128)):
        with pytest.raises(UsageError):
            ciphers.key_size(cipher, bits)


def test_every_row_has_a_cipher() -> None:
    for cipher, bits in KEYS:
        block = ciphers.block_size(cipher)
        assert len(ciphers.encrypt(cipher, bytes(bits // 8), bytes(block), bytes(block))) == block
