"""SAs and inner packets for the tests of ESP; nothing here is made by the code under test."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from random import Random

from ikevpn.crypto.tables import ESP_CIPHERS, INTEGRITIES
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.sa import Algorithms, Direction, Encapsulation, Sa, SaMode
from ikevpn.model.secret import Secret
from ikevpn.model.selector import Selector
from ikevpn.wire.registry import EspCipher, Integrity, Protocol

SPI = 0x1234ABCD
TCP, UDP, ICMP = 6, 17, 1

ANY_IPV4 = Selector(AddressRange.everything(4), AddressRange.everything(4))
ANY_IPV6 = Selector(AddressRange.everything(6), AddressRange.everything(6))

Pair = tuple[EspCipher, int, Integrity]

PAIRS: list[Pair] = [
    (row.id, bits, integrity)
    for row in ESP_CIPHERS.values()
    for bits in row.key_bits
    for integrity in ((Integrity.NONE,) if row.is_aead else (Integrity.NONE, *INTEGRITIES))
    if integrity or not row.needs_integrity
]
AUTHENTICATED = [pair for pair in PAIRS if pair[2] or ESP_CIPHERS[pair[0]].is_aead]
GCM: Pair = (EspCipher.AES_GCM_16, 128, Integrity.NONE)
CBC_SHA1: Pair = (EspCipher.AES_CBC, 128, Integrity.HMAC_SHA1)
CBC_SHA256: Pair = (EspCipher.AES_CBC, 256, Integrity.HMAC_SHA2_256)
NULL_SHA1: Pair = (EspCipher.NULL, 0, Integrity.HMAC_SHA1)


def name(pair: Pair) -> str:
    """For pytest's ids."""
    cipher, bits, integrity = pair
    return f"{cipher.label}-{bits}-{integrity.label}"


def algorithms(pair: Pair, *, integrity_96: bool = False) -> Algorithms:
    """Keys that depend on nothing but the algorithms."""
    cipher, bits, integrity = pair
    random = Random(f"{cipher}{bits}{integrity}")
    key = random.randbytes(bits // 8 + ESP_CIPHERS[cipher].salt)
    integrity_key = random.randbytes(INTEGRITIES[integrity].key) if integrity else b""
    return Algorithms(cipher, bits, integrity, Secret(key), Secret(integrity_key), integrity_96)


def known(
    cipher: EspCipher, key: bytes, integrity: Integrity = Integrity.NONE, integrity_key: bytes = b""
) -> Algorithms:
    """Algorithms with the keys of a published vector."""
    return Algorithms(cipher, 0, integrity, Secret(key), Secret(integrity_key))


def sa(direction: Direction, what: Pair | Algorithms = GCM, **changes: object) -> Sa:
    """One direction of a tunnel between 192.0.2.1 and 192.0.2.2, which are behind NATs, for everything."""
    plain = Sa(
        direction=direction,
        spi=SPI,
        reqid=1,
        tunnel="paris",
        protocol=Protocol.ESP,
        mode=SaMode.TUNNEL,
        local=Endpoint.of("192.0.2.1", 4500),
        remote=Endpoint.of("192.0.2.2", 4500),
        encapsulation=Encapsulation.UDP,
        algorithms=what if isinstance(what, Algorithms) else algorithms(what),
        selectors=(ANY_IPV4, ANY_IPV6),
        follows=True,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def entropy(seed: int = 1) -> Callable[[int], bytes]:
    """Repeatable octets."""
    return Random(seed).randbytes


def ipv4(
    payload: bytes = b"",
    *,
    source: str = "10.1.1.1",
    target: str = "10.2.2.2",
    protocol: int = UDP,
    options: bytes = b"",
    fragment: int = 0,
    claimed: int | None = None,
) -> bytes:
    """An IPv4 packet; `fragment` is the field with flags and offset, `claimed` a total length that may lie."""
    size = 20 + len(options) + len(payload) if claimed is None else claimed
    first = 0x40 | (5 + len(options) // 4)
    header = struct.pack("!BBHHHBBH", first, 0, size, 7, fragment, 64, protocol, 0)
    return header + _octets(source) + _octets(target) + options + payload


def ipv6(
    payload: bytes = b"",
    *,
    source: str = "2001:db8::1",
    target: str = "2001:db8:2::2",
    protocol: int = UDP,
    claimed: int | None = None,
) -> bytes:
    """An IPv6 packet; `claimed` is a payload length that may lie."""
    size = len(payload) if claimed is None else claimed
    return struct.pack("!IHBB", 6 << 28, size, protocol, 64) + _octets(source) + _octets(target) + payload


def ports(source: int, target: int, data: bytes = b"") -> bytes:
    """What a TCP, UDP or SCTP header begins with."""
    return struct.pack("!HH", source, target) + bytes(4) + data


def _octets(address: str) -> bytes:
    return AddressRange.of(address).first.packed
