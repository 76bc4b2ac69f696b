"""Loads: what is sent through a rig, and which figures a run of it gives. One row a load."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from interop.bench import cpu, iperf
from interop.bench.figure import percentile
from interop.bench.rig import Rig
from interop.lab.outcome import expect, wait_until

_PING_INTERVAL_S = 0.01
_TIME = re.compile(r"time=([\d.]+) ms")
Values = dict[str, float]
"""One value for each quantity of the load."""


@dataclass(frozen=True)
class Quantity:
    """What a load measures: the figure's name, its unit, and whether more of it is better."""

    name: str
    unit: str
    more_is_better: bool = True


@dataclass(frozen=True)
class Load:
    """`play` runs it for some seconds and returns a value for each of `quantities`, by name."""

    name: str
    sentence: str
    quantities: tuple[Quantity, ...]
    play: Callable[[Rig, float], Values]


def _tcp(name: str, *options: str) -> Load:
    def play(rig: Rig, seconds: float) -> Values:
        pids = rig.pids()
        before = cpu.seconds(pids)
        stream = iperf.run(rig, options, seconds)
        used = cpu.seconds(pids) - before
        expect(stream.octets > 0, "nothing arrived")
        return {name: stream.mbit_per_s, f"{name}, CPU": used / (stream.octets / 1e9)}

    quantities = (Quantity(name, "Mbit/s"), Quantity(f"{name}, CPU", "s/GB", more_is_better=False))
    return Load(name, f"iperf3 {' '.join(options)}".strip(), quantities, play)


def _udp(rig: Rig, seconds: float) -> Values:
    flood = iperf.run(rig, ("-u", "-l", "1300", "-b", "0"), seconds)
    steady = iperf.run(rig, ("-u", "-l", "1300", "-b", "200M"), seconds)
    return {"UDP 1300 octets, flood": flood.mbit_per_s, "UDP 1300 octets at 200 Mbit/s, lost": 100 * steady.lost}


def _pps(rig: Rig, seconds: float) -> Values:
    return {"UDP 64 octets, flood": iperf.run(rig, ("-u", "-l", "64", "-b", "0"), seconds).packets_per_s}


def _ping_idle(rig: Rig, seconds: float) -> Values:
    times = _ping(rig, seconds)
    return {"ping, p50": percentile(times, 0.5), "ping, p99": percentile(times, 0.99)}


def _ping_busy(rig: Rig, seconds: float) -> Values:
    """Round trips while one TCP flow takes all it gets."""
    server = iperf.serve(rig)
    words = ("iperf3", "-c", rig.target.address, "-B", rig.source.address, "-t", f"{seconds + 2:g}", "--forceflush")
    flow = rig.source.host.spawn(*words, name="iperf3-client")
    try:
        wait_until(lambda: "sec" in flow.output(), "the first second of a TCP flow")
        times = _ping(rig, seconds)
        expect(flow.running() or "receiver" in flow.output(), f"the TCP flow broke: {flow.output()[-200:]}")
    finally:
        flow.end()
        server.end()
    return {"ping under TCP, p50": percentile(times, 0.5), "ping under TCP, p99": percentile(times, 0.99)}


def _ping(rig: Rig, seconds: float) -> list[float]:
    """Milliseconds there and back. A ping that stays away for a second is counted as a second."""
    count = max(1, round(seconds / _PING_INTERVAL_S))
    words = ("ping", "-n", "-c", str(count), "-i", str(_PING_INTERVAL_S), "-W", "1", "-I", rig.source.address)
    output = rig.source.host.run(*words, rig.target.address, check=False, timeout_s=seconds * 3 + 10).output
    times = [float(found) for found in _TIME.findall(output)]
    expect(bool(times), f"no ping came back: {output.strip()[-200:]}")
    return times + [1000.0] * (count - len(times))


def _establish(rig: Rig, seconds: float) -> Values:
    """From the first IKE datagram on the wire to the last one of quick mode, as tcpdump stamps them."""
    del seconds  # it takes as long as it takes
    rig.close()
    capture = rig.gateway.spawn(
        "tcpdump", "-n", "-tt", "-l", "--immediate-mode", "-i", "outer",
        "udp port 500 or (udp port 4500 and udp[8:4] = 0)", name=f"tcpdump-{monotonic()}",
    )  # fmt: skip
    try:
        wait_until(lambda: "listening on" in capture.output(), "the start of tcpdump")
        rig.establish()
    finally:
        capture.end()
    stamps = [float(line.split()[0]) for line in capture.output().splitlines() if re.match(r"\d+\.\d+ IP", line)]
    expect(len(stamps) >= 9, f"tcpdump saw {len(stamps)} datagrams of IKE, main and quick mode have nine")
    return {"one tunnel": (stamps[8] - stamps[0]) * 1000}


_TIMES = ("p50", "p99")
_LOADS = (
    _tcp("TCP, one flow"),
    _tcp("TCP, reverse", "-R"),
    _tcp("TCP, four flows", "-P", "4"),
    _tcp("TCP, both directions", "--bidir"),
    Load(
        "udp", "datagrams of 1300 octets, as many as leave, and 200 Mbit/s of them",
        (
            Quantity("UDP 1300 octets, flood", "Mbit/s"),
            Quantity("UDP 1300 octets at 200 Mbit/s, lost", "%", more_is_better=False),
        ),
        _udp,
    ),
    Load("pps", "datagrams of 64 octets, as many as leave", (Quantity("UDP 64 octets, flood", "packets/s"),), _pps),
    Load(
        "idle", "ping, 100 a second, nothing else",
        tuple(Quantity(f"ping, {time}", "ms", more_is_better=False) for time in _TIMES), _ping_idle,
    ),
    Load(
        "busy", "ping beside one TCP flow that takes all it gets",
        tuple(Quantity(f"ping under TCP, {time}", "ms", more_is_better=False) for time in _TIMES), _ping_busy,
    ),
    Load("establish", "main and quick mode", (Quantity("one tunnel", "ms", more_is_better=False),), _establish),
)  # fmt: skip
_BY_NAME = {load.name: load for load in _LOADS}

VERBS: Mapping[str, Sequence[Load]] = {
    "tcp": tuple(load for load in _LOADS if load.name.startswith("TCP")),
    "udp": (_BY_NAME["udp"],),
    "pps": (_BY_NAME["pps"],),
    "ping": (_BY_NAME["idle"], _BY_NAME["busy"]),
    "ike": (_BY_NAME["establish"],),
}
"""What the words of the command line stand for."""
