"""Packets published by others: RFC 3602, Linux, DPDK. What we do not speak is listed, so that nothing is missed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ikevpn.crypto import ciphers
from ikevpn.crypto.tables import ESP_CIPHERS
from ikevpn.errors import UsageError
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.transforms.ctr import CounterMode
from ikevpn.esp.transforms.layout import HEADER, TRAILER
from ikevpn.esp.transforms.transform import shape
from ikevpn.model.sa import Algorithms, Direction, SaMode
from ikevpn.wire.registry import EspCipher, IkeCipher, Integrity
from tests.esp import samples

unhex = bytes.fromhex

IKE_CIPHER_OF = {
    EspCipher.DES: IkeCipher.DES_CBC,
    EspCipher.TRIPLE_DES: IkeCipher.TRIPLE_DES_CBC,
    EspCipher.AES_CBC: IkeCipher.AES_CBC,
}

LINUX = {
    "cbc(des3_ede)": EspCipher.TRIPLE_DES,
    "cbc(aes)": EspCipher.AES_CBC,
    "rfc4106(gcm(aes))": EspCipher.AES_GCM_16,
    "rfc3686(ctr(aes))": EspCipher.AES_CTR,
    "cbc(blowfish)": EspCipher.BLOWFISH,
    "rfc4543(gcm(aes))": EspCipher.NULL_AES_GMAC,
}

DPDK_CIPHERS = {
    "AES_CBC": EspCipher.AES_CBC,
    "3DES_CBC": EspCipher.TRIPLE_DES,
    "DES_CBC": EspCipher.DES,
    "AES_CTR": EspCipher.AES_CTR,
    "AES_GCM": EspCipher.AES_GCM_16,
    "AES_CCM": EspCipher.AES_CCM_16,
    "NULL": EspCipher.NULL,
}
DPDK_INTEGRITIES = {
    "MD5_HMAC": Integrity.HMAC_MD5,
    "SHA256_HMAC": Integrity.HMAC_SHA2_256,
    "SHA384_HMAC": Integrity.HMAC_SHA2_384,
    "SHA512_HMAC": Integrity.HMAC_SHA2_512,
    "AES_XCBC_MAC": Integrity.AES_XCBC,
}
UNSUPPORTED = {"pkt_null_aes_xcbc"}
OTHER_PROTOCOL = {"pkt_ah_tunnel_sha256", "pkt_ah_ipv4_aes_gmac_128"}


def vectors(corpus: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((corpus / "esp-vectors" / f"{name}.json").read_text())["vectors"]
    return found


def foreseen(algorithms: Algorithms, iv: bytes) -> Callable[[int], bytes]:
    """Entropy that makes a CBC sender choose `iv` for its first packet: E(octets ^ chaining value) has to be `iv`."""
    block = len(iv)
    first = ciphers.decrypt(
        IKE_CIPHER_OF[algorithms.cipher], algorithms.encryption_key.reveal(), bytes(block), iv
    )  # the chaining value before the first packet is the entropy drawn first; let that be zero
    draws = iter([bytes(block), first])
    return lambda size: next(draws)


def check(
    algorithms: Algorithms, esp: bytes, payload: bytes, next_header: int, sequence: int, high: int | None = None
) -> None:
    """Opens to the payload, and where we can choose the IV, seals to the same octets."""
    spi = int.from_bytes(esp[:4], "big")
    for mode in SaMode if next_header in {4, 41} else (SaMode.TRANSPORT,):
        sa = samples.sa(Direction.IN, algorithms, spi=spi, mode=mode, extended_sequence_numbers=high is not None)
        into = Inbound(sa)
        if high:
            into._window.advance(high << 32)
        assert into.open([esp], 0.0) == [Opened(payload, next_header)]
    sizes = shape(algorithms)
    least = HEADER + sizes.iv + len(payload) + TRAILER + sizes.padding(len(payload)) + sizes.icv
    if algorithms.cipher in IKE_CIPHER_OF and len(esp) == least:
        iv = esp[8 : 8 + ESP_CIPHERS[algorithms.cipher].iv]
        sa = samples.sa(Direction.OUT, algorithms, spi=spi)
        out = Outbound(sa, foreseen(algorithms, iv), sequence=sequence - 1)
        assert out.seal([payload], next_header) == [esp]


def test_rfc_3602(corpus: Path) -> None:
    found = vectors(corpus, "rfc3602-packets")
    assert len(found) == 3
    for vector in found:
        integrity = Integrity.HMAC_SHA1 if vector["integrity"] == "hmac-sha1-96" else Integrity.NONE
        key, integrity_key = unhex(vector["key"]), unhex(vector.get("auth_key", ""))
        algorithms = samples.known(EspCipher.AES_CBC, key, integrity, integrity_key)
        esp = unhex(vector["esp_packet"])
        sequence = int.from_bytes(esp[4:8], "big")
        check(algorithms, esp, unhex(vector["payload"]), vector["next_header"], sequence)


def test_linux(corpus: Path) -> None:
    refused = []
    for vector in vectors(corpus, "linux-xfrm-packets"):
        algorithms = samples.known(LINUX[vector["algorithm"]], unhex(vector["key"]))
        esp, inner = unhex(vector["esp_packet"]), unhex(vector["inner_packet"])
        if algorithms.cipher is EspCipher.AES_CTR:  # which proves nothing by itself: no SA of ours is like that
            key = unhex(vector["key"])
            assert CounterMode(key[:-4], key[-4:]).decrypt([esp[HEADER:]])[0].startswith(inner)
        if algorithms.cipher not in ESP_CIPHERS or algorithms.cipher is EspCipher.AES_CTR:
            refused.append(vector["algorithm"])
            with pytest.raises(UsageError):
                shape(algorithms)
            continue
        check(algorithms, esp, inner, 4, vector["seq"], vector["esn_high"])
    assert refused == ["rfc3686(ctr(aes))", "cbc(blowfish)"]


def test_dpdk(corpus: Path) -> None:
    checked = 0
    for vector in vectors(corpus, "dpdk-packets"):
        if vector["name"] in OTHER_PROTOCOL:
            assert vector["proto"] == "AH"
            continue
        algorithms = samples.known(
            DPDK_CIPHERS[vector.get("cipher") or vector["aead"]],
            unhex(vector.get("key", "") + vector.get("salt", "")),
            DPDK_INTEGRITIES.get(vector.get("auth", ""), Integrity.NONE),
            unhex(vector.get("auth_key", "")),
        )
        if vector["name"] in UNSUPPORTED:
            with pytest.raises(UsageError):
                shape(algorithms)
            continue
        outer, inner = unhex(vector["outer_packet"]), unhex(vector["inner_packet"])
        esp = outer[20:] if outer[0] >> 4 == 4 else outer[40:]
        check(algorithms, esp, inner, 4 if inner[0] >> 4 == 4 else 41, 1)
        checked += 1
    assert checked == 14
