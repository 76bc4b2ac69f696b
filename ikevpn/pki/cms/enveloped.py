"""Enveloped data for one recipient with an RSA key (RFC 5652 §6). Pure: randomness is an argument."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import Certificate, ObjectIdentifier

from ikevpn.crypto import ciphers
from ikevpn.errors import Malformed, NotAuthentic, UsageError
from ikevpn.model.names import der
from ikevpn.pki.cms import syntax
from ikevpn.pki.cms.signed import name_of
from ikevpn.wire.registry import IkeCipher

_RSA = ObjectIdentifier("1.2.840.113549.1.1.1")
Entropy = Callable[[int], bytes]


class Cipher(NamedTuple):
    """In CBC mode."""

    oid: ObjectIdentifier
    cipher: IkeCipher
    key_octets: int


AES_128 = Cipher(ObjectIdentifier("2.16.840.1.101.3.4.1.2"), IkeCipher.AES_CBC, 16)  # RFC 3565 §2
AES_256 = Cipher(ObjectIdentifier("2.16.840.1.101.3.4.1.42"), IkeCipher.AES_CBC, 32)
TRIPLE_DES = Cipher(ObjectIdentifier("1.2.840.113549.3.7"), IkeCipher.TRIPLE_DES_CBC, 24)  # RFC 3370 §5.1
DES = Cipher(ObjectIdentifier("1.3.14.3.2.7"), IkeCipher.DES_CBC, 8)  # RFC 8894 §3.5.2: read, never written
_CIPHERS = {each.oid: each for each in (AES_128, AES_256, TRIPLE_DES, DES)}


def seal(content: bytes, recipient: Certificate, cipher: Cipher, entropy: Entropy) -> bytes:
    """A ContentInfo that the key of the recipient opens. Raises NotAuthentic for a key that is not RSA."""
    public = recipient.public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise NotAuthentic("the authority has no RSA key, which SCEP needs", reason="wrong-recipient")
    block = ciphers.block_size(cipher.cipher)
    key, iv = entropy(cipher.key_octets), entropy(block)
    count = block - len(content) % block
    encrypted = ciphers.encrypt(cipher.cipher, key, iv, content + bytes([count]) * count)
    return syntax.wrap(
        syntax.ENVELOPED_DATA,
        syntax.EnvelopedData(
            version=0,
            recipients=asn1.SetOf([_recipient(recipient, public, key)]),
            content=syntax.EncryptedContent(
                type=syntax.DATA,
                algorithm=syntax.CipherAlgorithm(algorithm=cipher.oid, iv=iv),
                octets=encrypted,
            ),
        ),
    )


def open_enveloped(octets: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """Raises Malformed, and NotAuthentic where the key does not open it."""
    recipients, algorithm, encrypted = _read(octets)
    cipher = _CIPHERS.get(algorithm.algorithm)
    if cipher is None:
        raise Malformed(f"the cipher {algorithm.algorithm.dotted_string} of a message is not supported", 0)
    for each in recipients:
        try:
            secret = key.decrypt(each.key, padding.PKCS1v15())
            return _unpad(ciphers.decrypt(cipher.cipher, secret, algorithm.iv, encrypted), cipher)
        except (ValueError, UsageError):
            continue
    raise NotAuthentic("the message is encrypted for another key", reason="wrong-recipient")


def _recipient(certificate: Certificate, public: rsa.RSAPublicKey, key: bytes) -> syntax.Recipient:
    return syntax.Recipient(
        version=0,
        recipient=name_of(certificate),
        algorithm=syntax.Algorithm(algorithm=_RSA, parameters=asn1.Null()),
        key=public.encrypt(key, padding.PKCS1v15()),
    )


def _read(octets: bytes) -> tuple[list[syntax.Recipient], syntax.CipherAlgorithm, bytes]:
    try:
        whole = syntax.unwrap(octets, syntax.ENVELOPED_DATA, syntax.EnvelopedData)
        return whole.recipients.as_list(), whole.content.algorithm, whole.content.octets
    except Malformed:
        pieces = syntax.unwrap(octets, syntax.ENVELOPED_DATA, syntax.EnvelopedPieces)
        return pieces.recipients.as_list(), pieces.content.algorithm, b"".join(pieces.content.octets)


def _unpad(octets: bytes, cipher: Cipher) -> bytes:
    """RFC 5652 §6.3. What is sealed is DER, which says its own length: a wrong key shows, and tells nobody more."""
    count = octets[-1] if octets else 0
    if not 0 < count <= ciphers.block_size(cipher.cipher) or not octets.endswith(bytes([count]) * count):
        raise ValueError("wrong padding")
    plain = octets[:-count]
    list(der.elements(plain))
    return plain
