"""Signatures in the form in which IKEv1 sends them, by openssl and against it; what is refused unseen."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ikevpn.crypto import signatures
from ikevpn.errors import NotAuthentic
from ikevpn.pki import keys
from ikevpn.wire.registry import Auth
from tests.pki.openssl import openssl

KINDS = {
    "rsa": (Auth.RSA_SIGNATURE, 16),
    "dsa": (Auth.DSS_SIGNATURE, 20),
    "ec256": (Auth.ECDSA_P256, 32),
    "ec384": (Auth.ECDSA_P384, 48),
    "ec521": (Auth.ECDSA_P521, 64),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_we_sign_verifies_and_nothing_else(certificates: Path, kind: str) -> None:
    auth, size = KINDS[kind]
    key = keys.read((certificates / f"west-{kind}.key").read_bytes()).key
    hashed = bytes(range(size))
    signature = signatures.sign(key, hashed)
    signatures.verify(key.public_key(), auth, hashed, signature)
    wrong = (signature[:-1], signature + b"\0", bytes(len(signature)), b"", signature[:-1] + bytes([signature[-1] ^ 1]))
    for each in wrong:
        with pytest.raises(NotAuthentic):
            signatures.verify(key.public_key(), auth, hashed, each)
    with pytest.raises(NotAuthentic):
        signatures.verify(key.public_key(), auth, bytes(size), signature)
    other = Auth.ECDSA_P256 if auth != Auth.ECDSA_P256 else Auth.RSA_SIGNATURE
    with pytest.raises(NotAuthentic, match="is none for"):
        signatures.verify(key.public_key(), other, hashed, signature)


def test_rsa_as_openssl_does_without_a_name_of_the_hash(certificates: Path, tmp_path: Path) -> None:
    """`pkeyutl -sign` without a digest pads what it is given and signs that."""
    key, hashed = certificates / "west-rsa.key", bytes(range(20))
    theirs = openssl("pkeyutl", "-sign", "-inkey", key, octets=hashed)
    ours = signatures.sign(keys.read(key.read_bytes()).key, hashed)
    assert ours == theirs
    (tmp_path / "signature").write_bytes(ours)
    assert openssl("pkeyutl", "-verifyrecover", "-inkey", key, "-in", tmp_path / "signature") == hashed


@pytest.mark.parametrize("kind", ("ec256", "ec384", "dsa"))
def test_r_and_s_of_openssl(certificates: Path, kind: str) -> None:
    """openssl writes DER; the same numbers in fixed width are what travels."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    auth, size = KINDS[kind]
    path, hashed = certificates / f"west-{kind}.key", bytes(range(size))
    r, s = decode_dss_signature(openssl("pkeyutl", "-sign", "-inkey", path, octets=hashed))
    public = keys.read(path.read_bytes()).key.public_key()
    width = len(signatures.sign(keys.read(path.read_bytes()).key, hashed)) // 2
    signatures.verify(public, auth, hashed, r.to_bytes(width, "big") + s.to_bytes(width, "big"))


def test_an_exponent_that_costs_too_much() -> None:
    """A stranger chooses its key: one with a long exponent is not even tried."""
    modulus = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n
    greedy = rsa.RSAPublicNumbers((1 << 2040) + 1, modulus).public_key()
    with pytest.raises(NotAuthentic):
        signatures.verify(greedy, Auth.RSA_SIGNATURE, bytes(20), bytes(256))
