"""Packets that come alone take a shorter way; whatever they are, all of it has to end as on the long way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ikevpn.dataplane.userspace.forward import lookup
from ikevpn.dataplane.userspace.forward.inward import Inward
from ikevpn.dataplane.userspace.forward.outward import Outward
from ikevpn.dataplane.userspace.io.error_queue import TooBig
from ikevpn.dataplane.userspace.ipc import message
from ikevpn.dataplane.userspace.packet.ends import Arrival, Path
from ikevpn.esp.outbound import Outbound
from ikevpn.model.address import Endpoint
from ikevpn.model.outer_header import DfBit, OuterHeader
from ikevpn.model.sa import Direction, Encapsulation, Limits, SaMode
from tests.dataplane import traffic
from tests.dataplane.fakes import DEVICE, OURS, THEIRS, Core
from tests.esp import samples
from tests.esp.samples import GCM, ipv4, ipv6

ELSEWHERE = Endpoint.of("192.0.2.9", 1024)
NETWORKS = {"src": "10.1.1.1", "dst": "10.2.2.2"}

PACKETS = [
    ipv4(bytes(64), protocol=1),
    ipv4(bytes(64), protocol=50),
    ipv4(b"", protocol=1),
    ipv4(bytes(64), protocol=1)[:-1],
    ipv4(bytes(64), protocol=1) + b"more",
    ipv6(bytes(64), protocol=58),
    b"",
    b"\x45",
    bytes(60),
    *(traffic.tcp(4, b"", flags=flags, options=[("MSS", 9000)], **NETWORKS) for flags in ("A", "S")),
    *(traffic.udp(4, bytes(size), **fields, **NETWORKS)
      for size in (1, 1300, 1500) for fields in ({}, {"flags": 0}, {"tos": 0xB8}, {"tos": 3}, {"ttl": 1})),
    traffic.udp(4, bytes(24), flags="MF", **NETWORKS),
    traffic.udp(4, bytes(24), dst="10.9.9.9"),
    traffic.udp(6, bytes(24)),
    traffic.tcp(6, b"", flags="S", options=[("MSS", 9000)]),
]  # fmt: skip
OUTERS = [OuterHeader(), OuterHeader(df=DfBit.SET, dscp=7), OuterHeader(df=DfBit.CLEAR, ecn=False, ttl=9, mss=0)]
EVENTS = st.one_of(
    st.tuples(st.just("packet"), st.sampled_from(PACKETS)),
    st.tuples(st.just("policy"), st.booleans()),
    st.tuples(st.just("mtu"), st.sampled_from([600, 1400, 1500])),
    st.tuples(st.just("move"), st.sampled_from([THEIRS, ELSEWHERE])),
    st.tuples(st.just("rekey"), st.sampled_from([0x2000, 0x3000])),
    st.tuples(st.just("delete"), st.sampled_from([0x2000, 0x3000])),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 30.0, 700.0])),
)


def both(play: Callable[[Core, float], None]) -> None:
    """It ends the same with the short way and without it."""
    cores = []
    for has_short_way in (True, False):
        core = Core()
        with pytest.MonkeyPatch.context() as patch:
            if not has_short_way:
                patch.setattr(Outward, "_went_alone", lambda *_: False)
                patch.setattr(Inward, "_came_alone", lambda *_: False)
            play(core, 0.0)
        cores.append(core)
    short, long = cores
    assert short.outer.sent == long.outer.sent
    assert short.outer.marks == long.outer.marks
    assert short.devices.written == long.devices.written
    assert short.stats.report() == long.stats.report()
    assert short.events == long.events
    assert list(short.forwarding.uses(1000.0)) == list(long.forwarding.uses(1000.0))
    assert short.forwarding.next_timer() == long.forwarding.next_timer()


SMALL, LARGE = PACKETS[0], traffic.udp(4, bytes(1300), **NETWORKS)
ACK, SYN = (traffic.tcp(4, b"", flags=flags, options=[("MSS", 9000)], **NETWORKS) for flags in ("A", "S"))
MARKED = PACKETS[0][:1] + b"\xb8" + PACKETS[0][2:]


@example([("packet", LARGE), ("packet", LARGE), ("mtu", 600), ("packet", LARGE)], OUTERS[0], SaMode.TUNNEL, False)
@example(
    [("packet", LARGE), ("packet", LARGE), ("move", ELSEWHERE), ("packet", LARGE)], OUTERS[0], SaMode.TUNNEL, False
)
@example([("packet", SMALL), ("policy", False), ("packet", SMALL)], OUTERS[0], SaMode.TUNNEL, False)
@example([("packet", SMALL), ("rekey", 0x2000), ("packet", SMALL)], OUTERS[0], SaMode.TUNNEL, False)
@example([("packet", SMALL), ("packet", MARKED)], OUTERS[0], SaMode.TUNNEL, False)
@example([("packet", ACK), ("packet", SYN)], OUTERS[2], SaMode.TUNNEL, False)
@example([("packet", SMALL)] * 9, OUTERS[0], SaMode.TUNNEL, True)
@given(st.lists(EVENTS, max_size=20), st.sampled_from(OUTERS), st.sampled_from(list(SaMode)), st.booleans())
def test_outward(events: list[tuple[str, object]], outer: OuterHeader, mode: SaMode, has_limit: bool) -> None:
    limits = Limits(soft_packets=3, hard_packets=6) if has_limit else Limits()

    def play(core: Core, now: float) -> None:
        core.policy()

        def install(spi: int) -> None:
            sa = samples.sa(Direction.OUT, GCM, spi=spi, outer=outer, mode=mode, limits=limits)
            core.forwarding.add_sa(message.AddSa(sa), now)

        core.outer.narrow[ELSEWHERE] = 900
        install(samples.SPI)
        for kind, what in events:
            match kind, what:
                case "packet", bytes(packet):
                    core.leave(packet, now=now)
                case "policy", bool(protects):
                    (core.policy if protects else core.forbid)()
                case "mtu", int(mtu):
                    quote = samples.SPI.to_bytes(4, "big") + bytes(4)
                    core.forwarding.too_big(TooBig(THEIRS.address, mtu, quote, local=False), now)
                case "move", Endpoint() as there:
                    core.forwarding.move_sas(message.MoveSas((samples.SPI,), OURS, there), now)
                case "rekey", int(spi):
                    install(spi)
                case "delete", int(spi):
                    core.forwarding.delete_sa(message.DeleteSa(spi, Direction.OUT, 1), now)
                case "wait", float(seconds):
                    now += seconds
                    core.forwarding.timer(now)

    both(play)


@example([(b"", 1, 0, False, THEIRS, Encapsulation.UDP, True)], OUTERS[0], samples.CBC_SHA256)
@example([(SMALL, 1, 3, False, THEIRS, Encapsulation.UDP, False)], OUTERS[0], GCM)
@example([(SYN, 1, 0, False, THEIRS, Encapsulation.UDP, False)], OUTERS[2], GCM)
@example([(SMALL, number, 0, False, THEIRS, Encapsulation.UDP, False) for number in range(1, 12)], OUTERS[0], GCM)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(PACKETS), st.integers(1, 12), st.integers(0, 3), st.booleans(),
            st.sampled_from([THEIRS, ELSEWHERE]), st.sampled_from(list(Encapsulation)), st.booleans(),
        ),
        max_size=12,
    ),
    st.sampled_from(OUTERS),
    st.sampled_from([GCM, samples.CBC_SHA256]),
)  # fmt: skip
def test_inward(
    arrivals: list[tuple[bytes, int, int, bool, Endpoint, Encapsulation, bool]], outer: OuterHeader, pair: samples.Pair
) -> None:
    """Replayed, forged, marked, from elsewhere, otherwise encapsulated, with a shorter ICV; then one leaves."""

    def play(core: Core, now: float) -> None:
        core.policy()
        limits = Limits(soft_packets=3, hard_packets=8)
        core.forwarding.add_sa(message.AddSa(samples.sa(Direction.OUT, pair)), now)
        core.forwarding.add_sa(message.AddSa(samples.sa(Direction.IN, pair, outer=outer, limits=limits)), now)
        for packet, sequence, ecn, is_forged, source, encapsulation, is_short in arrivals:
            algorithms = samples.algorithms(pair, integrity_96=is_short and pair is not GCM)
            sender = Outbound(samples.sa(Direction.OUT, algorithms), samples.entropy(), sequence=sequence - 1)
            sealed = sender.seal([packet], 41 if packet[:1] and packet[0] >> 4 == 6 else 4)[0]
            if is_forged:
                sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
            core.forwarding.from_outside([Arrival(Path(OURS, source, encapsulation), [sealed], ecn)], now)
            core.leave(SMALL, now=now)

    both(play)


def test_memory_of_lanes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "MOST_FLOWS", 10)
    core = Core()
    core.policy()
    core.forwarding.add_sa(message.AddSa(samples.sa(Direction.OUT)), 0.0)
    for number in range(100):
        core.leave(ipv4(bytes(8), protocol=1, target=f"10.2.2.{number}"))
        assert 0 < len(core.forwarding._routes._lanes) <= 10
    assert len(core.outer.datagrams()) == 100


@given(st.binary(max_size=40))
def test_noise(datagram: bytes) -> None:
    def play(core: Core, now: float) -> None:
        core.policy()
        core.forwarding.add_sa(message.AddSa(samples.sa(Direction.IN)), now)
        for each in (datagram, samples.SPI.to_bytes(4, "big") + datagram):
            core.arrive(each, now=now)
            core.forwarding.from_device(DEVICE, [each], now)

    both(play)
