"""The parser against messages that others made: captures of real products, and input that broke other programs."""

from __future__ import annotations

import hashlib
import json
import re
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from ikevpn.errors import Malformed
from ikevpn.wire import describe, header, message, vendor
from ikevpn.wire.message import Message
from ikevpn.wire.payload import SA, Identification, KeyExchange, NatD, Nonce, Notify, VendorId
from ikevpn.wire.payloads.attributes import Attribute
from ikevpn.wire.registry import ExchangeType, Hash, Ike, NotifyType, PayloadType, Protocol
from tests.captures import Datagram, datagrams, frames, ike

CAPTURES = [
    "huawei-dsvpn-des-modp768.pcap",
    "huawei-l2tp-ipsec-pc-des.pcap",
    "huawei-main-sha256.pcap",
    "ios-main-natd-payload15.pcap",
    "ios-main.pcap",
    "openswan-natt-rsasig.pcap",
    "paloalto-fortigate-main-ipv6.pcap",
    "pluto-broadcast.pcap",
    "pluto-vid-first-resp.pcap",
    "pluto-vid-first.pcap",
    "strongswan-aggressive-psk-known.pcapng",
    "strongswan-main-psk-2.pcapng",
    "strongswan-main-psk-known.pcapng",
    "strongswan-main-psk-unknown.pcapng",
    "strongswan4-main-with-unexpected-notify.pcap",
    "wireshark-ikev1-certs.pcap",
    "wireshark-main-xauth-modecfg-quick.pcapng.gz",
    *(f"openswan-steps/{role}-{step}.pcap" for role in ("parent", "rwnat") for step in ("M1", "M2", "M3", "N1", "N2")),
    "openswan-steps/rwnat-N3.pcap",
    "openswan-steps/rwnat-QI1.pcap",
]
MESSAGES = [
    "ikescan-aggr-mode-response.dat",
    "ikescan-aggressive.dat",
    "ikescan-custom-proposal.dat",
    "ikescan-default-proposal.dat",
    "ikescan-main-mode-response.dat",
    "ikescan-main-natt-response.dat",
    "ikescan-notify-response.dat",
    "ikescan-single-trans.dat",
    "windows-authip.bin",
]
RESERVED_SET = {"ikescan-custom-proposal.dat"}
"""Messages whose reserved octets are 0xff; they read the same, but are written with zeros."""

DIGESTS = {Hash.MD5: "md5", Hash.SHA1: "sha1", Hash.SHA2_256: "sha256", Hash.SHA2_512: "sha512"}


def clear(path: Path) -> list[tuple[Datagram, Message]]:
    """The clear messages of a capture."""
    return [(datagram, message.read(data)) for datagram, data in ike(path) if not header.read(data).encrypted]


def single(corpus: Path, name: str) -> bytes:
    """One message of a file, without the non-ESP marker that one of them has."""
    data = (corpus / "ike-messages" / name).read_bytes()
    return data[4:] if data.startswith(bytes(4)) else data


def written(each: Message) -> bytes:
    head = each.header
    return message.write(head.cky_i, head.cky_r, head.exchange, head.flags, head.message_id, each.chain.payloads)


@pytest.mark.parametrize("name", CAPTURES)
def test_every_message_of_a_capture_parses_and_round_trips(corpus: Path, name: str) -> None:
    found = ike(corpus / "ike" / name)
    assert found
    for _, data in found:
        head = header.read(data)
        assert header.write(head, data[header.HEADER_SIZE :]) == data
        if not head.encrypted:
            each = message.read(data)
            assert each.chain.payloads
            assert written(each) == data
            assert describe.message(each)


def test_no_capture_is_forgotten(corpus: Path) -> None:
    there = {str(path.relative_to(corpus / "ike")) for path in (corpus / "ike").rglob("*.pcap*")}
    assert there == {*CAPTURES, "ikev2-sa-init.pcap"}
    assert {path.name for path in (corpus / "ike-messages").iterdir()} == {
        *MESSAGES,
        "ikescan-ikev2.dat",
        "ikescan-v2-sainit-response.dat",
    }


@pytest.mark.parametrize("name", MESSAGES)
def test_every_single_message_parses_and_round_trips(corpus: Path, name: str) -> None:
    data = single(corpus, name)
    each = message.read(data)
    again = written(each)
    if name not in RESERVED_SET:
        assert again == data
        return
    differing = [place for place, (ours, theirs) in enumerate(zip(again, data, strict=True)) if ours != theirs]
    assert differing
    assert {(again[place], data[place]) for place in differing} == {(0, 0xFF)}
    assert message.read(again).chain.payloads == each.chain.payloads


