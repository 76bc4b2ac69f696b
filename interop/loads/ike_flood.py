"""Invented first messages of IKE against a gateway, and how honest peers beside them fare; a table and a verdict.

    outside: the inventor and four honest peers, 192.0.2.2 to .5 ─── 192.0.2.1 gateway: ikevpn

`python -m interop ike-flood`. Two of the peers make a new IKE SA and a child again and again, two renew the keys of
what they have; one of each is near, the other 50 ms away. The gateway knows one of them by its address and the others
by their secret alone. The invented messages come from everywhere, from one address, or from that of a peer. Holds: of
each kind nine in ten succeed within ten seconds, as messages are repeated.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interop.bench.ike_flood_ends import KINDS, SECRET
from interop.lab import requirements
from interop.lab.namespace import Namespace
from interop.lab.outcome import expect, interrupted, wait_until
from interop.lab.process import Process
from interop.lab.site import Site
from interop.stage.stage import NEEDS

GATEWAY = "192.0.2.1"
PEERS = {
    "new, near": ("192.0.2.2", "new", 0.0),
    "new, far": ("192.0.2.3", "new", 0.05),
    "rekey, near": ("192.0.2.4", "rekey", 0.0),
    "rekey, far": ("192.0.2.5", "rekey", 0.05),
}
SOURCES = {"everywhere": "", "one": "192.0.2.99", "a peer's": "192.0.2.3"}
LEAST_SHARE = 0.9
SETTLE_S = 2.0
_PATIENCE_S = 60.0
_PARTS = ("ike", "service", "port")
_ENDS = "interop.bench.ike_flood_ends"
_TUNNEL = f"""
ike_proposals = ["pre-g14-aes256-sha256"]
esp_proposals = ["g14-esp-aes128gcm16"]
secret = {{ text = "{SECRET}" }}
local_networks = ["10.1.0.0/16"]
remote_id = "any"
start = "listen"
"""


def configuration(folder: Path, socket: Path) -> str:
    """The gateway's: peers from anywhere in main mode and in aggressive mode, and one whose address it knows."""
    return (
        f'[daemon]\nlisten = ["{GATEWAY}"]\nsocket = "{socket}"\nstate = "{folder / "state"}"\n'
        f'sequences = "{folder / "sequences"}"\nmax_established_per_source = 10000\n'
        f'[tunnel.road]\nremote = "any"\nremote_networks = ["10.2.2.0/24", "10.2.3.0/24", "10.2.5.0/24"]\n{_TUNNEL}'
        f'[tunnel.site]\nremote = "192.0.2.4"\nremote_networks = ["10.2.4.0/24"]\n{_TUNNEL}'
        '[tunnel.phones]\nremote = "any"\nmode = "aggressive"\nanswer_aggressive = true\n'
        f'remote_networks = ["10.9.0.0/16"]\n{_TUNNEL}'
    )


@dataclass
class Row:
    """One flood. `peers`: how many tried and succeeded, by peer."""

    kind: str
    rate: int
    source: str
    sent: int = 0
    peers: dict[str, dict[str, Any]] = field(default_factory=dict)
    cpu_share: float = 0.0
    grown_kib: int = 0
    counters: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return all(each["ok"] >= LEAST_SHARE * each["tried"] for each in self.peers.values())

    def line(self) -> str:
        """For the table."""
        fared = "".join(
            f"{each['ok']:>5}/{each['tried']:<4}{each['median_s'] or '-':>6}" for each in self.peers.values()
        )
        return f"{self.kind:<12}{self.rate:>6} {self.source:<11}{fared}{self.cpu_share:>8.0%}{self.grown_kib:>8}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m interop ike-flood`."""
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rate", nargs="+", type=int, default=[500, 2000], help="invented callers a second")
    parser.add_argument("--source", nargs="+", choices=list(SOURCES), default=list(SOURCES))
    parser.add_argument("--seconds", type=float, default=20, help="how long each flood lasts (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON value a line")


