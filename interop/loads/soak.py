"""A tunnel under full load for a while: one TCP flow that takes all it can get, a ping every 20 ms beside it, dead peer
detection, and new keys again and again; then a verdict.

    left: ikevpn 192.0.2.1 ─────── 192.0.2.2 right: ikevpn, or strongSwan with its userspace ESP
     10.1.1.0/24                      10.2.2.0/24

`python -m interop soak`. Holds: no peer was taken for dead, no ping was lost while keys were renewed, and no second
carried less than half of the median.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import cycle
from typing import Any

from interop.lab import requirements
from interop.lab.outcome import expect, interrupted
from interop.lab.site import Site
from interop.lab.topology import pair
from interop.loads.saturation import Saturation
from interop.peers.ikevpn import Ikevpn
from interop.peers.tunnel import TunnelParameters, between
from interop.stage import proof
from interop.stage.stage import NEEDS, Side, Stage
from interop.traffic.traffic import PING_INTERVAL_S, Pings

STATUS_EVERY_S = 5.0
REKEY_SPAN_S = 2.0
"""How long before and after an event of a renewal pings count as lost by it: an SA is used up to a second later."""
_MODERN = {"ike_suite": "aes256-sha512-g19", "pfs": True}


@dataclass(frozen=True)
class Course:
    """What is to happen. `rekey_s` 0: only by what the SA has carried, which `kilobytes` limits where it is not 0."""

    seconds: int = 60
    dpd_s: float = 5.0
    rekey_s: float = 10.0
    kilobytes: int = 0
    peer: str = "ikevpn"
    esp: str = "aes128gcm16"
    raw: bool = False


@dataclass
class Record:
    """What happened. Times in seconds since the pings began: of renewals, as each end tells them, and of lost pings."""

    mbits: list[float] = field(default_factory=list)
    rekeys: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)
    answers_s: list[float] = field(default_factory=list)
    dead_peers: int = 0
    dpd_asked: int = 0
    counters: dict[str, int] = field(default_factory=dict)

    def lost_at_rekeys(self) -> list[float]:
        """Lost pings that a renewal may have cost."""
        return [at for at in self.lost if any(abs(at - rekey) <= REKEY_SPAN_S for rekey in self.rekeys)]

    def complaints(self) -> list[str]:
        """What did not hold; nothing where all did."""
        found = []
        if self.dead_peers:
            found.append(f"{self.dead_peers} times a living peer was taken for dead")
        if lost := self.lost_at_rekeys():
            found.append(f"{len(lost)} pings were lost while keys were renewed")
        if not self.mbits:
            return [*found, "nothing was carried"]
        median = statistics.median(self.mbits)
        slow = [f"second {second}: {mbits:.0f}" for second, mbits in enumerate(self.mbits, 1) if mbits < median / 2]
        if slow:
            found.append(f"less than half of the median of {median:.0f} Mbit/s in {', '.join(slow)}")
        return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m interop soak`."""
    plain = Course()
    parser.add_argument("--seconds", type=int, default=plain.seconds, help="how long (default %(default)s)")
    parser.add_argument("--dpd", type=float, default=plain.dpd_s, metavar="S", help="dead peer detection every S")
    parser.add_argument("--rekey", type=float, default=plain.rekey_s, metavar="S", help="quick mode every S; 0: never")
    parser.add_argument("--kilobytes", type=int, default=plain.kilobytes, metavar="N", help="limit of an SA; 0: none")
    parser.add_argument("--peer", choices=("ikevpn", "strongswan"), default=plain.peer)
    parser.add_argument("--esp", default=plain.esp, help="ESP suite, as in the names of scenarios")
    parser.add_argument("--raw", action="store_true", help="ESP as protocol 50 instead of in UDP")
    parser.add_argument("--json", action="store_true", help="print one JSON value")


def main(options: argparse.Namespace) -> int:
    """Run it and print; returns the exit status: 0 it held, 1 it did not."""
    course = Course(
        options.seconds, options.dpd, options.rekey, options.kilobytes, options.peer, options.esp, options.raw
    )
    requirements.check({"traffic", *NEEDS["ikevpn"], *NEEDS[course.peer]})
    with Site() as site:
        record = run(site, course)
    complaints = record.complaints()
    verdict = f"FAIL: {'; '.join(complaints)}" if complaints else "PASS"
    print(json.dumps({**asdict(record), "verdict": verdict}) if options.json else f"{report(record)}\n{verdict}")
    return 1 if complaints else 0


