"""ESP captured from real stacks, with keys known: every packet opens, and opens to something that makes sense."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest

from ikevpn.errors import UsageError
from ikevpn.esp.encap import Datagram, classify
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.packet.inner import read_flow
from ikevpn.esp.transforms.transform import shape
from ikevpn.model.sa import Algorithms, Direction, SaMode
from ikevpn.wire.registry import EspCipher, Integrity
from tests import captures
from tests.esp import samples

ESP = 50
ICMP, ICMPV6 = 1, 58

CIPHERS = {
    "AES-CBC [RFC3602]": EspCipher.AES_CBC,
    "TripleDES-CBC [RFC2451]": EspCipher.TRIPLE_DES,
    "DES-CBC [RFC2405]": EspCipher.DES,
    "NULL": EspCipher.NULL,
    "AES-GCM with 16 octet ICV [RFC4106]": EspCipher.AES_GCM_16,
    "AES-CTR [RFC3686]": EspCipher.AES_CTR,
}
INTEGRITIES = {
    "HMAC-SHA-1-96 [RFC2404]": Integrity.HMAC_SHA1,
    "HMAC-MD5-96 [RFC2403]": Integrity.HMAC_MD5,
    "HMAC-SHA-256-128 [RFC4868]": Integrity.HMAC_SHA2_256,
    "NULL": Integrity.NONE,
}


class Row(NamedTuple):
    source: str
    target: str
    spi: str
    algorithms: Algorithms


def table(path: Path) -> Iterator[Row]:
    """The rows of Wireshark's table of SAs."""
    lines = (line for line in path.read_text().splitlines() if line.startswith('"'))
    for _, source, target, spi, cipher, key, integrity, integrity_key in csv.reader(lines):
        algorithms = samples.known(CIPHERS[cipher], octets(key), INTEGRITIES[integrity], octets(integrity_key))
        yield Row(source, target, spi, algorithms)


def octets(text: str) -> bytes:
    return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()


def test_every_pair_of_algorithms_as_linux_made_it(corpus: Path) -> None:
    """24 SAs in transport mode with ten packets each; the two without any protection are refused, as they should be."""
    folder = corpus / "esp"
    rows = {row.target: row for row in table(folder / "wiki-esp-1-all-algorithms.esp_sa")}
    packets = [p for p in captures.packets(folder / "wiki-esp-1-all-algorithms.pcap") if p.protocol == ESP]
    assert (len(rows), len(packets)) == (24, 240)
    count: Counter[str] = Counter()
    for target, row in rows.items():
        sealed = [packet.data for packet in packets if str(packet.target) == target]
        assert len(sealed) == 10
        if (row.algorithms.cipher, row.algorithms.integrity) == (EspCipher.NULL, Integrity.NONE):
            with pytest.raises(UsageError):
                shape(row.algorithms)
            count["refused"] += len(sealed)
            continue
        sa = samples.sa(Direction.IN, row.algorithms, spi=int(row.spi), mode=SaMode.TRANSPORT)
        for answer in Inbound(sa).open(sealed, 0.0):
            assert isinstance(answer, Opened), (row.target, answer)
            assert answer.next_header == (ICMPV6 if ":" in target else ICMP)
            assert answer.data[0] == (128 if ":" in target else 8), "an echo request"
            count["opened"] += 1
    assert count == {"opened": 220, "refused": 20}


def test_a_transport_sa_in_a_tunnel(corpus: Path) -> None:
    folder = corpus / "esp"
    outer, inner = table(folder / "wiki-esp-2-nested.esp_sa")
    sealed = [
        packet.data
        for packet in captures.packets(folder / "wiki-esp-2-nested.pcap")
        if packet.protocol == ESP and str(packet.source) == outer.source
    ]
    tunnel = Inbound(samples.sa(Direction.IN, outer.algorithms))
    opened = [answer for answer in tunnel.open(sealed, 0.0) if isinstance(answer, Opened)]
    assert len(sealed) == len(opened) == 312
    within = []
    for packet in opened:
        flow = read_flow(packet.data)
        assert flow is not None
        assert (str(ip_address(flow.source)), str(ip_address(flow.target))) == (inner.source, inner.target)
        assert flow.protocol == ESP
        within.append(packet.data[20:])
    transport = Inbound(samples.sa(Direction.IN, inner.algorithms, mode=SaMode.TRANSPORT))
    answers = transport.open(within, 0.0)
    assert [a.next_header for a in answers if isinstance(a, Opened)] == [ICMP] * 312


def test_a_real_client_behind_nat(corpus: Path) -> None:
    """GCM, and CTR and CBC with SHA2-256, in UDP."""
    folder = corpus / "esp"
    rows = {int(row.spi, 16): row.algorithms for row in table(folder / "ncp-udp-encap-gcm-ctr-cbc.esp_sa")}
    packets = [
        datagram.data
        for datagram in captures.datagrams(folder / "ncp-udp-encap-gcm-ctr-cbc.pcapng")
        if classify(datagram.data) is Datagram.ESP
    ]
    count: Counter[EspCipher] = Counter()
    for spi, algorithms in rows.items():
        sealed = [packet for packet in packets if int.from_bytes(packet[:4], "big") == spi]
        count[algorithms.cipher] += len(sealed)
        into = Inbound(samples.sa(Direction.IN, algorithms, spi=spi))
        answers = into.open(sealed, 0.0)
        assert all(isinstance(answer, Opened) and answer.next_header == 4 for answer in answers)
        assert into.truncation_hint is None
    assert count == {EspCipher.AES_GCM_16: 8, EspCipher.AES_CTR: 8, EspCipher.AES_CBC: 8}


def without_icv(packet: bytes) -> bytes:
    """The integrity keys of tcpdump's captures are not published."""
    return packet[:-12]


@pytest.mark.parametrize("name", ["tcpdump-3des-tunnel", "tcpdump-udp-encap-3des", "tcpdump-3des-nested"])
def test_tunnels_of_the_free_swan_family(corpus: Path, name: str) -> None:
    folder = corpus / "esp"
    keys = json.loads((folder / "tcpdump-keys.json").read_text())["sas"]
    by_file = {file: bytes.fromhex(sa["key"]) for sa in keys for file in sa["files"]}
    path = folder / f"{name}.pcap"
    sealed = [packet.data for packet in captures.packets(path) if packet.protocol == ESP]
    sealed += [datagram.data for datagram in captures.datagrams(path) if classify(datagram.data) is Datagram.ESP]
    assert len(sealed) == 8

    answers = opened(by_file[path.name], sealed)
    if name == "tcpdump-3des-nested":
        answers = opened(by_file[f"{path.name} (inner)"], [answer.data[20:] for answer in answers])
    for sequence, answer in enumerate(answers, 1):
        flow = read_flow(answer.data)
        assert flow is not None
        assert (flow.protocol, answer.data[20]) == (ICMP, 8), "an echo request"
        assert int.from_bytes(answer.data[26:28], "big") == 1024 + 256 * sequence, "as tcpdump prints it"


def opened(key: bytes, sealed: list[bytes]) -> list[Opened]:
    into = Inbound(samples.sa(Direction.IN, samples.known(EspCipher.TRIPLE_DES, key)))
    answers = [answer for answer in into.open([without_icv(packet) for packet in sealed], 0.0)]
    assert all(isinstance(answer, Opened) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Opened)]
