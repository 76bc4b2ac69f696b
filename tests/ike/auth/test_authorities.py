"""Trust through authorities: what is asked for and presented, what is asked outside, what an answer is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ikevpn.ike.state.effects import Ask
from ikevpn.ike.values.question import Answer, Distrust, Question, Validate
from ikevpn.model.certificates import SendCertificate
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.events.reasons import sentence
from ikevpn.model.identity import Identity
from ikevpn.model.tunnel import Phase1Mode, Tunnel
from ikevpn.pki.certificate import Certificate as Parsed
from ikevpn.wire.payload import Certificate, CertificateRequest
from ikevpn.wire.registry import Auth, CertificateEncoding
from tests.ike.auth.cases import refused_by
from tests.ike.bench import AES, Bench, ike_sas, only_sa, other_side, tunnel
from tests.ike.signing import SigningBench, authority, der, own
from tests.manners import bend
from tests.pki.openssl import openssl

Validator = Callable[[Question], Answer | None]


def trusting(folder: Path, *roots: str, **changes: object) -> tuple[Tunnel, Tunnel]:
    """Both ends have a certificate below `second`, and believe these roots; they call themselves by their subjects."""
    west, east = (own(folder, f"{each}-rsa", "second", "first") for each in ("west", "east"))
    ours = tunnel(
        psk=None,
        ike_proposals=(replace(AES, auth=Auth.RSA_SIGNATURE),),
        local_id=west.identity,
        remote_id=east.identity,
    )
    ours = replace(ours, authorities=tuple(authority(folder, each) for each in roots), **changes)  # type: ignore[arg-type]
    return replace(ours, own_keys=(west,)), replace(other_side(ours), own_keys=(east,))


def everybody(question: Question) -> Answer:
    """All authorities that are asked about vouch."""
    assert isinstance(question, Validate)
    return Answer(frozenset(each.certificate for each in question.authorities))


def nobody(rule: str) -> Validator:
    return lambda question: Answer(Distrust(rule, "the path ends at CN=other"))


def asked(bench: Bench, name: str) -> list[Validate]:
    found = (each.question for each in bench.of(name, Ask) if isinstance(each, Ask))
    return [each for each in found if isinstance(each, Validate)]


@pytest.mark.parametrize("mode", Phase1Mode)
def test_an_authority_vouches_for_both(certificates: Path, mode: Phase1Mode) -> None:
    bench = SigningBench(*trusting(certificates, "root", mode=mode), everybody)
    bench.up()
    assert bench.matched()
    for name, other in (("a", "east"), ("b", "west")):
        (question,) = asked(bench, name)
        assert question.certificate == der(certificates, f"{other}-rsa")
        assert question.presented == (der(certificates, "second"), der(certificates, "first"))
        assert [each.certificate for each in question.authorities] == [der(certificates, "root")]


@pytest.mark.parametrize("name", "ab")
@pytest.mark.parametrize(
    ("rule", "notify"), (("unknown-authority", "invalid-cert-authority"), ("expired", "invalid-certificate"))
)
def test_nobody_vouches(certificates: Path, name: str, rule: str, notify: str) -> None:
    bench = SigningBench(*trusting(certificates, "root"))
    bench.validate = lambda question: (nobody(rule) if bench.asking == name else everybody)(question)
    bench.up()
    failed = refused_by(bench, name)
    assert failed.reason is Reason.UNTRUSTED_CERTIFICATE and "the path ends at CN=other" in sentence(failed)
    assert failed.facts["notify"] == notify and not bench.side(name).sas and not ike_sas(bench.side(name))
    bench.run(100)
    assert not bench.a.sas and not bench.b.sas


def test_in_aggressive_mode_anybody_may_have_answered_so_that_we_wait_for_the_peer(certificates: Path) -> None:
    bench = SigningBench(*trusting(certificates, "root", mode=Phase1Mode.AGGRESSIVE))
    bench.validate = lambda question: (nobody("expired") if bench.asking == "a" else everybody)(question)
    bench.up()
    assert ike_sas(bench.a) and bench.a.reasons(Code.DATAGRAM_DROPPED) == [Reason.UNTRUSTED_CERTIFICATE]
    bench.run(100)
    assert refused_by(bench, "a").reason is Reason.UNTRUSTED_CERTIFICATE


def test_no_answer_in_time(certificates: Path) -> None:
    bench = SigningBench(*trusting(certificates, "root"))
    bench.validate = lambda question: None if bench.asking == "b" else everybody(question)
    bench.initiate()
    bench.run(21)
    failed = refused_by(bench, "b")
    assert failed.reason is Reason.UNANSWERED and "no answer within 20 s" in sentence(failed)


@pytest.mark.parametrize("mode", Phase1Mode)
def test_a_certificate_for_somebody_else_is_not_even_asked_about(certificates: Path, mode: Phase1Mode) -> None:
    a, b = trusting(certificates, "root", mode=mode)
    other = Identity.of("south.example.com")
    bench = SigningBench(replace(a, local_id=other), replace(b, remote_id=other), everybody)
    bench.up()
    failed = refused_by(bench, "b")
    assert failed.reason is Reason.IDENTITY_NOT_CERTIFIED and not asked(bench, "b")
    assert failed.facts["notify"] == "invalid-id-information" and "west.example.com" in sentence(failed)


def test_a_stranger_that_nobody_expects_is_not_asked_about(certificates: Path) -> None:
    a, b = trusting(certificates, "root")
    bench = SigningBench(replace(a, local_id=Identity.of("west@example.com")), b, everybody)
    bench.up()
    assert refused_by(bench, "b").reason is Reason.WRONG_PEER_IDENTITY and not asked(bench, "b")


@pytest.mark.parametrize("text", ("west.example.com", "west@example.com", "192.0.2.1"))
def test_identities_of_the_subject_alternative_name(certificates: Path, text: str) -> None:
    a, b = trusting(certificates, "root")
    bench = SigningBench(replace(a, local_id=Identity.of(text)), replace(b, remote_id=Identity.of(text)), everybody)
    bench.up()
    assert bench.matched() and str(only_sa(bench.b).peer_id) == text


def test_an_authority_of_another_tunnel_does_not_count(certificates: Path) -> None:
    """We believe `other` for somebody else: who is vouched for by it alone does not get in here."""
    a, b = trusting(certificates, "root")
    bench = SigningBench(a, b)
    elsewhere = authority(certificates, "other")
    bench.b.engine.add_tunnel(replace(b, name="third", authorities=(elsewhere,)))

    def vouches(question: Question) -> Answer:
        assert isinstance(question, Validate)
        return Answer(frozenset({elsewhere.certificate})) if bench.asking == "b" else everybody(question)

    bench.validate = vouches
    bench.up()
    assert only_sa(bench.b).name == "third"
    bench.b.engine.remove_tunnel("third")
    again = SigningBench(a, b, vouches)
    bench = again
    again.up()
    assert refused_by(again, "b").reason is Reason.UNTRUSTED_KEY


def test_the_authority_is_taken_from_the_tunnel(certificates: Path) -> None:
    """A peer that is up rests on what the configuration says now."""
    a, b = trusting(certificates, "root")
    bench = SigningBench(a, b, everybody)
    bench.up()
    bench.b.engine.add_tunnel(replace(b, authorities=(authority(certificates, "other"),)))
    bench.perform(bench.a, bench.a.engine.rekey("ab", bench.now, "net"))
    bench.run(1)
    assert Code.PHASE2_FAILED in bench.b.codes()


def test_each_authority_is_requested_by_name(certificates: Path) -> None:
    a, b = trusting(certificates, "root", "ec-root")
    bench = SigningBench(a, b, everybody)
    seen: list[CertificateRequest] = []
    with bend.payloads(bench.a, "main mode message 3", lambda payloads: _noted(seen, payloads)):
        bench.up()
    names = [authority(certificates, each).name for each in ("root", "ec-root")]
    assert [(each.encoding, each.data) for each in seen] == [
        (CertificateEncoding.X509_SIGNATURE, name) for name in names
    ]
    assert bench.matched()


@pytest.mark.parametrize(
    ("send", "wanted", "sent"),
    (
        (SendCertificate.ALWAYS, False, True),
        (SendCertificate.ON_REQUEST, False, False),
        (SendCertificate.ON_REQUEST, True, True),
        (SendCertificate.NEVER, True, False),
    ),
)
def test_when_our_certificate_is_sent(certificates: Path, send: SendCertificate, wanted: bool, sent: bool) -> None:
    a, b = trusting(certificates, "root")
    bench = SigningBench(replace(a, send_certificate=send), b, everybody)
    seen: list[Certificate] = []
    without = bend.without(CertificateRequest) if not wanted else lambda payloads: payloads
    with (
        bend.payloads(bench.b, "main mode message 4", without),
        bend.payloads(bench.a, "main mode message 5", lambda payloads: _certificates(seen, payloads)),
    ):
        bench.up()
    assert bool(seen) is sent
    if not sent:
        assert refused_by(bench, "b").reason is Reason.NO_CERTIFICATE


def test_what_the_peer_requests_decides_between_keys(certificates: Path) -> None:
    a, b = trusting(certificates, "root")
    stranger = own(certificates, "stranger")
    bench = SigningBench(replace(a, own_keys=(stranger, *a.own_keys)), b, everybody)
    bench.up()
    assert bench.matched()


def test_a_request_for_somebody_else_is_no_reason_to_stop(certificates: Path) -> None:
    """It asks for certificates by another authority; the only one that we have is sent all the same."""
    a, b = trusting(certificates, "root")
    bench = SigningBench(a, replace(b, authorities=(authority(certificates, "other"),)), everybody)
    bench.up()
    assert bench.matched()


def test_intermediates_in_pkcs7_as_windows_sends_them(certificates: Path) -> None:
    a, b = trusting(certificates, "root")
    words = ("crl2pkcs7", "-nocrl", "-certfile", certificates / "west-rsa.chain", "-outform", "der")
    bundle = Certificate(CertificateEncoding.PKCS7, openssl(*words))
    west = replace(a.own_keys[0], chain=a.own_keys[0].chain[:1])
    bench = SigningBench(replace(a, own_keys=(west,)), b, everybody)
    with bend.payloads(bench.a, "main mode message 5", bend.more(bundle)):
        bench.up()
    (question,) = asked(bench, "b")
    assert question.presented == (der(certificates, "second"), der(certificates, "first")) and bench.matched()


def test_a_crl_is_handed_on_and_what_nobody_knows_is_left_alone(certificates: Path) -> None:
    a, b = trusting(certificates, "root")
    crl = openssl("crl", "-in", certificates / "second.crl", "-outform", "der")
    more = (Certificate(CertificateEncoding.CRL, crl), Certificate(CertificateEncoding.PGP, b"?"))
    bench = SigningBench(a, b, everybody)
    with bend.payloads(bench.a, "main mode message 5", bend.more(*more)):
        bench.up()
    (question,) = asked(bench, "b")
    assert question.crls == (crl,) and len(question.presented) == 2 and bench.matched()


def test_the_own_certificate_need_not_come_first(certificates: Path) -> None:
    a, b = trusting(certificates, "root")
    west = replace(a.own_keys[0], chain=a.own_keys[0].chain[::-1])
    bench = SigningBench(replace(a, own_keys=(west,)), b, everybody)
    bench.up()
    assert (
        bench.matched() and Parsed.read(asked(bench, "b")[0].certificate).subject == Parsed.read(west.chain[-1]).subject
    )


def test_a_known_key_needs_nobody_to_vouch_for_it(certificates: Path) -> None:
    a, b = trusting(certificates, "root")
    known = Parsed.read(der(certificates, "west-rsa")).key_info
    bench = SigningBench(a, replace(b, peer_keys=(known,)), everybody)
    bench.up()
    assert bench.matched() and not asked(bench, "b")


def _noted(seen: list[CertificateRequest], payloads: list[object]) -> list[object]:
    seen += [each for each in payloads if isinstance(each, CertificateRequest)]
    return payloads


def _certificates(seen: list[Certificate], payloads: list[object]) -> list[object]:
    seen += [each for each in payloads if isinstance(each, Certificate)]
    return payloads
