"""A gateway with many tunnels: how long it takes to start, to have all of them up, to answer and to stop.

    spokes: ikevpn, an address for each tunnel ─────── hub: ikevpn, N tunnels, or one for `remote = "any"`
     198.18.1.1 …, 10.1.x.y/32                         198.18.0.2, 10.200.x.y/32

`python -m interop scale --tunnels 1000 --kind route`. Times are those of a user's commands, interpreter included; CPU
seconds are those of all processes of an end. A machine with other work makes times long, not CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from interop.bench import cpu
from interop.lab import requirements
from interop.lab.namespace import Namespace
from interop.lab.outcome import Unmet, expect, interrupted, wait_until
from interop.lab.process import Process
from interop.lab.site import Site
from interop.peers.ikevpn import Ikevpn

HUB = "198.18.0.2"
PATIENCE_S = 300.0
_SECRET = "many tunnels have this one"
_QUIET = ("all.disable_ipv6=1", "default.disable_ipv6=1")
_COMMON = """secret = { file = "t.psk" }
ike_proposals = ["pre-g2-aes128-sha"]
esp_proposals = ["nopfs-esp-aes128-sha"]
dpd_interval_s = 30
"""
_TOLD = ("retransmitted", "phase1-failed", "phase2-failed", "host-refused", "child-down", "ike-down")


@dataclass(frozen=True)
class Course:
    """What is to be measured: `binding` is `policy` or `route`, `remote` is `named` or `any` (of the hub)."""

    tunnels: int = 100
    binding: str = "policy"
    remote: str = "named"
    idle_s: float = 40.0


@dataclass
class Record:
    """Seconds as a user sees them, of the hub where nothing else is said, and `cpu_s` by what was going on."""

    ready_s: float = 0.0
    spokes_ready_s: float = 0.0
    all_up_s: float = 0.0
    status_s: float = 0.0
    reload_one_s: float = 0.0
    stop_s: float = 0.0
    spokes_stop_s: float = 0.0
    idle_share: dict[str, float] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m interop scale`."""
    plain = Course()
    parser.add_argument(
        "--tunnels", type=int, default=plain.tunnels, metavar="N", help="how many (default %(default)s)"
    )
    parser.add_argument("--kind", choices=("policy", "route"), default=plain.binding, help="binding of the tunnels")
    parser.add_argument("--remote", choices=("named", "any"), default=plain.remote, help="how the hub knows its peers")
    parser.add_argument("--idle", type=float, default=plain.idle_s, metavar="S", help="seconds of dead peer detection")
    parser.add_argument("--json", action="store_true", help="print one JSON value")


def main(options: argparse.Namespace) -> int:
    """Measure and print; the exit status is 1 where a tunnel was lost or did not come up."""
    requirements.check({"ikevpn", "tun"})
    course = Course(options.tunnels, options.kind, options.remote, options.idle)
    with Site() as site:
        record = run(site, course)
    print(json.dumps({**asdict(course), **asdict(record)}) if options.json else report(course, record))
    return 1 if record.events.get("child-down") or record.events.get("phase1-failed") else 0


