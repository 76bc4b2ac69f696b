"""The structures of RFC 5652, declared; `cryptography` reads and writes them.

What the RFC has as a SET OF under a context tag is declared as a list: the octets are the same, and what somebody has
not sorted is read all the same.
"""

from __future__ import annotations

import warnings
from typing import Annotated, TypeVar

from cryptography.hazmat import asn1
from cryptography.x509 import Certificate, InvalidVersion, ObjectIdentifier

from ikevpn.errors import Malformed
from ikevpn.model.names import der

DATA = ObjectIdentifier("1.2.840.113549.1.7.1")
SIGNED_DATA = ObjectIdentifier("1.2.840.113549.1.7.2")
ENVELOPED_DATA = ObjectIdentifier("1.2.840.113549.1.7.3")
T = TypeVar("T")


@asn1.sequence
class Algorithm:
    """A digest, a signature, or the encryption of a key."""

    algorithm: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class CipherAlgorithm:
    """A cipher in CBC mode."""

    algorithm: ObjectIdentifier
    iv: bytes


@asn1.sequence
class ContentInfo:
    """§3."""

    content_type: ObjectIdentifier
    content: Annotated[asn1.TLV, asn1.Explicit(0)]


@asn1.sequence
class IssuerAndSerial:
    """§10.2.4."""

    issuer: asn1.TLV
    serial: int


@asn1.sequence
class Attribute:
    """§5.3."""

    type: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class SignerInfo:
    """§5.3, version 1."""

    version: int
    signer: IssuerAndSerial
    digest: Algorithm
    signed: Annotated[list[Attribute], asn1.Implicit(0)]
    algorithm: Algorithm
    signature: bytes


@asn1.sequence
class Content:
    """What is signed, §5.2."""

    type: ObjectIdentifier
    octets: Annotated[bytes | None, asn1.Explicit(0)]


@asn1.sequence
class SignedData:
    """§5.1."""

    version: int
    digests: asn1.SetOf[Algorithm]
    content: Content
    certificates: Annotated[list[Certificate] | None, asn1.Implicit(0)]
    crls: Annotated[list[asn1.TLV] | None, asn1.Implicit(1)]
    signers: asn1.SetOf[SignerInfo]


@asn1.sequence
class Recipient:
    """§6.2.1, version 0."""

    version: int
    recipient: IssuerAndSerial
    algorithm: Algorithm
    key: bytes


@asn1.sequence
class EncryptedContent:
    """§6.1."""

    type: ObjectIdentifier
    algorithm: CipherAlgorithm
    octets: Annotated[bytes, asn1.Implicit(0)]


@asn1.sequence
class EnvelopedData:
    """§6.1."""

    version: int
    recipients: asn1.SetOf[Recipient]
    content: EncryptedContent


@asn1.sequence
class EncryptedPieces:
    """The same as some servers write it, in pieces as BER has them."""

    type: ObjectIdentifier
    algorithm: CipherAlgorithm
    octets: Annotated[list[bytes], asn1.Implicit(0)]


@asn1.sequence
class EnvelopedPieces:
    """`EnvelopedData` around such pieces."""

    version: int
    recipients: asn1.SetOf[Recipient]
    content: EncryptedPieces


@asn1.sequence
class _Any:
    value: asn1.TLV


def any_of(octets: bytes) -> asn1.TLV:
    """One element of DER, to stand where anything may."""
    return read(_Any, der.element(der.SEQUENCE, octets)).value


def octets_of(value: asn1.TLV) -> bytes:
    """The DER of such an element."""
    return der.element(value.tag_bytes[0], bytes(value.data))


def read(kind: type[T], octets: bytes) -> T:
    """Raises Malformed and nothing else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of certificates that are odd, but read
            return asn1.decode_der(kind, octets)
    except (ValueError, TypeError, OverflowError, InvalidVersion) as error:
        raise Malformed(f"a cryptographic message does not parse: {error}", 0) from None


def unwrap(octets: bytes, content_type: ObjectIdentifier, kind: type[T]) -> T:
    """What is in a ContentInfo of this type. Raises Malformed and nothing else."""
    outer = read(ContentInfo, octets)
    if outer.content_type != content_type:
        expected, found = content_type.dotted_string, outer.content_type.dotted_string
        raise Malformed(f"a cryptographic message is of type {found}, not {expected}", 0)
    return read(kind, octets_of(outer.content))


def wrap(content_type: ObjectIdentifier, value: object) -> bytes:
    """A ContentInfo around a structure."""
    return asn1.encode_der(ContentInfo(content_type=content_type, content=any_of(asn1.encode_der(value))))
