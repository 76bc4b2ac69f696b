from __future__ import annotations

import pytest

from ikevpn.wire.registry import NotifyType, OpenEnum, PayloadType


def test_an_assigned_number() -> None:
    assert PayloadType(13) is PayloadType.VENDOR_ID
    assert PayloadType.VENDOR_ID.known
    assert PayloadType.VENDOR_ID.label == "vendor-id"
    assert str(NotifyType.NO_PROPOSAL_CHOSEN) == "no-proposal-chosen (14)"


def test_a_number_nobody_assigned_is_a_value_that_prints_itself() -> None:
    value = PayloadType(200)
    assert value == 200
    assert not value.known
    assert str(value) == "unknown-200"
    assert value == PayloadType(200)
    assert hash(value) == hash(PayloadType(200))
    assert 200 not in [int(each) for each in PayloadType]


@pytest.mark.parametrize("number", [-1, "1"])
def test_what_is_no_number_of_a_protocol(number: object) -> None:
    with pytest.raises(ValueError, match="not a valid"):
        PayloadType(number)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", OpenEnum.__subclasses__())
def test_no_number_has_two_names(kind: type[OpenEnum]) -> None:
    assert len(kind.__members__) == len(list(kind))


@pytest.mark.parametrize(("number", "error"), [(14, True), (9000, True), (16384, False), (36136, False)])
def test_errors_are_told_from_status(number: int, error: bool) -> None:
    assert NotifyType(number).is_error is error
