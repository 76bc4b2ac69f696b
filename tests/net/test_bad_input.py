"""What a user sees when something is wrong: the exact sentence, the exit status, and nothing left behind."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.net.daemons import Ended, Side, two_sides, until

pytestmark = pytest.mark.root
PATIENT = {"retransmit_s": 0.3, "retransmit_tries": 2}


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    with two_sides(tmp_path_factory.mktemp("sides")) as both:
        left, right = both
        right.write("london", start="listen")
        with right.daemon():
            yield left, right


def first_line(ended: Ended) -> str:
    """What went wrong, after the warnings about weak choices and the log of a daemon in the foreground."""
    usual = re.compile(r"warning: |\d{4}-\d\d-\d\d ")
    return next(line for line in ended.err.splitlines() if not usual.match(line))


def up(left: Side, secret: str = "a secret for tests, long enough", **keys: object) -> Ended:
    """`ikevpn up paris` without a daemon, and the proof that nothing of it stays."""
    left.write("paris", secret, **{**PATIENT, **keys})
    ended = left.ikevpn("up", "paris", "--timeout", "20")
    until(left.clean, "the end of the daemon that was started for the command")
    return ended


def test_all_is_well_first(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris")
    ended = left.ikevpn("up", "paris")
    assert ended.status == 0, ended.err
    assert "paris is up: 192.0.2.1:500 to 192.0.2.2:500 (192.0.2.2)" in ended.out
    assert left.pings(right.inner) == 3 and right.pings(left.inner) == 3
    assert left.ikevpn("down", "paris").out == "paris is down\n"
    until(left.clean, "the end of the daemon that was started for the command")


def test_wrong_secret_as_initiator(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], secret="not the same secret")
    assert ended.status == 1
    assert first_line(ended) == "paris is not up: the pre-shared keys differ"
    assert f"tunnel paris takes its secret from {sides[0].folder}/psk" in ended.err


def test_wrong_secret_as_responder(sides: tuple[Side, Side]) -> None:
    up(sides[0], secret="not the same secret")
    pattern = (
        r"error london: dropped a datagram from 192\.0\.2\.1:500, main mode message 5.*: the pre-shared keys differ"
    )
    assert re.search(pattern, sides[1].log())


def test_no_common_proposal_in_phase_1(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], ike_proposals=["pre-g2-3des-sha"])
    assert ended.status == 1
    assert first_line(ended) == "paris is not up: 192.0.2.2:500 refuses and says no-proposal-chosen"
    assert "  the peer said: no-proposal-chosen\n  we offered: pre-g2-3des-sha\n" in ended.err
    log = sides[1].log()
    assert "no common proposal in phase 1: the peer offers pre-g2-3des-sha; we accept pre-g14-aes256-sha256" in log


def test_no_common_proposal_in_phase_2(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], esp_proposals=["g14-esp-3des-sha"])
    assert ended.status == 1
    assert first_line(ended) == "paris is not up: 192.0.2.2:500 refuses and says no-proposal-chosen"
    assert "  we offered: g14-esp-3des-sha\n" in ended.err
    assert "no common proposal in phase 2: the peer offers g14-esp-3des-sha; we accept " in sides[1].log()


def test_proxy_id_mismatch(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], remote_networks=["10.2.3.0/24"])
    assert ended.status == 1
    assert first_line(ended) == "paris is not up: the networks differ, we have 10.1.1.0/24 === 10.2.3.0/24"
    assert "the peer said: invalid-id-information" in ended.err
    log = sides[1].log()
    assert (
        "the networks differ: the peer asks for 10.2.3.0/24 === 10.1.1.0/24, "
        "we have london: 10.2.2.0/24 === 10.1.1.0/24" in log
    )


def test_wrong_peer_identity(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], remote_id="gw.example.net")
    assert ended.status == 1
    assert first_line(ended) == (
        "paris is not up: the peer's identity is 192.0.2.2 (ipv4-address), expected gw.example.net"
    )
    assert 'if that is the right peer, write remote_id = "192.0.2.2"' in ended.err


def test_our_identity_is_not_what_the_peer_expects(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], local_id="me.example.net")
    assert ended.status == 1
    assert first_line(ended) == (
        "paris is not up: 192.0.2.2:500 does not accept our identity, me.example.net, and says invalid-id-information"
    )
    assert "the peer's identity is me.example.net (fqdn), expected 192.0.2.1" in sides[1].log()


def test_an_unreachable_peer(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], remote="192.0.2.77")
    assert ended.status == 1
    assert first_line(ended).startswith(
        "paris is not up: no answer from 192.0.2.77:500 to main mode message 1 after 3 tries in "
    )
    assert "does the peer run at 192.0.2.77?" in ended.err


def test_the_time_is_over(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris", remote="192.0.2.78")
    # nobody has this hardware address: silence, and no ICMP error of this host before the second is over
    left.run("ip", "neigh", "replace", "192.0.2.78", "lladdr", "02:00:00:00:00:78", "dev", "cable")
    ended = left.ikevpn("up", "paris", "--timeout", "1")
    assert ended.status == 5
    assert first_line(ended).startswith("paris is not up: it was not up within 1 s; the last step was: ")
    assert "is UDP 500 (and 4500) open" in ended.err and "leave `--timeout` out" in ended.err
    until(left.clean, "the end of the daemon that was started for the command")


def test_no_route(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], remote="2001:db8:9::1")
    assert (ended.status, first_line(ended)) == (1, "paris is not up: there is no route to 2001:db8:9::1")


def test_a_name_that_dns_does_not_know(sides: tuple[Side, Side]) -> None:
    ended = up(sides[0], remote="gw.nowhere.invalid")
    assert ended.status == 1
    assert first_line(ended).startswith("paris is not up: the name gw.nowhere.invalid cannot be looked up: ")


@contextmanager
def taken(side: Side, port: int) -> Iterator[None]:
    """Another program has a UDP port of the namespace."""
    program = (
        "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        f"s.bind(('', {port})); print('x', flush=True); sys.stdin.read()"
    )
    words = ["ip", "netns", "exec", side.namespace, "python3", "-c", program]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"x\n"
        yield
        other.communicate()


@pytest.mark.parametrize("port", [500, 4500])
def test_port_in_use(sides: tuple[Side, Side], port: int) -> None:
    left, _ = sides
    with taken(left, port):
        ended = up(left)
        daemon = left.ikevpn("daemon")
    for each in (ended, daemon):
        assert each.status == 3
        assert str(port) in first_line(each) and "in use" in first_line(each)
        assert "  try: " in each.err
    assert left.clean()


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        (
            ("--bounding-set=-all", "--inh-caps=-all"),
            "lacks CAP_NET_ADMIN and CAP_NET_RAW, needed for devices and routes and ESP",
        ),
        (("--bounding-set=-net_admin", "--inh-caps=-all"), "lacks CAP_NET_ADMIN, needed for devices and routes"),
        (("--bounding-set=-net_raw", "--inh-caps=-all"), "lacks CAP_NET_RAW, needed for ESP"),
    ],
)
def test_root_without_a_capability(sides: tuple[Side, Side], lacking: tuple[str, ...], words: str) -> None:
    left, _ = sides
    left.write("paris")
    ended = left.run("setpriv", *lacking, *left.command("up", "paris")[4:])
    assert (ended.status, first_line(ended)) == (3, f"ikevpn: this process {words}")
    assert "--cap-add NET_" in ended.err
    assert left.clean()


def test_a_local_address_that_this_host_does_not_have(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    ended = up(left, local="192.0.2.77")
    assert (ended.status, first_line(ended)) == (
        3,
        "ikevpn: this host does not have the address 192.0.2.77, which `local` names",
    )
    assert "correct `local`" in ended.err
    assert left.clean()


def test_no_tun_device(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris")
    script = f"mount -t tmpfs none /dev/net && exec {' '.join(left.command('up', 'paris')[4:])}"
    ended = left.run("unshare", "-m", "sh", "-c", script)
    assert (ended.status, first_line(ended)) == (3, "ikevpn: /dev/net/tun does not exist")
    until(left.clean, "the end of the daemon that was started for the command")


def test_a_daemon_is_running_already(sides: tuple[Side, Side]) -> None:
    ended = sides[1].ikevpn("daemon")
    assert ended.status == 3
    assert first_line(ended).startswith("ikevpn: a daemon is already running: process ")


def test_an_unknown_tunnel(sides: tuple[Side, Side]) -> None:
    right = sides[1]
    ended = right.ikevpn("up", "lodnon")
    assert (ended.status, first_line(ended)) == (4, 'ikevpn: there is no tunnel "lodnon". Did you mean "london"?')


def test_a_listening_tunnel_is_not_called(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris", remote="any")
    with left.daemon():
        ended = left.ikevpn("up", "paris")
    assert (ended.status, ended.out) == (0, "paris listens: only the peer can start it\n")


def test_a_capture_that_exists_is_not_overwritten(sides: tuple[Side, Side], tmp_path: Path) -> None:
    left, _ = sides
    left.write("paris")
    (tmp_path / "x.pcapng").write_text("precious")
    ended = left.ikevpn("up", "paris", "--capture", str(tmp_path / "x.pcapng"))
    assert ended.status == 3 and "cannot create" in ended.err
    assert (tmp_path / "x.pcapng").read_text() == "precious"
    until(left.clean, "the end of the daemon that was started for the command")
