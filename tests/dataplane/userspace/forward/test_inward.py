from dataclasses import replace

import pytest

from ikevpn.dataplane.interface.ike_port import IkeDatagram
from ikevpn.dataplane.interface.sa_plane import Expire, Mapping, UnknownSpi
from ikevpn.dataplane.userspace.forward.pre_sa_queue import PATIENCE_S
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.packet.ends import Arrival, Path
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.esp.outbound import Outbound
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Limits
from ikevpn.wire.registry import EspCipher, Integrity
from tests.dataplane.fakes import DEVICE, OURS, PACKET, THEIRS, THERE, Core, packets, selector
from tests.esp import samples
from tests.esp.samples import CBC_SHA1, GCM, SPI, Pair, entropy, ipv4, ports, sa

ELSEWHERE = Endpoint.of("203.0.113.9", 61234)
MOVED = replace(THERE, remote=ELSEWHERE)
NO_INTEGRITY: Pair = (EspCipher.AES_CBC, 128, Integrity.NONE)


class Peer:
    """Seals as the other end would."""

    def __init__(self, pair: Pair = GCM, spi: int = SPI) -> None:
        self.outbound = Outbound(sa(Direction.OUT, pair, spi=spi), entropy())

    def seal(self, *inner: bytes) -> list[bytes]:
        return self.outbound.seal(inner, 4)


def core_with_sa(pair: Pair = GCM, **changes: object) -> Core:
    core = Core()
    core.policy()
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN, pair, **changes)), 0.0)
    return core


def test_a_batch_goes_to_the_device_that_the_policy_names_in_one_write() -> None:
    core = core_with_sa()
    core.arrive(*Peer().seal(*packets(5)))
    assert core.devices.written == [(DEVICE, packets(5))]
    assert core.stats.report() == {"packets-in": 5, "bytes-in": 105}


def test_packets_of_an_sa_that_was_just_announced_stay_behind_those_of_the_one_before() -> None:
    core = core_with_sa()
    core.waiting = [message.AddSa(sa(Direction.IN, spi=2))]
    core.arrive(*Peer().seal(*packets(3)), *Peer(spi=2).seal(*packets(6)[3:]))
    assert [packet for _, written in core.devices.written for packet in written] == packets(6)


def test_two_sas_of_one_device_share_the_write() -> None:
    core = core_with_sa()
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN, spi=2)), 0.0)
    old, new = Peer(), Peer(spi=2)
    core.arrive(*old.seal(packets(1)[0]), *new.seal(*packets(2)))
    assert core.devices.written == [(DEVICE, [*packets(1), *packets(2)])]


def test_each_device_gets_its_own() -> None:
    core = core_with_sa()
    core.policy(device="other", reqid=2, selector=selector(remote="10.3.0.0/16"))
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN, spi=2, reqid=2)), 0.0)
    core.arrive(*Peer(spi=2).seal(*packets(1)), *Peer().seal(*packets(1)))
    assert core.devices.written == [("other", packets(1)), (DEVICE, packets(1))]


def test_an_sa_may_come_before_its_policy() -> None:
    core = Core()
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN)), 0.0)
    peer = Peer()
    core.arrive(*peer.seal(*packets(1)))
    assert (core.devices.written, core.drops()) == ([], {"no-device": 1})
    core.policy()
    core.arrive(*peer.seal(*packets(1)))
    assert core.devices.written == [(DEVICE, packets(1))]


def test_what_is_not_authentic_does_not_enter() -> None:
    core = core_with_sa()
    (good,) = Peer().seal(*packets(1))
    core.arrive(good[:-1] + bytes([good[-1] ^ 1]), good, good)
    assert core.devices.written == [(DEVICE, packets(1))]
    (use,) = core.forwarding.uses(0.0)
    assert dict(use.drops) == {"bad-icv": 1, "replay": 1}


def test_ike_goes_up_without_its_marker_and_keepalives_go_nowhere() -> None:
    core = Core()
    core.arrive(b"\0\0\0\0ISAKMP", b"\xff", b"", b"\1\2\3")
    assert core.events == [IkeDatagram(b"ISAKMP", OURS, THEIRS)]
    assert core.stats.report() == {"keepalives-in": 2, "drop-bad-datagram": 1}


