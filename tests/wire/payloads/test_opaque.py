from __future__ import annotations

import pytest

from ikevpn.errors import Malformed
from ikevpn.wire.octets.reader import Reader
from ikevpn.wire.payloads.opaque import HashPayload, KeyExchange, Nonce, Signature, Unknown, VendorId
from ikevpn.wire.registry import PayloadType


@pytest.mark.parametrize("cls", [HashPayload, KeyExchange, Signature, VendorId])
@pytest.mark.parametrize("data", [b"", b"abc"])
def test_the_body_is_the_data(cls: type[HashPayload | KeyExchange | Signature | VendorId], data: bytes) -> None:
    assert cls.read(Reader(data)) == cls(data)
    assert cls(data).write() == data


def test_classes_with_equal_data_are_not_equal() -> None:
    values: set[object] = {HashPayload(b"abc"), Signature(b"abc"), VendorId(b"abc")}
    assert len(values) == 3


@pytest.mark.parametrize(("size", "good"), [(7, False), (8, True), (256, True), (257, False)])
def test_a_nonce_has_8_to_256_octets(size: int, good: bool) -> None:
    if good:
        assert Nonce.read(Reader(bytes(size))) == Nonce(bytes(size))
        return
    with pytest.raises(Malformed, match="nonce"):
        Nonce.read(Reader(bytes(size)))


def test_an_unknown_payload_writes_what_it_holds() -> None:
    assert Unknown(PayloadType(129), b"abc").write() == b"abc"
