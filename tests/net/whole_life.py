"""Counts what leaves and what gets in unprotected, while a tunnel goes through everything that can happen to it.

    left: ikevpn under test ──────────── cable ──────────── right: ikevpn as the peer
    10.1.1.1, fd01::1 on lo                                 10.2.2.1, fd02::1 on lo

Left sends 200 datagrams a second of each family for right's inner addresses; what crosses the cable in the clear is
counted at its far end. As many are put on the cable at right that look as if they came out of the tunnel; what of them
left receives is counted too. Before there are blocks, and after they were released, both must be seen: else nothing is
measured.

    python -m tests.net.whole_life [--outer 6] [PHASE ...]      all phases, or those named; needs root
"""

from __future__ import annotations

import argparse
import configparser
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

import ikevpn.service
from tests.conftest import REPOSITORY
from tests.net.daemons import Side, two_sides, until

SETTLE_S = 1.0
"""How long each phase is watched after its act is done."""
_SERVICE = Path(ikevpn.service.__path__[0])

_LEFT = """
import json, select, socket, sys, time
sources = {socket.AF_INET: ("10.1.1.1", "10.2.2.1"), socket.AF_INET6: ("fd01::1", "fd02::1")}
senders, sinks, got = [], [], {"in4": 0, "in6": 0}
for family, (own, other) in sources.items():
    sender, sink = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    sender.bind((own, 0)); sink.bind((own, 9998))
    senders.append((sender, other)); sinks.append(sink)
due = time.monotonic()
while True:
    ready = select.select([sys.stdin, *sinks], [], [], max(0, due - time.monotonic()))[0]
    for sink in ready:
        if sink is sys.stdin:
            if not sys.stdin.readline(): sys.exit()
            print(json.dumps(got), flush=True)
        else:
            got["in4" if sink is sinks[0] else "in6"] += sink.recv(100) == b"unprotected"
    if time.monotonic() >= due:
        due += 0.005
        for sender, other in senders:
            try: sender.sendto(b"secret", (other, 9999))
            except OSError: pass
"""
_RIGHT = """
import ipaddress, json, select, socket, sys, time
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
left_mac = sys.argv[1]
udp = UDP(sport=9999, dport=9998) / b"unprotected"
frames = [bytes(Ether(src="02:00:00:00:00:01", dst=left_mac) / header / udp)
          for header in (IP(src="10.2.2.1", dst="10.1.1.1"), IPv6(src="fd02::1", dst="fd01::1"))]
pairs = [(ipaddress.ip_address(a).packed + ipaddress.ip_address(b).packed)
         for a, b in (("10.1.1.1", "10.2.2.1"), ("fd01::1", "fd02::1"))]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); wire.bind(("cable", 0))
sinks = [socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)]
for sink, own in zip(sinks, ("10.2.2.1", "fd02::1")): sink.bind((own, 9999))
count = {"left4": 0, "left6": 0, "carried4": 0, "carried6": 0}
due = time.monotonic()
while True:
    ready = select.select([sys.stdin, wire, *sinks], [], [], max(0, due - time.monotonic()))[0]
    for each in ready:
        if each is sys.stdin:
            if not sys.stdin.readline(): sys.exit()
            print(json.dumps(count), flush=True)
        elif each is wire:
            data, where = wire.recvfrom(2048)
            addresses = data[26:34] if where[1] == 0x0800 else data[22:54] if where[1] == 0x86DD else b""
            if where[2] != 4 and addresses in pairs:
                count["left4" if addresses == pairs[0] else "left6"] += 1
        else:
            count["carried4" if each is sinks[0] else "carried6"] += each.recv(100) == b"secret"
    if time.monotonic() >= due:
        due += 0.005
        for frame in frames:
            try: wire.send(frame)
            except OSError: pass
"""


