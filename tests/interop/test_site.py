"""Sites clean up after themselves, whatever happens in them. Needs root."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from interop.lab import loss
from interop.lab.namespace import Namespace
from interop.lab.outcome import Unmet, wait_until
from interop.lab.site import Site
from interop.lab.topology import pair, routed

pytestmark = pytest.mark.root


def test_everything_goes_although_the_body_fails() -> None:
    with pytest.raises(ZeroDivisionError), Site() as site:
        topology = pair(site)
        topology.left.host.spawn("sleep", "60", name="sleeper")
        assert site.leftovers()
        raise ZeroDivisionError
    assert site.leftovers() == []


def test_a_process_that_escapes_its_group_is_found() -> None:
    with Site() as site:
        host = site.namespace("one")
        host.run("sh", "-c", "setsid sleep 60 >/dev/null 2>&1 &")
        wait_until(lambda: any("process" in left for left in site.leftovers()), "a process that is left")
    assert site.leftovers() == []


def test_leftovers_sees_what_is_left() -> None:
    with Site() as site:
        site.namespace("one")
        assert {left.split()[0] for left in site.leftovers()} == {"namespace", "file"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_in_order(number: signal.Signals) -> None:
    script = (
        "import time\nfrom interop.lab.site import Site, end_on_signal\nend_on_signal()\n"
        "with Site() as site:\n site.namespace('one').spawn('sleep', '60', name='sleeper')\n"
        " print(site.tag, flush=True)\n time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        tag = run.stdout.readline().strip()
        os.kill(run.pid, number)
        assert run.wait(90) == 128 + number
    assert not [name for name in Path("/run/netns").iterdir() if name.name.startswith(tag)]


def test_a_failing_command_says_what_it_printed() -> None:
    with Site() as site:
        host = site.namespace("one")
        with pytest.raises(Unmet, match="ended with 3: sorry"):
            host.run("sh", "-c", "echo sorry; exit 3")
        with pytest.raises(Unmet, match="did not end within"):
            host.run("sleep", "60", timeout_s=0.1)


def _ping(host: Namespace, address: str) -> bool:
    return host.run("ping", "-c1", "-W1", address, check=False).status == 0


@pytest.mark.parametrize("family", [4, 6])
def test_a_pair_can_talk_and_clear_packets_are_counted(family: int) -> None:
    with Site() as site:
        topology = pair(site, family=family)
        assert _ping(topology.left.host, topology.right.outer)
        assert topology.clear_packets() == 0
        left, right = topology.left, topology.right
        source, target = (left.inner, right.inner) if family == 4 else (left.inner6, right.inner6)
        left.host.run("ping", "-c1", "-W1", "-I", source, target, check=False)
        assert topology.clear_packets() > 0


def test_many_to_one_hides_the_inside_and_rewrites_ports() -> None:
    with Site() as site:
        topology = routed(site, left="napt", right="one-to-one")
        assert _ping(topology.left.host, topology.right.public)
        assert not _ping(topology.right.host, topology.left.outer)
        first = _source_seen(topology.left.host, topology.right.host, topology.right.public)
        topology.boxes["left"].rewrite_ports()
        second = _source_seen(topology.left.host, topology.right.host, topology.right.public)
        assert first[0] == second[0] == topology.left.public
        assert 20000 <= first[1] < 21000
        assert 30000 <= second[1] < 31000


def test_hosts_behind_gateways_reach_them() -> None:
    with Site() as site:
        topology = routed(site, hosts=True)
        assert topology.left.behind is not None
        assert _ping(topology.left.behind, topology.left.inner)


def test_bad_weather_loses_ike_alone() -> None:
    with Site() as site:
        topology = pair(site)
        loss.lose_ike(topology.right.host, 100)
        _send(topology.left.host, topology.right.outer, 500, "ff")
        _send(topology.left.host, topology.right.outer, 4500, "00000000ff")
        _send(topology.left.host, topology.right.outer, 4500, "01020304ff")
        wait_until(lambda: loss.counts(topology.right.host) == (2, 0), "two lost datagrams")
        loss.clear_up(topology.right.host)


def _send(host: Namespace, address: str, port: int, octets: str) -> None:
    script = f"import socket; socket.socket(2, 2).sendto(bytes.fromhex('{octets}'), ('{address}', {port}))"
    host.run(sys.executable, "-c", script)


def _source_seen(sender: Namespace, receiver: Namespace, address: str) -> tuple[str, int]:
    """The address and port from which a datagram of port 4500 arrives."""
    script = (
        "import socket; s = socket.socket(2, 2); s.setsockopt(1, 2, 1); s.bind(('', 4500)); print('ready', flush=True);"
        "s.settimeout(90); print(*s.recvfrom(9)[1])"
    )
    listening = receiver.spawn(sys.executable, "-c", script, name="listener")
    wait_until(lambda: "ready" in listening.output(), "a listener")
    send = f"import socket; s = socket.socket(2, 2); s.bind(('', 4500)); s.sendto(b'x', ('{address}', 4500))"
    sender.run(sys.executable, "-c", send)
    place, port = listening.wait(90).output.split()[1:]
    return place, int(port)
