"""Requests for certificates, PKCS#10 (RFC 2986). Pure."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import AttributeOID

from ikevpn.errors import ConfigError
from ikevpn.pki.keys import PrivateKey, digest_for
from ikevpn.pki.reading import WRONG, check, extension


def make(
    key: PrivateKey,
    subject: x509.Name,
    names: x509.SubjectAlternativeName | None = None,
    challenge: str = "",
) -> x509.CertificateSigningRequest:
    """A request that the key has signed. Without a subject the names are critical (RFC 5280 §4.2.1.6)."""
    if not list(subject) and names is None:
        raise ConfigError("a request needs a subject or a name", reason="bad-name")
    builder = x509.CertificateSigningRequestBuilder(subject)
    if names is not None:
        builder = builder.add_extension(names, critical=not list(subject))
    builder = builder.add_extension(usage(), critical=True)
    if challenge:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, challenge.encode())
    return builder.sign(key, digest_for(key))


def read(octets: bytes) -> x509.CertificateSigningRequest:
    """From PEM or DER, its signature checked. Raises ConfigError."""
    pem = b"-----BEGIN" in octets
    try:
        found = (x509.load_pem_x509_csr if pem else x509.load_der_x509_csr)(
            octets.replace(b"NEW CERTIFICATE REQUEST", b"CERTIFICATE REQUEST") if pem else octets
        )
        good = check(found).is_signature_valid
    except WRONG as error:
        sentence = f"this is no certificate request (PKCS#10) in PEM or DER, or it is damaged ({error})"
        raise ConfigError(sentence, reason="bad-request") from None
    if not good:
        raise ConfigError("the signature of the certificate request is wrong: it was altered", reason="bad-request")
    return found


def names_of(request: x509.CertificateSigningRequest) -> x509.SubjectAlternativeName | None:
    """The subjectAltName that is asked for."""
    return extension(request, x509.SubjectAlternativeName)


def usage(authority: bool = False, encipherment: bool = False) -> x509.KeyUsage:
    """Of an end of IKE: signatures (RFC 4945 §5.1.3.2); of an authority: certificates and CRLs; with SCEP (RFC 8894
    §2.3) the answer is encrypted for the key, too.
    """
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