class Meter:
    """One of the two programs above, in its namespace."""

    def __init__(self, side: Side, program: str, *words: str) -> None:
        command = ["ip", "netns", "exec", side.namespace, sys.executable, "-c", program, *words]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self) -> dict[str, int]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        counts: dict[str, int] = msgspec.json.decode(self._process.stdout.readline(), type=dict[str, int])
        return counts

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


class Story:
    """What happens to the tunnel, one method a phase."""

    def __init__(self, left: Side, right: Side, outer: int) -> None:
        self.left, self.right, self._outer = left, right, outer
        self._daemons: dict[str, subprocess.Popen[str]] = {}
        self._hosts = Path(f"/etc/netns/{left.namespace}/hosts")
        self._lifetime_s = 3600
        for side in (left, right):
            side.when_stopped = "block"
            n = side.number
            self._ip(side, f"address add fd0{n}::1/64 dev lo nodad")
            self._ip(side, f"-6 route add default via 2001:db8::{13 - n}")  # that one stays in every phase
            for extra in (n + 10,):
                self._ip(side, f"address add 192.0.2.{extra}/24 dev cable")
                self._ip(side, f"address add 2001:db8::{extra}/64 dev cable nodad")
        for name in ("all", "cable", "lo"):
            left.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")
        self._hosts.parent.mkdir(parents=True, exist_ok=True)  # before `ip netns exec`, which mounts it
        self._hosts.write_text(f"{self._address(2)} right.example\n")
        self._write()

    def close(self) -> None:
        for process in self._daemons.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        with contextlib.suppress(FileNotFoundError):
            self._hosts.unlink()
            self._hosts.parent.rmdir()

    def _ip(self, side: Side, line: str) -> None:
        subprocess.run(["ip", "-n", side.namespace, *line.split()], check=True)

    def _address(self, number: int) -> str:
        return f"192.0.2.{number}" if self._outer == 4 else f"2001:db8::{number}"

    def _write(self, remote: str = "") -> None:
        nets = {1: ["10.1.1.0/24", "fd01::/64"], 2: ["10.2.2.0/24", "fd02::/64"]}
        for side, more in ((self.left, {"esp_lifetime_s": self._lifetime_s}), (self.right, {"start": "listen"})):
            n = side.number
            peers = [self._address(1), self._address(11)] if n == 2 else remote or self._address(2)
            pairs = [{"local": a, "remote": b} for a, b in zip(nets[n], nets[3 - n], strict=True)]
            keys = {"remote": peers, "remote_id": "any", "selector": pairs, "dpd_interval_s": 2, "retransmit_tries": 2}
            table: dict[str, Any] = {**keys, **more, "local_networks": None, "remote_networks": None}
            side.write("t", **table)

    # Acts

    def _start(self, side: Side, unit: str = "ikevpn.service") -> None:
        log = (side.folder / "log").open("a")
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        command = side.command(*_words(unit))
        self._daemons[side.namespace] = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, text=True, env=environment
        )
        log.close()
        until(side.answers, "the start of the daemon")

    def _is_up(self) -> bool:
        return self.left.answers() and self.left.tunnel()["state"] == "up"

    def _wait_up(self, why: str) -> None:
        until(self._is_up, why)

    def _end(self, side: Side, number: signal.Signals) -> None:
        process = self._daemons.get(side.namespace)
        if process is not None:
            process.send_signal(number)
            process.wait(60)

    def boot(self) -> None:
        """The first unit's command; the daemon is not there yet."""
        ended = self.left.ikevpn(*_words("ikevpn-block.service"))
        assert ended.status == 0, ended.err

    def start(self) -> None:
        """The second unit's command, without a peer."""
        self._start(self.left)

    def up(self) -> None:
        self._start(self.right)
        self._wait_up("the tunnel")

    def rekey(self) -> None:
        for words in (("rekey", "t"), ("rekey", "t", "--phase1")):
            assert self.left.ikevpn(*words).status == 0

    def down(self) -> None:
        assert self.left.ikevpn("down", "t").status == 0

    def up_again(self) -> None:
        assert self.left.ikevpn("up", "t").status == 0

    def reload(self) -> None:
        self._lifetime_s -= 1
        self._write()
        assert self.left.ikevpn("reload").status == 0
        self._wait_up("the tunnel after a reload")

    def crash_of_children(self) -> None:
        """Every process that the daemon has started, or one of these has, one after the other."""
        for kid in _descendants(self._daemons[self.left.namespace].pid):
            with contextlib.suppress(ProcessLookupError):  # gone with the one before
                os.kill(kid, signal.SIGKILL)
            until(partial(_is_gone, kid), "the end of the process")
            time.sleep(SETTLE_S)
            self._wait_up("the tunnel after a crash")

    def crash(self) -> None:
        self._end(self.left, signal.SIGKILL)
        time.sleep(SETTLE_S)
        self._start(self.left)
        self._wait_up("the tunnel after a crash of the daemon")

    def restart(self) -> None:
        """`systemctl restart`: SIGTERM, and a start at once."""
        self._end(self.left, signal.SIGTERM)
        self._start(self.left)
        self._wait_up("the tunnel after a restart")

    def stop(self) -> None:
        """And a while without a daemon."""
        self._end(self.left, signal.SIGTERM)
        time.sleep(SETTLE_S)
        self._start(self.left)
        self._wait_up("the tunnel after a stop")

    def peer_death(self) -> None:
        self._end(self.right, signal.SIGKILL)
        until(lambda: not self._is_up(), "dead peer detection")
        self._start(self.right)
        self._wait_up("the tunnel after the peer's crash")

    def flush(self) -> None:
        """`systemctl restart nftables`; a table cannot be put back before it is gone, so the meter looks afterwards."""
        self.left.run("nft", "flush", "ruleset")
        until(self.left.tables, "our table")

    def address_change(self) -> None:
        """The outer address of left goes; the second one is the peer's to know, too."""
        for family, one in (("-4", "192.0.2.1/24"), ("-6", "2001:db8::1/64")):
            self._ip(self.left, f"{family} address del {one} dev cable")
            if family == "-4":
                self._restore_routes()
        until(lambda: self._is_up() and self._address(11) in self.left.tunnel()["local"], "the tunnel from there")

    def _restore_routes(self) -> None:
        """With its first address a device loses all of that network, unless the kernel is told to promote others."""
        ip = ["ip", "-n", self.left.namespace]
        subprocess.run([*ip, "address", "replace", "192.0.2.11/24", "dev", "cable"], check=True)
        subprocess.run([*ip, "route", "replace", "default", "via", "192.0.2.2"], check=True)

    def dns_change(self) -> None:
        """The peer has a name, and another address from now on."""
        self._write("right.example")
        assert self.left.ikevpn("reload").status == 0
        self._wait_up("the tunnel to a name")
        self._hosts.write_text(f"{self._address(12)} right.example\n")
        self._ip(self.right, f"address del {self._address(2)}/{24 if self._outer == 4 else 64} dev cable")
        if self._outer == 4:
            ip = ["ip", "-n", self.right.namespace]
            subprocess.run([*ip, "address", "replace", "192.0.2.12/24", "dev", "cable"], check=True)
            subprocess.run([*ip, "route", "replace", "default", "via", "192.0.2.1"], check=True)
        until(lambda: self._is_up() and self._address(12) in self.left.tunnel()["remote"], "the tunnel to there")


