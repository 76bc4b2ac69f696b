"""Whom a caller may mean: in which order, narrowed by what it says, without a look at each of many."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from ikevpn.ike.state.callers import Callers, told
from ikevpn.ike.state.directory import Directory
from ikevpn.ike.state.keyring import Keyring
from ikevpn.model.address import AddressRange
from ikevpn.model.identity import Identity
from ikevpn.model.proposal import IkeProposal
from ikevpn.model.secret import Secret
from ikevpn.model.tunnel import Phase1Mode, SharedSecret, Tunnel
from ikevpn.wire.registry import Group, Hash, IkeCipher
from tests.ike.bench import HERE, THERE, tunnel

ALICE, BOB = Identity.of("alice.example"), Identity.of("bob.example")
STRONG = IkeProposal(IkeCipher.AES_CBC, 256, Hash.SHA2_256, Group.MODP_2048)
SHARED = Secret(b"swordfish")


def directory(*tunnels: Tunnel) -> Directory:
    found = Directory()
    for each in tunnels:
        found.add(each)
    return found


def anybody(name: str, **changes: object) -> Tunnel:
    return replace(tunnel(), name=name, remotes=(), **changes)  # type: ignore[arg-type]


def callers(*tunnels: Tunnel) -> Callers:
    return Callers(directory(*tunnels), THERE.address, HERE.address)


def names(found: Callers) -> list[str]:
    return [each.name for each in found]


def test_of_two_that_are_equally_near_the_older_comes_first_whatever_else_they_are() -> None:
    found = callers(anybody("one"), anybody("two", ike_proposals=(STRONG,)), anybody("three"))
    assert names(found) == ["one", "two", "three"]
    found.directory.add(anybody("one"))
    assert names(found) == ["two", "three", "one"]


def test_one_for_two_ranges_around_the_caller_is_named_once() -> None:
    both = replace(tunnel(), name="both", remotes=(AddressRange.of("192.0.2.0/24"), AddressRange.of("192.0.0.0/16")))
    assert names(callers(both)) == ["both"]


def test_the_mode_counts_and_whether_it_is_answered_there() -> None:
    main, silent = anybody("main"), anybody("silent", initiator_only=True)
    open_, mute = (
        anybody(name, mode=Phase1Mode.AGGRESSIVE, answer_aggressive=name == "open") for name in ("open", "mute")
    )
    found = callers(main, silent, open_, mute)
    assert names(found) == ["main", "open", "mute"]
    assert names(found.begun_in(Phase1Mode.MAIN)) == ["main"]
    assert names(found.begun_in(Phase1Mode.AGGRESSIVE)) == ["open"]
    assert names(found.mute_in(Phase1Mode.AGGRESSIVE)) == ["mute"]
    assert names(found.silent()) == ["silent"]


def test_one_of_each_taste_is_asked() -> None:
    found = callers(anybody("one"), anybody("two"), anybody("strong", ike_proposals=(STRONG,)), anybody("three"))
    assert [each.name for each in found.tastes()] == ["one", "strong"]
    assert names(found.agreeing(STRONG)) == ["strong"]


def test_a_name_leads_to_those_for_it_and_to_those_for_anybody() -> None:
    fixed = replace(tunnel(), name="fixed", remotes=(AddressRange.of("192.0.2.0/24"),))
    found = callers(anybody("alice", remote_id=ALICE), anybody("bob", remote_id=BOB), anybody("any"), fixed)
    assert names(found.named(Identity.of("ALICE.example"))) == ["alice"]
    assert names(found.for_anybody(ALICE)) == ["any"]  # `fixed` expects an address
    assert names(found.for_anybody(Identity.of("10.9.9.9"))) == ["fixed", "any"]


def test_what_is_configured_later_counts_at_once() -> None:
    found = callers(anybody("one"))
    found.directory.add(anybody("two"))
    found.directory.remove("one")
    assert names(found) == ["two"]


def test_our_own_address_counts() -> None:
    elsewhere = anybody("elsewhere", local=ip_address("203.0.113.7"))
    assert names(callers(elsewhere, anybody("here", local=THERE.address))) == ["here"]


def test_a_secret_that_all_have_is_tried_once_and_one_that_a_single_one_has_is_found() -> None:
    many = [anybody(f"t{number}", remote_id=Identity.of(f"p{number}.example")) for number in range(50)]
    found = callers(*many, anybody("odd", psk=Secret(b"odd"), remote_id=ALICE))
    assert found.secrets(Keyring(), 16) == [SHARED, Secret(b"odd")]


def test_the_secrets_of_the_keyring_are_those_of_peers_that_are_meant() -> None:
    entries = [SharedSecret(Secret(b"%d" % number), identity=Identity.of(f"p{number}.example")) for number in range(99)]
    ring = Keyring([*entries, SharedSecret(Secret(b"of all"))])
    few = [anybody(f"t{number}", psk=None, remote_id=Identity.of(f"P{number}.example")) for number in (3, 70)]
    assert set(callers(*few).secrets(ring, 16)) == {Secret(b"3"), Secret(b"70")}
    assert callers(anybody("new", psk=None, remote_id=ALICE)).secrets(ring, 16) == [Secret(b"of all")]
    many = [anybody(f"t{number}", psk=None, remote_id=Identity.of(f"p{number}.example")) for number in range(20, 60)]
    tried = callers(*many).secrets(ring, 16)
    assert len(tried) == 16
    assert set(tried) <= {Secret(b"of all"), *(Secret(b"%d" % number) for number in range(20, 60))}


def test_an_event_names_the_first_few() -> None:
    assert told(["one", "two"]) == ("one", "two")
    assert len(told(map(str, range(1000)))) == 65
    assert told(map(str, range(1000)))[-1] == "and more"
