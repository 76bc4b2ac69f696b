"""The course of an enrolment: requests of HTTP out, answers in; whoever carries them knows nothing of SCEP. Pure.

`questions` first (capabilities, certificates of the authority, which somebody has to confirm), then `Enrolment`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from ikevpn.errors import ConfigError, NotAuthentic
from ikevpn.pki import containers
from ikevpn.pki.certified import alternative_names
from ikevpn.pki.cms.enveloped import Entropy
from ikevpn.pki.cms.signed import Signer
from ikevpn.pki.issue import Subject, self_signed
from ikevpn.pki.keys import PrivateKey
from ikevpn.pki.reading import public_key
from ikevpn.pki.scep.capabilities import Capabilities
from ikevpn.pki.scep.message import NONCE_OCTETS, Authority, MessageType, Reply, Transaction, number_of

CONTENT_TYPE = "application/x-pki-message"
_OWN_LASTING = timedelta(days=30)  # of the certificate that signs the first request


@dataclass(frozen=True)
class HttpRequest:
    """GET without a body, else POST."""

    url: str
    body: bytes = b""


@dataclass(frozen=True)
class Server:
    """Where the authority is, and which of several it is there."""

    url: str
    identity: str = ""

    def capabilities(self) -> HttpRequest:
        """GetCACaps."""
        return self._ask("GetCACaps", self.identity)

    def certificates(self) -> HttpRequest:
        """GetCACert."""
        return self._ask("GetCACert", self.identity)

    def operation(self, message: bytes, by_post: bool) -> HttpRequest:
        """PKIOperation."""
        if by_post:
            return HttpRequest(f"{self.url}{self._joint}operation=PKIOperation", message)
        return self._ask("PKIOperation", base64.b64encode(message).decode())

    def _ask(self, operation: str, message: str) -> HttpRequest:
        text = f"&message={quote(message, safe='')}" if message else ""
        return HttpRequest(f"{self.url}{self._joint}operation={operation}{text}")

    @property
    def _joint(self) -> str:
        return "&" if "?" in self.url else "?"


def read_authority(octets: bytes) -> Authority:
    """The answer to GetCACert: one certificate, or PKCS#7 with several. Raises ConfigError."""
    return Authority(containers.certificates(octets))


def check_key(key: PrivateKey) -> rsa.RSAPrivateKey:
    """Raises ConfigError where it is of another kind."""
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigError("SCEP needs an RSA key: the authority encrypts its answer for it", reason="bad-key")
    return key


class Enrolment:
    """One certificate for one key; `renewed` is the certificate that it replaces, with its key."""

    def __init__(
        self,
        server: Server,
        authority: Authority,
        capabilities: Capabilities,
        key: PrivateKey,
        request: x509.CertificateSigningRequest,
        now: datetime,
        entropy: Entropy,
        renewed: Signer | None = None,
    ) -> None:
        key = check_key(key)
        self.server = server
        self.capabilities = capabilities
        self.key = key
        self.csr = request
        self.entropy = entropy
        self.renewed = renewed
        signer = renewed or Signer(_own_certificate(key, request.subject, now), key)
        self.transaction = Transaction(signer, authority, capabilities.way, number_of(key.public_key()))
        self.nonce = b""

    def start(self) -> HttpRequest:
        """PKCSReq, or RenewalReq where there is a certificate that is replaced and the authority knows it."""
        renews = self.renewed is not None and self.capabilities.renews
        kind = MessageType.RENEWAL_REQ if renews else MessageType.PKCS_REQ
        self.nonce = self.entropy(NONCE_OCTETS)
        octets = self.csr.public_bytes(Encoding.DER)
        return self._operation(self.transaction.request(kind, octets, self.nonce, self.entropy))

    def poll(self) -> HttpRequest:
        """CertPoll, after an answer that it is pending."""
        self.nonce = self.entropy(NONCE_OCTETS)
        return self._operation(self.transaction.poll(self.csr.subject, self.nonce, self.entropy))

    def answer(self, octets: bytes) -> Reply:
        """What the authority said. Raises Malformed, NotAuthentic."""
        return self.transaction.read(octets, self.nonce)

    def certificate(self, found: Iterable[Certificate]) -> Certificate:
        """The one that was asked for. Raises NotAuthentic: it is not there, or has been given to another name."""
        key = self.key.public_key()
        own = next((each for each in found if public_key(each) == key), None)
        if own is None:
            raise NotAuthentic("the authority has sent no certificate for the key of the request", reason="wrong-key")
        if self.renewed is not None:
            _refuse_change(self.renewed.certificate, own)
        return own

    def _operation(self, message: bytes) -> HttpRequest:
        return self.server.operation(message, self.capabilities.by_post)


def _refuse_change(old: Certificate, new: Certificate) -> None:
    """A renewed certificate is for the same peer: who trusts the old one by its names would not know the new one."""
    if old.subject.public_bytes() != new.subject.public_bytes():
        sentence = (
            f"the authority changed the subject from {old.subject.rfc4514_string()} to {new.subject.rfc4514_string()}"
        )
        raise NotAuthentic(f"{sentence}: the old certificate is kept", reason="subject-changed")
    if set(alternative_names(old)) != set(alternative_names(new)):
        sentence = "the authority changed the subjectAltName: the old certificate is kept"
        raise NotAuthentic(sentence, reason="names-changed")


def _own_certificate(key: rsa.RSAPrivateKey, subject: x509.Name, now: datetime) -> Certificate:
    """RFC 8894 §2.3: self-signed, with the subject and the key of the request."""
    if not list(subject):
        raise ConfigError("SCEP needs a subject: write --subject", reason="bad-name")
    return self_signed(key, Subject(subject, key.public_key(), encipherment=True), now, _OWN_LASTING, 1)
