from __future__ import annotations

import pytest

from ikevpn.errors import Malformed, UsageError
from ikevpn.wire.octets import limits
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payloads.notify import Delete, Notify
from ikevpn.wire.registry import Doi, NotifyType, Protocol

R_U_THERE = bytes.fromhex("00000001 01 10 8d28" + "11" * 8 + "22" * 8 + "00000007")
DELETE_TWO = bytes.fromhex("00000001 03 04 0002 c0ffee00 deadbeef")


def test_a_notification() -> None:
    found = Notify.read(Reader(R_U_THERE))
    cookies = b"\x11" * 8 + b"\x22" * 8
    assert found == Notify(Doi.IPSEC, Protocol.ISAKMP, cookies, NotifyType.R_U_THERE, bytes.fromhex("00000007"))
    assert found.write() == R_U_THERE


def test_without_spi_and_data() -> None:
    value = Notify(Doi.IPSEC, Protocol.ISAKMP, b"", NotifyType.NO_PROPOSAL_CHOSEN)
    assert value.write().hex() == "000000010100000e"
    assert Notify.read(Reader(value.write())) == value


@pytest.mark.parametrize("size", range(24))
def test_a_notification_cut_off(size: int) -> None:
    with pytest.raises(Malformed):
        Notify.read(Reader(R_U_THERE[:size]))


def test_a_deletion() -> None:
    found = Delete.read(Reader(DELETE_TWO))
    assert found == Delete(Doi.IPSEC, Protocol.ESP, (bytes.fromhex("c0ffee00"), bytes.fromhex("deadbeef")))
    assert found.write() == DELETE_TWO


@pytest.mark.parametrize(
    ("data", "offset", "why"),
    [
        ("00000001 03 04 0003 c0ffee00 deadbeef", 16, "4 octets needed, 0 left"),
        ("00000001 03 04 0001 c0ffee00 deadbeef", 12, "4 octets too many after the SPIs"),
        ("00000001 03 04 0000", 5, "no SPIs, but a size of 4"),
        ("00000001 00 00 a662", 6, "42594 SPIs; at most 256"),
        ("00000001 03 04", 6, "2 octets needed"),
    ],
)
def test_a_deletion_that_does_not_add_up(data: str, offset: int, why: str) -> None:
    with pytest.raises(Malformed, match=why) as caught:
        Delete.read(Reader(bytes.fromhex(data)))
    assert caught.value.offset == offset


def test_a_deletion_of_nothing() -> None:
    value = Delete(Doi.IPSEC, Protocol.ESP, ())
    assert Delete.read(Reader(value.write())) == value


def test_as_many_spis_as_allowed() -> None:
    value = Delete(Doi.IPSEC, Protocol.ESP, (bytes(4),) * limits.SPIS)
    assert Delete.read(Reader(value.write())) == value


def test_our_own_mistakes() -> None:
    with pytest.raises(UsageError, match="different sizes"):
        Delete(Doi.IPSEC, Protocol.ESP, (b"abcd", b"ab")).write()
    with pytest.raises(UsageError):
        Notify(Doi.IPSEC, Protocol.ESP, bytes(256), NotifyType.INVALID_SPI).write()