def run(site: Site, course: Course) -> Record:
    """Put both ends up, wait, ask, change one tunnel, take both down."""
    record = Record()
    hub, spokes = _network(site, course)
    hub.write(hub_tunnels(course))
    spokes.write(spoke_tunnels(course))
    record.ready_s = hub.start()
    before = hub.cpu_s()
    record.cpu_s["hub start"] = before
    began = time.monotonic()
    record.spokes_ready_s = spokes.start()
    wait_until(lambda: hub.events()["child-up"] >= course.tunnels, "the last tunnel", PATIENCE_S)
    record.all_up_s = time.monotonic() - began
    record.cpu_s |= {"hub all up": hub.cpu_s() - before, "spokes start and all up": spokes.cpu_s()}
    if course.idle_s:
        _idle(record, course, hub, spokes)
    found = hub.events() + spokes.events()
    record.events = {code: found[code] for code in _TOLD if found[code]}
    record.status_s = min(hub.time("status") for _ in range(3))
    hub.write(hub_tunnels(course, changed=course.tunnels // 2))
    before = hub.cpu_s()
    record.reload_one_s = hub.time("reload")
    record.cpu_s["hub reload"] = hub.cpu_s() - before
    record.spokes_stop_s = spokes.stop()
    record.stop_s = hub.stop()
    return record


def _idle(record: Record, course: Course, hub: Daemon, spokes: Daemon) -> None:
    before, began = (hub.cpu_s(), spokes.cpu_s()), time.monotonic()
    expect(not interrupted.wait(course.idle_s), "interrupted")
    lasted = time.monotonic() - began
    record.idle_share = {
        "hub": (hub.cpu_s() - before[0]) / lasted,
        "spokes": (spokes.cpu_s() - before[1]) / lasted,
    }


class Daemon:
    """An ikevpn with a configuration of its own text, timed."""

    def __init__(self, host: Namespace) -> None:
        many = {"max_half_open": 100_000, "max_half_open_per_source": 100_000, "listen": ["0.0.0.0"]}
        self._host = host
        self._peer = Ikevpn(host, **many)
        self._head = Path(self._peer.config).read_text()
        self._process: Process
        host.write_file("ikevpn/t.psk", _SECRET)

    def write(self, tunnels: str) -> None:
        """Write the configuration; the daemon is not told."""
        self._host.write_file("ikevpn/ikevpn.toml", self._head + tunnels)

    def start(self) -> float:
        """Seconds until it is ready: it answers no command before."""
        began = time.monotonic()
        self._process = self._peer.launch("--log-level", "warning")
        wait_until(self._is_there, f"the start of {self._peer.label}", PATIENCE_S)
        self._peer.command("version", timeout_s=PATIENCE_S)
        return time.monotonic() - began

    def stop(self) -> float:
        """Seconds until it has ended by SIGTERM."""
        began = time.monotonic()
        self._process.end(PATIENCE_S)
        return time.monotonic() - began

    def time(self, verb: str) -> float:
        """Seconds of a command."""
        began = time.monotonic()
        self._peer.command(verb, timeout_s=PATIENCE_S)
        return time.monotonic() - began

    def cpu_s(self) -> float:
        """CPU seconds of all its processes."""
        return cpu.seconds([self._process.pid, *self._peer.workers])

    def events(self) -> Counter[str]:
        """How often each event has happened, by its code; of an end that is too busy to answer nothing is known."""
        text = self._peer.command("metrics", check=False, timeout_s=PATIENCE_S).output
        found = re.findall(r'^ikevpn_events_total\{code="([^"]+)"[^}]*\} (\d+)', text, re.MULTILINE)
        counted: Counter[str] = Counter()
        for code, count in found:
            counted[code] += int(count)
        return counted

    def _is_there(self) -> bool:
        if not self._process.running():
            raise Unmet(f"{self._peer.label} ended: {self._process.output().strip()[-1500:]}")
        return Path(self._peer.socket).exists()


def _network(site: Site, course: Course) -> tuple[Daemon, Daemon]:
    hub, spokes = site.namespace("hub"), site.namespace("spokes")
    hub.link("wan", spokes, "wan")
    sizes = (f"default.gc_thresh{number}={size}" for number, size in ((1, 16384), (2, 32768), (3, 65536)))
    for host in (hub, spokes):
        host.run("sysctl", "-qw", *(f"net.ipv6.conf.{each}" for each in _QUIET))
    hub.run("sysctl", "-qw", *(f"net.ipv4.neigh.{each}" for each in sizes), check=False)
    numbers = range(course.tunnels)
    hub.ip(f"addr add {HUB}/15 dev wan", *(f"addr add {inside_hub(number)}/32 dev lo" for number in numbers))
    spokes.ip(*(f"addr add {outside(number)}/15 dev wan" for number in numbers))
    spokes.ip(*(f"addr add {inside(number)}/32 dev lo" for number in numbers))
    return Daemon(hub), Daemon(spokes)


def outside(number: int) -> str:
    """The address of a spoke."""
    return f"198.18.{1 + number // 250}.{1 + number % 250}"


def inside(number: int) -> str:
    """The host behind a spoke."""
    return f"10.1.{number // 250}.{1 + number % 250}"


def inside_hub(number: int) -> str:
    """The host behind the hub that the same tunnel is for."""
    return f"10.200.{number // 250}.{1 + number % 250}"


def hub_tunnels(course: Course, changed: int = -1) -> str:
    """The hub's tables; the tunnel `changed`, or the only one, has another replay window."""
    if course.remote == "any":
        networks = 'local_networks = ["10.200.0.0/14"]\nremote_networks = ["10.0.0.0/9"]\n'
        binding = 'binding = "route"\n' if course.binding == "route" else ""
        window = "replay_window = 512\n" if changed >= 0 else ""
        return _table("hub", 'remote = "any"\nremote_id = "any"\nstart = "listen"\n' + binding + networks + window)
    tables = []
    for number in range(course.tunnels):
        keys = f'remote = "{outside(number)}"\nstart = "listen"\n' + "".join(
            _networks(course, inside_hub(number), inside(number))
        )
        tables.append(_table(f"h{number}", keys + ("replay_window = 512\n" if number == changed else "")))
    return "".join(tables)


def spoke_tunnels(course: Course) -> str:
    """The spokes' tables, all in one daemon."""
    return "".join(
        _table(
            f"s{number}",
            f'remote = "{HUB}"\nlocal = "{outside(number)}"\nremote_id = "{HUB}"\nstart = "up"\n'
            + "".join(_networks(course, inside(number), inside_hub(number))),
        )
        for number in range(course.tunnels)
    )


def _networks(course: Course, here: str, there: str) -> Iterator[str]:
    if course.binding == "route":
        yield f'binding = "route"\nroutes = ["{there}/32"]\n'
    yield f'local_networks = ["{here}/32"]\nremote_networks = ["{there}/32"]\n'


def _table(name: str, keys: str) -> str:
    return f"[tunnel.{name}]\n{keys}{_COMMON}\n"


def report(course: Course, record: Record) -> str:
    """For people."""
    lines = [f"{course.tunnels} tunnels, {course.binding}, remote {course.remote}"]
    seconds = {name: value for name, value in asdict(record).items() if name.endswith("_s") and name != "cpu_s"}
    lines += [f"  {name[:-2].replace('_', ' '):<24} {value:8.2f} s" for name, value in seconds.items()]
    lines += [f"  idle, {end:<18} {share:8.1%} of a core" for end, share in record.idle_share.items()]
    lines += [f"  CPU, {what:<24} {used:6.2f} s" for what, used in record.cpu_s.items()]
    lines += [f"  {code:<24} {count:8}" for code, count in record.events.items()]
    return "\n".join(lines)
