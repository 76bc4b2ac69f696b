"""Diffie-Hellman as octets: known answers, agreement, widths, and the refusal of everything that is no public value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikevpn.crypto import groups
from ikevpn.crypto.curve25519 import Curve25519
from ikevpn.crypto.ecp import ECP
from ikevpn.crypto.groups import BadPublicValue
from ikevpn.crypto.modp import MODP
from ikevpn.crypto.tables import GROUPS
from ikevpn.errors import PeerError, UsageError
from ikevpn.wire.registry import Group, NotifyType

unhex = bytes.fromhex
EVERY = sorted(GROUPS)


def entropy(seed: bytes) -> Callable[[int], bytes]:
    """The same octets for the same seed, as an engine under test has them."""
    return lambda size: hashlib.shake_256(seed).digest(size)


def padded(group: Group, number: int) -> bytes:
    return number.to_bytes(GROUPS[group].public, "big")


def test_every_row_has_its_arithmetic() -> None:
    assert set(GROUPS) == set(MODP) | set(ECP) | {Group.CURVE25519}


def test_known_answers(corpus: Path) -> None:
    known = json.loads((corpus / "ike-vectors" / "dh-groups.json").read_text())["groups"]
    ours = [vector for vector in known if vector["ike_group"] in GROUPS]
    assert [vector["ike_group"] for vector in ours] == [1, 2, 5, 14, 16, 19, 20]
    for vector in ours:
        group, expected = Group(vector["ike_group"]), unhex(vector["shared"])
        pair_i, pair_r = (groups.from_private(group, unhex(vector[f"private_{side}"])) for side in "ir")
        assert pair_i.public == unhex(vector["public_i"])
        assert pair_r.public == unhex(vector["public_r"])
        assert groups.shared(pair_i, pair_r.public) == expected
        assert groups.shared(pair_r, pair_i.public) == expected


@pytest.mark.parametrize("group", EVERY)
@settings(max_examples=5, deadline=None)
@given(seeds=st.tuples(st.binary(), st.binary()))
def test_both_sides_agree(group: Group, seeds: tuple[bytes, bytes]) -> None:
    pair_i, pair_r = (groups.generate(group, entropy(seed)) for seed in seeds)
    shared = groups.shared(pair_i, pair_r.public)
    assert shared == groups.shared(pair_r, pair_i.public)
    assert len(pair_i.public) == len(pair_r.public) == GROUPS[group].public
    assert len(shared) == GROUPS[group].shared
    assert (pair_i.public == pair_r.public) == (seeds[0] == seeds[1])


@pytest.mark.parametrize("group", EVERY)
def test_generation_is_a_function_of_the_entropy(group: Group) -> None:
    pair = groups.generate(group, entropy(b"seed"))
    assert groups.generate(group, entropy(b"seed")) == pair
    assert groups.from_private(group, pair.private.reveal()) == pair
    assert groups.generate(group, entropy(b"other")).public != pair.public


@pytest.mark.parametrize("group", sorted(MODP))
def test_short_modp_values_have_zeros_in_front(group: Group) -> None:
    pair = groups.from_private(group, b"\x03")
    assert pair.public == padded(group, 8)
    assert groups.shared(pair, padded(group, 2)) == padded(group, 8)


@pytest.mark.parametrize("group", sorted(ECP))
def test_short_coordinates_have_zeros_in_front(group: Group) -> None:
    """Among some hundred multiples of G there is an X with an octet of zeros; times 1 it is the shared secret too."""
    one = groups.from_private(group, b"\x01")
    multiples = (groups.from_private(group, number.to_bytes(2, "big")).public for number in range(1, 3000))
    short = next(public for public in multiples if public[0] == 0)
    assert groups.shared(one, short) == short[: GROUPS[group].shared]


@pytest.mark.parametrize("group", sorted(MODP))
def test_modp_values_that_give_the_secret_away_are_refused(group: Group) -> None:
    pair, prime = groups.generate(group, entropy(b"seed")), MODP[group].prime
    ones = b"\xff" * GROUPS[group].public
    for bad in (*(padded(group, number) for number in (0, 1, prime - 1, prime, prime + 1)), ones):
        with pytest.raises(BadPublicValue):
            groups.shared(pair, bad)
    for good in (2, prime - 2):
        assert len(groups.shared(pair, padded(group, good))) == GROUPS[group].shared


@pytest.mark.parametrize("group", sorted(ECP))
def test_values_off_the_curve_are_refused(group: Group) -> None:
    pair = groups.generate(group, entropy(b"seed"))
    field = GROUPS[group].shared
    x, y = pair.public[:field], pair.public[field:]
    flipped = y[:-1] + bytes((y[-1] ^ 1,))
    for bad in (bytes(2 * field), b"\xff" * (2 * field), x + flipped, y + x, bytes(field) + y):
        with pytest.raises(BadPublicValue):
            groups.shared(pair, bad)


@pytest.mark.parametrize("group", EVERY)
def test_wrong_lengths_are_refused(group: Group) -> None:
    pair = groups.generate(group, entropy(b"seed"))
    for bad in (b"", b"\x02", pair.public[:-1], pair.public[1:], b"\0" + pair.public, pair.public + b"\0"):
        with pytest.raises(BadPublicValue):
            groups.shared(pair, bad)


@settings(deadline=None)
@given(st.sampled_from([Group.MODP_768, Group.MODP_1024, *ECP]), st.binary(max_size=140))
def test_whatever_the_peer_sends_is_refused_or_shared(group: Group, received: bytes) -> None:
    pair = groups.generate(group, entropy(b"seed"))
    try:
        assert len(groups.shared(pair, received)) == GROUPS[group].shared
    except BadPublicValue:
        return


def test_points_of_wycheproof(corpus: Path) -> None:
    """Its values carry the prefix of an encoded point, which the KE payload does not have."""
    file = json.loads((corpus / "crypto" / "wycheproof-ecdh-secp256r1-ecpoint.json").read_text())
    cases = [case for group in file["testGroups"] for case in group["tests"]]
    assert len(cases) == 355
    refused = 0
    for case in cases:
        public = unhex(case["public"])
        public = public[1:] if public[:1] == b"\x04" else public
        pair = groups.from_private(Group.ECP_256, unhex(case["private"]))
        if case["result"] == "valid":
            assert groups.shared(pair, public) == unhex(case["shared"]), case["tcId"]
            continue
        with pytest.raises(BadPublicValue):
            groups.shared(pair, public)
        refused += 1
    assert refused == 25


def test_a_bad_value_is_the_peers_fault_and_names_the_answer() -> None:
    error = BadPublicValue("why")
    assert isinstance(error, PeerError)
    assert (error.reason, error.notify) == ("bad-public-value", NotifyType.INVALID_KEY_INFORMATION)


@pytest.mark.parametrize("group", EVERY)
def test_private_values_out_of_range_are_our_misuse(group: Group) -> None:
    end = Curve25519().private_end
    if group is not Group.CURVE25519:
        end = MODP[group].prime - 1 if group in MODP else ECP[group].curve.group_order
    assert groups.from_private(group, (end - 1).to_bytes(1025, "big")).public
    for bad in (b"", b"\0", end.to_bytes(1025, "big"), (end + 5).to_bytes(1025, "big")):
        with pytest.raises(UsageError):
            groups.from_private(group, bad)


@pytest.mark.parametrize("group", [Group.NONE, Group.MODP_2048_256, Group(32)])
def test_unknown_groups_are_our_misuse(group: Group) -> None:
    with pytest.raises(UsageError):
        groups.generate(group, entropy(b"seed"))
    with pytest.raises(UsageError):
        groups.from_private(group, b"\x02")


def test_a_pair_prints_no_private_value() -> None:
    pair = groups.from_private(Group.MODP_768, b"\x5a" * 32)
    assert "5a5a" not in repr(pair)
    assert "ZZ" not in repr(pair)
    assert "<secret, 32 octets>" in repr(pair)
