"""Curve25519 against RFC 7748, and the points that would give the secret away."""

from __future__ import annotations

import pytest

from ikevpn.crypto import groups
from ikevpn.crypto.curve25519 import Curve25519
from ikevpn.crypto.groups import BadPublicValue
from ikevpn.wire.registry import Group

unhex = bytes.fromhex
# RFC 7748 §6.1: private and public value of either, as the RFC writes them, and what both get.
ALICE = (
    unhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
    unhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
)
BOB = (
    unhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
    unhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
)
SHARED = unhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")


def test_the_example_of_the_rfc() -> None:
    for (private, public), (_, theirs) in ((ALICE, BOB), (BOB, ALICE)):
        pair = groups.from_private(Group.CURVE25519, private[::-1])
        assert pair.public == public
        assert groups.shared(pair, theirs) == SHARED


@pytest.mark.parametrize("point", [bytes(32), (1).to_bytes(32, "little"), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_points_of_small_order_are_refused(point: bytes) -> None:
    pair = groups.from_private(Group.CURVE25519, ALICE[0])
    with pytest.raises(BadPublicValue):
        groups.shared(pair, point)


@pytest.mark.parametrize("drawn", [b"\0", b"\xff"])
def test_what_the_rfc_fixes_is_fixed_whatever_the_entropy_gives(drawn: bytes) -> None:
    number = int.from_bytes(Curve25519().private(lambda size: drawn * size), "big")
    assert number % 8 == 0
    assert number >> 254 == 1
