from __future__ import annotations

import pytest

from ikevpn.errors import Malformed
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.payloads.configuration import Configuration
from ikevpn.wire.registry import Cfg, CfgType

XAUTH_REQUEST = bytes.fromhex("01 00 1234 c0880000 40890000 408a0000")


def test_a_request_for_name_and_password() -> None:
    found = Configuration.read(Reader(XAUTH_REQUEST))
    assert found == Configuration(
        CfgType.REQUEST,
        0x1234,
        (
            Attribute.of(Cfg.XAUTH_TYPE, 0),
            Attribute.variable(Cfg.XAUTH_USER_NAME, b""),
            Attribute.variable(Cfg.XAUTH_USER_PASSWORD, b""),
        ),
    )
    assert found.write() == XAUTH_REQUEST


def test_the_reserved_octet_is_ignored() -> None:
    assert Configuration.read(Reader(b"\x01\xff" + XAUTH_REQUEST[2:])).write() == XAUTH_REQUEST


@pytest.mark.parametrize("data", ["", "010012", "0100123440", "01001234408a0001"])
def test_cut_off(data: str) -> None:
    with pytest.raises(Malformed):
        Configuration.read(Reader(bytes.fromhex(data)))


def test_a_password_is_not_in_the_repr() -> None:
    value = Configuration(CfgType.REPLY, 1, (Attribute.variable(Cfg.XAUTH_USER_PASSWORD, b"hunter22"),))
    assert "hunter22" not in repr(value)