def test_unknown_spis_are_reported_once() -> None:
    core = Core()
    core.arrive(b"\0\0\1\1" + bytes(40), b"\0\0\1\1" + bytes(40), now=0.0)
    core.arrive(b"\0\0\1\1" + bytes(40), now=1.0)
    assert core.events == [UnknownSpi(0x101, OURS, THEIRS)]
    core.forwarding.timer(2.0)
    assert core.drops() == {"unknown-spi": 3}


def test_packets_that_are_earlier_than_their_sa_are_opened_when_it_comes() -> None:
    core, peer = Core(), Peer()
    core.policy()
    core.arrive(*peer.seal(*packets(2)))
    core.arrive(*peer.seal(PACKET)[:1], b"\0\0\1\1" + bytes(40))
    assert core.forwarding.next_timer() == PATIENCE_S
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN)), 0.1)
    assert core.devices.written == [(DEVICE, [*packets(2), PACKET])]
    assert core.drops() == {}
    core.forwarding.timer(PATIENCE_S)
    assert core.drops() == {"unknown-spi": 1}
    assert core.forwarding.next_timer() is None


def test_a_flood_of_unknown_spis_is_counted_packet_for_packet() -> None:
    core = Core()
    for number in range(1, 500):
        core.arrive(number.to_bytes(4, "big") + bytes(40), now=number / 1000)
    core.forwarding.timer(10.0)
    assert core.drops() == {"unknown-spi": 499}


@pytest.mark.parametrize("encapsulation", [Encapsulation.NONE, Encapsulation.UDP_NON_IKE])
def test_esp_comes_encapsulated_as_agreed(encapsulation: Encapsulation) -> None:
    core = core_with_sa()
    core.arrive(*Peer().seal(*packets(1)), path=replace(THERE, encapsulation=encapsulation))
    assert (core.devices.written, core.drops()) == ([], {"wrong-encapsulation": 1})


def test_raw_esp_with_an_spi_of_zero_is_not_taken_for_ike() -> None:
    core = Core()
    core.arrive(bytes(40), b"short", path=replace(THERE, encapsulation=Encapsulation.NONE))
    assert [type(event) for event in core.events] == [UnknownSpi]
    core.forwarding.timer(PATIENCE_S)
    assert core.drops() == {"unknown-spi": 1, "bad-datagram": 1}


def test_esp_from_the_ike_port() -> None:
    core = core_with_sa(encapsulation=Encapsulation.UDP_NON_IKE)
    command = message.EspDatagram(Peer().seal(*packets(1))[0], OURS.at(500), THEIRS.at(500))
    core.forwarding.esp_datagram(command, 0.0)
    assert core.devices.written == [(DEVICE, packets(1))]


def test_a_limit_of_an_inbound_sa() -> None:
    core = core_with_sa(limits=Limits(hard_packets=2))
    peer = Peer()
    core.arrive(*peer.seal(*packets(2)))
    core.arrive(*peer.seal(*packets(1)))
    assert core.events == [Expire(SPI, Direction.IN, 1, "paris", ExpireKind.HARD)]
    assert core.drops() == {"expired": 1}


def with_way_back(pair: Pair = GCM) -> Core:
    core = core_with_sa(pair)
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, pair, spi=2)), 0.0)
    return core


def way_back(core: Core) -> Endpoint:
    core.leave(*packets(1))
    return core.outer.sent[-1][0].remote


def test_an_authentic_packet_from_elsewhere_moves_the_way_back() -> None:
    core = with_way_back()
    peer = Peer()
    core.arrive(*peer.seal(*packets(1)))
    core.arrive(*peer.seal(*packets(2)), path=MOVED)
    core.arrive(*peer.seal(*packets(1)), path=MOVED)
    assert core.events == [Mapping(SPI, 1, "paris", THEIRS, ELSEWHERE)]
    assert way_back(core) == ELSEWHERE


