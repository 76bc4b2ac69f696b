"""What all payloads have in common: the table, round trips, and that no octets raise anything but Malformed."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikevpn.errors import Malformed
from ikevpn.wire import payload
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payload import Fragment, Nonce, Payload, Unknown
from ikevpn.wire.registry import PayloadType
from tests.wire import values

STRUCTURES = {PayloadType.NONE, PayloadType.PROPOSAL, PayloadType.TRANSFORM}


@given(values.payloads)
def test_what_is_written_reads_the_same(each: Payload) -> None:
    found = payload.read(each.payload_type, Reader(each.write()))
    assert found == each
    assert type(found) is type(each)
    assert hash(found) == hash(each)


@given(values.u8.map(PayloadType), st.binary(max_size=64))
def test_any_octets_give_a_value_that_reads_the_same_again_or_malformed(kind: PayloadType, data: bytes) -> None:
    try:
        found = payload.read(kind, Reader(data))
    except Malformed as error:
        assert 0 <= error.offset <= len(data)
        return
    assert found.payload_type == kind
    assert payload.read(kind, Reader(found.write())) == found


@pytest.mark.parametrize("kind", [kind for kind in PayloadType if kind not in STRUCTURES])
def test_every_assigned_type_has_a_class_of_its_own(kind: PayloadType) -> None:
    body = {Nonce: bytes(8), Fragment: bytes.fromhex("0001010041")}
    for example in (
        *body.values(),
        b"\x01" + bytes(7),
        bytes.fromhex("0000000100000001 0000000800010001 00000008 01010000"),
    ):
        try:
            found = payload.read(kind, Reader(example))
        except Malformed:
            continue
        assert not isinstance(found, Unknown)
        assert found.payload_type == kind
        return
    if kind != PayloadType.SA:
        pytest.fail(f"no example fits {kind}")


@pytest.mark.parametrize("kind", [PayloadType.PROPOSAL, PayloadType.TRANSFORM])
def test_proposals_and_transforms_do_not_stand_alone(kind: PayloadType) -> None:
    with pytest.raises(Malformed, match="outside of an SA"):
        payload.read(kind, Reader(bytes(8)))


def test_an_unassigned_type_is_kept_as_it_came() -> None:
    kind = PayloadType(200)
    assert payload.read(kind, Reader(b"abc")) == Unknown(kind, b"abc")


def test_every_class_of_the_union_is_exported() -> None:
    assert {cls.__name__ for cls in get_args(Payload)} <= set(payload.__all__)
