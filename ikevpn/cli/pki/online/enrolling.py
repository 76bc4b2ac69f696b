"""The course of an enrolment by SCEP, seen from the command: who the authority is, what is asked, what comes back."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from ikevpn.cli import render
from ikevpn.cli.pki.online import http
from ikevpn.cli.pki.shared import Asked, Passphrase, PkiContext
from ikevpn.errors import ConfigError, IkevpnError
from ikevpn.pki import containers, contents, describe, keys, request
from ikevpn.pki.certified import alternative_names
from ikevpn.pki.cms.signed import Signer
from ikevpn.pki.scep.capabilities import Capabilities
from ikevpn.pki.scep.enrolment import Enrolment, Server, check_key, read_authority
from ikevpn.pki.scep.message import Authority, Reply, Status


@dataclass(frozen=True)
class Wish:
    """What is asked for: a request and its key, the octets to keep a new key as, and what is replaced."""

    key: keys.PrivateKey
    new_key: bytes | None
    csr: x509.CertificateSigningRequest
    renewed: Signer | None = None


def new(context: PkiContext, name: str, asked: Asked, kind: str, passphrase: Passphrase, challenge: str) -> Wish:
    """A first certificate, for a key of which there may be one."""
    subject, names = asked.subject, asked.names
    key, new_key = context.key_for(name, kind, passphrase)
    check_key(key)
    return Wish(key, new_key, request.make(key, subject, names, challenge))


def renewal(context: PkiContext, name: str, kind: str, passphrase: Passphrase, challenge: str) -> Wish:
    """Another one for the same names, signed for with the old one, and a key of its own."""
    old, old_key = context.certificate(name)[0], context.key(name, passphrase)
    if not isinstance(old_key, rsa.RSAPrivateKey):
        raise ConfigError("SCEP renews certificates of RSA keys only", reason="bad-key")
    made = keys.make(kind)
    found = alternative_names(old)
    names = x509.SubjectAlternativeName(found) if found else None
    csr = request.make(made, old.subject, names, challenge)
    return Wish(made, keys.write(made, passphrase.for_writing(name)), csr, Signer(old, old_key))


def authority_of(server: Server, fingerprint: str) -> Authority:
    """The certificates of the authority, which somebody confirms. Raises ConfigError unless they are right."""
    found = read_authority(http.fetch(server.certificates()))
    own = [describe.fingerprint(found.root, digest) for digest in (hashes.SHA256(), hashes.SHA1())]  # noqa: S303
    render.say(f"authority {describe.name(found.root.subject)}")
    render.say(f"SHA-256 fingerprint: {own[0]}")
    if fingerprint:
        if _digits(fingerprint) not in map(_digits, own):
            sentence = "the authority's certificate has another fingerprint: it may be a forged one"
            raise ConfigError(sentence, reason="wrong-fingerprint")
    elif not sys.stdin.isatty():
        sentence = "the authority's certificate is not confirmed: compare the fingerprint and write --fingerprint"
        raise ConfigError(sentence, reason="no-fingerprint")
    else:
        click.confirm("Is this the fingerprint that the authority published?", abort=True, err=True)
    return found


def capabilities_of(server: Server) -> Capabilities:
    """An authority of before RFC 8894 may not know the question, and answers whatever it likes."""
    try:
        return Capabilities.read(http.fetch(server.capabilities()))
    except IkevpnError:
        return Capabilities()


def answered(enrolment: Enrolment, poll_s: int, sleep: Callable[[float], None] = time.sleep) -> Reply:
    """The answer, asked for again while it is pending. Raises IkevpnError where it is a refusal."""
    reply = enrolment.answer(http.fetch(enrolment.start()))
    while reply.status is Status.PENDING:
        if not poll_s:
            raise IkevpnError("the request is pending: the authority has not decided yet", reason="pending")
        render.say(f"the request is pending; asking again in {poll_s} s")
        sleep(poll_s)
        reply = enrolment.answer(http.fetch(enrolment.poll()))
    if reply.status is Status.FAILURE:
        raise IkevpnError(f"the authority refuses: {reply.failure}", reason="refused")
    return reply


def enrol(context: PkiContext, server: Server, authority: Authority, wish: Wish, poll_s: int) -> containers.Chain:
    """The certificate and those between it and the root."""
    capabilities = capabilities_of(server)
    enrolment = Enrolment(server, authority, capabilities, wish.key, wish.csr, context.now, os.urandom, wish.renewed)
    reply = answered(enrolment, poll_s)
    own = enrolment.certificate(reply.certificates)
    chain, _ = contents.chain((own, *reply.certificates, *authority.certificates), wish.key)
    _check_issuer(own, (*reply.certificates, *authority.certificates))
    return chain


def _check_issuer(own: x509.Certificate, known: tuple[x509.Certificate, ...]) -> None:
    for each in known:
        try:
            own.verify_directly_issued_by(each)
        except Exception:  # noqa: S112 - of whatever kind: it is not this one
            continue
        return
    raise IkevpnError("the certificate is not signed by the authority that was asked", reason="wrong-issuer")


def _digits(fingerprint: str) -> str:
    return fingerprint.replace(":", "").replace(" ", "").lower()