PHASES: dict[str, Callable[[Story], None]] = {
    name.replace("_", "-"): act
    for name, act in vars(Story).items()
    if not name.startswith("_") and name not in ("close", "flush")
}


CONTROLS = ("without blocks", "unblocked")


@dataclass(frozen=True)
class Count:
    """What was seen in one phase, by version of IP: what left and what got in unprotected, and what arrived at all."""

    left: tuple[int, int]
    got_in: tuple[int, int]
    carried: tuple[int, int]

    @property
    def is_clean(self) -> bool:
        return not any((*self.left, *self.got_in))

    @property
    def is_open(self) -> bool:
        """Whether everything goes both ways, so that the meters would see a fault."""
        return all((*self.left, *self.got_in))

    def __str__(self) -> str:
        return "".join(f"{number:9}" for number in (*self.left, *self.got_in, *self.carried))


class Meters:
    """Both programs, read together."""

    def __init__(self, left: Side, right: Side) -> None:
        mac = left.run("cat", "/sys/class/net/cable/address").out.strip()
        self._meters = (Meter(left, _LEFT), Meter(right, _RIGHT, mac))
        self._before = self._read()

    def close(self) -> None:
        for each in self._meters:
            each.close()

    def take(self) -> Count:
        """What was seen since the last time."""
        now = self._read()
        new = {name: count - self._before[name] for name, count in now.items()}
        self._before = now
        return Count(*((new[f"{name}4"], new[f"{name}6"]) for name in ("left", "in", "carried")))

    def _read(self) -> dict[str, int]:
        return {name: count for meter in self._meters for name, count in meter.read().items()}


