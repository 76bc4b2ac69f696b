"""From the keys about certificates to what the engine needs of them, and the private keys by name for who signs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key

from ikevpn.config.finding import Unfit
from ikevpn.config.keys.certificate_keys import AuthorityFile, CertificateFile, PrivateKeyFile
from ikevpn.config.keys.schema import TunnelTable
from ikevpn.config.keys.walk import Walk
from ikevpn.config.toml import files
from ikevpn.config.toml.document import Keys
from ikevpn.config.toml.secrets import check_private
from ikevpn.config.tunnel.secret_source import build_secret
from ikevpn.config.tunnel.signing import Signing
from ikevpn.crypto.signatures import PrivateKey, PublicKey, method_of
from ikevpn.errors import ConfigError
from ikevpn.model.certificates import Authority, OwnKey, Revocation
from ikevpn.model.identity import OWN_SUBJECT, Identity
from ikevpn.model.secret import Secret
from ikevpn.pki import certified, containers
from ikevpn.pki import keys as private_keys
from ikevpn.pki.certificate import BadCertificate, key_info, read_key
from ikevpn.pki.contents import belongs
from ikevpn.wire.registry import IdType

_LONGEST = 1 << 20


class _Own(NamedTuple):
    path: Path
    key: PrivateKey
    certificates: tuple[x509.Certificate, ...]


def build_signing(walk: Walk, table: TunnelTable, keys: Keys) -> Signing:
    """What a tunnel says of signatures; findings where a file is not what it should be."""
    named = list(_certificates(walk, table.certificate, (*keys, "certificate")))
    loaded = [_private_key(walk, each, place) for each, place in _placed(table.private_key, (*keys, "private_key"))]
    known = [each for each in loaded if each is not None]
    asks_subject = table.local_id == OWN_SUBJECT
    own = tuple(_own_key(each, named, asks_subject) for each in known)
    _check_pairs(walk, table, named, known, keys)
    _check_identity(walk, table, own, keys)
    peer = _peer_keys(walk, table.remote_certificate, (*keys, "remote_certificate"))
    believed = _authorities(walk, table.authorities, (*keys, "authorities"))
    folder = walk.document.path.parent
    tables = (
        *table.certificate,
        *table.private_key,
        *table.authorities,
        *([table.remote_certificate] if table.remote_certificate else ()),
    )
    return Signing(
        own,
        peer,
        believed,
        {str(each.path): Secret(private_keys.write(each.key, encoding=Encoding.DER)) for each in known},
        tuple(str(folder / each.file) for each in tables),
    )


def _placed(tables: Sequence[PrivateKeyFile], keys: Keys) -> list[tuple[PrivateKeyFile, Keys]]:
    return [(each, (*keys, index) if len(tables) > 1 else keys) for index, each in enumerate(tables)]


def _certificates(walk: Walk, tables: Sequence[CertificateFile | AuthorityFile], keys: Keys) -> list[x509.Certificate]:
    found: list[x509.Certificate] = []
    for table in tables:
        path = walk.document.path.parent / table.file
        try:
            found += containers.certificates(_read(path).octets)
        except ConfigError as error:
            walk.error(keys, _unfit(path, error))
        except Unfit as unfit:
            walk.error(keys, unfit)
    return found


def _authorities(walk: Walk, tables: Sequence[AuthorityFile], keys: Keys) -> tuple[Authority, ...]:
    """Each certificate of a file is one, under the conditions of its table. A list need not be there yet."""
    found = []
    for table in tables:
        folder = walk.document.path.parent
        lists = tuple(str(folder / each) for each in table.crl)
        revocation = table.revocation or (Revocation.STRICT if lists else Revocation.NONE)
        for missing in (each for each in lists if not Path(each).exists()):
            sentence = f"there is no CRL {missing} yet, and strict refuses every certificate without one."
            if revocation is Revocation.STRICT:
                walk.warn(keys, Unfit(sentence, "Fetch it: `ikevpn pki fetch-crl`", "no-crl"))
        for each in _certificates(walk, [table], keys):
            found.append(Authority(each.public_bytes(Encoding.DER), each.subject.public_bytes(), revocation, lists))
    return tuple(found)


def _private_key(walk: Walk, table: PrivateKeyFile, keys: Keys) -> _Own | None:
    path = walk.document.path.parent / table.file
    passphrase = build_secret(walk, table.passphrase, (*keys, "passphrase")) if table.passphrase else None
    if table.passphrase and passphrase is None:
        return None
    try:
        file = _read(path)
        check_private(path, file.status)
        loaded = private_keys.read(file.octets, passphrase)
    except ConfigError as error:
        walk.error(keys, _unfit(path, error))
        return None
    except Unfit as unfit:
        walk.error(keys, unfit)
        return None
    if method_of(loaded.key) is None:
        walk.error(keys, Unfit(f"{path}: {private_keys.describe(loaded.key)} is not used for signatures in IKE."))
        return None
    return _Own(path, loaded.key, loaded.certificates)


def _read(path: Path) -> files.File:
    try:
        file = files.read(path, _LONGEST)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Unfit(f"the file {path} cannot be read: {reason}.", code="unreadable-file") from None
    if not file.is_regular:
        raise Unfit(f"{path} is not a regular file.", "Name a file.", "unreadable-file")
    return file


def _unfit(path: Path, error: ConfigError) -> Unfit:
    return Unfit(f"{path}: {error}.", error.fix, error.reason)


def _identity(ours: x509.Certificate, asks_subject: bool) -> Identity:
    """The name of this host where the certificate is for it, as ScreenOS has it, else the subject."""
    subject = Identity(IdType.DN, ours.subject.public_bytes())
    return subject if asks_subject else certified.own_identity(ours, os.uname().nodename) or subject


def _own_key(own: _Own, named: list[x509.Certificate], asks_subject: bool) -> OwnKey:
    """The certificate is that with the public key; above it stands what leads on, up to what issued itself."""
    auth = method_of(own.key)
    assert auth is not None
    everything = [*own.certificates, *named]
    ours = next((each for each in everything if belongs(each, own.key)), None)
    if ours is None:
        return OwnKey(str(own.path), auth)
    above = _above(ours, everything)
    sent = (ours, *(each for each in above if each.subject != each.issuer))
    return OwnKey(
        name=str(own.path),
        auth=auth,
        chain=tuple(each.public_bytes(Encoding.DER) for each in sent),
        issuers=tuple(each.issuer.public_bytes() for each in (ours, *above)),
        identity=_identity(ours, asks_subject),
    )


def _above(certificate: x509.Certificate, known: list[x509.Certificate]) -> list[x509.Certificate]:
    """The certificates of its issuer, of that one's issuer, and so on; each once."""
    found: list[x509.Certificate] = []
    while certificate.issuer != certificate.subject:
        left = (each for each in known if each.subject == certificate.issuer and each not in found)
        issuer = next(left, None)
        if issuer is None:
            break
        found.append(issuer)
        certificate = issuer
    return found


