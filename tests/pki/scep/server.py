"""A SCEP authority by script: with an RA or without, in the dialect of old servers, undecided for a while."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from os import urandom
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ikevpn.model.names import der
from ikevpn.pki import alternative, keys, request
from ikevpn.pki.cms import enveloped, signed, syntax
from ikevpn.pki.cms.signed import Signer
from ikevpn.pki.issue import Issuer, Subject, issue, self_signed
from ikevpn.pki.scep import message as scep
from ikevpn.pki.scep.enrolment import HttpRequest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
ENCIPHERS = x509.KeyUsage(False, False, True, False, False, False, False, False, False)


def rsa_key() -> rsa.RSAPrivateKey:
    key = keys.make("rsa-1024")
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@dataclass
class ScriptedServer:
    """What it got is in `log`: the way, and the type, cipher and digest of each message."""

    words: str = ""
    with_ra: bool = False
    pending: int = 0
    refusal: int | None = None
    subject: str = ""
    certificate: x509.Certificate | None = None
    log: list[tuple[str, str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key, ra_key = rsa_key(), rsa_key()
        subject = Subject(alternative.subject("CN=CA"), self.key.public_key(), authority=True)
        self.root = self_signed(self.key, subject, NOW, YEAR, 1)
        self.issuer = Issuer(self.root, self.key)
        below = Subject(alternative.subject("CN=RA"), ra_key.public_key(), encipherment=True)
        self.ra = Signer(issue(self.issuer, below, NOW, YEAR, 2), ra_key)
        self.signer = self.ra if self.with_ra else Signer(self.root, self.key)
        self.csr: x509.CertificateSigningRequest | None = None

    def fetch(self, asked: HttpRequest) -> bytes:
        """As a web server would."""
        query = parse_qs(urlsplit(asked.url).query)
        operation = query["operation"][0]
        if operation == "GetCACaps":
            return self.words.encode()
        if operation == "GetCACert":
            if self.with_ra:
                return pkcs7.serialize_certificates([self.ra.certificate, self.root], Encoding.DER)
            return self.root.public_bytes(Encoding.DER)
        octets = asked.body or base64.b64decode(query["message"][0])
        return self.answer(octets, "POST" if asked.body else "GET")

    def answer(self, octets: bytes, way: str) -> bytes:
        """To a PKIOperation."""
        own = signed.certificates_in(octets)[0]
        found = signed.open_signed(octets, (own,))
        data = syntax.unwrap(octets, syntax.SIGNED_DATA, syntax.SignedData)
        digest = signed.DIGESTS[data.signers.as_list()[0].digest.algorithm]
        cipher = enveloped._CIPHERS[enveloped._read(found.content)[1].algorithm]
        kind = found.attributes[scep.MESSAGE_TYPE][2:].decode()
        self.log.append((way, kind, cipher.cipher.name, digest.name))
        plain = enveloped.open_enveloped(found.content, self.signer.key)
        if kind != "20":
            self.csr = request.read(plain)
        return self._reply(own, found, cipher, digest)

    def _reply(
        self, own: x509.Certificate, found: signed.Opened, cipher: enveloped.Cipher, digest: hashes.HashAlgorithm
    ) -> bytes:
        status, content = "0", b""
        if self.refusal is not None:
            status = "2"
        elif self.pending:
            self.pending -= 1
            status = "3"
        else:
            assert self.csr is not None
            bundle = pkcs7.serialize_certificates([self._issue(self.csr)], Encoding.DER)
            content = enveloped.seal(bundle, own, cipher, urandom)
        nonce = found.attributes[scep.SENDER_NONCE]
        attributes = {
            scep.MESSAGE_TYPE: der.element(19, b"3"),
            scep.STATUS: der.element(19, status.encode()),
            scep.RECIPIENT_NONCE: nonce,
            scep.TRANSACTION: found.attributes[scep.TRANSACTION],
        }
        if self.refusal is not None:
            attributes[scep.FAIL_INFO] = der.element(19, str(self.refusal).encode())
        return signed.sign(content, attributes, self.signer, digest)

    def _issue(self, csr: x509.CertificateSigningRequest) -> x509.Certificate:
        if self.certificate is not None:
            return self.certificate
        whose = alternative.subject(self.subject) if self.subject else csr.subject
        key = csr.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        return issue(self.issuer, Subject(whose, key, request.names_of(csr)), NOW, YEAR, x509.random_serial_number())
