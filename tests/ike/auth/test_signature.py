"""Both ends prove themselves with signatures by keys that the other knows; what is wrong has its own sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ikevpn.ike.state.effects import Ask
from ikevpn.ike.values.question import Answer, Sign
from ikevpn.model.certificates import SendCertificate
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.events.reasons import advice, sentence
from ikevpn.model.identity import Identity
from ikevpn.model.tunnel import Phase1Mode
from ikevpn.wire.payload import Certificate, Signature
from ikevpn.wire.registry import Auth
from tests.ike.auth.cases import refused_by
from tests.ike.bench import ike_sas, only_sa
from tests.ike.signing import SigningBench, own, pinned, public
from tests.manners import bend

KINDS = {
    "rsa": Auth.RSA_SIGNATURE,
    "dsa": Auth.DSS_SIGNATURE,
    "ec256": Auth.ECDSA_P256,
    "ec384": Auth.ECDSA_P384,
    "ec521": Auth.ECDSA_P521,
}


@pytest.mark.parametrize("mode", Phase1Mode)
@pytest.mark.parametrize("kind", KINDS)
def test_both_ends_know_the_key_of_the_other(certificates: Path, kind: str, mode: Phase1Mode) -> None:
    bench = SigningBench(*pinned(certificates, kind, KINDS[kind], mode=mode))
    bench.up()
    assert bench.matched()
    assert "west" in str(only_sa(bench.b).peer_id) and "east" in str(only_sa(bench.a).peer_id)
    assert all(len(bench.of(name, Ask)) == 1 for name in "ab")


@pytest.mark.parametrize("mode", Phase1Mode)
def test_a_peer_that_sends_no_certificate_is_known_by_its_key(certificates: Path, mode: Phase1Mode) -> None:
    a, b = (
        replace(each, send_certificate=SendCertificate.NEVER) for each in pinned(certificates, "ec256", KINDS["ec256"])
    )
    bench = SigningBench(replace(a, mode=mode), replace(b, mode=mode))
    bench.up()
    assert bench.matched()


@pytest.mark.parametrize("name", "ab")
@pytest.mark.parametrize("mode", Phase1Mode)
def test_a_key_that_the_other_does_not_know(certificates: Path, mode: Phase1Mode, name: str) -> None:
    a, b = pinned(certificates, "rsa", mode=mode)
    other = (public(certificates, "old"),)
    a, b = (replace(a, peer_keys=other), b) if name == "a" else (a, replace(b, peer_keys=other))
    bench = SigningBench(a, b)
    bench.up()
    failed = refused_by(bench, name)
    assert failed.reason is Reason.UNTRUSTED_KEY and "remote_certificate" in " ".join(advice(failed))


def test_a_signature_by_another_key_than_that_of_the_certificate(certificates: Path) -> None:
    a, b = pinned(certificates, "rsa")
    wrong = replace(own(certificates, "west-rsa"), name=own(certificates, "old").name)
    bench = SigningBench(replace(a, own_keys=(wrong,)), b)
    bench.initiate()
    bench.run(0.1)
    dropped = [each for each in bench.b.events if each.code is Code.DATAGRAM_DROPPED]
    assert [each.reason for each in dropped] == [Reason.BAD_SIGNATURE] and not bench.b.sas
    assert "invalid-signature" in str(bench.a.events[-1].facts.get("notify"))
    bench.run(100)
    assert "signature" in sentence(refused_by(bench, "b")) and "secret" not in sentence(refused_by(bench, "b"))


def test_an_altered_signature(certificates: Path) -> None:
    bench = SigningBench(*pinned(certificates, "ec384", KINDS["ec384"]))
    flipped = bend.swapped(Signature, lambda each: Signature(bytes([each.data[0] ^ 1]) + each.data[1:]))
    with bend.payloads(bench.a, "main mode message 5", flipped):
        bench.initiate()
        bench.run(0.1)
    assert not bench.b.sas and Reason.BAD_SIGNATURE in bench.b.reasons(Code.DATAGRAM_DROPPED)


def test_a_certificate_that_does_not_parse(certificates: Path) -> None:
    bench = SigningBench(*pinned(certificates, "rsa"))
    cut = bend.swapped(Certificate, lambda each: Certificate(each.encoding, each.data[:-9]))
    with bend.payloads(bench.a, "main mode message 5", cut):
        bench.initiate()
        bench.run(0.1)
    assert not bench.b.sas and Reason.BAD_CERTIFICATE in bench.b.reasons(Code.DATAGRAM_DROPPED)


@pytest.mark.parametrize("mode", Phase1Mode)
def test_the_identity_that_a_tunnel_wants_counts(certificates: Path, mode: Phase1Mode) -> None:
    a, b = pinned(certificates, "rsa", mode=mode)
    bench = SigningBench(a, replace(b, any_remote_id=False, remote_id=Identity.of("south.example.com")))
    bench.up()
    assert refused_by(bench, "b").reason is Reason.WRONG_PEER_IDENTITY and not bench.b.sas


@pytest.mark.parametrize("mode", Phase1Mode)
@pytest.mark.parametrize("name", "ab")
def test_no_signature_can_be_had(certificates: Path, name: str, mode: Phase1Mode) -> None:
    bench = SigningBench(*pinned(certificates, "rsa", mode=mode))
    usual = bench.sign
    ours = bench.side(name).tunnel.own_keys[0].name
    bench.sign = lambda question: (
        Answer(trouble="the token is not there")
        if isinstance(question, Sign) and question.key == ours
        else usual(question)
    )
    bench.up()
    failed = refused_by(bench, name)
    assert failed.reason is Reason.CANNOT_SIGN and "the token is not there" in sentence(failed)
    assert not ike_sas(bench.side(name))


@pytest.mark.parametrize("mode", Phase1Mode)
@pytest.mark.parametrize("name", "ab")
def test_a_token_that_never_answers(certificates: Path, name: str, mode: Phase1Mode) -> None:
    bench = SigningBench(*pinned(certificates, "rsa", mode=mode))
    usual, ours = bench.sign, bench.side(name).tunnel.own_keys[0].name
    bench.sign = lambda question: None if isinstance(question, Sign) and question.key == ours else usual(question)
    bench.initiate()
    bench.run(14)
    asked = [each.question for each in bench.of(name, Ask) if isinstance(each, Ask)]
    assert len(asked) == 1 and ike_sas(bench.side(name)), "retransmissions ask for nothing more"
    bench.run(3)
    failed = refused_by(bench, name)
    assert failed.reason is Reason.CANNOT_SIGN and "no answer within 15 s" in sentence(failed)


def test_a_token_that_is_slow(certificates: Path) -> None:
    """The peer repeats its message meanwhile; nothing is asked twice, and all is well in the end."""
    bench = SigningBench(*pinned(certificates, "rsa"))
    bench.sign, usual = (lambda question: None), bench.sign
    for name in "ab":
        bench.initiate() if name == "a" else None
        bench.run(9)
        (ask,) = bench.of(name, Ask)
        assert isinstance(ask, Ask)
        side = bench.side(name)
        answer = usual(ask.question)
        assert answer is not None
        bench.perform(side, side.engine.answer(ask.ticket, answer, bench.now))
        bench.run(0.1)
    assert bench.matched()


def test_several_keys_fit_and_none_is_named(certificates: Path) -> None:
    a, b = pinned(certificates, "rsa")
    bench = SigningBench(replace(a, own_keys=(*a.own_keys, own(certificates, "west-direct"))), b)
    bench.up()
    failed = refused_by(bench, "a")
    assert failed.reason is Reason.SEVERAL_KEYS and "west-direct.key" in sentence(failed)
