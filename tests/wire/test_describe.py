from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from ikevpn.wire import describe, message
from ikevpn.wire.payload import (
    Certificate,
    Configuration,
    Delete,
    Fragment,
    Identification,
    NatOa,
    Notify,
    Payload,
    Unknown,
    VendorId,
)
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import (
    CertificateEncoding,
    Cfg,
    CfgType,
    Doi,
    ExchangeType,
    Flag,
    IdType,
    NotifyType,
    PayloadType,
    Protocol,
)
from tests.wire import values

SCREENOS = """\
aggressive, deadbeefdeadbeef -> 61a878367079dd35, message id 00000000, 348 octets
  sa: 1 proposal
    #1 isakmp
      1: 3des-sha1-modp1024, psk, 28800 s
  vendor-id: ScreenOS 5.2 or later (166f932d55eb64d8e4df4fd37e2313f0d0fd84510000000000000000)
  vendor-id: dead peer detection (afcad71368a1f1c96b8696fc77570100)
  vendor-id: ScreenOS heartbeats (4865617274426561745f4e6f74696679386b0100)
  key-exchange: 128 octets
  nonce: 20 octets
  identification: 62.3.105.251 udp port 500
  hash: 20 octets"""


def test_the_answer_of_a_real_gateway(corpus: Path) -> None:
    data = (corpus / "ike-messages" / "ikescan-aggr-mode-response.dat").read_bytes()
    assert "\n".join(describe.message(message.read(data))) == SCREENOS


@pytest.mark.parametrize(
    ("id_type", "data", "text"),
    [
        (IdType.IPV4_ADDRESS, bytes([10, 0, 0, 1]), "10.0.0.1"),
        (IdType.IPV4_SUBNET, bytes([10, 1, 0, 0, 255, 255, 0, 0]), "10.1.0.0/16"),
        (IdType.IPV4_SUBNET, bytes(8), "0.0.0.0/0"),
        (IdType.IPV4_RANGE, bytes([10, 0, 0, 1, 10, 0, 0, 9]), "10.0.0.1-10.0.0.9"),
        (IdType.IPV4_RANGE, bytes([10, 0, 0, 0, 10, 0, 0, 255]), "10.0.0.0/24"),
        (IdType.IPV6_SUBNET, bytes(32), "::/0"),
        (IdType.IPV4_ADDRESS, b"abc", "ipv4-address:616263"),
        (IdType.FQDN, b"gw.example.com", "gw.example.com"),
        (IdType.FQDN, b"gw\x1b[2Jx", "gw?[2Jx"),
        (IdType.USER_FQDN, b"heidi@juniper.net", "heidi@juniper.net"),
        (IdType.KEY_ID, b"office", "keyid:office"),
        (IdType.KEY_ID, b"\x00\xff", "keyid:0x00ff"),
        (IdType.DN, b"\x30\x00", "dn:3000"),
        (IdType(200), b"\x01", "unknown-200:01"),
        (IdType.FQDN, b"a" * 100, "a" * 80 + "..."),
    ],
)
def test_identifications(id_type: IdType, data: bytes, text: str) -> None:
    assert describe.identification(Identification(id_type, 0, 0, data)) == text


def test_protocol_and_port_of_an_identification() -> None:
    address = bytes([10, 0, 0, 1])
    assert describe.identification(Identification(IdType.IPV4_ADDRESS, 17, 1701, address)) == "10.0.0.1 udp port 1701"
    assert describe.identification(Identification(IdType.IPV4_ADDRESS, 47, 0, address)) == "10.0.0.1 protocol 47"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (
            Notify(Doi.IPSEC, Protocol.ISAKMP, b"", NotifyType.NO_PROPOSAL_CHOSEN),
            "notification: no-proposal-chosen (14), isakmp",
        ),
        (
            Notify(Doi.ISAKMP, Protocol.ESP, b"\xc0\xff\xee\x00", NotifyType(9999), b"\x01"),
            "notification: doi isakmp (0), unknown-9999, esp c0ffee00, data 01",
        ),
        (Delete(Doi.IPSEC, Protocol.ESP, (b"\xc0\xff\xee\x00", bytes(4))), "delete: esp c0ffee00 00000000"),
        (Delete(Doi.IPSEC, Protocol.ESP, ()), "delete: esp nothing"),
        (VendorId(b"\x01\x02"), "vendor-id: not known to us (0102)"),
        (VendorId(bytes(50)), f"vendor-id: not known to us ({'00' * 40}...)"),
        (NatOa(IdType.IPV4_ADDRESS, bytes([10, 0, 0, 1])), "nat-oa: 10.0.0.1"),
        (Certificate(CertificateEncoding.CRL, b"abc"), "certificate: crl, 3 octets"),
        (Fragment(1, 3, True, b"abc"), "fragment: 1, number 3 (last), 3 octets"),
        (Unknown(PayloadType(200), b"abc"), "unknown-200: 3 octets"),
    ],
)
def test_payloads(value: Payload, line: str) -> None:
    assert describe.payload(value) == [line]


def test_a_configuration_payload_keeps_passwords_to_itself() -> None:
    value = Configuration(
        CfgType.REPLY,
        7,
        (
            Attribute.of(Cfg.XAUTH_TYPE, 0),
            Attribute.variable(Cfg.XAUTH_USER_NAME, b"heidi"),
            Attribute.variable(Cfg.XAUTH_USER_PASSWORD, b"hunter22"),
            Attribute(Cfg.XAUTH_PASSCODE, b"zq", True),
            Attribute.variable(Cfg.IP4_ADDRESS, bytes([10, 1, 1, 1])),
            Attribute.variable(Cfg.IP4_DNS, b""),
            Attribute.variable(15, b"checkpoint"),
        ),
    )
    (line,) = describe.payload(value)
    assert line == (
        "attributes: reply 7: xauth-type = 0, xauth-user-name = heidi, xauth-user-password = <8 octets>, "
        "xauth-passcode = <2 octets>, ip4-address = 10.1.1.1, ip4-dns, ip6-subnet = <10 octets>"
    )


def test_odd_headers() -> None:
    data = bytearray(message.write(b"\x11" * 8, b"\x22" * 8, ExchangeType(243), Flag(6), 7, []))
    data[17] = 0x13
    assert describe.message(message.read(bytes(data))) == [
        "version 1.3, exchange 243, 1111111111111111 -> 2222222222222222, "
        "message id 00000007, commit|authentication_only, 28 octets"
    ]


@given(values.chains, values.exchanges, values.flags.map(lambda flags: flags & ~Flag.ENCRYPTION))
def test_any_message_has_printable_lines(payloads: list[Payload], exchange: ExchangeType, flags: Flag) -> None:
    data = message.write(b"iiiiiiii", bytes(8), exchange, flags, 0, payloads)
    lines = describe.message(message.read(data))
    assert len(lines) > len(payloads)
    assert all(line.isprintable() for line in lines)
