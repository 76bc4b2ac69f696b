"""Transport mode, AH and bundles through two forwarding cores, and what they must refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.packet.ends import Arrival, Path
from ikevpn.esp import ah
from ikevpn.model.address import AddressRange, Endpoint
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Limits, Sa, SaMode
from ikevpn.model.selector import Selector
from ikevpn.wire.registry import Integrity, Protocol
from tests.dataplane.fakes import DEVICE, Core, policy
from tests.esp.samples import GCM, SPI, ipv4, ipv6, ports, sa
from tests.esp.test_ah import ENDS, keyed, on_the_wire

AH_SPI = 0x5678
VERSIONS = (4, 6)


def selector(version: int, direction: Direction, protocol: int = 0) -> Selector:
    here, there = (AddressRange.of(address) for address in ENDS[version])
    straight = Selector(here, there, protocol)
    return straight if direction is Direction.OUT else straight.reversed()


def pair(version: int, mode: SaMode = SaMode.TRANSPORT, **changes: object) -> tuple[Sa, Sa]:
    """Outbound at one end, inbound at the other, of raw ESP."""
    here, there = (Endpoint.of(address, 4500) for address in ENDS[version])
    both = {"mode": mode, "encapsulation": Encapsulation.NONE, **changes}
    outbound = sa(Direction.OUT, GCM, local=here, remote=there, **both)
    inbound = sa(Direction.IN, GCM, local=there, remote=here, **both)
    return tuple(replace(each, selectors=(selector(version, each.direction),)) for each in (outbound, inbound))  # type: ignore[return-value]


def ah_pair(version: int, mode: SaMode, *, wraps: int = 0) -> tuple[Sa, Sa]:
    changes = {"protocol": Protocol.AH, "algorithms": keyed(Integrity.HMAC_SHA1), "wraps": wraps}
    return pair(version, mode, spi=AH_SPI if wraps else SPI, **changes)


class Two:
    """A core at each end; what one sends the other gets."""

    def __init__(self, version: int, *pairs: tuple[Sa, Sa]) -> None:
        self.version = version
        self.here, self.there = Core(), Core()
        for core, direction in ((self.here, Direction.OUT), (self.there, Direction.IN)):
            chosen = policy(selector=Selector(*(AddressRange.everything(version),) * 2))
            core.forwarding.add_policy(message.AddPolicy(chosen), 0.0)
            for each in pairs:
                core.forwarding.add_sa(message.AddSa(each[direction is Direction.IN]), 0.0)

    def carry(self, *packets: bytes) -> list[bytes]:
        self.here.leave(*packets)
        for path, datagrams in self.here.outer.sent:
            if path.protocol is Protocol.AH:
                datagrams = [on_the_wire(bytes(each), self.version) for each in datagrams]
            back = Path(path.remote, path.local, path.encapsulation, path.protocol)
            self.there.forwarding.from_outside([Arrival(back, [bytes(each) for each in datagrams])], 0.0)
        self.here.outer.sent.clear()
        written, self.there.devices.written = self.there.devices.written, []
        return [packet for device, packets in written for packet in packets if device == DEVICE]


def between(version: int, data: bytes = b"hello", protocol: int = 17) -> bytes:
    here, there = ENDS[version]
    return (ipv4 if version == 4 else ipv6)(ports(7, 8, data), source=here, target=there, protocol=protocol)


def payload(packet: bytes) -> bytes:
    return packet[20:] if packet[0] >> 4 == 4 else packet[40:]


@pytest.mark.parametrize("version", VERSIONS)
def test_esp_in_transport_mode(version: int) -> None:
    two = Two(version, pair(version))
    sent = [between(version, bytes([n])) for n in range(40)]
    got = two.carry(*sent)
    assert list(map(payload, got)) == list(map(payload, sent))
    assert all(packet[0] >> 4 == version for packet in got)
    assert not two.here.drops() and not two.there.drops()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_host_hands_over_large_datagrams_and_they_cross_whole(version: int) -> None:
    two = Two(version, pair(version))
    large = between(version, bytes(8000))
    assert list(map(payload, two.carry(large))) == [payload(large)]
    assert not two.here.devices.written, "nobody is told to send less"


def test_the_header_of_who_is_behind_a_nat_is_that_of_the_nat() -> None:
    udp = {"encapsulation": Encapsulation.UDP}
    two = Two(4, pair(4, **udp))
    two.here.leave(between(4))
    ((path, datagrams),) = two.here.outer.sent
    box = Endpoint.of("203.0.113.99", 1025)
    two.there.forwarding.from_outside([Arrival(Path(path.remote, box, path.encapsulation), datagrams)], 0.0)
    assert not two.there.devices.written, "the selectors are for another address"
    assert two.there.forwarding is not None and next(iter(two.there.forwarding.uses(0.0))).drops == (("selector", 1),)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", SaMode)
def test_ah(version: int, mode: SaMode) -> None:
    two = Two(version, ah_pair(version, mode))
    sent = [between(version, bytes([n])) for n in range(5)]
    assert list(map(payload, two.carry(*sent))) == list(map(payload, sent))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", SaMode)
@pytest.mark.parametrize("wrapper_first", [True, False])
def test_a_bundle_is_ah_around_esp(version: int, mode: SaMode, wrapper_first: bool) -> None:
    inner, outer = pair(version, mode), ah_pair(version, mode, wraps=SPI)
    two = Two(version, *((outer, inner) if wrapper_first else (inner, outer)))
    sent = [between(version, bytes([n])) for n in range(5)]
    two.here.leave(*sent)
    for path, datagrams in two.here.outer.sent:
        for datagram in datagrams:
            whole = on_the_wire(datagram, version)
            assert path.protocol is Protocol.AH and ah.spi_of(whole) == AH_SPI
            assert whole[len(ah.immutable(whole) or b"")] == 50 and SPI.to_bytes(4, "big") in whole
    two.here.outer.sent.clear()
    assert list(map(payload, two.carry(*sent))) == list(map(payload, sent))


def test_what_is_wrapped_does_not_travel_bare() -> None:
    inner, outer = pair(4), ah_pair(4, SaMode.TRANSPORT, wraps=SPI)
    two = Two(4, outer, inner)
    bare = Two(4, inner)
    bare.here.leave(between(4))
    ((path, datagrams),) = bare.here.outer.sent
    back = Path(path.remote, path.local, path.encapsulation)
    two.there.forwarding.from_outside([Arrival(back, datagrams)], 0.0)
    assert two.there.drops() == {"wrong-encapsulation": 1} and not two.there.devices.written
    two.here.forwarding.delete_sa(message.DeleteSa(AH_SPI, Direction.OUT, 1), 0.0)
    two.here.leave(between(4))
    assert not two.here.outer.sent, "it left without what wraps it"


def test_what_is_to_be_wrapped_waits_for_what_wraps_it() -> None:
    outbound, inbound = (replace(each, wrapped=True) for each in pair(4))
    two = Two(4, (outbound, inbound))
    two.here.leave(between(4))
    assert not two.here.outer.sent
    bare = Two(4, pair(4))
    bare.here.leave(between(4))
    ((path, datagrams),) = bare.here.outer.sent
    two.there.forwarding.from_outside([Arrival(Path(path.remote, path.local, path.encapsulation), datagrams)], 0.0)
    assert two.there.drops() == {"wrong-encapsulation": 1}


def test_a_bundle_ends_with_its_wrapper() -> None:
    inner, outer = pair(4), ah_pair(4, SaMode.TRANSPORT, wraps=SPI)
    limited = replace(outer[0], limits=Limits(hard_packets=2))
    two = Two(4, (limited, outer[1]), inner)
    assert len(two.carry(between(4))) == 1
    two.carry(between(4))
    assert two.carry(between(4)) == [] and not two.here.outer.sent


def test_two_peers_with_the_same_spi_are_two_bundles() -> None:
    """Both SAs of a dialup reqid: the wrapper of one peer does not carry what is for the other."""
    inner, outer = pair(4), ah_pair(4, SaMode.TRANSPORT, wraps=SPI)
    elsewhere = replace(outer[0], remote=Endpoint.of("203.0.113.50", 0))
    two = Two(4, inner)
    two.here.forwarding.add_sa(message.AddSa(elsewhere), 0.0)
    assert len(two.carry(between(4))) == 1


def test_ah_opens_no_other_esp_than_its_own() -> None:
    """The wrapper is authentic, what is inside of it belongs to another SA."""
    two = Two(4, ah_pair(4, SaMode.TRANSPORT, wraps=SPI), pair(4))
    stranger = Two(4, ah_pair(4, SaMode.TRANSPORT, wraps=SPI + 1), pair(4, spi=SPI + 1))
    two.there.forwarding.add_sa(message.AddSa(pair(4, spi=SPI + 1)[1]), 0.0)
    stranger.here.leave(between(4))
    ((path, datagrams),) = stranger.here.outer.sent
    back = Path(path.remote, path.local, path.encapsulation, path.protocol)
    two.there.forwarding.from_outside([Arrival(back, datagrams)], 0.0)
    assert not two.there.devices.written
    drops = {use.spi: dict(use.drops) for use in two.there.forwarding.uses(0.0)}
    assert drops[AH_SPI] == {"next-header": 1}


def test_esp_and_ah_do_not_take_each_others_packets() -> None:
    two = Two(4, ah_pair(4, SaMode.TUNNEL))
    other = Two(4, pair(4, SaMode.TUNNEL))
    other.here.leave(between(4))
    ((path, datagrams),) = other.here.outer.sent
    two.there.forwarding.from_outside([Arrival(Path(path.remote, path.local, path.encapsulation), datagrams)], 0.0)
    assert two.there.drops() == {"wrong-encapsulation": 1}


def test_fragments_and_options_do_not_travel_in_transport_mode() -> None:
    two = Two(4, pair(4))
    here, there = ENDS[4]
    two.here.leave(
        ipv4(ports(1, 2), source=here, target=there, fragment=0x2000),
        ipv4(ports(1, 2), source=here, target=there, options=bytes(4)),
    )
    assert two.here.drops() == {"transport": 2} and not two.here.outer.sent


@pytest.mark.parametrize("wrapper_first", [True, False])
def test_what_was_held_waits_for_the_whole_bundle(wrapper_first: bool) -> None:
    """Half of it lets nothing through and gives nothing up."""
    inner, outer = replace(pair(4)[0], wrapped=True), ah_pair(4, SaMode.TRANSPORT, wraps=SPI)[0]
    two = Two(4)
    two.here.leave(between(4))
    for half in (outer, inner) if wrapper_first else (inner, outer):
        assert not two.here.outer.sent
        two.here.forwarding.add_sa(message.AddSa(half), 0.0)
    assert len(two.here.outer.sent) == 1 and not two.here.drops()


def test_a_peer_may_use_one_spi_in_ah_and_in_esp() -> None:
    inner, outer = pair(4), ah_pair(4, SaMode.TRANSPORT, wraps=SPI)
    same = replace(outer[0], spi=SPI)
    for both in ((inner[0], same), (same, inner[0])):
        two = Two(4)
        for each in both:
            two.here.forwarding.add_sa(message.AddSa(each), 0.0)
        two.here.leave(between(4))
        ((path, _),) = two.here.outer.sent
        assert path.protocol is Protocol.AH
        two.here.forwarding.delete_sa(message.DeleteSa(SPI, Direction.OUT, 1), 0.0)
        assert not list(two.here.forwarding.uses(0.0))


def test_both_ends_of_a_bundle_leave_room_for_ah() -> None:
    """What fits inside, and what TCP is told, on the way out and on the way in."""
    inner, outer = pair(4, SaMode.TUNNEL), ah_pair(4, SaMode.TRANSPORT, wraps=SPI)
    two, alone = Two(4, inner, outer), Two(4, inner)
    for each in (two, alone):
        each.carry(between(4, bytes(12), protocol=6))  # on the way in only TCP has to fit
    fits = [[next(iter(core.forwarding._sad)).fit.packet for core in (each.here, each.there)] for each in (alone, two)]
    assert fits[0][0] == fits[0][1] > fits[1][0] == fits[1][1] >= fits[0][0] - 24 - 3


def test_a_tunnel_has_carried_what_its_bundle_carried_once() -> None:
    two = Two(4, pair(4), ah_pair(4, SaMode.TRANSPORT, wraps=SPI))
    two.carry(between(4))
    for core in (two.here, two.there):
        (total,) = core.forwarding.totals(0.0)
        assert (total.packets, total.bytes) == (1, len(payload(between(4))))


def test_a_bundle_stays_where_its_peer_was() -> None:
    """Its addresses are part of what AH says."""
    two = Two(4, pair(4), ah_pair(4, SaMode.TRANSPORT, wraps=SPI))
    elsewhere = Endpoint.of("203.0.113.77", 4500)
    for spi in (SPI, AH_SPI):
        two.here.forwarding.move_sas(message.MoveSas((spi,), Endpoint.of(ENDS[4][0], 4500), elsewhere), 0.0)
    assert len(two.carry(between(4))) == 1


def test_of_a_bundle_that_ends_it_is_the_one_without_numbers_that_is_told() -> None:
    esp, ah_ = pair(4, SaMode.TUNNEL), ah_pair(4, SaMode.TRANSPORT, wraps=SPI)
    few = tuple(replace(each, limits=Limits(hard_packets=2)) for each in ah_)
    two = Two(4, esp, few)  # type: ignore[arg-type]
    two.here.leave(*[between(4)] * 3)
    assert [(event.spi, event.kind) for event in two.here.events] == [(AH_SPI, ExpireKind.HARD)]  # type: ignore[union-attr]
    assert [use.packets for use in two.here.forwarding.uses(0.0)] == [0, 0]


def test_congestion_marks_cross_in_transport_mode() -> None:
    two = Two(4, pair(4))
    two.here.leave(between(4))
    ((path, datagrams),) = two.here.outer.sent
    back = Path(path.remote, path.local, path.encapsulation)
    two.there.forwarding.from_outside([Arrival(back, list(map(bytes, datagrams)), 3)], 0.0)
    ((_, (packet,)),) = two.there.devices.written
    assert packet[1] == 3
