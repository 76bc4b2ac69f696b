"""SCEP messages (RFC 8894 §3): what a client sends and what the authority answers. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import Certificate, ObjectIdentifier

from ikevpn.errors import Malformed, NotAuthentic
from ikevpn.model.names import der
from ikevpn.model.names.attributes import Tag
from ikevpn.pki.cms import enveloped, signed, syntax
from ikevpn.pki.cms.enveloped import Cipher, Entropy
from ikevpn.pki.cms.signed import Signer
from ikevpn.pki.issue import is_authority
from ikevpn.pki.reading import extension

_OCTETS = 0x04
MESSAGE_TYPE = ObjectIdentifier("2.16.840.1.113733.1.9.2")
STATUS = ObjectIdentifier("2.16.840.1.113733.1.9.3")
FAIL_INFO = ObjectIdentifier("2.16.840.1.113733.1.9.4")
SENDER_NONCE = ObjectIdentifier("2.16.840.1.113733.1.9.5")
RECIPIENT_NONCE = ObjectIdentifier("2.16.840.1.113733.1.9.6")
TRANSACTION = ObjectIdentifier("2.16.840.1.113733.1.9.7")
NONCE_OCTETS = 16


class MessageType(IntEnum):
    """§3.2.1.2."""

    CERT_REP = 3
    RENEWAL_REQ = 17
    PKCS_REQ = 19
    CERT_POLL = 20


class Status(IntEnum):
    """§3.2.1.3."""

    SUCCESS = 0
    FAILURE = 2
    PENDING = 3


FAILURES = {
    0: "it does not support an algorithm of the request",
    1: "the request does not verify, or was altered on its way",
    2: "it does not allow this request (a wrong challenge password, a subject it does not know)",
    3: "the clocks are too far apart",
    4: "it knows no such certificate",
}
"""§3.2.1.4, in words."""


@asn1.sequence
class _IssuerAndSubject:
    """§3.3.3."""

    issuer: asn1.TLV
    subject: asn1.TLV


@dataclass(frozen=True)
class Authority:
    """The certificates of the CA and of its RA, where it has one, as GetCACert gives them; the CA's own first."""

    certificates: tuple[Certificate, ...]

    @property
    def root(self) -> Certificate:
        """The one that signs certificates: the others are below it."""
        found = [each for each in self.certificates if is_authority(each)]
        issuers = {each.issuer for each in self.certificates if not is_authority(each)}
        return next((each for each in found if each.subject in issuers), found[0] if found else self.certificates[0])

    @property
    def recipient(self) -> Certificate:
        """For which requests are encrypted: the RA's certificate for that, else the CA's."""
        return next((each for each in self.certificates if not is_authority(each) and _encrypts(each)), self.root)


@dataclass(frozen=True)
class Way:
    """How messages are encrypted and signed, as the authority's capabilities allow."""

    cipher: Cipher
    digest: hashes.HashAlgorithm


@dataclass(frozen=True)
class Transaction:
    """One enrolment: who asks, whom, and under which number."""

    signer: Signer
    authority: Authority
    way: Way
    number: str

    def request(self, kind: MessageType, content: bytes, nonce: bytes, entropy: Entropy) -> bytes:
        """A message around the DER of a request."""
        sealed = enveloped.seal(content, self.authority.recipient, self.way.cipher, entropy)
        attributes = {
            MESSAGE_TYPE: _text(str(int(kind))),
            SENDER_NONCE: der.element(_OCTETS, nonce),
            TRANSACTION: _text(self.number),
        }
        return signed.sign(sealed, attributes, self.signer, self.way.digest)

    def poll(self, subject: x509.Name, nonce: bytes, entropy: Entropy) -> bytes:
        """The question whether the certificate is there by now."""
        issuer = self.authority.root.subject.public_bytes()
        names = _IssuerAndSubject(issuer=syntax.any_of(issuer), subject=syntax.any_of(subject.public_bytes()))
        return self.request(MessageType.CERT_POLL, asn1.encode_der(names), nonce, entropy)

    def read(self, octets: bytes, nonce: bytes) -> Reply:
        """The answer to what was sent with this nonce. Raises Malformed, NotAuthentic."""
        found = signed.open_signed(octets, self.authority.certificates)
        if _read_text(found, MESSAGE_TYPE) != str(int(MessageType.CERT_REP)):
            raise Malformed("the answer of the authority is no CertRep", 0)
        if (
            _value(found, RECIPIENT_NONCE) != der.element(_OCTETS, nonce)
            or _read_text(found, TRANSACTION) != self.number
        ):
            raise NotAuthentic("the answer of the authority is for another request", reason="wrong-transaction")
        status = _status(_read_text(found, STATUS))
        if status is Status.FAILURE:
            return Reply(status, failure=_failure(found))
        if status is Status.PENDING:
            return Reply(status)
        plain = enveloped.open_enveloped(found.content, self.signer.key)
        return Reply(status, signed.certificates_in(plain))


@dataclass(frozen=True)
class Reply:
    """What the authority answered: certificates, a refusal in words, or that it is still being looked at."""

    status: Status
    certificates: tuple[Certificate, ...] = ()
    failure: str = ""


def number_of(key: rsa.RSAPublicKey) -> str:
    """A transaction number that the same key gives again (§3.2.1.1), in hex digits."""
    return x509.SubjectKeyIdentifier.from_public_key(key).digest.hex().upper()


def _encrypts(certificate: Certificate) -> bool:
    """Without key usage it may be used for anything (RFC 5280 §4.2.1.3)."""
    usage = extension(certificate, x509.KeyUsage)
    return usage is None or usage.key_encipherment


def _text(text: str) -> bytes:
    return der.element(Tag.PRINTABLE, text.encode("ascii"))


def _value(found: signed.Opened, oid: ObjectIdentifier) -> bytes:
    value = found.attributes.get(oid)
    if value is None:
        raise Malformed(f"the answer of the authority lacks the attribute {oid.dotted_string}", 0)
    return value


def _read_text(found: signed.Opened, oid: ObjectIdentifier) -> str:
    """PrintableString as the RFC has it, or any other kind."""
    try:
        [element] = der.elements(_value(found, oid))
        return element.value.decode("ascii")
    except ValueError:
        raise Malformed(f"the attribute {oid.dotted_string} does not parse", 0) from None


def _status(text: str) -> Status:
    try:
        return Status(int(text))
    except ValueError:
        raise Malformed(f"the authority answers with the unknown status {text[:10]!r}", 0) from None


def _failure(found: signed.Opened) -> str:
    """A refusal need not say why."""
    if FAIL_INFO not in found.attributes:
        return "it does not say why"
    text = _read_text(found, FAIL_INFO)
    unknown = f"its reason {text[:10]!r} is not known"
    return FAILURES.get(int(text), unknown) if text.isdecimal() else unknown
