"""Which pre-shared key a peer must have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.ike.state.keyring import Keyring
from ikevpn.model.address import AddressRange
from ikevpn.model.identity import Identity
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import SharedSecret
from tests.ike.pair import HERE, THERE, tunnel

ALICE, BOB, CAROL = Identity.of("alice@example.net"), Identity.of("bob@example.net"), Identity.of("carol@example.net")
HOST, SUBNET = AddressRange.of("192.0.2.1"), AddressRange.of("192.0.2.0/24")
ALICES, HOSTS, SUBNETS, EVERYBODYS, BOBS = (Secret(bytes([n])) for n in range(5))
RING = (
    SharedSecret(EVERYBODYS),
    SharedSecret(SUBNETS, remote=SUBNET),
    SharedSecret(HOSTS, remote=HOST),
    SharedSecret(ALICES, identity=ALICE),
    SharedSecret(BOBS, remote=SUBNET, identity=BOB),
)
ANYBODY = replace(tunnel(), psk=None, remotes=())


@pytest.mark.parametrize("entries", [RING, RING[::-1]])
def test_the_most_specific_entry_alone_counts(entries: tuple[SharedSecret, ...]) -> None:
    ring = Keyring(entries)
    assert ring.best(ANYBODY, HERE.address, ALICE) == ALICES
    assert ring.best(ANYBODY, HERE.address, Identity.of("ALICE@example.net")) == ALICES
    assert ring.best(ANYBODY, HERE.address, BOB) == BOBS
    assert ring.best(ANYBODY, HERE.address, CAROL) == HOSTS
    assert ring.best(ANYBODY, AddressRange.of("192.0.2.7").first, CAROL) == SUBNETS
    assert ring.best(ANYBODY, THERE.address, CAROL) == EVERYBODYS
    assert ring.best(ANYBODY, THERE.address, BOB) == EVERYBODYS  # an entry for an identity at other addresses


def test_a_tunnel_with_a_key_of_its_own_has_no_other() -> None:
    ring = Keyring(RING)
    assert ring.best(tunnel(), HERE.address, ALICE) == Secret(b"swordfish")
    assert ring.possible(tunnel(), HERE.address, 16) == [Secret(b"swordfish")]


def test_nobodys_key() -> None:
    ring = Keyring(RING[2:])
    assert ring.best(ANYBODY, THERE.address, CAROL) is None
    assert ring.possible(replace(ANYBODY, remote_id=CAROL), THERE.address, 16) == []


def test_before_the_peer_has_said_who_it_is() -> None:
    ring = Keyring(RING)
    assert ring.possible(ANYBODY, HERE.address, 16) == [HOSTS, BOBS, ALICES]
    assert ring.possible(ANYBODY, THERE.address, 16) == [EVERYBODYS, ALICES]
    assert ring.possible(ANYBODY, HERE.address, 1) == [HOSTS]
    assert ring.possible(replace(ANYBODY, remote_id=BOB), HERE.address, 16) == [BOBS]


def test_of_two_entries_of_one_kind_the_first_counts() -> None:
    ring = Keyring([SharedSecret(ALICES, identity=ALICE), SharedSecret(BOBS, identity=ALICE)])
    assert ring.best(ANYBODY, HERE.address, ALICE) == ALICES
    assert ring.possible(ANYBODY, HERE.address, 16) == [ALICES]
