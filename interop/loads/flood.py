"""Bent ESP packets, more than a gigabit line brings, from a stranger into a gateway beside an honest flow; a verdict.

    stranger 198.51.100.2 ─── 198.51.100.1
                              right: ikevpn 192.0.2.2 ─────── 192.0.2.1 left: ikevpn, sends the honest flow
                               10.2.2.0/24                     10.1.1.0/24

`python -m interop flood`. The packets are real ones of the tunnel: repeated, with bits changed, cut short, filled with
noise, or with another SPI. Holds: the worker is the same process, it has not grown, every packet that the kernel handed
over is counted under a reason that fits its harm, and the honest flow keeps half of its speed.

Who makes the flood shares the processors with the gateways and takes what it can get of them: at full speed one of two.
So its speed is given (`--rate`), and what its making costs the honest flow is measured first and told, with the same
flood against a closed door: a rule of the gateway's firewall that drops it before the gateway sees it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from interop.lab import requirements
from interop.lab.namespace import Namespace
from interop.lab.outcome import Unmet, expect, interrupted, wait_until
from interop.lab.process import Process
from interop.lab.site import Site
from interop.lab.topology import pair
from interop.loads import spray
from interop.loads.saturation import Saturation
from interop.peers.ikevpn import Ikevpn
from interop.peers.shape import Host
from interop.peers.tunnel import TunnelParameters, between
from interop.stage import proof
from interop.stage.stage import NEEDS, Side, Stage
from interop.traffic import traffic

CAUGHT = 40
CALM_S = 6
RATE = 300_000
CLOSED_PART = 5
"""The flood against the closed door is so many times as short."""
LARGEST_GROWTH_KIB = 16 * 1024
LEAST_SHARE = 0.5
LONGEST_S = 900
EARLY_S = 1.0
"""Longer than packets of unknown SPIs wait before they are given up and counted."""
REASONS = {
    "unknown-spi": ("unknown-spi",),
    "replay": ("replay",),
    "bent": ("bad-icv", "short", "length"),
    "tiny": ("bad-datagram",),
}
"""Under which reasons packets of a group have to be counted. `bent` is what was forged, cut or filled with noise."""
_HARMS = {"unknown-spi": ("unknown-spi",), "replay": ("replay",), "bent": ("forged", "cut", "noise"), "tiny": ("tiny",)}
_MODERN = {"ike_suite": "aes256-sha512-g19", "pfs": True, "nat_traversal": "force"}


@dataclass
class Record:
    """What happened; packets by group. Megabits of each second of the honest flow: `calm`, beside the flood against a
    closed door, and `flooded`.
    """

    sent: dict[str, int] = field(default_factory=dict)
    octets: int = 0
    seconds: float = 0.0
    counted: dict[str, int] = field(default_factory=dict)
    queue_drops: int = 0
    other_drops: dict[str, int] = field(default_factory=dict)
    calm: list[float] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)
    flooded: list[float] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)
    rss_kib: list[int] = field(default_factory=list)

    @property
    def share(self) -> float:
        """What the honest flow kept of its speed."""
        if not self.calm or not self.flooded or not statistics.median(self.calm):
            return 0.0
        return statistics.median(self.flooded) / statistics.median(self.calm)

    def complaints(self) -> list[str]:
        """What did not hold; nothing where all did."""
        found = []
        if len(set(self.workers)) != 1:
            found.append("the worker did not survive")
        if self.rss_kib[-1] - self.rss_kib[0] > LARGEST_GROWTH_KIB:
            found.append(f"the worker grew from {self.rss_kib[0]} to {self.rss_kib[-1]} KiB")
        for group, sent in self.sent.items():
            if self.counted[group] > sent:
                found.append(f"{self.counted[group]} packets were counted as {group}, and {sent} were sent")
        missing = sum(self.sent.values()) - sum(self.counted.values()) - self.queue_drops
        if missing > 0:
            found.append(f"{missing} packets are counted nowhere")
        if not self.flooded:
            found.append("it was over before a second of the honest flow was: send more packets")
        elif self.share < LEAST_SHARE:
            found.append(f"the honest flow kept {self.share:.0%} of its speed")
        return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m interop flood`."""
    parser.add_argument("--packets", type=_least(1), default=10_000_000, help="how many (default %(default)s)")
    parser.add_argument(
        "--rate", type=_least(0), default=RATE, help="packets a second (default %(default)s), 0: what goes"
    )
    parser.add_argument("--esp", default="aes128gcm16", help="ESP suite, as in the names of scenarios")
    parser.add_argument("--seed", default="flood", help="of the harm that is done")
    parser.add_argument("--json", action="store_true", help="print one JSON value")


