import pytest

from ikevpn.dataplane.interface.sa_plane import Acquire, Expire
from ikevpn.dataplane.userspace.forward.acquire_queue import PACKETS_PER_REQID, PATIENCE_S
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.packet import frames, vnet
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.frames import Packet
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.dataplane.userspace.packet.segment import Chain, plan
from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.model.address import Endpoint
from ikevpn.model.sa import Direction, Encapsulation, ExpireKind, Limits, PolicyAction, SaMode
from tests.dataplane.fakes import DEVICE, THERE, Core, packets, selector
from tests.dataplane.traffic import tcp, tcp_run, udp_run, whole
from tests.esp.samples import ANY_IPV4, ANY_IPV6, ICMP, SPI, ipv4, ipv6, ports, sa


def core_with_sa(**changes: object) -> Core:
    core = Core()
    core.policy()
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, **changes)), 0.0)
    return core


def opened(datagrams: list[bytes], spi: int = SPI) -> list[bytes]:
    """What a peer makes of it."""
    assert {datagram[:4] for datagram in datagrams} == {spi.to_bytes(4, "big")}
    results = Inbound(sa(Direction.IN, spi=spi)).open(datagrams, 0.0)
    return [result.data if isinstance(result, Opened) else result for result in results]


def test_a_batch_is_sealed_in_order_and_sent_at_once() -> None:
    core = core_with_sa()
    core.leave(*packets(5))
    ((path, datagrams),) = core.outer.sent
    assert path == THERE
    assert opened(datagrams) == packets(5)
    assert core.stats.report() == {"packets-out": 5, "bytes-out": 105}


def test_both_versions_share_an_sa_in_order() -> None:
    core = core_with_sa()
    core.policy(selector=ANY_IPV6)
    mixed = [*packets(1), ipv6(b"b", protocol=ICMP), *packets(1)]
    core.leave(*mixed)
    assert opened(core.outer.datagrams()) == mixed


def test_each_policy_has_its_sa() -> None:
    core = core_with_sa()
    core.policy(selector=selector(remote="10.3.0.0/16"), reqid=2)
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, spi=2, reqid=2)), 0.0)
    ours, theirs = packets(2), packets(2, "10.3.0.1")
    core.leave(ours[0], theirs[0], ours[1], theirs[1])
    first, second = core.outer.sent
    assert opened(first[1]) == ours
    assert opened(second[1], spi=2) == theirs


def test_the_newest_sa_is_used_from_the_next_packet_on() -> None:
    core = core_with_sa()
    core.leave(*packets(1))
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, spi=2)), 0.0)
    core.leave(*packets(1))
    assert [int.from_bytes(datagram[:4], "big") for datagram in core.outer.datagrams()] == [SPI, 2]
    core.forwarding.delete_sa(message.DeleteSa(2, Direction.OUT, 1), 0.0)
    core.leave(*packets(1))
    assert [datagram[:8] for datagram in core.outer.datagrams()] == [SPI.to_bytes(4, "big") + b"\0\0\0\2"]


@pytest.mark.parametrize(
    ("encapsulation", "marker", "ports"),
    [
        (Encapsulation.UDP, b"", (4500, 4500)),
        (Encapsulation.UDP_NON_IKE, bytes(8), (500, 500)),
        (Encapsulation.NONE, b"", (0, 0)),
    ],
)
def test_markers_and_ports(encapsulation: Encapsulation, marker: bytes, ports: tuple[int, int]) -> None:
    local, remote = Endpoint.of("192.0.2.1", 500), Endpoint.of("192.0.2.2", 500)
    if encapsulation is Encapsulation.UDP:
        local, remote = local.at(4500), remote.at(4500)
    core = core_with_sa(encapsulation=encapsulation, local=local, remote=remote)
    core.leave(*packets(1))
    ((path, (datagram,)),) = core.outer.sent
    assert path == Path(local.at(ports[0]), remote.at(ports[1]), encapsulation)
    assert datagram.startswith(marker + SPI.to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"device": "other"}, "no-policy"),
        ({"selector": selector(remote="10.9.0.0/16")}, "no-policy"),
        ({"action": PolicyAction.DISCARD}, "discard"),
        ({"action": PolicyAction.BYPASS}, "discard"),
        ({"acquire": False}, "no-sa"),
    ],
)
def test_what_nothing_protects_is_dropped(policy: dict[str, object], reason: str) -> None:
    core = Core()
    core.policy(**policy)
    core.leave(*packets(2))
    assert core.drops() == {reason: 2}
    assert (core.outer.sent, core.events) == ([], [])


