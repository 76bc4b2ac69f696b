"""A method is a row: one that phase 1 has never heard of works in both modes, with its own payload and SKEYID."""

from __future__ import annotations

import hmac
from dataclasses import replace

import pytest

from ikevpn.crypto import keys
from ikevpn.errors import Malformed, NotAuthentic
from ikevpn.ike.auth import methods
from ikevpn.ike.auth.method import Method
from ikevpn.ike.auth.pre_shared_key import PRE_SHARED_KEY
from ikevpn.ike.auth.transcript import Transcript
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import IkeSa, Keys, Role
from ikevpn.ike.values.credential import Credential
from ikevpn.model.address import Address
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode, SharedSecret, Tunnel
from ikevpn.wire.header import HEADER_SIZE
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import HashPayload, Signature
from ikevpn.wire.registry import Auth, Hash
from tests.ike.bench import AES, Bench, events, only_sa, tunnel
from tests.manners import bend

_SIGNING = replace(AES, auth=Auth.RSA_SIGNATURE)


def _credential(core: Core, wanted: Tunnel, remote: Address, identity: Identity | None) -> Credential | None:
    return Credential(Auth.RSA_SIGNATURE, Secret(b"of " + wanted.name.encode()))


def _candidates(core: Core, sa: IkeSa) -> list[Credential]:
    return [Credential(Auth.RSA_SIGNATURE, Secret(b"of " + each.name.encode())) for each in sa.callers or ()]


def _unknown(core: Core) -> Credential:
    return Credential(Auth.RSA_SIGNATURE, Secret(core.entropy(9)))


def _skeyid(credential: Credential, hash_id: Hash, said: Transcript) -> bytes:
    """RFC 2409 §5.1: no secret is in it."""
    return keys.skeyid_signature(hash_id, said.nonce_i, said.nonce_r, said.shared)


def _prove(sa: IkeSa, said: Transcript, used: Keys, prover: Role) -> Signature:
    proof = PRE_SHARED_KEY.prove(sa, said, used, prover)
    assert isinstance(proof, HashPayload)
    return Signature(b"signed: " + proof.data)


def _check(sa: IkeSa, said: Transcript, used: Keys, prover: Role, chain: Chain) -> Keys:
    found = chain.first(Signature)
    if found is None:
        raise Malformed("no signature", HEADER_SIZE)
    if not hmac.compare_digest(found.data, _prove(sa, said, used, prover).data):
        raise NotAuthentic("the signature does not verify")
    return used


def _proves(core: Core, credential: Credential, wanted: Tunnel, remote: Address, identity: Identity | None) -> bool:
    return _credential(core, wanted, remote, identity) == credential


SIGNATURE = Method(
    Auth.RSA_SIGNATURE,
    Signature,
    missing=Reason.NO_SECRET,
    foreign=Reason.WRONG_SECRET,
    wrong=Reason.WRONG_SECRET,
    silent=Reason.NO_ANSWER,
    credential=_credential,
    candidates=_candidates,
    unknown=_unknown,
    proves=_proves,
    skeyid=_skeyid,
    prove=_prove,
    check=_check,
)


@pytest.fixture
def signing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(methods.METHODS, Auth.RSA_SIGNATURE, SIGNATURE)


@pytest.mark.usefixtures("signing")
@pytest.mark.parametrize("mode", Phase1Mode)
def test_a_method_is_a_row(mode: Phase1Mode) -> None:
    bench = Bench(tunnel(mode=mode, psk=None, ike_proposals=(_SIGNING,))).up()
    assert bench.matched()
    for side in (bench.a, bench.b):
        used = only_sa(side).keys
        assert used is not None and used.credential.auth == Auth.RSA_SIGNATURE
        assert [event.facts["proposal"] for event in events(side, Code.IKE_UP)] == [str(_SIGNING)]


@pytest.mark.usefixtures("signing")
def test_the_choice_of_the_responder_decides() -> None:
    """Both methods are offered; what the responder takes is what both prove themselves by."""
    both = tunnel(ike_proposals=(_SIGNING, AES))
    bench = Bench(both)
    bench.b.engine.add_tunnel(replace(bench.b.tunnel, ike_proposals=(AES,)))
    bench.up()
    used = only_sa(bench.a).keys
    assert bench.matched() and used is not None and used.credential == Credential(Auth.PSK, Secret(b"swordfish"))


@pytest.mark.parametrize("mode", Phase1Mode)
def test_a_signature_does_not_prove_a_secret(mode: Phase1Mode) -> None:
    """The row lets either payload in; the method that was agreed on wants its own."""
    bench = Bench(tunnel(mode=mode))
    row = "main mode message 5" if mode is Phase1Mode.MAIN else "aggressive mode message 3"
    with bend.payloads(bench.a, row, bend.swapped(HashPayload, lambda each: Signature(each.data))):
        bench.initiate()
        bench.run(0.1)
    dropped = events(bench.b, Code.DATAGRAM_DROPPED)
    assert not bench.b.sas and dropped[0].reason is Reason.MALFORMED
    assert "needs a HashPayload" in str(dropped[0].facts["detail"])


def test_two_proofs_are_one_too_many() -> None:
    bench = Bench()
    with bend.payloads(bench.a, "main mode message 5", bend.more(Signature(bytes(20)))):
        bench.initiate()
        bench.run(0.1)
    detail = str(events(bench.b, Code.DATAGRAM_DROPPED)[0].facts["detail"])
    assert not bench.b.sas and "2 HashPayload or Signature payloads" in detail


def test_without_any_credential_nothing_is_begun() -> None:
    bench = Bench(tunnel(psk=None))
    bench.initiate()
    assert bench.a.reasons(Code.PHASE1_FAILED) == [Reason.NO_SECRET] and not bench.log


def test_a_credential_is_what_the_configuration_says_now() -> None:
    bench = Bench(tunnel(psk=None))
    for side in (bench.a, bench.b):
        side.engine.replace_secrets([SharedSecret(Secret(b"one"))], bench.now)
    bench.up()
    assert bench.matched()
    bench.perform(bench.b, bench.b.engine.replace_secrets([SharedSecret(Secret(b"other"))], bench.now))
    assert not bench.b.sas and Reason.CONFIGURATION_CHANGED in bench.b.reasons(Code.IKE_DOWN)
