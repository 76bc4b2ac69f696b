"""Private keys: made, read from whatever form they come in, written, described. Touches no file and asks nobody."""

from __future__ import annotations

import re
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)
from cryptography.x509 import Certificate

from ikevpn.errors import ConfigError
from ikevpn.model.secret import Secret

PrivateKey = rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | dsa.DSAPublicKey | ec.EllipticCurvePublicKey
Digest = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_RSA_BITS = (1024, 8192)
_CURVES = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
"""RFC 4754 §4: the three groups with a signature of their own."""
_DSA_BITS = (1024, 2048, 3072)
_DEFAULT_BITS = {"rsa": 3072, "dsa": 2048, "ec": 256}


class Loaded(NamedTuple):
    """What a file with a private key holds: the key, and where it is PKCS#12 its certificate and those above it."""

    key: PrivateKey
    certificates: tuple[Certificate, ...] = ()


class WrongPassphrase(ConfigError):
    """The passphrase is missing or does not open the key."""

    reason = "wrong-passphrase"


def make(kind: str) -> PrivateKey:
    """A new key: `rsa-3072`, `ec-256`, `dsa-2048`, or a word alone for the usual size. Raises ConfigError."""
    word, _, digits = kind.lower().replace("ecdsa", "ec").partition("-")
    bits = int(digits) if digits.isdecimal() else 0 if digits else _DEFAULT_BITS.get(word, 0)
    if word == "rsa" and _RSA_BITS[0] <= bits <= _RSA_BITS[1]:
        return rsa.generate_private_key(65537, bits)
    if word == "ec" and bits in _CURVES:
        return ec.generate_private_key(_CURVES[bits])
    if word == "dsa" and bits in _DSA_BITS:
        return dsa.generate_private_key(bits)
    least, most = _RSA_BITS
    raise ConfigError(f"{kind} is no kind of key: use rsa-{least} to rsa-{most}, ec-256, ec-384, ec-521 or dsa-2048")


def read(octets: bytes, passphrase: Secret | None = None) -> Loaded:
    """A private key from PEM, DER (PKCS#1, SEC 1, PKCS#8) or PKCS#12.

    Raises WrongPassphrase, and ConfigError where it is no key, or one that IKE has no signature for. A passphrase
    that an open key does not need is no error: the key may have been written without one since.
    """
    if not octets.strip():
        raise ConfigError("the file with the private key is empty", reason="bad-key")
    if _PEM.search(octets):
        return Loaded(_checked(_open(octets, passphrase, _load_pem)))
    if b"-----BEGIN" in octets:
        found = b", ".join(re.findall(rb"-----BEGIN ([A-Z0-9 ]+)-----", octets)).decode("ascii").lower()
        raise ConfigError(f"the file holds no private key but: {found or 'a cut PEM text'}", reason="bad-key")
    if _is_pkcs12(octets):
        return _read_pkcs12(octets, passphrase)
    return Loaded(_checked(_open(octets, passphrase, load_der_private_key)))


def is_encrypted(octets: bytes) -> bool:
    """Whether a passphrase is needed to read it; PKCS#12 without one is rare, and counts as encrypted."""
    try:
        read(octets)
    except WrongPassphrase:
        return True
    except ConfigError:
        return False
    return False


def write(key: PrivateKey, passphrase: Secret | None = None, encoding: Encoding = Encoding.PEM) -> bytes:
    """As PKCS#8, encrypted where there is a passphrase."""
    lock = BestAvailableEncryption(passphrase.reveal()) if passphrase else NoEncryption()
    return key.private_bytes(encoding, PrivateFormat.PKCS8, lock)


def describe(key: PrivateKey | PublicKey) -> str:
    """`RSA, 2048 bits`, `ECDSA, P-256`, `DSA, 1024 bits`."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return f"RSA, {key.key_size} bits"
    if isinstance(key, dsa.DSAPrivateKey | dsa.DSAPublicKey):
        return f"DSA, {key.key_size} bits"
    names = {curve.name: f"P-{bits}" for bits, curve in _CURVES.items()}
    return f"ECDSA, {names.get(key.curve.name, key.curve.name)}"


def digest_for(key: PrivateKey) -> Digest:
    """What certificates and requests are signed with: as strong as the curve, else SHA-256."""
    size = key.key_size if isinstance(key, ec.EllipticCurvePrivateKey) else 0
    return hashes.SHA512() if size > 384 else hashes.SHA384() if size > 256 else hashes.SHA256()


def _load_pem(octets: bytes, password: bytes | None) -> PrivateKeyTypes:
    """The first key: a file may have its certificates before it."""
    found = _PEM.search(octets)
    assert found is not None
    return load_pem_private_key(found[0], password)


def _open(octets: bytes, passphrase: Secret | None, load: object) -> PrivateKeyTypes:
    assert callable(load)
    try:
        try:
            opened: PrivateKeyTypes = load(octets, None)
        except TypeError:  # it is encrypted
            if passphrase is None:
                raise WrongPassphrase("the private key is encrypted: a passphrase is needed") from None
            opened = load(octets, passphrase.reveal())
    except UnsupportedAlgorithm as error:
        raise ConfigError(
            f"the private key is of a kind that is not supported: {error}", reason="unsupported-key"
        ) from None
    except ValueError as error:
        if "password" in str(error).lower():
            raise WrongPassphrase("the passphrase does not open the private key") from None
        raise ConfigError("this is no private key in PEM, DER or PKCS#12, or it is damaged", reason="bad-key") from None
    return opened


def _is_pkcs12(octets: bytes) -> bool:
    """PFX begins with version 3 and the OID of PKCS#7 data or signed data (RFC 7292 §4); no key does."""
    return octets[:1] == b"\x30" and b"\x02\x01\x03\x30" in octets[:12]


def _read_pkcs12(octets: bytes, passphrase: Secret | None) -> Loaded:
    try:
        found = pkcs12.load_pkcs12(octets, passphrase.reveal() if passphrase else None)
    except (ValueError, UnsupportedAlgorithm):
        if passphrase is None:
            raise WrongPassphrase("the PKCS#12 file is encrypted: a passphrase is needed") from None
        raise WrongPassphrase("the passphrase does not open the PKCS#12 file, or the file is damaged") from None
    if found.key is None:
        raise ConfigError("the PKCS#12 file holds no private key", reason="bad-key")
    above = tuple(each.certificate for each in found.additional_certs)
    return Loaded(_checked(found.key), (found.cert.certificate, *above) if found.cert else above)


def _checked(key: object) -> PrivateKey:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if key.curve.name not in {curve.name for curve in _CURVES.values()}:
            sentence = f"the curve {key.curve.name} has no signature in IKE (RFC 4754): use P-256, P-384 or P-521"
            raise ConfigError(sentence, reason="unsupported-key")
        return key
    if isinstance(key, rsa.RSAPrivateKey | dsa.DSAPrivateKey):
        return key
    raise ConfigError("IKEv1 has signatures for RSA, DSA and ECDSA keys only", reason="unsupported-key")