def test_broken_packets_are_dropped() -> None:
    core = core_with_sa()
    core.leave(b"", b"\x45", ipv4(b"x", claimed=2000), b"\x99" * 40)
    assert core.drops() == {"malformed-inner": 4}
    assert core.outer.sent == []


def test_an_sa_carries_only_what_its_selectors_allow() -> None:
    core = core_with_sa(selectors=(selector(remote="10.3.0.0/16"),))
    core.leave(*packets(1))
    assert core.drops() == {"selector": 1}
    assert (core.outer.sent, core.events) == ([], [])


def test_the_first_packet_acquires_and_leaves_when_the_sa_is_there() -> None:
    core = Core()
    added = core.policy()
    core.leave(*packets(3))
    assert core.events == [Acquire("paris", 1, added.selector)]
    assert core.outer.sent == []
    core.forwarding.add_sa(message.AddSa(sa(Direction.IN, spi=99)), 1.0)
    assert core.outer.sent == []
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT)), 1.0)
    assert opened(core.outer.datagrams()) == packets(3)
    assert core.drops() == {}


def test_too_many_held_packets_are_dropped() -> None:
    core = Core()
    core.policy()
    core.leave(*packets(PACKETS_PER_REQID + 3))
    assert core.drops() == {"hold-full": 3}
    assert len(core.events) == 1


def test_an_acquire_in_vain_is_forgotten() -> None:
    core = Core()
    core.policy()
    core.leave(*packets(2), now=10.0)
    assert core.forwarding.next_timer() == 10.0 + PATIENCE_S
    core.forwarding.timer(10.0 + PATIENCE_S)
    assert core.drops() == {"no-sa": 2}
    assert core.forwarding.next_timer() is None
    core.leave(*packets(1), now=50.0)
    assert len(core.events) == 2


def test_a_hard_limit_stops_the_sa_and_the_next_packet_acquires() -> None:
    core = core_with_sa(limits=Limits(soft_packets=1, hard_packets=2))
    core.leave(*packets(1))
    core.leave(*packets(1))
    core.leave(*packets(1))
    assert [type(event) for event in core.events] == [Expire, Expire, Acquire]
    assert [event.kind for event in core.events if isinstance(event, Expire)] == [ExpireKind.SOFT, ExpireKind.HARD]
    assert len(core.outer.datagrams()) == 2


def test_sequence_numbers_never_wrap() -> None:
    core = core_with_sa()
    (association,) = core.forwarding._sad.outbound(1)
    association.state._sequence = 2**32 - 2
    core.leave(*packets(2))
    assert core.outer.sent == []
    assert core.drops() == {"sequence-exhausted": 2}
    assert core.events == [Expire(SPI, Direction.OUT, 1, "paris", ExpireKind.HARD)]


def test_route_survives_a_policy_that_comes_and_goes() -> None:
    core = core_with_sa()
    core.leave(*packets(1))
    block = core.policy(selector=selector(remote="10.2.2.2"), action=PolicyAction.DISCARD, reqid=9)
    core.leave(*packets(1))
    core.forwarding.delete_policy(message.DeletePolicy(block), 0.0)
    core.leave(*packets(1))
    assert len(core.outer.datagrams()) == 2
    assert core.drops() == {"discard": 1}


def test_selectors_of_samples_are_those_of_the_policy() -> None:
    assert selector() == ANY_IPV4
    assert Core().policy().device == DEVICE