def run(site: Site, course: Course) -> Record:
    """Put it up, load it, and tell what happened."""
    stage = Stage(site)
    left, right = _sides(stage, course)
    proof.comes_up(left, right)
    pings = Pings(left.end, right.end, course.seconds + 60)
    start_s = time.time()
    flow = Saturation(left.end, right.end, course.seconds + 60)
    record = Record()
    _follow(record, course, (left, right))
    record.mbits = flow.end()
    record.lost = [number * PING_INTERVAL_S for number in pings.finish()]
    for side in (left, right):
        if isinstance(side.peer, Ikevpn):
            _read_log(record, side.peer, start_s)
    assert isinstance(left.peer, Ikevpn)
    record.counters = json.loads(left.peer.command("status", "--json").output)["counters"]
    stage.stop()
    return record


def _sides(stage: Stage, course: Course) -> tuple[Side, Side]:
    topology = pair(stage.site)
    base = TunnelParameters(esp_suite=course.esp, nat_traversal=True if course.raw else "force", **_MODERN)  # type: ignore[arg-type]
    extra: tuple[tuple[str, object], ...] = (("dpd_interval_s", course.dpd_s), ("esp_lifetime_kb", course.kilobytes))
    views = [replace(view, extra=extra) for view in between(topology.left, topology.right, base)]
    options: dict[str, Any] = {"dpd_s": int(course.dpd_s)} if course.peer == "strongswan" else {}
    right = stage.side(course.peer, topology.right, views[1], **options)
    return stage.side("ikevpn", topology.left, views[0]), right


def _follow(record: Record, course: Course, sides: Sequence[Side]) -> None:
    """While it runs: new keys by each side in turn, and questions to the daemon."""
    turns = cycle(sides)
    began = time.monotonic()
    due_status, due_rekey = began + STATUS_EVERY_S / 2, began + course.rekey_s
    asked = sides[0].peer
    assert isinstance(asked, Ikevpn)
    while (now := time.monotonic()) < began + course.seconds:
        if course.rekey_s and now >= due_rekey:
            due_rekey += course.rekey_s
            next(turns).peer.rekey()
        elif now >= due_status:
            due_status += STATUS_EVERY_S
            asked.command("status")
            record.answers_s.append(time.monotonic() - now)
        expect(not interrupted.wait(0.05), "interrupted")


def _read_log(record: Record, peer: Ikevpn, start_s: float) -> None:
    for text in peer.command("log", "--json", "-n", "2000").output.splitlines():
        line = json.loads(text)
        record.dead_peers += line.get("reason") == "dead-peer"
        record.dpd_asked += line.get("code") == "dpd-sent"
        if line.get("code") == "child-rekeyed":
            record.rekeys.append(line["time"] - start_s)


def report(record: Record) -> str:
    """For people."""
    lines = [f"{'second':>6}  {'Mbit/s':>8}"]
    lines += [f"{second:>6}  {mbits:8.0f}" for second, mbits in enumerate(record.mbits, 1)]
    if record.mbits:
        lines.append(f"TCP: least {min(record.mbits):.0f}, median {statistics.median(record.mbits):.0f} Mbit/s")
    lines.append(f"renewals, as told by each ikevpn: {len(record.rekeys)}")
    lost = record.lost_at_rekeys()
    lines.append(f"pings lost: {len(record.lost)}, of them while keys were renewed: {len(lost)}")
    lines.append(f"dead peer detection: {record.dpd_asked} questions, {record.dead_peers} false alarms")
    if record.answers_s:
        middle, worst = statistics.median(record.answers_s), max(record.answers_s)
        lines.append(f"`ikevpn status`, interpreter included: median {middle:.2f} s, worst {worst:.2f} s")
    drops = {name: count for name, count in record.counters.items() if "drop" in name and count}
    lines.append(f"dropped on the left: {', '.join(f'{n} {name}' for name, n in drops.items()) or 'nothing'}")
    return "\n".join(lines)
