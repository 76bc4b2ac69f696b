"""What becomes of packets that do not fit, seen from both ends of a forwarding core."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, defragment
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6

from ikevpn.dataplane.userspace.forward.fit import Fit
from ikevpn.dataplane.userspace.io.error_queue import TooBig
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.packet.ends import Path
from ikevpn.dataplane.userspace.packet.run import Run
from ikevpn.dataplane.userspace.packet.segment import Chain, plan
from ikevpn.esp.encap import inner_mtu
from ikevpn.esp.outbound import Outbound
from ikevpn.model.address import Endpoint
from ikevpn.model.outer_header import DfBit, Fragment, OuterHeader
from ikevpn.model.sa import Direction, Encapsulation, SaMode
from ikevpn.wire.registry import EspCipher, Integrity
from tests.dataplane.fakes import DEVICE, THERE, Core, selector
from tests.dataplane.traffic import tcp, udp, whole
from tests.dataplane.userspace.forward.test_outward import opened
from tests.esp.samples import ANY_IPV6, GCM, SPI, algorithms, entropy, sa

PATH = 1300
FITS = inner_mtu(sa(Direction.OUT), PATH)
QUOTE = SPI.to_bytes(4, "big")


def core(*, learnt: int = PATH, **outer: Any) -> Core:
    """A tunnel that a router has said of how much it takes."""
    made = Core()
    made.policy()
    made.policy(selector=ANY_IPV6)
    made.forwarding.add_sa(message.AddSa(sa(Direction.OUT, outer=OuterHeader(**outer))), 0.0)
    made.leave(udp(4, b"x"))
    made.outer.datagrams()
    made.outer.marks.clear()
    made.forwarding.too_big(TooBig(THERE.remote.address, learnt, QUOTE, local=False), 0.0)
    return made


def told(made: Core) -> list[tuple[str, int]]:
    """What the senders inside were told: to whom, and how much fits."""
    answers = []
    for device, packets in made.devices.written:
        assert device == DEVICE
        for packet in packets:
            if packet[0] >> 4 == 4:
                answers.append((IP(packet).dst, IP(packet)[ICMP].nexthopmtu))
            else:
                answers.append((IPv6(packet).dst, IPv6(packet)[ICMPv6PacketTooBig].mtu))
    return answers


def sized(version: int, size: int, **ip: Any) -> bytes:
    return udp(version, bytes(size - (28 if version == 4 else 48)), **ip)


def test_what_fits_leaves_and_what_does_not_is_answered() -> None:
    made = core()
    made.leave(sized(4, FITS), sized(4, FITS + 1), sized(4, 100))
    assert opened(made.outer.datagrams()) == [sized(4, FITS), sized(4, 100)]
    assert told(made) == [("10.1.1.1", FITS)]
    assert made.drops() == {"too-big": 1}
    assert max(map(len, made.outer.datagrams()), default=0) + 28 <= PATH


def test_a_batch_of_nothing_but_large_packets() -> None:
    made = core()
    made.leave(*[sized(4, FITS + 1)] * 3)
    assert not made.outer.sent and made.drops() == {"too-big": 3}
    assert told(made) == [("10.1.1.1", FITS)]  # once


@pytest.mark.parametrize("version", [4, 6])
def test_a_large_packet_of_the_kernel_is_answered_by_its_segments(version: int) -> None:
    made = core()
    large = plan(*whole(tcp(version, bytes(14 * 1400)), 1400))
    assert large is not None
    made.forwarding.from_device(DEVICE, [Chain(large)], 0.0)
    assert not made.outer.sent and made.drops() == {"too-big": 14}
    (_, (answer,)) = made.devices.written[0]
    quoted = answer[28:] if version == 4 else answer[48:]
    assert int.from_bytes(quoted[2:4] if version == 4 else quoted[4:6], "big") + (0 if version == 4 else 40) > 1400
    small = plan(*whole(tcp(version, bytes(20_000)), 1100))
    assert small is not None
    made.forwarding.from_device(DEVICE, [Chain(small)], 0.0)
    assert opened(made.outer.datagrams())


def test_ipv6_takes_1280_whatever_the_path_takes() -> None:
    made = core()
    made.leave(sized(6, 1280), sized(6, 1281))
    assert opened(made.outer.datagrams()) == [sized(6, 1280)]
    assert not made.outer.marks[0].df
    assert told(made) == [("fd01::1", 1280)]


def test_what_may_be_fragmented_is_before() -> None:
    made = core()
    large = sized(4, 3000, flags=0)
    made.leave(large)
    pieces = opened(made.outer.datagrams())
    assert len(pieces) == 3 and max(map(len, pieces)) <= FITS
    (together,) = defragment([IP(piece) for piece in pieces])
    assert bytes(together) == large
    assert made.stats.report()["fragmented"] == 1
    assert not told(made)


@pytest.mark.parametrize(
    ("changes", "outer"),
    [
        ({}, {"fragment": Fragment.AFTER}),
        ({"selectors": (selector(remote_port=53, protocol=17),)}, {}),
    ],
)
def test_or_after(changes: dict[str, Any], outer: dict[str, Any]) -> None:
    made = Core()
    made.policy()
    made.forwarding.add_sa(message.AddSa(sa(Direction.OUT, outer=OuterHeader(mtu=1000, **outer), **changes)), 0.0)
    made.leave(sized(4, 1200, flags=0))
    (datagram,) = made.outer.datagrams()
    assert len(datagram) > 1200
    assert [mark.df for mark in made.outer.marks] == [False]


def test_df_clear_lets_routers_fragment_and_df_set_does_not() -> None:
    made = core(df=DfBit.CLEAR)
    made.leave(sized(4, 1400), sized(6, 1400))
    assert opened(made.outer.datagrams()) == [sized(4, 1400), sized(6, 1400)]
    assert not any(mark.df for mark in made.outer.marks) and not told(made)
    made = core(df=DfBit.SET, fragment=Fragment.AFTER)
    made.leave(sized(4, 1400, flags=0))
    assert len(opened(made.outer.datagrams())) == 2
    assert all(mark.df for mark in made.outer.marks)


def test_a_configured_size_counts_before_anything_is_learnt() -> None:
    made = core(learnt=1500, mtu=1000)
    made.leave(sized(4, 1000), sized(4, 1001))
    assert opened(made.outer.datagrams()) == [sized(4, 1000)]
    assert told(made) == [("10.1.1.1", 1000)]


def syn(version: int, mss: int) -> bytes:
    return tcp(version, b"", flags="S", options=[("MSS", mss)])


def asked(packet: bytes) -> int:
    parsed = IP(packet) if packet[0] >> 4 == 4 else IPv6(packet)
    return int(dict(parsed[TCP].options)["MSS"])


@pytest.mark.parametrize(
    ("outer", "expected"),
    [({}, [FITS - 40, FITS - 60]), ({"mss": 1000}, [1000, 1000]), ({"mss": None}, [1460, 1440])],
)
def test_tcp_is_clamped_on_both_ways(outer: dict[str, Any], expected: list[int]) -> None:
    made = core(**outer)
    made.forwarding.add_sa(message.AddSa(sa(Direction.IN, outer=OuterHeader(**outer))), 0.0)
    packets = [syn(4, 1460), syn(6, 1440)]
    made.leave(*packets)
    assert [asked(packet) for packet in opened(made.outer.datagrams())] == expected
    other = Core()
    for way in (selector(), ANY_IPV6):
        other.policy(selector=way)
    other.forwarding.add_sa(message.AddSa(sa(Direction.OUT, outer=OuterHeader(mss=None))), 0.0)
    other.leave(*packets)
    made.arrive(*other.outer.datagrams())
    ((_, entered),) = made.devices.written
    assert [asked(packet) for packet in entered] == expected


@pytest.mark.parametrize(
    ("error", "heard"),
    [
        (TooBig(THERE.remote.address, PATH, QUOTE, local=False), True),
        (TooBig(THERE.remote.address, PATH, b"\x32\x04\0\0" + QUOTE, local=False), True),  # AH
        (TooBig(THERE.remote.address, PATH, bytes(8) + QUOTE, local=False), True),  # behind the marker of drafts
        (TooBig(THERE.remote.address, PATH, b"", local=False), False),
        (TooBig(THERE.remote.address, PATH, QUOTE[:3], local=False), False),
        (TooBig(THERE.remote.address, PATH, bytes(4), local=True), True),
        (TooBig(THERE.remote.address, PATH, b"\0\0\0\1\0\0\0\2", local=False), False),
        (TooBig(THERE.local.address, PATH, QUOTE, local=False), False),
    ],
)
def test_whom_to_believe(error: TooBig, heard: bool) -> None:
    made = core(learnt=1500)
    made.forwarding.too_big(error, 0.0)
    made.leave(sized(4, FITS + 1))
    assert bool(told(made)) is heard


def test_what_the_path_takes_is_told() -> None:
    made = core()
    made.leave(sized(4, 100))
    assert [use.path_mtu for use in made.forwarding.uses(0.0)] == [PATH]


def test_it_is_forgotten() -> None:
    made = core()
    made.leave(sized(4, FITS + 1), now=599.0)
    assert told(made)
    made.leave(sized(4, FITS + 1), now=601.0)
    assert opened(made.outer.datagrams()) == [sized(4, FITS + 1)]


def test_a_peer_that_moved_is_behind_another_path() -> None:
    made, elsewhere = core(), Endpoint.of("192.0.2.9", 1024)
    made.outer.narrow[elsewhere] = PATH - 200
    made.leave(sized(4, FITS))
    assert opened(made.outer.datagrams()) and not told(made)
    made.forwarding.move_sas(message.MoveSas((SPI,), THERE.local, elsewhere), 0.0)
    made.leave(sized(4, FITS))
    assert not made.outer.datagrams() and told(made)


def test_fit_follows_the_path() -> None:
    fit = Fit(sa(Direction.OUT, GCM))
    assert fit.packet == 0
    fit.follow(1500)
    assert (fit.packet, fit.segment) == (1438, (1398, 1378))
    fit.follow(1400)
    assert (fit.packet, fit.segment) == (1338, (1298, 1278))
    fit = Fit(replace(sa(Direction.OUT, GCM), mode=SaMode.TRANSPORT))
    fit.follow(1500)
    assert fit.packet == 1438 + 20


def test_a_run_of_tcp_that_opens_is_clamped_too() -> None:
    made = core()
    opening = [syn(4, 9000)] * 8
    made.forwarding.from_device(DEVICE, [Run.of(b"".join(opening), len(opening[0]))], 0.0)
    assert [asked(packet) for packet in opened(made.outer.datagrams())] == [FITS - 40] * 8


def test_a_longer_icv_leaves_less_room() -> None:
    """The peer cuts HMAC-SHA2-256 otherwise than agreed, and is followed."""
    pair = (EspCipher.AES_CBC, 256, Integrity.HMAC_SHA2_256)
    short, long = algorithms(pair, integrity_96=True), algorithms(pair)
    there = Endpoint.of("fd00::2", 4500)
    made = Core()
    made.policy()
    ends = {"local": Endpoint.of("fd00::1", 4500), "remote": there, "encapsulation": Encapsulation.NONE}
    made.forwarding.add_sa(message.AddSa(sa(Direction.OUT, short, **ends)), 0.0)
    made.forwarding.add_sa(message.AddSa(sa(Direction.IN, short, **ends)), 0.0)
    for seal in (short, long):
        packet = Outbound(sa(Direction.OUT, seal, sequence=7 * (seal is long)), entropy()).seal([sized(4, 100)] * 6, 4)
        made.arrive(*packet, path=Path(ends["local"].at(0), there.at(0), Encapsulation.NONE))
        made.leave(*(sized(4, size, flags="DF") for size in range(1380, 1500)))
        assert max(map(len, made.outer.datagrams())) <= 1500 - 40


def test_pieces_of_fragments_are_never_first_ones() -> None:
    made = core(df=DfBit.SET, fragment=Fragment.BEFORE)
    offset = (65_535 - 20 - 1400) // 8
    made.leave(sized(4, 1400, frag=offset, flags=0), sized(4, 1450, frag=offset + 8, flags=0))
    pieces = [IP(packet) for packet in opened(made.outer.datagrams())]
    assert [piece.frag for piece in pieces] == [offset, offset + (FITS - 20) // 8]
    assert made.drops() == {"malformed-inner": 1}
