"""Pre-shared keys that change while tunnels are up: who used one that is gone is cut off, and nobody else."""

from __future__ import annotations

import pytest

from ikevpn.ike.auth import methods
from ikevpn.model.address import AddressRange
from ikevpn.model.events.event import Code, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode, SharedSecret
from tests.ike.pair import HERE, Pair, other_side, tunnel

SWORDFISH, OTHER = Secret(b"swordfish"), Secret(b"barracuda")
PEER = AddressRange.of_address(HERE.address)
ALICE = Identity.of_address(HERE.address)
ANYBODYS, HERS = SharedSecret(SWORDFISH), SharedSecret(SWORDFISH, remote=PEER)


def up(mode: Phase1Mode = Phase1Mode.MAIN) -> Pair:
    """The responder takes its keys from the table, the initiator has its own."""
    ours = tunnel(mode=mode)
    theirs = other_side(tunnel(mode=mode, psk=None))
    pair = Pair(ours, theirs)
    pair.b.engine.replace_secrets([ANYBODYS], pair.now)
    pair.up()
    assert pair.a.sas and pair.b.sas
    return pair


@pytest.mark.parametrize("mode", Phase1Mode)
@pytest.mark.parametrize("secrets", [(), (SharedSecret(OTHER),), (ANYBODYS, SharedSecret(OTHER, identity=ALICE))])
def test_who_used_a_key_that_is_gone_is_cut_off(mode: Phase1Mode, secrets: tuple[SharedSecret, ...]) -> None:
    pair = up(mode)
    pair.perform(pair.b, pair.b.engine.replace_secrets(secrets, pair.now))
    assert pair.b.sas == {}
    assert pair.b.reasons(Code.CHILD_DOWN, Code.IKE_DOWN) == [Reason.CONFIGURATION_CHANGED] * 2
    pair.run(0.1)
    assert pair.a.sas == {}
    assert set(pair.a.reasons(Code.CHILD_DOWN, Code.IKE_DOWN)) == {Reason.PEER_DELETED}


@pytest.mark.parametrize("secrets", [(ANYBODYS,), (HERS,), (SharedSecret(OTHER), HERS)])
def test_who_may_still_use_its_key_notices_nothing(secrets: tuple[SharedSecret, ...]) -> None:
    pair = up()
    before = dict(pair.b.sas)
    assert pair.b.engine.replace_secrets(secrets, pair.now) == []
    assert pair.b.sas == before


def test_a_tunnel_with_a_key_of_its_own_is_not_concerned() -> None:
    pair = up()
    assert pair.a.engine.replace_secrets((), pair.now) == []
    assert pair.a.sas


def test_the_same_keys_again_are_compared_with_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = up()
    monkeypatch.setattr(methods, "proves", None)
    assert pair.b.engine.replace_secrets((ANYBODYS,), pair.now) == []