def _least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f'"{text}" is not a number from {least} on')
        return int(text)

    return number


def main(options: argparse.Namespace) -> int:
    """Run it and print; returns the exit status: 0 it held, 1 it did not."""
    requirements.check({"traffic", *NEEDS["ikevpn"]})
    with Site() as site:
        record = run(site, options.packets, options.rate, options.esp, options.seed)
    complaints = record.complaints()
    verdict = f"FAIL: {'; '.join(complaints)}" if complaints else "PASS"
    print(json.dumps({**asdict(record), "verdict": verdict}) if options.json else f"{report(record)}\n{verdict}")
    return 1 if complaints else 0


def run(site: Site, packets: int, rate: int, esp: str, seed: str) -> Record:
    """Put a tunnel up, flood it, and tell what happened."""
    stage = Stage(site)
    topology = pair(site)
    stranger = _stranger(site, topology.right.host)
    views = between(topology.left, topology.right, TunnelParameters(esp_suite=esp, **_MODERN))  # type: ignore[arg-type]
    right = stage.side("ikevpn", topology.right, views[1])
    left = stage.side("ikevpn", topology.left, views[0])
    proof.comes_up(left, right)
    script = right.host.write_file("spray.py", Path(spray.__file__).read_text())
    caught = _catch(left, right, script)
    flow = Saturation(left.end, right.end, LONGEST_S)
    wait_until(lambda: len(flow.mbits()) >= CALM_S, "some calm seconds", CALM_S + 10)
    record = Record(workers=[_worker(right)])
    before = _counts(right)
    record.rss_kib.append(_rss_kib(record.workers[0]))
    record.calm = flow.mbits()[1:]

    def flood(count: int) -> Process:
        words = (script, "send", "198.51.100.1", "4500", str(count), str(rate), caught, seed)
        return stranger.spawn(stranger.python, *words, name="spray")

    with _closed_door(right.host):
        record.closed, _ = _beside(flow, flood(packets // CLOSED_PART))
    record.flooded, sent = _beside(flow, flood(packets))
    record.seconds, record.octets = sent["seconds"], int(sent["octets"])
    record.sent = {group: sum(int(sent[harm]) for harm in harms) for group, harms in _HARMS.items()}
    after = _settled(right)
    record.workers.append(_worker(right))
    record.rss_kib.append(_rss_kib(record.workers[-1]))
    flow.end()
    _count(record, before, after)
    stage.stop()
    return record


def _stranger(site: Site, gateway: Namespace) -> Namespace:
    """A host with a wire of its own to the gateway; the kernel cuts there, so that each packet counts singly."""
    stranger = site.namespace("stranger")
    stranger.link("outer", gateway, "strange", 9216)
    stranger.ip("addr add 198.51.100.2/24 dev outer")
    gateway.ip("addr add 198.51.100.1/24 dev strange")
    stranger.run("ethtool", "-K", "outer", "tx-udp-segmentation", "off")
    return stranger


def _catch(left: Side, right: Side, script: str) -> str:
    """Packets of the tunnel as they arrive on the right; returns the file that holds them."""
    caught = right.host.write_file("caught.json", "")
    job = right.host.spawn(right.host.python, script, "catch", "outer", str(CAUGHT), caught, name="catch")
    wait_until(lambda: "ready" in job.output(), "the start of the catching")
    for size in range(0, 1300, 130):
        words = ("ping", "-q", "-c", "5", "-i", "0.02", "-s", str(size), "-I", left.end.address, right.end.address)
        left.host.run(*words, check=False)
    job.wait(10)
    traffic.ping(left.end, right.end)
    return caught


@contextmanager
def _closed_door(gateway: Host) -> Iterator[None]:
    gateway.run("nft", "add table ip door; add chain ip door in { type filter hook prerouting priority -300; }")
    gateway.run("nft", "add rule ip door in iifname strange drop")
    try:
        yield
    finally:
        gateway.run("nft", "delete table ip door")


def _beside(flow: Saturation, job: Process) -> tuple[list[float], dict[str, float]]:
    """Megabits of the honest flow until all is sent, and what was. The first second and the last are not whole."""
    since = len(flow.mbits()) + 1
    deadline = time.monotonic() + LONGEST_S
    while job.running():
        expect(time.monotonic() < deadline, f"the flood was not over within {LONGEST_S} s")
        expect(not interrupted.wait(0.2), "interrupted")
    mbits = flow.mbits()[since:]
    if job.status:
        raise Unmet(f"the flood ended with {job.status}: {job.output().strip()[-500:]}")
    return mbits, json.loads(job.output())


def _settled(side: Side) -> dict[str, int]:
    """The counters once they stand still as far as the flood is concerned."""
    seen: list[dict[str, int]] = [{}]

    def still() -> bool:
        interrupted.wait(EARLY_S)
        seen.append(_counts(side))
        return seen[-1] == seen[-2]

    wait_until(still, "the end of the counting", 20)
    return seen[-1]


def _counts(side: Side) -> dict[str, int]:
    """All drops by reason, those of SAs and the others together."""
    assert isinstance(side.peer, Ikevpn)
    answer: dict[str, Any] = json.loads(side.peer.command("status", "--json").output)
    found = {
        name.removeprefix("esp.drop-"): count
        for name, count in answer["counters"].items()
        if name.startswith("esp.drop-")
    }
    for child in (child for tunnel in answer["tunnels"] for child in tunnel["children"]):
        for reason, count in child["drops"].items():
            found[reason] = found.get(reason, 0) + count
    return found


def _count(record: Record, before: dict[str, int], after: dict[str, int]) -> None:
    difference = {reason: count - before.get(reason, 0) for reason, count in after.items()}
    record.queue_drops = difference.pop("socket-queue-full", 0)
    for group, reasons in REASONS.items():
        record.counted[group] = sum(difference.pop(reason, 0) for reason in reasons)
    record.other_drops = {reason: count for reason, count in difference.items() if count}


def _worker(side: Side) -> int:
    """The process of the data plane; 0 where there is none."""
    assert isinstance(side.peer, Ikevpn)
    return next(iter(side.peer.workers), 0)


def _rss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def report(record: Record) -> str:
    """For people."""
    total = sum(record.sent.values())
    speed = f"{total / record.seconds:.0f} a second, {record.octets * 8e-6 / record.seconds:.0f} Mbit/s"
    lines = [f"{total} packets in {record.seconds:.1f} s: {speed}"]
    lines.append(f"{'group':<14}{'sent':>12}{'counted':>12}")
    lines += [f"{group:<14}{sent:>12}{record.counted[group]:>12}" for group, sent in record.sent.items()]
    lines.append(f"dropped by the kernel because the socket's queue was full: {record.queue_drops}")
    lines.append(f"other drops: {', '.join(f'{n} {reason}' for reason, n in record.other_drops.items()) or 'none'}")
    lines.append("honest flow, Mbit/s by the second and their median:")
    for name, mbits in (("before", record.calm), ("closed door", record.closed), ("flood", record.flooded)):
        lines.append(f"  {name:<14}{_whole(mbits)}: {statistics.median(mbits or [0]):.0f}")
    lines.append(f"it kept {record.share:.0%} beside the flood")
    lines.append(f"worker: process {record.workers[0]} then {record.workers[-1]}, {record.rss_kib} KiB")
    return "\n".join(lines)


def _whole(mbits: Sequence[float]) -> str:
    return " ".join(f"{each:.0f}" for each in mbits)
