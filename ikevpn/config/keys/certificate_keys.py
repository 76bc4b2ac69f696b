"""The keys of a tunnel for authentication with signatures: our private key and certificate, and whom we believe."""

from __future__ import annotations

from dataclasses import dataclass

from ikevpn.config.keys.key import Table, key
from ikevpn.config.keys.kinds import Choice, Many, Word
from ikevpn.config.keys.secret_table import SECRET, SecretTable
from ikevpn.model.certificates import Revocation, SendCertificate

_FILE = Word("a file name", r"[^\0]+")


@dataclass(frozen=True, kw_only=True)
class CertificateFile:
    """A file with certificates, as seen from the folder of the configuration file."""

    file: str = key(_FILE, "PEM (any number of certificates), DER, PKCS#7 or PKCS#12.", '"paris.pem"')


@dataclass(frozen=True, kw_only=True)
class AuthorityFile:
    """A file with authorities, and how it is known whether they have revoked a certificate."""

    file: str = key(_FILE, "PEM (any number of certificates), DER, PKCS#7 or PKCS#12.", '"lab.crt"')
    crl: tuple[str, ...] = key(
        Many(_FILE),
        "Files with CRLs of the authority and of those below it, as seen from the folder of the configuration file. "
        "One that has changed is read again.",
        '"lab.crl"',
        (),
        "none: but what the peer sends counts",
    )
    revocation: Revocation | None = key(
        Choice(Revocation),
        "Whether a certificate of which no good CRL says that it is not revoked is refused (`strict`) or accepted "
        "(`best-effort`); `none`: CRLs do not matter.",
        '"best-effort"',
        None,
        "with `crl` strict, else none",
    )


@dataclass(frozen=True, kw_only=True)
class PrivateKeyFile:
    """A file with a private key, as seen from the folder of the configuration file."""

    file: str = key(
        _FILE,
        "PEM, DER (PKCS#1, SEC 1, PKCS#8) or PKCS#12, which may hold the certificates too. It must be private: "
        "`chmod 600`.",
        '"paris.key"',
    )
    passphrase: SecretTable | None = key(
        SECRET, "What opens an encrypted key.", '{ file = "paris.passphrase" }', None, "the key is not encrypted"
    )


CERTIFICATES = Table(CertificateFile, '{ file = "ca.pem" }', several=True, or_one=True)
AUTHORITIES = Table(AuthorityFile, '{ file = "ca.pem" }', several=True, or_one=True)
CERTIFICATE = Table(CertificateFile, '{ file = "paris.pem" }')
PRIVATE_KEYS = Table(PrivateKeyFile, '{ file = "paris.key" }', several=True, or_one=True)


@dataclass(frozen=True, kw_only=True)
class CertificateKeys:
    """Part of `schema.TunnelTable`."""

    private_key: tuple[PrivateKeyFile, ...] = key(
        PRIVATE_KEYS,
        "Our private key, with which we authenticate ourselves in place of a pre-shared key. With several, a list: the "
        "proposal that is agreed on and the authority that the peer requests decide.",
        '{ file = "berlin.key" }',
        (),
        "none: a pre-shared key",
    )
    certificate: tuple[CertificateFile, ...] = key(
        CERTIFICATES,
        "Our certificate, and those between it and its root, which are sent with it. With several keys, a list.",
        '{ file = "berlin.pem" }',
        (),
        "the peer knows our key",
    )
    send_certificate: SendCertificate = key(
        Choice(SendCertificate),
        "When our certificate is sent. `on-request`: when the peer requests one; some gateways never do.",
        '"on-request"',
        SendCertificate.ALWAYS,
    )
    authorities: tuple[AuthorityFile, ...] = key(
        AUTHORITIES,
        "The authorities that may vouch for the peer: its certificate is accepted if one of them issued it, or one "
        "below them whose certificate the peer sends. Each certificate in the files is an authority.",
        '[{ file = "ca.pem" }]',
        (),
        "none: the peer needs `remote_certificate`",
    )
    remote_certificate: CertificateFile | None = key(
        CERTIFICATE,
        "The certificate of the peer, or its public key. A peer that has this key is accepted, whoever issued its "
        "certificate, and without `remote_id` under any identity.",
        '{ file = "paris.pem" }',
        None,
        "what the peer sends",
    )