def _check_pairs(walk: Walk, table: TunnelTable, named: list[x509.Certificate], own: list[_Own], keys: Keys) -> None:
    """A certificate without its key is of no use."""
    place = (*keys, "certificate")
    if table.certificate and not table.private_key:
        walk.error(place, Unfit("it needs the private key.", f'Write private_key = {{ file = "{keys[-1]}.key" }}'))
    elif named and own and not any(belongs(each, one.key) for each in named for one in own):
        first = named[0].subject.rfc4514_string()
        sentence = f"the certificate of {first} belongs to another private key than {own[0].path}."
        walk.error(place, Unfit(sentence, "Name the files that belong together.", "wrong-key"))


def _check_identity(walk: Walk, table: TunnelTable, own: Sequence[OwnKey], keys: Keys) -> None:
    """An identity that no certificate of ours has is of no use either."""
    ours = [x509.load_der_x509_certificate(each.chain[0]) for each in own if each.chain]
    place = (*keys, "local_id")
    if table.local_id == OWN_SUBJECT and not ours:
        sentence = "[DistinguishedName] is the subject of our certificate, and there is none."
        walk.error(place, Unfit(sentence, "Write certificate, or another local_id."))
    if table.local_id in (None, OWN_SUBJECT) or not ours:
        return
    if not any(certified.certifies(each, table.local_id) for each in ours):
        names = ", ".join(str(name) for each in ours for name in certified.identities(each))
        sentence = f"our certificate does not have {table.local_id}, and most peers refuse that; it has {names}."
        walk.warn(place, Unfit(sentence, "Write one of these, or leave local_id out.", "not-certified"))


def _peer_keys(walk: Walk, table: CertificateFile | None, keys: Keys) -> tuple[bytes, ...]:
    """The public key of the peer, from its certificate or alone."""
    if table is None:
        return ()
    path = walk.document.path.parent / table.file
    try:
        octets = _read(path).octets
        key = load_pem_public_key(octets) if b"BEGIN PUBLIC KEY" in octets else _public_key(octets)
        if not isinstance(key, PublicKey) or method_of(key) is None:
            raise ConfigError("its key is of a kind that is not used for signatures in IKE", reason="bad-key")
        return (key_info(key),)
    except (ConfigError, BadCertificate) as error:
        walk.error(keys, Unfit(f"{path}: {error}.", code=error.reason))
    except ValueError:
        walk.error(keys, Unfit(f"{path}: the public key is damaged.", code="bad-key"))
    except Unfit as unfit:
        walk.error(keys, unfit)
    return ()


def _public_key(octets: bytes) -> object:
    """Of the first certificate, or of a public key in DER."""
    try:
        return containers.certificates(octets)[0].public_key()
    except ConfigError:
        try:
            return read_key(octets)
        except BadCertificate:
            pass
        raise
