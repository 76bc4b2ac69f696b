"""Transport mode between two hosts: a capture on the wire judges what is protected, `ip rule` what is left behind."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from threading import Thread

import pytest

from tests.net import pings as pings_of
from tests.net.daemons import Side, two_sides, until

pytestmark = pytest.mark.root
CLEAR = "not esp and not ah and not (udp and (port 500 or port 4500)) and not (ip[6:2] & 0x1fff != 0) and (ip or icmp)"
_ECHO = """
import socket, sys
kind, address, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
server = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((address, 7007))
if kind == "tcp":
    server.listen()
print("ready", flush=True)
if kind == "tcp":
    end, _ = server.accept()
    got = 0
    while got < size:
        got += len(end.recv(65536))
    end.sendall(b"done")
else:
    data, source = server.recvfrom(65536)
    server.sendto(data, source)
"""
_CALL = """
import socket, sys
kind, address, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
end = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
end.settimeout(90)
end.connect((address, 7007))
end.sendall(bytes(size)) if kind == "tcp" else end.send(bytes(size))
print(len(end.recv(65536)))
"""


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    with two_sides(tmp_path_factory.mktemp("transport")) as both:
        yield both


def write(sides: tuple[Side, Side], **keys: object) -> None:
    left, right = sides
    for side, name, start in ((left, "paris", "up"), (right, "london", "listen")):
        table: dict[str, object] = {"local": side.outer, "local_networks": None, "remote_networks": None}
        side.write(name, **{**table, "sa_mode": "transport", "start": start, **keys})


@contextlib.contextmanager
def clear_packets(side: Side, found: list[str]) -> Iterator[None]:
    """What goes over the cable and is neither ESP nor IKE, as soon as it is seen."""
    words = ["ip", "netns", "exec", side.namespace, "tcpdump", "-lnni", "cable", "--immediate-mode", CLEAR]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None and process.stdout is not None
        while "listening" not in (line := process.stderr.readline()):
            assert line, "tcpdump did not start"
        reader = Thread(target=found.extend, args=(filter(str.strip, process.stdout),))
        reader.start()
        try:
            yield
        finally:
            process.terminate()
            reader.join()


def exchange(kind: str, server: Side, client: Side, size: int) -> int:
    """How many octets come back."""
    words = ["ip", "netns", "exec", server.namespace, sys.executable, "-c", _ECHO, kind, server.outer, str(size)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            return int(client.run(sys.executable, "-c", _CALL, kind, server.outer, str(size)).out or 0)
        finally:
            process.terminate()


def pings(side: Side, target: str, count: int = 3) -> int:
    """How many are answered; a blackhole refuses them at once."""
    words = pings_of.words(count, 0.1) if count > 1 else pings_of.one()
    return count - len(pings_of.lost(side.run(*words, target).out, count))


def hardware(side: Side) -> str:
    """The address of its end of the cable."""
    found: str = json.loads(side.run("ip", "-j", "link", "show", "cable").out)[0]["address"]
    return found


def both_up(sides: tuple[Side, Side]) -> bool:
    return all(side.tunnel()["state"] == "up" for side in sides)


@pytest.mark.parametrize(
    ("strict", "keys"),
    [("0", {}), ("1", {}), ("2", {"nat_traversal": "force"}), ("0", {"nat_traversal": "force"})],
    ids=["raw", "raw-strict", "udp-loose", "udp"],
)
def test_what_two_hosts_send_to_each_other_is_protected(
    sides: tuple[Side, Side], strict: str, keys: dict[str, object]
) -> None:
    left, right = sides
    for side in sides:
        for name in ("all", "default", "cable"):
            side.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter={strict}")
    for side, other in ((left, right), (right, left)):
        side.run("ip", "neigh", "flush", "dev", "cable")
        if strict == "1":  # ARP of a peer on the same link is not answered then, as a router's would be
            side.run("ip", "neigh", "replace", other.outer, "lladdr", hardware(other), "dev", "cable")
    write(sides, **keys)
    found: list[str] = []
    with clear_packets(left, found), right.daemon():
        assert pings(right, left.outer, 1) == 0, "nothing leaves in clear while the tunnel is down"
        with left.daemon():
            until(lambda: both_up(sides), "the tunnel")
            assert (pings(left, right.outer), pings(right, left.outer)) == (3, 3)
            for server, client in ((left, right), (right, left)):
                assert exchange("tcp", server, client, 5_000_000) == 4
                assert exchange("udp", server, client, 8000) == 8000
            assert left.ikevpn("rekey", "paris").status == 0
            assert pings(left, right.outer) == 3
            assert left.ikevpn("rekey", "paris", "--phase1").status == 0
            assert pings(left, right.outer) == 3
            assert left.ikevpn("down", "paris").status == 0
    assert found == []
    assert left.clean() and right.clean()
    assert pings(left, right.outer) == 3, "the network is as before"


def test_a_selector_with_ports_protects_just_these(sides: tuple[Side, Side]) -> None:
    left, right = sides
    write(sides)
    for side in sides:
        port = "local_port" if side is right else "remote_port"
        lines = {"local": f"{side.outer}/32", "remote": f"192.0.2.{3 - side.number}/32", "protocol": "tcp"}
        table = "".join(f'{key} = "{value}"\n' for key, value in lines.items())
        section = f"[[tunnel.{'paris' if side is left else 'london'}.selector]]\n"
        side.config.write_text(f"{side.config.read_text()}{section}{table}{port} = 7007\n")
    found: list[str] = []
    with right.daemon(), left.daemon():
        until(lambda: both_up(sides), "the tunnel")
        with clear_packets(left, found):
            assert exchange("tcp", right, left, 100_000) == 4
        assert [line for line in found if "7007" in line] == []
        with clear_packets(left, found):
            assert pings(left, right.outer, 1) == 1
            until(lambda: sum("ICMP" in line for line in found) == 2, "all else in clear")
    assert left.clean() and right.clean()


def test_what_a_crash_left_is_found_and_put_back(sides: tuple[Side, Side]) -> None:
    left, right = sides
    write(sides)
    with right.daemon(), left.daemon() as first:
        until(lambda: both_up(sides), "the tunnel")
        before = sorted(left.rules())
        first.kill()
        first.wait(90)
        assert pings(left, right.outer, 1) == 0, "blocks outlive a crash"
        with left.daemon():
            until(lambda: left.tunnel()["state"] == "up", "the tunnel")
            assert sorted(left.rules()) == before
            until(lambda: pings(left, right.outer, 1) == 1, "the new tunnel")
    assert left.clean() and right.clean()
