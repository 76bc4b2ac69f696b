"""Traffic through a tunnel: pings that are counted and TCP transfers whose checksums are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from interop.lab.outcome import PATIENCE_S, expect, wait_until
from interop.peers.shape import Host, Job
from interop.traffic import datagram, echo, stream

TRANSFER_OCTETS = 20_000_000
PING_INTERVAL_S = 0.02
LONGEST_STREAM_S = 240
_PORT = 5001


@dataclass(frozen=True)
class End:
    """Where traffic starts or ends: a host and one of its addresses; `own` is the one behind a NAT."""

    host: Host
    address: str
    own: str = ""

    @property
    def bound(self) -> str:
        """To which a program on the host binds."""
        return self.own or self.address


def ping(start: End, target: End, count: int = 3, *, warm_up: bool = True) -> None:
    """Ping from one end to the other and expect every answer, however late.

    With `warm_up` the first two answers in a row may take a few tries: kernels look up neighbours and
    resolve policies with the first packets.
    """
    if warm_up:
        what = f"the first ping {start.address} -> {target.address}"
        wait_until(lambda: len(answered(start, target, 2, 1.0)) == 2, what)
    came = answered(start, target, count, PATIENCE_S)
    missing = sorted(set(range(1, count + 1)) - came)
    expect(not missing, f"ping {start.address} -> {target.address}: of {count} these never came back: {missing}")


def answers(start: End, target: End) -> int:
    """Send three pings and tell how many were answered within a second."""
    return len(answered(start, target, 3, 1.0))


def answered(start: End, target: End, count: int, patience_s: float) -> set[int]:
    """Send `count` pings; the numbers, from 1, of those answered at most `patience_s` after the last."""
    script = start.host.write_file("echo.py", Path(echo.__file__).read_text())
    words = (script, start.bound, target.address, str(count), str(PING_INTERVAL_S), str(patience_s))
    printed = start.host.run(start.host.python, *words, timeout_s=patience_s + PATIENCE_S).output.split()
    expect(printed[:1] == ["answered"], f"echo.py said: {' '.join(printed)}")
    return set(map(int, printed[1:]))


class Pings:
    """A stream of pings, fifty a second, that goes on while something else happens."""

    def __init__(self, start: End, target: End, longest_s: int = LONGEST_STREAM_S) -> None:
        self._longest_s = longest_s
        words = ("-n", "-i", str(PING_INTERVAL_S), "-w", str(longest_s), "-I", start.bound, target.address)
        self._job: Job = start.host.spawn("ping", *words, name="pings")
        wait_until(self._answered, "the first answer to the stream of pings")

    def finish(self) -> list[int]:
        """Wait until answers still come, end the stream, and return the numbers of pings that were not answered."""
        before = len(self._answered())
        wait_until(lambda: len(self._answered()) >= before + 10, "ten more answers to the stream of pings")
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
        target.host.python, serve_script, "serve", target.bound, str(_PORT), str(octets), name="stream"
    )
    try:
        wait_until(lambda: "ready" in server.output(), f"the TCP server on {target.address}")
        words = (start.host.python, dial_script, "dial", target.address, str(_PORT), str(octets), start.bound)
        dialled = start.host.run(*words, timeout_s=300).output.split()
        served = server.wait(PATIENCE_S).output.split()
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
        returned = start.host.run(start.host.python, *words, timeout_s=120).output.strip()
    finally:
        server.end()
    expect(returned == str(len(sizes)), f"UDP {start.address} -> {target.address}: {returned} of {sizes} came back")
