"""One running context must look from outside like a fresh one for every packet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.crypto import ciphers
from ikevpn.crypto.tables import ESP_CIPHERS
from ikevpn.esp.transforms.cbc import CbcDecryption, CbcEncryption, NoEncryption
from ikevpn.wire.registry import EspCipher, IkeCipher
from tests.esp import samples

IKE_CIPHER_OF = {
    EspCipher.DES: IkeCipher.DES_CBC,
    EspCipher.TRIPLE_DES: IkeCipher.TRIPLE_DES_CBC,
    EspCipher.AES_CBC: IkeCipher.AES_CBC,
}
KNOWN = {"ENCR_DES": EspCipher.DES, "ENCR_3DES": EspCipher.TRIPLE_DES, "ENCR_AES_CBC": EspCipher.AES_CBC}

ciphers_of_esp = pytest.mark.parametrize("cipher", IKE_CIPHER_OF, ids=lambda cipher: cipher.label)
batches = st.lists(st.lists(st.integers(1, 5), max_size=5), max_size=4)


def key_of(cipher: EspCipher) -> bytes:
    return bytes(range(1, ESP_CIPHERS[cipher].default // 8 + 1))


def test_known_answers_of_decryption(corpus: Path) -> None:
    vectors = json.loads((corpus / "crypto" / "rfc-known-answers.json").read_text())["vectors"]
    known = [vector for vector in vectors if vector["alg"] in KNOWN]
    assert len(known) == 6
    for vector in known:
        cipher = KNOWN[vector["alg"]]
        decryption = CbcDecryption(cipher, bytes.fromhex(vector["key"]), ESP_CIPHERS[cipher].block)
        body = bytes.fromhex(vector["iv"] + vector["cipher"])
        assert decryption.decrypt([body, body]) == [bytes.fromhex(vector["plain"])] * 2


@ciphers_of_esp
@given(batches)
def test_every_packet_decrypts_on_its_own(cipher: EspCipher, sizes: list[list[int]]) -> None:
    key, block = key_of(cipher), ESP_CIPHERS[cipher].block
    encryption = CbcEncryption(cipher, key, block, samples.entropy())
    random = samples.entropy(2)
    for batch in sizes:
        packets = [random(blocks * block - 2) for blocks in batch]
        bodies = encryption.encrypt(range(len(packets)), packets, [b"\0\4"] * len(packets))
        assert len(bodies) == len(packets)
        for packet, body in zip(packets, bodies, strict=True):
            iv, ciphertext = bytes(body[:block]), bytes(body[block:])
            assert ciphers.decrypt(IKE_CIPHER_OF[cipher], key, iv, ciphertext) == packet + b"\0\4"


@ciphers_of_esp
@given(batches)
def test_batches_decrypt_like_single_packets(cipher: EspCipher, sizes: list[list[int]]) -> None:
    key, block = key_of(cipher), ESP_CIPHERS[cipher].block
    decryption = CbcDecryption(cipher, key, block)
    random = samples.entropy(3)
    for batch in sizes:
        plain = [random(blocks * block) for blocks in batch]
        ivs = [random(block) for _ in batch]
        bodies = [
            iv + ciphers.encrypt(IKE_CIPHER_OF[cipher], key, iv, text) for iv, text in zip(ivs, plain, strict=True)
        ]
        assert decryption.decrypt([memoryview(body) for body in bodies]) == plain


@ciphers_of_esp
def test_ivs_never_repeat_for_equal_packets(cipher: EspCipher) -> None:
    block = ESP_CIPHERS[cipher].block
    encryption = CbcEncryption(cipher, key_of(cipher), block, samples.entropy())
    bodies = [body for _ in range(4) for body in encryption.encrypt(range(16), [bytes(block)] * 16, [b""] * 16)]
    assert len({bytes(body[:block]) for body in bodies}) == 64
    assert len({bytes(body[block:]) for body in bodies}) == 64


def test_the_iv_depends_on_entropy_of_its_own() -> None:
    """Two senders with one key, alike until the third packet's entropy: only from there on do they differ."""
    key, block, third = key_of(EspCipher.AES_CBC), 16, 3 * 16

    def bent(seed: int) -> list[bytes]:
        drawn, octets = 0, samples.entropy()(1000)

        def entropy(size: int) -> bytes:
            nonlocal drawn
            drawn += size
            chunk = octets[drawn - size : drawn]
            return bytes([chunk[0] ^ seed]) + chunk[1:] if drawn == third + block else chunk

        encryption = CbcEncryption(EspCipher.AES_CBC, key, block, entropy)
        return [bytes(encryption.encrypt([1], [bytes(block)], [b""])[0][:block]) for _ in range(4)]

    one, two = bent(0), bent(1)
    assert one[:2] == two[:2]
    assert one[2] != two[2]


def test_null_changes_nothing() -> None:
    bodies = NoEncryption().encrypt([1, 2], [b"ab", memoryview(b"cd")], [b"\0\4", b"\0\4"])
    assert bodies == [b"ab\0\4", b"cd\0\4"]
    assert NoEncryption().decrypt(bodies) == bodies