@contextlib.contextmanager
def ground(folder: Path, outer: int = 4) -> Iterator[tuple[Story, Meters]]:
    """Two namespaces, and the meters at work, once they see everything. A packet that waits for its neighbour's address
    already has its route: one that the kernel holds when the blocks come would leave in the clear after them.
    """
    with two_sides(folder) as (left, right), contextlib.ExitStack() as undo:
        story = Story(left, right, outer)
        undo.callback(story.close)
        meters = Meters(left, right)
        undo.callback(meters.close)
        until(lambda: meters.take().is_open, "traffic of both families in both directions")
        yield story, meters


def watch(story: Story, meters: Meters, phases: list[str]) -> Iterator[tuple[str, Count]]:
    """Each phase with what was seen in it, between one without blocks before and one after. The first act is not
    counted: it ends where the blocks are in force.
    """
    time.sleep(SETTLE_S)
    yield CONTROLS[0], meters.take()
    for place, name in enumerate(phases):
        PHASES[name](story)
        if not place:
            meters.take()
        time.sleep(SETTLE_S)
        yield name, meters.take()
    for side in (story.left, story.right):
        story._end(side, signal.SIGTERM)
        assert side.ikevpn("unblock").status == 0
    time.sleep(SETTLE_S)
    yield CONTROLS[1], meters.take()


def _words(unit: str) -> list[str]:
    """What a unit calls `ikevpn` with."""
    parser = configparser.ConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((_SERVICE / unit).read_text())
    words = parser["Service"]["ExecStart"].split()
    return words[words.index("ikevpn") + 1 :]


def _descendants(pid: int) -> list[int]:
    """All processes below one, the lowest first."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    kids = [int(kid) for task in tasks for kid in (task / "children").read_text().split()]
    return [each for kid in kids for each in (*_descendants(kid), kid)]


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def main() -> None:
    parser = argparse.ArgumentParser(description="Count what leaves and gets in unprotected.")
    parser.add_argument("--outer", type=int, choices=(4, 6), default=4, help="the version of IP outside")
    parser.add_argument("phases", nargs="*", choices=[*PHASES, []], help="boot, start and up come first (default: all)")
    arguments = parser.parse_args()
    wrong = 0
    columns = (f"{name} {version}" for name in ("left", "got in", "carried") for version in (4, 6))
    print(" " * 20 + "".join(f"{column:>9}" for column in columns))
    with tempfile.TemporaryDirectory() as folder, ground(Path(folder), arguments.outer) as (story, meters):
        for name, count in watch(story, meters, arguments.phases or list(PHASES)):
            print(f"{name:20}{count}", flush=True)
            wrong += not (count.is_open if name in CONTROLS else count.is_clean)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
