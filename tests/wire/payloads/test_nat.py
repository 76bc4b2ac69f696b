from __future__ import annotations

import pytest

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payloads.nat import NatD, NatOa
from ikevpn.wire.registry import IdType, PayloadType


@pytest.mark.parametrize("kind", [PayloadType.NAT_D, PayloadType.NAT_D_DRAFT, PayloadType.NAT_D_DRAFT_04])
def test_a_hash_keeps_the_number_it_came_under(kind: PayloadType) -> None:
    found = NatD.read(Reader(b"abcd"), kind)
    assert found == NatD(b"abcd", kind)
    assert found.payload_type == kind
    assert found.write() == b"abcd"


def test_the_numbers_of_the_rfc_are_the_default() -> None:
    assert NatD(b"").payload_type == PayloadType.NAT_D
    assert NatOa(IdType.IPV4_ADDRESS, bytes(4)).payload_type == PayloadType.NAT_OA


@pytest.mark.parametrize(
    ("data", "id_type"), [("01000000c0a80001", IdType.IPV4_ADDRESS), ("05000000" + "20" * 16, IdType.IPV6_ADDRESS)]
)
def test_an_original_address(data: str, id_type: IdType) -> None:
    octets = bytes.fromhex(data)
    found = NatOa.read(Reader(octets))
    assert found == NatOa(id_type, octets[4:])
    assert found.write() == octets
    assert NatOa.read(Reader(octets[:1] + b"\xff\xff\xff" + octets[4:])) == found


@pytest.mark.parametrize(
    "data", ["", "010000", "01000000c0a800", "01000000c0a8000100", "05000000c0a80001", "02000000aa"]
)
def test_a_wrong_type_or_length_is_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        NatOa.read(Reader(bytes.fromhex(data)))


@pytest.mark.parametrize("value", [NatOa(IdType.IPV4_ADDRESS, bytes(16)), NatOa(IdType.FQDN, bytes(4))])
def test_our_own_mistakes(value: NatOa) -> None:
    with pytest.raises(UsageError):
        value.write()
