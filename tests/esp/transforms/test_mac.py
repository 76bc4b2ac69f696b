"""HMAC against the RFCs' vectors; truncation and comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.esp.transforms.mac import Mac
from ikevpn.wire.registry import Hash

HASH_OF = {
    "MD5": Hash.MD5,
    "SHA1": Hash.SHA1,
    "SHA2_256": Hash.SHA2_256,
    "SHA2_384": Hash.SHA2_384,
    "SHA2_512": Hash.SHA2_512,
}


def test_known_answers(corpus: Path) -> None:
    vectors = json.loads((corpus / "crypto" / "rfc-known-answers.json").read_text())["vectors"]
    seen = set()
    for vector in vectors:
        if not vector["alg"].startswith("AUTH_HMAC_"):
            continue
        hash_name, _, bits = vector["alg"].removeprefix("AUTH_HMAC_").rpartition("_")
        mac = Mac(HASH_OF[hash_name], bytes.fromhex(vector["key"]), int(bits) // 8)
        assert mac.compute(bytes.fromhex(vector["data"])).hex() == vector["mac"], vector["name"]
        seen.add(hash_name)
    assert seen == set(HASH_OF)


@given(st.sampled_from(list(Hash)).filter(lambda h: h is not Hash.TIGER), st.binary(), st.binary())
def test_more_is_appended(hash: Hash, data: bytes, more: bytes) -> None:
    mac = Mac(hash, b"key", 12)
    assert mac.compute(data, more) == mac.compute(memoryview(data + more))
    assert mac.verify(mac.compute(data, more), data, more)


@pytest.mark.parametrize("bit", range(96))
def test_every_bit_counts(bit: int) -> None:
    mac = Mac(Hash.SHA1, bytes(20), 12)
    icv = bytearray(mac.compute(b"data"))
    icv[bit // 8] ^= 1 << bit % 8
    assert not mac.verify(bytes(icv), b"data")


def test_a_shorter_value_is_no_proof() -> None:
    mac = Mac(Hash.SHA1, bytes(20), 12)
    assert not mac.verify(b"", b"data")
    assert not mac.verify(mac.compute(b"data")[:8], b"data")
