"""Encrypt, then authenticate: what the ICV covers, with and without extended sequence numbers."""

from __future__ import annotations

import hmac

import pytest

from ikevpn.esp.transforms.cbc import NoEncryption
from ikevpn.esp.transforms.mac import Mac
from ikevpn.esp.transforms.separate import SeparateOpening, SeparateSealing
from ikevpn.wire.registry import Hash

KEY = bytes(range(20))
SEQUENCE = 0x0000_0007_FFFF_FFFE


def mac() -> Mac:
    return Mac(Hash.SHA1, KEY, 12)


@pytest.mark.parametrize("extended", [False, True])
def test_the_icv_covers_header_body_and_high_half(extended: bool) -> None:
    sealing = SeparateSealing(0x1234, NoEncryption(), mac(), extended=extended)
    packet = sealing.seal(range(SEQUENCE, SEQUENCE + 1), [b"payload"], [b"\1\1\4"])[0]
    plain = bytes.fromhex("00001234fffffffe") + b"payload\1\1\4"
    high = bytes.fromhex("00000007") if extended else b""
    assert packet == plain + hmac.digest(KEY, plain + high, "sha1")[:12]

    opening = SeparateOpening(NoEncryption(), mac(), extended=extended)
    body = opening.authenticate(packet, SEQUENCE)
    assert body is not None
    assert opening.decrypt([body]) == [b"payload\1\1\4"]
    other_high = opening.authenticate(packet, SEQUENCE + (1 << 32))
    assert (other_high is None) is extended


def test_encryption_only_has_no_icv() -> None:
    sealing = SeparateSealing(0x1234, NoEncryption(), None, extended=False)
    packet = sealing.seal(range(1, 2), [b"payload"], [b"\1\1\4"])[0]
    assert packet == bytes.fromhex("0000123400000001") + b"payload\1\1\4"
    opening = SeparateOpening(NoEncryption(), None, extended=False)
    assert opening.authenticate(packet, 1) == b"payload\1\1\4"


def test_one_packet_for_each_number() -> None:
    sealing = SeparateSealing(0x1234, NoEncryption(), mac(), extended=False)
    with pytest.raises(ValueError, match=r"shorter|longer"):
        sealing.seal(range(1, 4), [b"one"], [b"\0\4"])