@pytest.mark.parametrize("name", ["ikescan-ikev2.dat", "ikescan-v2-sainit-response.dat"])
def test_ikev2_is_told_by_its_header(corpus: Path, name: str) -> None:
    data = single(corpus, name)
    assert header.read(data).major == 2
    with pytest.raises(Malformed, match=r"ISAKMP version 2\.0"):
        message.read(data)


def test_ikev2_in_a_capture(corpus: Path) -> None:
    ((_, data),) = ike(corpus / "ike" / "ikev2-sa-init.pcap")
    assert header.read(data).major == 2


def names(each: Message) -> list[str]:
    rows = [vendor.recognise(payload.data) for payload in each.chain.all(VendorId)]
    return [row.name if row else "" for row in rows]


def test_check_point_answers_main_mode(corpus: Path) -> None:
    each = message.read(single(corpus, "ikescan-main-mode-response.dat"))
    assert each.header.cky_r.hex() == "636fa075dcf8ba90"
    sa = each.chain.first(SA)
    assert sa is not None
    attributes = sa.proposals[0].transforms[0].attributes
    (duration,) = (each for each in attributes if each.type == Ike.LIFE_DURATION)
    assert duration == Attribute.variable(Ike.LIFE_DURATION, (28800).to_bytes(4, "big"))
    assert duration.number == 28800
    assert names(each) == ["Check Point"]
    assert message.read(single(corpus, "ikescan-main-natt-response.dat")).header.cky_r.hex() == "f92704e8a4245b38"


def test_screenos_answers_aggressive_mode(corpus: Path) -> None:
    each = message.read(single(corpus, "ikescan-aggr-mode-response.dat"))
    assert each.header.exchange == ExchangeType.AGGRESSIVE
    assert each.header.cky_r.hex() == "61a878367079dd35"
    assert names(each) == ["ScreenOS 5.2 or later", "dead peer detection", "ScreenOS heartbeats"]
    identification = each.chain.first(Identification)
    assert identification is not None
    assert describe.identification(identification) == "62.3.105.251 udp port 500"
    assert len(each.chain.body(Nonce) or b"") == 20
    assert len(each.chain.body(KeyExchange) or b"") == 128


def test_check_point_refuses(corpus: Path) -> None:
    each = message.read(single(corpus, "ikescan-notify-response.dat"))
    assert each.header.message_id == 0x41A8534E
    notify = each.chain.first(Notify)
    assert notify is not None
    assert (notify.protocol, notify.type) == (Protocol.ISAKMP, NotifyType.NO_PROPOSAL_CHOSEN)


def test_ike_scan_asks_for_kilobytes(corpus: Path) -> None:
    lines = describe.message(message.read(single(corpus, "ikescan-custom-proposal.dat")))
    assert lines[3].strip() == "1: des-md5-modp768, psk"
    assert lines[5].strip() == "3: 3des-sha1-modp1024, rsa-signature, 28800 s, 1048576 KB"


def test_authip_is_an_exchange_nobody_assigned(corpus: Path) -> None:
    each = message.read(single(corpus, "windows-authip.bin"))
    assert not each.header.exchange.known
    assert each.header.next_payload == 0x85
    assert "Windows Server 2008 R2" in names(each)


def nat_d_matches(path: Path) -> list[tuple[bool, bool]]:
    """For each message with NAT-D: does its first value match the destination, any other one the source?"""
    found, digest = [], ""
    for datagram, each in clear(path):
        sa = each.chain.first(SA)
        if sa is not None:
            numbers = {attribute.type: attribute.number for attribute in sa.proposals[0].transforms[0].attributes}
            digest = DIGESTS[Hash(numbers[Ike.HASH])]
        values = [payload.data for payload in each.chain.all(NatD)]
        if values:
            cookies = each.header.cky_i + each.header.cky_r
            target = nat_d(digest, cookies, datagram.target, datagram.target_port)
            source = nat_d(digest, cookies, datagram.source, datagram.source_port)
            found.append((values[0] == target, source in values[1:]))
    return found