def test_an_overtaken_packet_from_the_old_place_moves_nothing_back() -> None:
    core = with_way_back()
    early, late = Peer().seal(*packets(2))
    core.arrive(late, path=MOVED)
    core.arrive(early, path=THERE)
    assert way_back(core) == ELSEWHERE
    assert len(core.events) == 1
    assert len(core.devices.written) == 2


@pytest.mark.parametrize("harm", ["forged", "replayed"])
def test_nothing_else_moves_it(harm: str) -> None:
    core = with_way_back()
    (good,) = Peer().seal(*packets(1))
    core.arrive(good)
    core.arrive(good if harm == "replayed" else good[:7] + b"\x09" + good[8:], path=MOVED)
    assert core.events == []
    assert way_back(core) == THEIRS


def test_without_integrity_nothing_moves_it() -> None:
    core = with_way_back(NO_INTEGRITY)
    core.arrive(*Peer(NO_INTEGRITY).seal(*packets(1)), path=MOVED)
    assert core.devices.written == [(DEVICE, packets(1))]
    assert core.events == []
    assert way_back(core) == THEIRS


def test_where_there_is_no_nat_nothing_moves_it() -> None:
    """An observer could send a copy on, from anywhere, before the peer's own packet arrives."""
    core = core_with_sa(follows=False)
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, spi=2)), 0.0)
    core.arrive(*Peer().seal(*packets(2)), path=MOVED)
    assert core.devices.written == [(DEVICE, packets(2))]
    assert core.events == []
    assert way_back(core) == THEIRS


def test_datagrams_of_several_paths_in_one_batch() -> None:
    core = core_with_sa()
    a, b, c = Peer().seal(*packets(3))
    core.forwarding.from_outside([Arrival(THERE, [a]), Arrival(MOVED, [b]), Arrival(THERE, [c])], 0.0)
    assert [packet for _, written in core.devices.written for packet in written] == packets(3)


def test_packets_of_an_sa_stay_in_order_whatever_their_marks() -> None:
    core = core_with_sa()
    sealed = Peer().seal(*packets(96))
    marked = [Arrival(THERE, [packet], 1 if number % 10 == 5 else 2) for number, packet in enumerate(sealed)]
    core.forwarding.from_outside(marked, 0.0)
    assert [packet for _, written in core.devices.written for packet in written] == packets(96)


def test_a_path_says_how_it_is_encapsulated() -> None:
    assert Path(OURS, THEIRS, Encapsulation.UDP) == THERE != replace(THERE, encapsulation=Encapsulation.NONE)


def run_of(datagrams: list[bytes]) -> Run:
    return Run.of(b"".join(datagrams), len(datagrams[0]))


def streams(count: int, size: int = 30) -> list[bytes]:
    return [ipv4(ports(1, 2, bytes([n]) * size)) for n in range(count)]


RUNS = {
    "whole": lambda batch: batch,
    "shorter-last": lambda batch: [*batch, batch[-1][:-9]],
    "forged": lambda batch: [*batch[:2], batch[2][:-1] + bytes([batch[2][-1] ^ 1]), *batch[3:]],
    "forged-spi": lambda batch: [*batch[:2], b"\0\0\0\7" + batch[2][4:], *batch[3:]],
    "ike-between": lambda batch: [*batch[:2], bytes(4) + batch[2][4:], *batch[3:]],
    "unknown": lambda batch: [b"\0\0\0\7" + each[4:] for each in batch],
    "twice": lambda batch: [*batch, *batch],
    "ike-last": lambda batch: [*batch, bytes(4) + batch[-1][4:-9]],
    "keepalive-last": lambda batch: [*batch, b"\xff"],
    "other-spi-last": lambda batch: [*batch, b"\0\0\0\7" + batch[-1][4:-9]],
    "few": lambda batch: batch[:3],
}


