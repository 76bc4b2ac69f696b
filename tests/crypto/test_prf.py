"""HMAC and hashes against the known answers of RFC 2202 and RFC 4231."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ikevpn.crypto.prf import digest, prf, size
from ikevpn.errors import UsageError
from ikevpn.wire.registry import Hash

HASH_OF = {
    "HMAC_MD5": Hash.MD5,
    "HMAC_SHA1": Hash.SHA1,
    "HMAC_SHA2_256": Hash.SHA2_256,
    "HMAC_SHA2_384": Hash.SHA2_384,
    "HMAC_SHA2_512": Hash.SHA2_512,
}


def hash_of(algorithm: str) -> Hash | None:
    """The hash of `PRF_HMAC_SHA1`, or of `AUTH_HMAC_SHA2_256_128` with the length of its value in bits behind."""
    kind, _, name = algorithm.partition("_")
    return HASH_OF.get(name if kind == "PRF" else name.rpartition("_")[0])


def test_known_answers(corpus: Path) -> None:
    vectors = json.loads((corpus / "crypto" / "rfc-known-answers.json").read_text())["vectors"]
    seen = []
    for vector in vectors:
        hash = hash_of(vector["alg"])
        if hash is None:
            continue
        data, expected = vector.get("seed", vector.get("data")), vector.get("out", vector.get("mac"))
        computed = prf(hash, bytes.fromhex(vector["key"]), bytes.fromhex(data))
        assert computed.hex()[: len(expected)] == expected, vector["name"]
        seen.append(hash)
    assert len(seen) == 30
    assert set(seen) == set(HASH_OF.values())


@pytest.mark.parametrize("hash", HASH_OF.values())
def test_sizes(hash: Hash) -> None:
    assert size(hash) == len(digest(hash, b"")) == len(prf(hash, b"", b""))


def test_digest_is_the_plain_hash() -> None:
    assert digest(Hash.SHA2_256, b"abc") == hashlib.sha256(b"abc").digest()
    assert digest(Hash.MD5, b"abc") == hashlib.md5(b"abc").digest()


def test_unknown_hash_is_our_misuse() -> None:
    for misuse in (lambda: prf(Hash.TIGER, b"", b""), lambda: digest(Hash(99), b""), lambda: size(Hash.TIGER)):
        with pytest.raises(UsageError):
            misuse()