def main(options: argparse.Namespace) -> int:
    """Run all and print; returns the exit status: 0 it held, 1 it did not."""
    requirements.check({"traffic", *NEEDS["ikevpn"]})
    rows = []
    heads = "".join(f"{name + ' (s)':>15}" for name in PEERS)
    if not options.json:
        print(
            f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors; succeeded/tried within 10 s, and the median"
        )
        print(f"{'kind':<12}{'a s':>6} {'from':<11}{heads}{'cpu':>8}{'KiB':>8}", flush=True)
    for kind in options.kind:
        for rate in options.rate:
            for source in options.source:
                with Site() as site:
                    rows.append(run(site, Row(kind, rate, source), options.seconds))
                print(json.dumps(vars(rows[-1])) if options.json else rows[-1].line(), flush=True)
    held = all(row.holds for row in rows)
    if not options.json:
        print("PASS" if held else "FAIL: of some fewer than nine in ten succeeded in time")
    return 0 if held else 1


def run(site: Site, row: Row, seconds: float) -> Row:
    """A gateway of its own for each flood."""
    gateway, outside = site.namespace("gateway"), site.namespace("outside")
    gateway.link("cable", outside, "cable")
    gateway.ip(f"addr add {GATEWAY}/24 dev cable", "route add default via 192.0.2.2")
    outside.ip(*(f"addr add {address}/24 dev cable" for address, _, _ in PEERS.values()))
    for host in (gateway, outside):
        for name in ("all", "cable"):
            host.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")
    daemon = _Daemon(gateway)
    callers = {name: _call(outside, name, seconds + SETTLE_S) for name in PEERS}
    before = daemon.use()
    words = ("send", GATEWAY, str(row.rate), str(seconds + 2 * SETTLE_S), row.kind, SOURCES[row.source])
    flood = outside.spawn(Namespace.python, "-m", _ENDS, *words, name="flood")
    row.sent = int(_answer(flood, seconds)["sent"])
    row.peers = {name: _answer(each, seconds) for name, each in callers.items()}
    after = daemon.use()
    row.cpu_share = (after[0] - before[0]) / (seconds + 2 * SETTLE_S)
    row.grown_kib = after[1] - before[1]
    row.counters = daemon.counters()
    return row


def _call(outside: Namespace, name: str, seconds: float) -> Process:
    address, what, delay_s = PEERS[name]
    words = ("call", address, GATEWAY, str(seconds), what, str(delay_s))
    caller = outside.spawn(Namespace.python, "-m", _ENDS, *words, name=name.replace(", ", "-"))
    wait_until(lambda: "ready" in caller.output(), f"the start of the peer {name}", _PATIENCE_S)
    return caller


def _answer(process: Process, seconds: float) -> dict[str, Any]:
    result = process.wait(seconds + _PATIENCE_S)
    answer: dict[str, Any] = json.loads(result.output.splitlines()[-1])
    return answer


class _Daemon:
    """The gateway's, with a tunnel for anybody, one for a peer that has a name, and one in aggressive mode."""

    def __init__(self, host: Namespace) -> None:
        folder = Path(host.write_file("gateway.toml", "")).parent
        socket = folder / "control.sock"
        path = host.write_file("gateway.toml", configuration(folder, socket))
        self._host = host
        self._words = (Namespace.python, "-m", "ikevpn", "--config", path, "--socket", str(socket))
        self._process = host.spawn(*self._words, "daemon", name="daemon")
        wait_until(lambda: socket.exists() or not self._process.running(), "the start of the gateway", _PATIENCE_S)
        expect(self._process.running(), f"the gateway ended: {self._process.output().strip()}")
        interrupted.wait(SETTLE_S)

    def use(self) -> tuple[float, int]:
        """Seconds of a processor, and memory in KiB."""
        proc = Path("/proc", str(self._process.pid))
        ticks = proc.joinpath("stat").read_text().rsplit(")", 1)[1].split()[11:13]
        pages = int(proc.joinpath("statm").read_text().split()[1])
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") // 1024

    def counters(self) -> dict[str, int]:
        """Those that a flood moves."""
        result = self._host.run(*self._words, "status", "--json")
        found: dict[str, int] = json.loads(result.output.splitlines()[-1])["counters"]
        return {name: count for name, count in found.items() if count and name.split(".")[0] in _PARTS}