@pytest.mark.parametrize("pair", [GCM, CBC_SHA1, NO_INTEGRITY])
@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.parametrize("path", [THERE, MOVED, replace(THERE, encapsulation=Encapsulation.NONE)])
def test_a_run_comes_in_as_its_datagrams_would(kind: str, pair: Pair, path: Path) -> None:
    peer, cores = Peer(pair), (with_way_back(pair), with_way_back(pair))
    for inner in (streams(6), [*streams(5), packets_of_others()]):
        before, sealed, after = (peer.seal(*packets) for packets in (streams(1), inner, streams(1)))
        datagrams = RUNS[kind](sealed)
        for core, batch in zip(cores, (datagrams, run_of(datagrams)), strict=True):
            core.forwarding.from_outside([Arrival(path, before), Arrival(path, batch), Arrival(path, after)], 1.0)
    singly, together = cores
    assert [packet for _, written in together.devices.written for packet in written] == [
        packet for _, written in singly.devices.written for packet in written
    ]
    assert sorted(together.events, key=repr) == sorted(singly.events, key=repr)  # IKE is not kept waiting
    assert together.stats.report() == singly.stats.report()
    assert [*together.forwarding.uses(1.0)] == [*singly.forwarding.uses(1.0)]


def packets_of_others() -> bytes:
    """No selector of the SA admits it, yet it is as long as the others."""
    return b"\x60" + ipv4(ports(1, 2, bytes(30)))[1:]


def test_a_run_reaches_a_limit() -> None:
    core = core_with_sa(limits=Limits(hard_packets=6))
    peer = Peer()
    core.forwarding.from_outside([Arrival(THERE, run_of(peer.seal(*streams(6))))], 0.0)
    core.forwarding.from_outside([Arrival(THERE, run_of(peer.seal(*streams(6))))], 0.0)
    assert core.events == [Expire(SPI, Direction.IN, 1, "paris", ExpireKind.HARD)]
    assert core.drops() == {"expired": 6}


def test_a_run_may_come_before_its_policy() -> None:
    core = Core()
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN)), 0.0)
    core.forwarding.from_outside([Arrival(THERE, run_of(Peer().seal(*streams(6))))], 0.0)
    assert (core.devices.written, core.drops()) == ([], {"no-device": 6})


def test_what_is_of_another_workers_sa_is_handed_over_also_what_came_early() -> None:
    core = Core()
    early, later = (esp_of(0x7777, n) for n in (1, 2))
    core.arrive(early)
    core.forwarding.elsewhere(message.Elsewhere(0x7777, 3), 0.0)
    core.arrive(later)
    assert core.handed == [(3, Arrival(THERE, [early])), (3, Arrival(THERE, [later]))]
    core.forwarding.elsewhere(message.Elsewhere(0x7777, None), 0.0)
    core.arrive(later, now=60.0)
    core.forwarding.timer(61.0)
    assert len(core.handed) == 2
    assert core.drops() == {"unknown-spi": 1}


def esp_of(spi: int, sequence: int) -> bytes:
    return spi.to_bytes(4, "big") + sequence.to_bytes(4, "big") + bytes(32)


@pytest.mark.parametrize(("count", "fewer"), [(1, 0), (2, 0), (3, 4), (40, 4)])
@pytest.mark.parametrize("together", [False, True])
def test_we_cut_the_icv_as_the_peer_does(count: int, fewer: int, together: bool) -> None:
    """Once three packets have shown it: one or two may be cut copies of whole ones."""
    core = Core()
    core.policy()
    for direction in Direction:
        core.forwarding.add_sa(message.AddSa(sa(direction, samples.CBC_SHA256)), 0.0)
    peer = Outbound(sa(Direction.OUT, samples.algorithms(samples.CBC_SHA256, integrity_96=True)), samples.entropy())
    core.leave(PACKET)
    (before,) = core.outer.datagrams()
    sealed = peer.seal([PACKET] * count, 4)
    datagrams = Run.of(b"".join(sealed), len(sealed[0])) if together else sealed
    core.forwarding.from_outside([Arrival(THERE, datagrams)], 0.0)
    core.leave(PACKET)
    assert [len(datagram) for datagram in core.outer.datagrams()] == [len(before) - fewer]