def plain_and(packets: list[bytes], *forwarded: Packet) -> tuple[Core, Core]:
    """What became of packets alone and of the same as they may come out of a device."""
    singly, together = core_with_sa(), core_with_sa()
    for core in (singly, together):
        core.policy(selector=ANY_IPV6)
    singly.forwarding.from_device(DEVICE, packets, 0.0)
    together.forwarding.from_device(DEVICE, forwarded, 0.0)
    return singly, together


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [1, 99, 1200])
def test_runs_and_whole_packets_leave_as_their_segments_would(version: int, size: int) -> None:
    segments = tcp_run(version, 6, size)
    packet = segments[0][:-size] + b"".join(each[-size:] for each in segments)
    found = plan(*whole(relabelled(packet, segments[-1]), size))
    assert found is not None
    for forwarded in (Run.of(b"".join(segments), len(segments[0])), Chain(found)):
        first = ipv4(b"x", protocol=ICMP)
        singly, together = plain_and([first, *segments, first], first, forwarded, first)
        assert together.outer.datagrams() == singly.outer.datagrams()
        assert together.stats.report() == singly.stats.report()
        assert [*together.forwarding.uses(0.0)] == [*singly.forwarding.uses(0.0)]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [1, 99, 1200])
@pytest.mark.parametrize("ttl", [64, 255])
def test_and_so_they_do_in_transport_mode(version: int, size: int, ttl: int) -> None:
    segments = [bytes_with_ttl(each, ttl) for each in tcp_run(version, 6, size)]
    packet = segments[0][:-size] + b"".join(each[-size:] for each in segments)
    found = plan(*whole(relabelled(packet, segments[-1]), size))
    assert found is not None
    for forwarded in (Run.of(b"".join(segments), len(segments[0])), Chain(found)):
        cores = []
        for leaving in (segments, [forwarded]):
            core = core_with_sa(mode=SaMode.TRANSPORT, selectors=(ANY_IPV4, ANY_IPV6))
            core.policy(selector=ANY_IPV6)
            core.forwarding.from_device(DEVICE, leaving, 0.0)
            cores.append((core.outer.datagrams(), core.outer.marks, core.stats.report(), [*core.forwarding.uses(0.0)]))
        assert cores[0] == cores[1]
        assert len(cores[0][0]) == 6


@pytest.mark.parametrize("other", ["10.2.0.9", "10.3.0.9", "172.16.0.9"], ids=["same SA", "other SA", "no SA"])
def test_whole_packets_of_two_flows_leave_as_each_alone_would(other: str) -> None:
    cores = []
    for together in (False, True):
        core = core_with_sa()
        core.policy(selector=selector(remote="10.3.0.0/16"), reqid=2)
        core.policy(selector=selector(remote="172.16.0.0/16"), reqid=3)
        core.forwarding.add_sa(message.AddSa(sa(Direction.OUT, spi=2, reqid=2)), 0.0)
        found = [
            plan(*whole(tcp(4, bytes(6000), dst=target, id=n), 1000)) for n, target in enumerate(("10.2.0.8", other))
        ]
        one, two = (Chain(each) for each in found if each is not None)
        packets = [one, two]
        if together:
            assert one.extend(two.parts[0])
            packets = [one]
        core.forwarding.from_device(DEVICE, packets, 0.0)
        cores.append((core.outer.datagrams(), core.stats.report(), [*core.forwarding.uses(0.0)]))
    assert cores[0] == cores[1]
    assert len(cores[0][0]) == (6 if other == "172.16.0.9" else 12)


@pytest.mark.parametrize("version", [4, 6])
def test_each_packet_in_transport_mode_keeps_its_ttl(version: int) -> None:
    segments = [bytes_with_ttl(each, n) for n, each in enumerate(udp_run(version, 6, 99), 1)]
    core = core_with_sa(mode=SaMode.TRANSPORT, selectors=(ANY_IPV4, ANY_IPV6))
    core.policy(selector=ANY_IPV6)
    core.forwarding.from_device(DEVICE, [Run.of(b"".join(segments), len(segments[0]))], 0.0)
    assert [mark.ttl for mark in core.outer.marks] == [1, 2, 3, 4, 5, 6]


