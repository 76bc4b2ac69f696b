"""Who signs: by keys out of files, named as the engine names them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ikevpn.config.configuration import TunnelConfig
from ikevpn.config.keys.words import Binding, Start
from ikevpn.crypto import signatures
from ikevpn.ike.values.question import Answer, Sign
from ikevpn.model.secret import Secret
from ikevpn.pki import keys
from ikevpn.service.signer import Signer
from ikevpn.wire.registry import Auth
from tests.ike.bench import tunnel

HASHED = bytes(range(20))


@pytest.fixture
def config(certificates: Path) -> TunnelConfig:
    """One with the key of west, called `k`."""
    plain = TunnelConfig("ab", tunnel(), (), Start.LISTEN, Binding.POLICY, "ikevpn0")
    return replace(plain, private_keys={"k": _file(certificates / "west-rsa.key")})


def _file(path: Path) -> Secret:
    return Secret(keys.write(keys.read(path.read_bytes()).key, encoding=Encoding.DER))


def sign(signer: Signer, name: str = "k", auth: Auth = Auth.RSA_SIGNATURE) -> Answer:
    return asyncio.run(signer.sign(Sign(name, auth, HASHED)))


def test_a_signature(config: TunnelConfig, certificates: Path) -> None:
    signer = Signer()
    signer.load([config])
    public = keys.read((certificates / "west-rsa.key").read_bytes()).key.public_key()
    answer = sign(signer)
    assert isinstance(answer.value, bytes)
    signatures.verify(public, Auth.RSA_SIGNATURE, HASHED, answer.value)


def test_a_key_that_is_replaced_under_its_name(config: TunnelConfig, certificates: Path) -> None:
    signer = Signer()
    signer.load([config])
    before = sign(signer)
    signer.load([replace(config, private_keys={"k": _file(certificates / "east-rsa.key")})])
    assert sign(signer).value != before.value
    signer.load([])
    assert "there is no private key k" in sign(signer).trouble


def test_what_cannot_sign_says_so(config: TunnelConfig) -> None:
    signer = Signer()
    signer.load([config])
    assert "for ecdsa-p256" in sign(signer, auth=Auth.ECDSA_P256).trouble
    assert "no private key other" in sign(signer, "other").trouble
    signer.load([replace(config, private_keys={"k": Secret(b"not a key")})])
    assert "no private key in PEM, DER or PKCS#12" in sign(signer).trouble
