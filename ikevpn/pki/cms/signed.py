"""Signed data with signed attributes, by one RSA key (RFC 5652 §5). Pure."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import Certificate, ObjectIdentifier

from ikevpn.errors import Malformed, NotAuthentic
from ikevpn.model.names import der
from ikevpn.pki.cms import syntax

CONTENT_TYPE = ObjectIdentifier("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = ObjectIdentifier("1.2.840.113549.1.9.4")
_RSA = ObjectIdentifier("1.2.840.113549.1.1.1")
DIGESTS: dict[ObjectIdentifier, hashes.HashAlgorithm] = {
    ObjectIdentifier("2.16.840.1.101.3.4.2.1"): hashes.SHA256(),  # RFC 5754 §2.2
    ObjectIdentifier("2.16.840.1.101.3.4.2.2"): hashes.SHA384(),
    ObjectIdentifier("2.16.840.1.101.3.4.2.3"): hashes.SHA512(),
    ObjectIdentifier("1.3.14.3.2.26"): hashes.SHA1(),  # noqa: S303 - RFC 3370 §2.1; deployed servers know no other
    ObjectIdentifier("1.2.840.113549.2.5"): hashes.MD5(),  # noqa: S303 - RFC 3370 §2.2
}
_OIDS = {digest.name: oid for oid, digest in DIGESTS.items()}
_NULL = asn1.Null()
Attributes = Mapping[ObjectIdentifier, bytes]


@dataclass(frozen=True)
class Signer:
    """A certificate and its key."""

    certificate: Certificate
    key: rsa.RSAPrivateKey


@dataclass(frozen=True)
class Opened:
    """What was signed: the content, the values of the attributes in DER, and all certificates that came along."""

    content: bytes
    attributes: Attributes
    certificates: tuple[Certificate, ...]
    signer: Certificate


def sign(content: bytes, attributes: Attributes, signer: Signer, digest: hashes.HashAlgorithm) -> bytes:
    """A ContentInfo with the content, the attributes and the signer's certificate; values of attributes are DER."""
    hashed = _digest(digest, content)
    own = {
        CONTENT_TYPE: der.element(der.OID, der.write_oid(syntax.DATA.dotted_string)),
        MESSAGE_DIGEST: der.element(4, hashed),
    }
    signed = [
        syntax.Attribute(type=oid, values=asn1.SetOf([syntax.any_of(value)]))
        for oid, value in {**own, **attributes}.items()
    ]
    signed.sort(key=asn1.encode_der)
    algorithm = syntax.Algorithm(algorithm=_OIDS[digest.name], parameters=_NULL)
    info = syntax.SignerInfo(
        version=1,
        signer=name_of(signer.certificate),
        digest=algorithm,
        signed=signed,
        algorithm=syntax.Algorithm(algorithm=_RSA, parameters=_NULL),
        signature=signer.key.sign(_to_sign(signed), padding.PKCS1v15(), digest),
    )
    return syntax.wrap(
        syntax.SIGNED_DATA,
        syntax.SignedData(
            version=1,
            digests=asn1.SetOf([algorithm]),
            content=syntax.Content(type=syntax.DATA, octets=content),
            certificates=[signer.certificate],
            crls=None,
            signers=asn1.SetOf([info]),
        ),
    )


def open_signed(octets: bytes, trusted: tuple[Certificate, ...]) -> Opened:
    """Raises Malformed, and NotAuthentic unless the one signature is by one of the trusted certificates."""
    data = syntax.unwrap(octets, syntax.SIGNED_DATA, syntax.SignedData)
    signers = data.signers.as_list()
    if len(signers) != 1:
        raise Malformed(f"a cryptographic message has {len(signers)} signatures in place of one", 0)
    (info,) = signers
    certificates = tuple(data.certificates or ())
    signer = next((each for each in trusted if _is_named(each, info.signer)), None)
    if signer is None:
        raise NotAuthentic("the message is signed by a certificate that is not of the authority", reason="wrong-signer")
    content = data.content.octets or b""
    attributes = _verified(info, content, signer)
    return Opened(content, attributes, certificates, signer)


def certificates_in(octets: bytes) -> tuple[Certificate, ...]:
    """Those of signed data without signature, by which certificates are handed on. Raises Malformed."""
    return tuple(syntax.unwrap(octets, syntax.SIGNED_DATA, syntax.SignedData).certificates or ())


def name_of(certificate: Certificate) -> syntax.IssuerAndSerial:
    """By which a message names a certificate."""
    issuer = syntax.any_of(certificate.issuer.public_bytes())
    return syntax.IssuerAndSerial(issuer=issuer, serial=certificate.serial_number)


def _is_named(certificate: Certificate, name: syntax.IssuerAndSerial) -> bool:
    return (certificate.serial_number, certificate.issuer.public_bytes()) == (
        name.serial,
        syntax.octets_of(name.issuer),
    )


def _verified(info: syntax.SignerInfo, content: bytes, signer: Certificate) -> Attributes:
    digest = DIGESTS.get(info.digest.algorithm)
    key = signer.public_key()
    if digest is None or not isinstance(key, rsa.RSAPublicKey):
        raise NotAuthentic("the message is signed in a way that is not supported", reason="bad-signature")
    attributes = {
        each.type: syntax.octets_of(each.values.as_list()[0]) for each in info.signed if each.values.as_list()
    }
    expected = der.element(4, _digest(digest, content))
    if not hmac.compare_digest(attributes.get(MESSAGE_DIGEST, b""), expected):
        raise NotAuthentic("the content of the message was altered", reason="bad-signature")
    try:
        key.verify(info.signature, _to_sign(info.signed), padding.PKCS1v15(), digest)
    except (InvalidSignature, UnsupportedAlgorithm):
        raise NotAuthentic("the signature of the message is wrong", reason="bad-signature") from None
    return attributes


def _to_sign(attributes: list[syntax.Attribute]) -> bytes:
    """§5.4: as a SET OF, whatever the tag is in the message."""
    return der.element(der.SET, b"".join(map(asn1.encode_der, attributes)))


def _digest(digest: hashes.HashAlgorithm, octets: bytes) -> bytes:
    state = hashes.Hash(digest)
    state.update(octets)
    return state.finalize()