def nat_d(digest: str, cookies: bytes, address: IPv4Address | IPv6Address, port: int) -> bytes:
    return hashlib.new(digest, cookies + address.packed + port.to_bytes(2, "big")).digest()


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("huawei-main-sha256.pcap", [(True, True), (True, True)]),
        ("ios-main.pcap", [(True, True), (True, True)]),
        ("ios-main-natd-payload15.pcap", [(True, True), (True, True)]),
        ("strongswan-main-psk-known.pcapng", [(True, True), (True, True)]),
        ("strongswan-main-psk-2.pcapng", [(True, True), (True, True)]),
        ("strongswan-main-psk-unknown.pcapng", [(True, True), (True, True)]),
        ("strongswan-aggressive-psk-known.pcapng", [(True, True)]),
        ("strongswan4-main-with-unexpected-notify.pcap", [(True, True), (True, True)]),
        ("wireshark-main-xauth-modecfg-quick.pcapng.gz", [(True, True), (True, True)]),
        # The initiator is behind NAT: its own address does not match, the gateway's does.
        ("openswan-natt-rsasig.pcap", [(True, False), (True, True)]),
        ("huawei-l2tp-ipsec-pc-des.pcap", [(True, False), (True, True)]),
        ("huawei-dsvpn-des-modp768.pcap", []),
    ],
)
def test_nat_d_values_match_addresses_and_ports(corpus: Path, name: str, matches: list[tuple[bool, bool]]) -> None:
    assert nat_d_matches(corpus / "ike" / name) == matches


def test_older_ios_numbers_its_nat_d_15(corpus: Path) -> None:
    kinds = {
        payload.payload_type
        for _, each in clear(corpus / "ike" / "ios-main-natd-payload15.pcap")
        for payload in each.chain.all(NatD)
    }
    assert kinds == {PayloadType.NAT_D_DRAFT_04}


def test_both_ends_over_ipv6_are_recognised(corpus: Path) -> None:
    seen = {name for _, each in clear(corpus / "ike" / "paloalto-fortigate-main-ipv6.pcap") for name in names(each)}
    assert {"FortiGate", "Palo Alto", "IKE fragmentation", "dead peer detection"} <= seen


def test_a_netscreen_answers_openswan(corpus: Path) -> None:
    found = ike(corpus / "ike" / "wireshark-ikev1-certs.pcap")
    assert max(len(data) for _, data in found) > 1500
    products = [names(message.read(data)) for _, data in found[:2]]
    assert products[0][0] == "Openswan or Libreswan"
    assert products[1][-1] == "ScreenOS or Junos"


def test_an_unexpected_notify_and_a_retransmission(corpus: Path) -> None:
    found = clear(corpus / "ike" / "strongswan4-main-with-unexpected-notify.pcap")
    notify = found[2][1].chain.first(Notify)
    assert notify is not None
    assert notify.type == NotifyType.NO_PROPOSAL_CHOSEN
    assert found[1][1] == found[3][1]


def test_twelve_proposals_are_offered(corpus: Path) -> None:
    _, each = clear(corpus / "ike" / "wireshark-main-xauth-modecfg-quick.pcapng.gz")[0]
    sa = each.chain.first(SA)
    assert sa is not None
    assert sum(len(proposal.transforms) for proposal in sa.proposals) == 12


def test_keepalives_and_esp_are_no_ike(corpus: Path) -> None:
    path = corpus / "ike" / "openswan-natt-rsasig.pcap"
    others = [each for each in datagrams(path) if 4500 in each.ports and not each.data.startswith(bytes(4))]
    assert b"\xff" in [each.data for each in others]
    assert len(ike(path)) + len(others) == len(datagrams(path))


TCPDUMP_NAMES = {
    "sa": PayloadType.SA,
    "vid": PayloadType.VENDOR_ID,
    "ke": PayloadType.KEY_EXCHANGE,
    "nonce": PayloadType.NONCE,
    "pay15": PayloadType.NAT_D_DRAFT_04,
}
TCPDUMP_EXCHANGES = {"ident": ExchangeType.MAIN, "oakley-quick": ExchangeType.QUICK}


