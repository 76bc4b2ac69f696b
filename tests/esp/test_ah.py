"""AH in both modes and families against scapy's, which nobody here wrote; and what an attacker may send."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import AH as ScapyAh
from scapy.layers.ipsec import SecurityAssociation

from ikevpn.errors import UsageError
from ikevpn.esp import ah
from ikevpn.esp.ah import AhInbound, AhOutbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.outbound import SequenceExhausted
from ikevpn.esp.packet.drops import Drop
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Algorithms, Direction, Encapsulation, Sa, SaMode
from ikevpn.model.secret import Secret
from ikevpn.wire.registry import EspCipher, Integrity, Protocol
from tests.esp.samples import SPI, entropy, ipv4, ipv6, ports, sa

SCAPY = {
    Integrity.HMAC_MD5: ("HMAC-MD5-96", 16),
    Integrity.HMAC_SHA1: ("HMAC-SHA1-96", 20),
    Integrity.HMAC_SHA2_256: ("SHA2-256-128", 32),
    Integrity.HMAC_SHA2_384: ("SHA2-384-192", 48),
    Integrity.HMAC_SHA2_512: ("SHA2-512-256", 64),
}
ENDS = {4: ("192.0.2.1", "192.0.2.2"), 6: ("2001:db8::1", "2001:db8::2")}
BOTH = [(integrity, version) for integrity in SCAPY for version in ENDS]
relaxed = settings(deadline=None)  # scapy takes its time on a busy machine
PAYLOADS = st.binary(max_size=1500)


def keyed(integrity: Integrity) -> Algorithms:
    return Algorithms(EspCipher.NULL, 0, integrity, Secret(b""), Secret(bytes(range(SCAPY[integrity][1]))))


def ah_sa(direction: Direction, integrity: Integrity, version: int, **changes: object) -> Sa:
    here, there = (Endpoint.of(address, 0) for address in ENDS[version])
    ends = {"local": here, "remote": there} if direction is Direction.OUT else {"local": there, "remote": here}
    plain = replace(sa(direction, keyed(integrity)), protocol=Protocol.AH, encapsulation=Encapsulation.NONE, **ends)
    return replace(plain, **changes)  # type: ignore[arg-type]


def scapy_sa(integrity: Integrity, version: int, mode: SaMode = SaMode.TUNNEL) -> SecurityAssociation:
    name, size = SCAPY[integrity]
    here, there = ENDS[version]
    outer = (IP if version == 4 else IPv6)(src=here, dst=there) if mode is SaMode.TUNNEL else None
    return SecurityAssociation(ScapyAh, spi=SPI, auth_algo=name, auth_key=bytes(range(size)), tunnel_header=outer)


def on_the_wire(packet: bytes, version: int) -> bytes:
    """What the kernel makes of a sealed packet."""
    if version == 4:
        return packet
    here, there = (Endpoint.of(address, 0).address.packed for address in ENDS[6])
    return struct.pack("!IHBB", 6 << 28, len(packet), ah.AH, 64) + here + there + packet


@pytest.mark.parametrize(("integrity", "version"), BOTH)
@relaxed
@given(payload=PAYLOADS, inner=st.sampled_from((4, 6)))
def test_scapy_accepts_our_tunnels(integrity: Integrity, version: int, payload: bytes, inner: int) -> None:
    packet = (ipv4 if inner == 4 else ipv6)(ports(1, 2, payload))
    (sealed,) = AhOutbound(ah_sa(Direction.OUT, integrity, version), entropy()).seal([packet], 4 if inner == 4 else 41)
    wire = (IP if version == 4 else IPv6)(on_the_wire(sealed, version))
    assert bytes(scapy_sa(integrity, version).decrypt(wire))[8:] == packet[8:]


@pytest.mark.parametrize(("integrity", "version"), BOTH)
@relaxed
@given(payload=PAYLOADS, inner=st.sampled_from((4, 6)))
def test_we_accept_scapys_tunnels(integrity: Integrity, version: int, payload: bytes, inner: int) -> None:
    packet = (ipv4 if inner == 4 else ipv6)(ports(1, 2, payload))
    wire = bytes(scapy_sa(integrity, version).encrypt((IP if inner == 4 else IPv6)(packet)))
    (opened,) = AhInbound(ah_sa(Direction.IN, integrity, version)).open([wire], 1.0)
    assert isinstance(opened, Opened) and opened.data[8:] == packet[8:]


@pytest.mark.parametrize(("integrity", "version"), BOTH)
@relaxed
@given(payload=PAYLOADS)
def test_transport_mode_both_ways(integrity: Integrity, version: int, payload: bytes) -> None:
    here, there = ENDS[version]
    data = ports(1701, 1701, payload)
    packet = (ipv4 if version == 4 else ipv6)(data, source=here, target=there)
    theirs = scapy_sa(integrity, version, SaMode.TRANSPORT)
    wire = bytes(theirs.encrypt((IP if version == 4 else IPv6)(packet)))
    (opened,) = AhInbound(ah_sa(Direction.IN, integrity, version, mode=SaMode.TRANSPORT)).open([wire], 1.0)
    assert opened == Opened(data, 17)
    outbound = AhOutbound(ah_sa(Direction.OUT, integrity, version, mode=SaMode.TRANSPORT), entropy())
    (sealed,) = outbound.seal([data], 17)
    back = theirs.decrypt((IP if version == 4 else IPv6)(on_the_wire(sealed, version)))
    assert bytes(back.payload) == data


@pytest.mark.parametrize("integrity", SCAPY)
@given(data=st.data())
def test_what_routers_may_change_does_not_count_and_the_rest_does(integrity: Integrity, data: st.DataObject) -> None:
    (sealed,) = AhOutbound(ah_sa(Direction.OUT, integrity, 4), entropy()).seal([ipv4(ports(1, 2))], 4)
    at = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[at] ^= data.draw(st.integers(1, 255))
    inbound = AhInbound(ah_sa(Direction.IN, integrity, 4))
    (answer,) = inbound.open([bytes(changed)], 1.0)
    if at in (1, 6, 7, 8, 10, 11):  # class of service, flags and offset, TTL, checksum
        assert isinstance(answer, Opened)
    elif 24 <= at < 28:  # the SPI has led here already
        assert answer is Drop.BAD_ICV
    else:
        assert isinstance(answer, Drop)
        assert isinstance(inbound.open([sealed], 1.0)[0], Opened), "a forged packet moved the window"


def test_options_that_routers_write_do_not_count() -> None:
    """A record route option is zeroed, a router alert is not (RFC 4302 appendix A1)."""
    route, alert = bytes([7, 7, 4, 0, 0, 0, 0, 0]), bytes([148, 4, 0, 0])
    datagram = ipv4(b"", options=route + alert, protocol=ah.AH)
    known = ah.immutable(datagram)
    assert known is not None
    assert known[20:] == bytes(7) + route[7:] + alert
    assert ah.immutable(ipv4(b"", options=bytes([7, 9, 0, 0]))) is None


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_any_octets_are_dropped_for_a_reason(datagrams: list[bytes]) -> None:
    inbound = AhInbound(ah_sa(Direction.IN, Integrity.HMAC_SHA1, 4))
    answers = inbound.open(datagrams, 1.0)
    assert all(isinstance(answer, Drop) for answer in answers)
    assert sum(inbound.drops.values()) == len(datagrams)
    assert all(ah.spi_of(datagram) is None or len(datagram) >= 12 for datagram in datagrams)


def test_replays_are_dropped_and_numbers_run_out() -> None:
    outbound = AhOutbound(ah_sa(Direction.OUT, Integrity.HMAC_MD5, 4, sequence=0xFFFFFFFE), entropy())
    (sealed,) = outbound.seal([ipv4(ports(1, 2))], 4)
    inbound = AhInbound(ah_sa(Direction.IN, Integrity.HMAC_MD5, 4))
    first, second = inbound.open([sealed, sealed], 1.0)
    assert isinstance(first, Opened) and second is Drop.REPLAY
    with pytest.raises(SequenceExhausted):
        outbound.seal([b""], 4)
    assert (outbound.packets, outbound.remaining) == (1, 0)


def test_extended_numbers_count_whole() -> None:
    extended = {"extended_sequence_numbers": True}
    outbound = AhOutbound(ah_sa(Direction.OUT, Integrity.HMAC_SHA1, 6, sequence=(1 << 32) - 2, **extended), entropy())
    inbound = AhInbound(ah_sa(Direction.IN, Integrity.HMAC_SHA1, 6, **extended))
    packets = [ipv6(ports(1, n)) for n in range(3)]
    inbound._window.highest = (1 << 32) - 2
    wire = [on_the_wire(sealed, 6) for sealed in outbound.seal(packets, 41)]
    assert [isinstance(each, Opened) for each in inbound.open(wire, 1.0)] == [True] * 3
    assert isinstance(AhInbound(ah_sa(Direction.IN, Integrity.HMAC_SHA1, 6)).open(wire[1:2], 1.0)[0], Drop)


@pytest.mark.parametrize("change", [{"algorithms": keyed(Integrity.HMAC_MD5)}, {"direction": Direction.OUT}])
def test_what_does_not_fit_is_refused(change: dict[str, object]) -> None:
    broken = replace(keyed(Integrity.HMAC_SHA1), integrity_key=Secret(b"short"))
    wrong = {**change, "algorithms": broken} if "algorithms" in change else change
    with pytest.raises(UsageError):
        AhInbound(replace(ah_sa(Direction.IN, Integrity.HMAC_SHA1, 4), **wrong))  # type: ignore[arg-type]


def test_other_traffic_than_agreed_is_dropped() -> None:
    narrow = ah_sa(Direction.IN, Integrity.HMAC_SHA1, 4)
    narrow = replace(narrow, selectors=narrow.selectors[1:])  # IPv6 only
    (sealed,) = AhOutbound(ah_sa(Direction.OUT, Integrity.HMAC_SHA1, 4), entropy()).seal([ipv4(ports(1, 2))], 4)
    assert AhInbound(narrow).open([sealed], 1.0) == [Drop.SELECTOR]
