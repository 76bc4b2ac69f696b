"""Packet for packet against scapy's ESP: it opens all that we seal, we open all that it seals."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation
from scapy.packet import Packet, Raw

from ikevpn.crypto.tables import ESP_CIPHERS
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.transforms.transform import shape
from ikevpn.model.sa import Direction, SaMode
from ikevpn.wire.registry import EspCipher, Integrity
from tests.esp import samples
from tests.esp.samples import ipv4, ipv6, ports

CRYPT = {
    EspCipher.NULL: "NULL",
    EspCipher.DES: "DES",
    EspCipher.TRIPLE_DES: "3DES",
    EspCipher.AES_CBC: "AES-CBC",
    EspCipher.AES_CTR: "AES-CTR",
    EspCipher.AES_CCM_16: "AES-CCM",
    EspCipher.AES_GCM_16: "AES-GCM",
    EspCipher.NULL_AES_GMAC: "AES-NULL-GMAC",
}
AUTH = {
    Integrity.NONE: "NULL",
    Integrity.HMAC_MD5: "HMAC-MD5-96",
    Integrity.HMAC_SHA1: "HMAC-SHA1-96",
    Integrity.HMAC_SHA2_256: "SHA2-256-128",
    Integrity.HMAC_SHA2_384: "SHA2-384-192",
    Integrity.HMAC_SHA2_512: "SHA2-512-256",
}
HIGH = 7  # high half of extended sequence numbers

# scapy's AES-GCM sends 16 octets of tag whatever length is asked for, and its AES-CCM too; `test_gcm.py` and
# `test_ccm.py` have the shorter ones.
PAIRS = [pair for pair in samples.PAIRS if ESP_CIPHERS[pair[0]].icv in {0, 16}]

every_pair = pytest.mark.parametrize("pair", PAIRS, ids=samples.name)
relaxed = settings(max_examples=20)
versions = st.sampled_from([4, 6])
sizes = st.lists(st.one_of(st.integers(0, 80), st.integers(0, 1500), st.sampled_from([9000, 65000])), max_size=4)


def association(pair: samples.Pair, outer: Packet | None, *, extended: bool = False) -> SecurityAssociation:
    algorithms = samples.algorithms(pair)
    return SecurityAssociation(
        ESP,
        spi=samples.SPI,
        crypt_algo=CRYPT[pair[0]],
        crypt_key=algorithms.encryption_key.reveal(),
        auth_algo=AUTH[pair[2]],
        auth_key=algorithms.integrity_key.reveal(),
        tunnel_header=outer,
        nat_t_header=None,
        esn_en=extended,
        esn=HIGH if extended else 0,
    )


def header(version: int) -> Packet:
    return IP(src="192.0.2.1", dst="192.0.2.2") if version == 4 else IPv6(src="2001:db8::1", dst="2001:db8::2")


def inner(version: int, size: int) -> bytes:
    payload = ports(1000 + size % 7, 2000, samples.entropy(size)(max(0, size - 8)))[: max(size, 8)]
    return ipv4(payload) if version == 4 else ipv6(payload)


def next_header(version: int) -> int:
    return 4 if version == 4 else 41


def esp_of(packet: Packet) -> bytes:
    return bytes(packet[ESP])


@every_pair
@pytest.mark.parametrize("extended", [False, True], ids=["", "esn"])
@relaxed
@given(outside=versions, inside=versions, batch=sizes)
def test_scapy_opens_what_we_seal(
    pair: samples.Pair, extended: bool, outside: int, inside: int, batch: list[int]
) -> None:
    scapy = association(pair, header(outside), extended=extended)
    sa = samples.sa(Direction.OUT, pair, extended_sequence_numbers=extended)
    out = Outbound(sa, samples.entropy(), sequence=HIGH << 32 if extended else 0)
    packets = [inner(inside, size) for size in batch]
    for number, (packet, sealed) in enumerate(zip(packets, out.seal(packets, next_header(inside)), strict=True), 1):
        around = header(outside) / ESP(sealed)
        if outside == 4:
            around.proto = 50
        assert around[ESP].seq == number
        assert bytes(scapy.decrypt(around)) == packet


@every_pair
@pytest.mark.parametrize("extended", [False, True], ids=["", "esn"])
@relaxed
@given(outside=versions, inside=versions, batch=sizes)
def test_we_open_what_scapy_seals(
    pair: samples.Pair, extended: bool, outside: int, inside: int, batch: list[int]
) -> None:
    scapy = association(pair, header(outside), extended=extended)
    into = Inbound(samples.sa(Direction.IN, pair, extended_sequence_numbers=extended))
    if extended:
        into._window.advance(HIGH << 32)
    packets = [inner(inside, size) for size in batch]
    sealed = [esp_of(scapy.encrypt(IP(packet) if inside == 4 else IPv6(packet))) for packet in packets]
    assert into.open(sealed, 0.0) == [Opened(packet, next_header(inside)) for packet in packets]


@every_pair
@pytest.mark.parametrize("version", [4, 6])
def test_transport_mode_both_ways(pair: samples.Pair, version: int) -> None:
    scapy = association(pair, None)
    out = Outbound(samples.sa(Direction.OUT, pair, mode=SaMode.TRANSPORT), samples.entropy())
    into = Inbound(samples.sa(Direction.IN, pair, mode=SaMode.TRANSPORT))
    for size in (0, 1, 17, 1400):
        plain = header(version) / UDP(sport=1, dport=2) / Raw(bytes(size))
        payload = bytes(plain[UDP])
        around = header(version) / ESP(out.seal([payload], 17)[0])
        assert bytes(scapy.decrypt(around)[UDP]) == payload
        assert into.open([esp_of(scapy.encrypt(plain))], 0.0) == [Opened(payload, 17)]


@every_pair
def test_packets_are_equal_octet_for_octet(pair: samples.Pair) -> None:
    """With the same IV the whole packet is the same, not only its meaning."""
    scapy = association(pair, header(4))
    sealed = Outbound(samples.sa(Direction.OUT, pair), samples.entropy()).seal([inner(4, 100)], 4)[0]
    iv = sealed[8 : 8 + shape(samples.algorithms(pair)).iv]
    assert esp_of(scapy.encrypt(IP(inner(4, 100)), seq_num=1, iv=iv)) == sealed
