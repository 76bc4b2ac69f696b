"""Enrolment in every dialect, with and without an RA, at once and later; what may not be accepted."""

from __future__ import annotations

from dataclasses import replace
from os import urandom

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ikevpn.errors import ConfigError, Malformed, NotAuthentic
from ikevpn.pki import alternative, keys, request
from ikevpn.pki.cms.signed import Signer
from ikevpn.pki.scep.capabilities import Capabilities
from ikevpn.pki.scep.enrolment import Enrolment, HttpRequest, Server, read_authority
from ikevpn.pki.scep.message import Reply, Status
from tests.pki.scep.server import NOW, ScriptedServer, rsa_key

OURS = rsa_key()
AT = Server("http://ca.example.net/scep", "vpn")
MODERN = "SCEPStandard\r\nAES\r\nPOSTPKIOperation\nSHA-256\nRenewal\n"


def enrolment(
    server: ScriptedServer, key: rsa.RSAPrivateKey = OURS, subject: str = "CN=paris", renewed: Signer | None = None
) -> Enrolment:
    names = alternative.alternative_names(["paris.example.com"])
    csr = request.make(key, alternative.subject(subject), names, "open sesame")
    authority = read_authority(server.fetch(AT.certificates()))
    capabilities = Capabilities.read(server.fetch(AT.capabilities()))
    return Enrolment(AT, authority, capabilities, key, csr, NOW, urandom, renewed)


def enrol(server: ScriptedServer, made: Enrolment) -> x509.Certificate:
    reply = made.answer(server.fetch(made.start()))
    assert reply.status is Status.SUCCESS
    return made.certificate(reply.certificates)


@pytest.mark.parametrize("with_ra", (False, True), ids=("CA", "RA"))
@pytest.mark.parametrize(
    ("words", "log"),
    (
        (MODERN, ("POST", "19", "AES_CBC", "sha256")),
        ("", ("GET", "19", "TRIPLE_DES_CBC", "sha1")),
        ("POSTPKIOperation", ("POST", "19", "TRIPLE_DES_CBC", "sha1")),
        ("AES\nSHA-512", ("GET", "19", "AES_CBC", "sha512")),
        ("<html>what do you mean?</html>", ("GET", "19", "TRIPLE_DES_CBC", "sha1")),
    ),
    ids=("modern", "old", "post", "aes", "html"),
)
def test_dialects(words: str, log: tuple[str, ...], with_ra: bool) -> None:
    server = ScriptedServer(words, with_ra)
    found = enrol(server, enrolment(server))
    assert found.subject.rfc4514_string() == "CN=paris"
    found.verify_directly_issued_by(server.root)
    assert server.log == [log]
    assert server.csr is not None
    assert server.csr.attributes.get_attribute_for_oid(x509.oid.AttributeOID.CHALLENGE_PASSWORD).value == b"open sesame"


def test_a_pending_request_is_polled() -> None:
    server = ScriptedServer(MODERN, pending=2)
    made = enrolment(server)
    assert made.answer(server.fetch(made.start())) == Reply(Status.PENDING)
    assert made.answer(server.fetch(made.poll())) == Reply(Status.PENDING)
    reply = made.answer(server.fetch(made.poll()))
    assert made.certificate(reply.certificates).public_key() == OURS.public_key()
    assert [kind for _, kind, *_ in server.log] == ["19", "20", "20"]


@pytest.mark.parametrize(("number", "words"), ((0, "does not support"), (2, "challenge password"), (9, "is not known")))
def test_a_refusal_in_words(number: int, words: str) -> None:
    server = ScriptedServer(MODERN, refusal=number)
    made = enrolment(server)
    reply = made.answer(server.fetch(made.start()))
    assert reply.status is Status.FAILURE and words in reply.failure


def test_a_renewal_is_signed_with_the_old_certificate() -> None:
    server = ScriptedServer(MODERN)
    old = enrol(server, enrolment(server))
    key = rsa_key()
    made = enrolment(server, key, renewed=Signer(old, OURS))
    found = enrol(server, made)
    assert found.public_key() == key.public_key() and server.log[-1][1] == "17"


def test_a_renewal_where_the_authority_knows_none() -> None:
    server = ScriptedServer("AES")
    old = enrol(server, enrolment(server))
    enrol(server, enrolment(server, rsa_key(), renewed=Signer(old, OURS)))
    assert server.log[-1][1] == "19"


def test_a_renewal_that_changes_the_names() -> None:
    server = ScriptedServer(MODERN)
    old = enrol(server, enrolment(server))
    server.subject = "CN=elsewhere"
    with pytest.raises(
        NotAuthentic, match="changed the subject from CN=paris to CN=elsewhere: the old certificate is kept"
    ):
        enrol(server, enrolment(server, rsa_key(), renewed=Signer(old, OURS)))
    server.subject = ""
    made = enrolment(server, rsa_key(), renewed=Signer(old, OURS))
    made.csr = request.make(made.key, old.subject)
    with pytest.raises(NotAuthentic, match="changed the subjectAltName"):
        enrol(server, made)


def test_a_certificate_for_another_key() -> None:
    server = ScriptedServer(MODERN)
    server.certificate = server.root
    with pytest.raises(NotAuthentic, match="no certificate for the key"):
        enrol(server, enrolment(server))


def test_an_answer_that_was_sent_before() -> None:
    server = ScriptedServer(MODERN)
    made = enrolment(server)
    earlier = server.fetch(made.start())
    made.start()
    with pytest.raises(NotAuthentic, match="for another request"):
        made.answer(earlier)


def test_an_answer_of_another_authority() -> None:
    server, other = ScriptedServer(MODERN), ScriptedServer(MODERN)
    made, elsewhere = enrolment(server), enrolment(other)
    with pytest.raises(NotAuthentic, match="the signature of the message is wrong"):
        made.answer(other.fetch(elsewhere.start()))


@pytest.mark.parametrize("octets", (b"", b"<html>", b"0\x80"))
def test_answers_that_are_none(octets: bytes) -> None:
    made = enrolment(ScriptedServer(MODERN))
    made.start()
    with pytest.raises(Malformed):
        made.answer(octets)


def test_keys_and_subjects_that_cannot_be() -> None:
    server = ScriptedServer(MODERN)
    authority, capabilities = read_authority(server.fetch(AT.certificates())), Capabilities()
    key = keys.make("ec")
    csr = request.make(key, alternative.subject("CN=paris"))
    with pytest.raises(ConfigError, match="needs an RSA key"):
        Enrolment(AT, authority, capabilities, key, csr, NOW, urandom)
    bare = request.make(OURS, alternative.subject(""), alternative.alternative_names(["paris"]))
    with pytest.raises(ConfigError, match="write --subject"):
        Enrolment(AT, authority, capabilities, OURS, bare, NOW, urandom)


def test_the_urls() -> None:
    assert AT.capabilities() == HttpRequest("http://ca.example.net/scep?operation=GetCACaps&message=vpn")
    plain = replace(AT, url="http://ca/x?ca=1", identity="")
    assert plain.certificates().url == "http://ca/x?ca=1&operation=GetCACert"
    assert plain.operation(b"\xff\xff", by_post=False).url.endswith("operation=PKIOperation&message=%2F%2F8%3D")
    assert plain.operation(b"x", by_post=True) == HttpRequest("http://ca/x?ca=1&operation=PKIOperation", b"x")
