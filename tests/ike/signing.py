"""Two engines that authenticate with the test PKI, and the world that answers their questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ikevpn.crypto import signatures
from ikevpn.ike.state.effects import Ask, Effect
from ikevpn.ike.values.question import Answer, Question, Sign, Validate
from ikevpn.model.certificates import Authority, OwnKey
from ikevpn.model.tunnel import Tunnel
from ikevpn.pki import certified, keys
from ikevpn.pki.certificate import key_info
from ikevpn.wire.registry import Auth
from tests.ike.bench import AES, Bench, Side, other_side, tunnel

Answerer = Callable[[Question], Answer | None]
"""None: no answer comes."""


def certificate(folder: Path, name: str) -> x509.Certificate:
    """A certificate of the test PKI."""
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def der(folder: Path, name: str) -> bytes:
    return certificate(folder, name).public_bytes(Encoding.DER)


@cache
def _private(path: Path) -> signatures.PrivateKey:
    return keys.read(path.read_bytes()).key


def own(folder: Path, name: str, *above: str) -> OwnKey:
    """A private key with its certificate and those above it, which are sent."""
    auth = signatures.method_of(_private(folder / f"{name}.key"))
    assert auth is not None
    ours = certificate(folder, name)
    issuers = tuple(each.issuer.public_bytes() for each in (ours, *(certificate(folder, each) for each in above)))
    chain = tuple(der(folder, each) for each in (name, *above))
    return OwnKey(str(folder / f"{name}.key"), auth, chain, issuers, certified.identities(ours)[0])


def public(folder: Path, name: str) -> bytes:
    """The public key of a private one of the test PKI."""
    return key_info(_private(folder / f"{name}.key").public_key())


def authority(folder: Path, name: str) -> Authority:
    found = certificate(folder, name)
    return Authority(found.public_bytes(Encoding.DER), found.subject.public_bytes())


def pinned(folder: Path, kind: str, auth: Auth = Auth.RSA_SIGNATURE, **changes: object) -> tuple[Tunnel, Tunnel]:
    """Both ends of a tunnel between `west` and `east`, each of which knows the key of the other."""
    ours = tunnel(psk=None, ike_proposals=(replace(AES, auth=auth),), any_remote_id=True, answer_aggressive=False)
    ours = replace(ours, **changes)  # type: ignore[arg-type]
    west, east = own(folder, f"west-{kind}"), own(folder, f"east-{kind}")
    a = replace(ours, own_keys=(west,), peer_keys=(public(folder, f"east-{kind}"),))
    b = replace(other_side(ours), own_keys=(east,), peer_keys=(public(folder, f"west-{kind}"),))
    return a, b


def sign(question: Question) -> Answer:
    """As a key out of a file does."""
    assert isinstance(question, Sign)
    return Answer(signatures.sign(_private(Path(question.key)), question.hashed))


class SigningBench(Bench):
    """Questions are answered at once: signatures by the keys, whether a certificate is valid by `validate`."""

    def __init__(self, ours: Tunnel, theirs: Tunnel, validate: Answerer = lambda question: None, **options: object):
        super().__init__(ours, theirs, **options)
        self.sign: Answerer = sign
        self.validate = validate
        self.asking = ""  # which side has asked what is being answered

    def perform(self, side: Side, effects: list[Effect]) -> None:
        super().perform(side, effects)
        for effect in effects:
            if isinstance(effect, Ask):
                answerer = self.validate if isinstance(effect.question, Validate) else self.sign
                self.asking = side.name
                answer = answerer(effect.question)
                if answer is not None:
                    self.perform(side, side.engine.answer(effect.ticket, answer, self.now))
