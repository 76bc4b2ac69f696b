"""Traffic through a tunnel: pings that are counted and TCP transfers whose checksums are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from interop import datagram, stream
from interop.outcome import Unmet, expect, wait_until
from interop.peers.shape import Host, Job

TRANSFER_OCTETS = 20_000_000
PING_INTERVAL_S = 0.02
LONGEST_STREAM_S = 60
_PORT = 5001
_COUNTS = re.compile(r"(\d+) packets transmitted, (\d+) received")


@dataclass(frozen=True)
class End:
    """Where traffic starts or ends: a host and one of its addresses."""

    host: Host
    address: str


def ping(start: End, target: End, count: int = 3, *, warm_up: bool = True, patience_s: int = 1) -> None:
    """Ping from one end to the other and expect every answer, the last one within `patience_s` seconds.

    With `warm_up` the first two answers in a row may take a few tries: kernels look up neighbours and
    resolve policies with the first packets.
    """
    if warm_up:
        what = f"the first ping {start.address} -> {target.address}"
        wait_until(lambda: _ping(start, target, 2).received == 2, what, 5.0)
    seen = _ping(start, target, count, patience_s)
    expect(seen.received == count, f"ping {start.address} -> {target.address}: {seen.received} of {count} came back")


@dataclass(frozen=True)
class Count:
    """Pings sent and answered."""

    sent: int
    received: int


def attempt(start: End, target: End) -> Count:
    """Send three pings and tell what became of them."""
    return _ping(start, target, 3)


def _ping(start: End, target: End, count: int, patience_s: int = 1) -> Count:
    counts = ("-c", str(count), "-i", str(PING_INTERVAL_S), "-W", str(patience_s))
    words = ("ping", "-q", "-n", *counts, "-I", start.address, target.address)
    return read_counts(start.host.run(*words, check=False, timeout_s=10 + patience_s).output)


def read_counts(report: str) -> Count:
    """The two figures in ping's closing report."""
    found = _COUNTS.search(report)
    if found is None:
        raise Unmet(f"ping said: {report.strip()}")
    return Count(int(found[1]), int(found[2]))


class Pings:
    """A stream of pings, fifty a second, that goes on while something else happens."""

    def __init__(self, start: End, target: End, longest_s: int = LONGEST_STREAM_S) -> None:
        self._longest_s = longest_s
        words = ("-n", "-i", str(PING_INTERVAL_S), "-w", str(longest_s), "-I", start.address, target.address)
        self._job: Job = start.host.spawn("ping", *words, name="pings")
        wait_until(self._answered, "the first answer to the stream of pings", 5.0)

    def finish(self) -> list[int]:
        """Wait until answers still come, end the stream, and return the numbers of pings that were not answered."""
        before = len(self._answered())
        wait_until(lambda: len(self._answered()) >= before + 10, "ten more answers to the stream of pings", 5.0)
        expect(self._job.running(), f"the stream of pings was too short, {self._longest_s} s")
        self._job.end()
        answered = self._answered()
        return sorted(set(range(1, max(answered) + 1)) - answered)

    def _answered(self) -> set[int]:
        return {int(number) for number in re.findall(r"bytes from .*icmp_seq=(\d+)", self._job.output())}


def transfer(start: End, target: End, octets: int = TRANSFER_OCTETS) -> None:
    """Send `octets` from `start` to `target` over TCP and as many back; expect equal checksums both ways."""
    source = Path(stream.__file__).read_text()
    serve_script, dial_script = (end.host.write_file("stream.py", source) for end in (target, start))
    server = target.host.spawn(
        target.host.python, serve_script, "serve", target.address, str(_PORT), str(octets), name="stream"
    )
    try:
        wait_until(lambda: "ready" in server.output(), f"the TCP server on {target.address}")
        words = (start.host.python, dial_script, "dial", target.address, str(_PORT), str(octets), start.address)
        dialled = start.host.run(*words, timeout_s=90).output.split()
        served = server.wait(20).output.split()
    finally:
        server.end()
    expect(len(dialled) == 4 and len(served) == 5, f"TCP {start.address} -> {target.address}: {dialled} {served}")
    expect(dialled[1] == served[4], f"TCP {start.address} -> {target.address}: checksums differ")
    expect(dialled[3] == served[2], f"TCP {target.address} -> {start.address}: checksums differ")


def datagrams(start: End, target: End, *sizes: int) -> None:
    """UDP datagrams of these sizes go to `target` and come back whole, in fragments where they are large."""
    source = Path(datagram.__file__).read_text()
    serve_script, dial_script = (end.host.write_file("datagram.py", source) for end in (target, start))
    server = target.host.spawn(target.host.python, serve_script, "serve", target.address, str(_PORT), name="datagram")
    try:
        wait_until(lambda: "ready" in server.output(), f"the UDP server on {target.address}")
        words = (dial_script, "dial", target.address, str(_PORT), start.address, *map(str, sizes))
        returned = start.host.run(start.host.python, *words, timeout_s=60).output.strip()
    finally:
        server.end()
    expect(returned == str(len(sizes)), f"UDP {start.address} -> {target.address}: {returned} of {sizes} came back")