def bytes_with_ttl(packet: bytes, ttl: int) -> bytes:
    """The checksum of the header is not sealed in transport mode."""
    at = 8 if packet[0] >> 4 == 4 else 7
    return packet[:at] + bytes([ttl]) + packet[at + 1 :]


def relabelled(packet: bytes, last: bytes) -> bytes:
    """A packet with the flags of its last segment and the right length."""
    transport = 20 if packet[0] >> 4 == 4 else 40
    packet = packet[: transport + 13] + last[transport + 13 : transport + 14] + packet[transport + 14 :]
    at, size = (2, len(packet)) if transport == 20 else (4, len(packet) - 40)
    return packet[:at] + size.to_bytes(2, "big") + packet[at + 2 :]


def test_a_run_of_several_flows_is_sorted() -> None:
    packets = [ipv4(ports(1, n // 2)) for n in range(6)]
    singly, together = plain_and(packets, Run.of(b"".join(packets), len(packets[0])))
    assert together.outer.datagrams() == singly.outer.datagrams()


def test_a_run_without_an_sa_acquires_and_waits() -> None:
    core = Core()
    core.policy()
    packets = [ipv4(ports(1, 2, bytes([n]))) for n in range(6)]
    core.forwarding.from_device(DEVICE, [Run.of(b"".join(packets), len(packets[0]))], 0.0)
    assert [type(event) for event in core.events] == [Acquire]
    core.forwarding.add_sa(message.AddSa(sa(Direction.OUT)), 1.0)
    assert opened(core.outer.datagrams()) == packets


def test_a_run_behind_a_marker_keeps_it() -> None:
    core = core_with_sa(encapsulation=Encapsulation.UDP_NON_IKE)
    packets = [ipv4(ports(1, 2, bytes([n]))) for n in range(6)]
    core.forwarding.from_device(DEVICE, [Run.of(b"".join(packets), len(packets[0]))], 0.0)
    sent = core.outer.datagrams()
    assert {datagram[:8] for datagram in sent} == {bytes(8)}
    assert opened([datagram[8:] for datagram in sent]) == packets


def test_sequence_numbers_never_wrap_in_a_run() -> None:
    core = core_with_sa()
    (association,) = core.forwarding._sad.outbound(1)
    association.state._sequence = 2**32 - 2
    packets = [ipv4(ports(1, 2, bytes([n]))) for n in range(6)]
    core.forwarding.from_device(DEVICE, [Run.of(b"".join(packets), len(packets[0]))], 0.0)
    assert core.outer.sent == []
    assert core.drops() == {"sequence-exhausted": 6}


def test_a_run_whose_last_has_no_number_is_not_sealed_in_part() -> None:
    core = core_with_sa()
    (association,) = core.forwarding._sad.outbound(1)
    association.state._sequence = 2**32 - 1 - 6
    packets = [ipv4(ports(1, 2, bytes([n]) * 30)) for n in range(6)]
    core.forwarding.from_device(DEVICE, [Run(Run.of(b"".join(packets), len(packets[0])).rows, ipv4(ports(1, 2)))], 0.0)
    assert core.outer.sent == []
    assert core.drops() == {"sequence-exhausted": 7}
    assert association.state.packets == 0


def test_a_run_behind_the_last_packets_of_an_sa_waits_for_the_next() -> None:
    core = core_with_sa(limits=Limits(hard_packets=2))
    packets = [ipv4(ports(1, 2, bytes([n]))) for n in range(6)]
    core.forwarding.from_device(DEVICE, [*packets[:2], Run.of(b"".join(packets), len(packets[0]))], 0.0)
    assert opened(core.outer.datagrams()) == packets[:2]
    assert [type(event) for event in core.events] == [Expire, Acquire]


def test_large_packets_of_tiny_segments_leave() -> None:
    core = core_with_sa()
    packet, offload = whole(tcp(4, bytes(60_000), options=[]), 8)
    frame = vnet.write(offload) + packet
    packets, broken = frames.read([frame, frame])
    assert (len(packets), broken) == (2, 0)
    core.forwarding.from_device(DEVICE, packets, 0.0)
    assert core.stats.report()["packets-out"] == 15_000