def test_tcpdump_reads_the_same(corpus: Path) -> None:
    printed = (corpus / "ike" / "ios-main-natd-payload15.tcpdump.txt").read_text()
    blocks = re.split(r"\n(?= +\d+ +\d{4}-)", printed.rstrip())
    found = ike(corpus / "ike" / "ios-main-natd-payload15.pcap")
    assert len(blocks) == len(found)
    for block, (datagram, data) in zip(blocks, found, strict=True):
        head = header.read(data)
        words = re.search(r"\.(\d+) > [\d.]+\.(\d+): isakmp (\S+) msgid (\w+): phase \S+ [IR] ([\w-]+)(\[E\])?:", block)
        assert words is not None
        assert datagram.ports == (int(words[1]), int(words[2]))
        assert f"{head.major}.{head.version & 15}" == words[3]
        assert f"{head.message_id:08x}" == words[4]
        assert head.exchange == TCPDUMP_EXCHANGES[words[5]]
        assert head.encrypted is (words[6] is not None)
        if head.encrypted:
            assert f"[encrypted {'id' if head.next_payload == PayloadType.IDENTIFICATION else 'hash'}]" in block
            continue
        chain = message.read(data).chain
        shown = re.findall(r"^    \((\w+)(?:: (?:\w+ )*len=(\d+))?", block, re.MULTILINE)
        assert [payload.payload_type for payload in chain.payloads] == [TCPDUMP_NAMES[name] for name, _ in shown]
        for (name, size), body in zip(shown, chain.bodies, strict=True):
            assert not size or int(size) == len(body), name
        values = re.findall(r"\(type=(\w+) value=(\w+)\)", block)
        assert bool(values) is (chain.first(SA) is not None)
        if values:
            (line,) = (line.strip() for line in describe.chain(chain) if "psk" in line)
            assert line == "1: aes128-sha1-modp768, psk, 86400 s"


@pytest.mark.parametrize(
    ("name", "offset", "why"),
    [
        ("zeek-ikev1-payload-bad-length.pcap", 90, "a vendor-id payload of length 3"),
        ("tcpdump-isakmp-delete-segfault.pcap", 24, "more than a datagram can hold"),
        ("tcpdump-ikev2-id-short.pcap", 17, "ISAKMP version 2.0"),
        ("tcpdump-isakmp-no-none-np.pcapng", 84, "says 84, but 2186 octets came"),
    ],
)
def test_what_is_refused_and_where(corpus: Path, name: str, offset: int, why: str) -> None:
    ((_, data),) = ike(corpus / "malformed" / name)
    with pytest.raises(Malformed, match=why) as caught:
        message.read(data)
    assert caught.value.offset == offset


def test_a_chain_without_end_is_cut_short(corpus: Path) -> None:
    ((_, data),) = ike(corpus / "malformed" / "tcpdump-isakmp-no-none-np.pcapng")
    with pytest.raises(Malformed, match="more than 64 payloads"):
        message.read_chain(PayloadType(data[16]), data[28:])


def test_ike_scan_breaks_a_header(corpus: Path) -> None:
    with pytest.raises(Malformed, match="says 517, but only 507"):
        header.read((corpus / "malformed" / "ikescan-malformed.dat").read_bytes())


def test_a_lifetime_given_twice_keeps_its_order(corpus: Path) -> None:
    ((_, data),) = ike(corpus / "malformed" / "suricata-ikev1-duplicate-proposals.pcap")
    sa = message.read(data).chain.first(SA)
    assert sa is not None
    durations = [each.number for each in sa.proposals[0].transforms[0].attributes if each.type == Ike.LIFE_DURATION]
    assert durations == [86400, 65535]


@pytest.mark.parametrize(
    ("identity", "why"),
    [("CVE-2009-0790", "only 60 octets came"), ("CVE-2015-3204", "a proposal of length 0"), ("CVE-2020-1763", None)],
)
def test_packets_that_broke_pluto(corpus: Path, identity: str, why: str | None) -> None:
    packets = json.loads((corpus / "malformed" / "pluto-cve-packets.json").read_text())["packets"]
    (data,) = (bytes.fromhex(packet["message"]) for packet in packets if packet["id"] == identity)
    if why is None:
        assert message.read(data).chain.first(SA) is not None
        return
    with pytest.raises(Malformed, match=why):
        message.read(data)


@pytest.mark.parametrize("folder", ["malformed", "ike", "esp", "ppp-l2tp"])
def test_any_octets_of_any_capture_are_a_message_or_malformed(corpus: Path, folder: str) -> None:
    """Each frame is read from every place in it, as if a message began there: a value or `Malformed`, nothing else."""
    paths = [path for path in sorted((corpus / folder).iterdir()) if ".pcap" in path.name and path.suffix != ".txt"]
    assert paths
    tried = 0
    for path in paths:
        for _, frame in list(frames(path))[:10]:
            for start in range(0, min(len(frame), 120)):
                tried += 1
                read_everything(frame[start:])
    assert tried > 100


def read_everything(data: bytes) -> None:
    """The octets as a message, and as a chain of each kind."""
    try:
        describe.message(message.read(data))
    except Malformed as error:
        assert error.offset >= 0
    for kind in (PayloadType.SA, PayloadType.IDENTIFICATION, PayloadType.NOTIFICATION, PayloadType.DELETE):
        try:
            describe.chain(message.read_chain(kind, data, padded=True))
        except Malformed as error:
            assert 0 <= error.offset <= len(data)
