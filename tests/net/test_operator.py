"""What somebody at a terminal does with a running daemon: pipes, patterns, restarts, other files, callers that fail."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ikevpn.cli.exit_codes import ExitCode
from tests.net.daemons import Side, two_sides, until

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    with two_sides(tmp_path_factory.mktemp("operator")) as both:
        yield both


@pytest.fixture
def sides(ground: tuple[Side, Side]) -> Iterator[tuple[Side, Side]]:
    """Left without a daemon, right with one that waits for left."""
    left, right = ground
    right.write("london", start="listen")
    with right.daemon():
        yield left, right
    assert left.clean() and right.clean()


def is_up(side: Side) -> bool:
    return side.tunnel()["state"] == "up"


def test_a_reader_that_goes_away_does_not_end_the_tunnel(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris")
    command = " ".join(left.command("up", "paris")[4:])
    ended = left.run("bash", "-c", f"set -o pipefail; {command} | true; exec 2>&1; {command} | head -n 1")
    assert ended.status == 0, ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err
    assert is_up(left) and left.pings(right.inner) == 3
    assert left.ikevpn("down", "--all").out == "paris is down\n"
    until(left.clean, "the end of the daemon that was started for the command")


def test_all_patterns_and_restart(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("br-paris")
    rome = left.config.read_text().split("[tunnel.br-paris]")[1].replace('"192.0.2.2"', '"192.0.2.2"')
    rome = rome.replace("10.2.2.0/24", "10.99.0.0/24")
    left.config.write_text(left.config.read_text() + f'[tunnel.rome]\nstart = "listen"\n{rome}')
    with left.daemon():
        until(lambda: left.ikevpn("status", "br-*", "--json").json["tunnels"][0]["state"] == "up", "paris")
        assert left.ikevpn("status").out.splitlines()[-1] == "2 tunnels: 1 up, 1 listening"
        assert left.ikevpn("status", "--problems").status == 0
        ended = left.ikevpn("down", "--all").out.splitlines()
        assert sorted(line for line in ended if not line.startswith(" ")) == ["br-paris is down", "rome is down"]
        assert left.ikevpn("status").out.splitlines()[-1] == "2 tunnels: 2 down"
        ended = left.ikevpn("restart", "--all")
        assert ended.status == 0 and "rome listens: only the peer can start it" in ended.out
        assert "br-paris is up: 192.0.2.1:500 to 192.0.2.2:500" in ended.out
        nothing = left.ikevpn("down", "x-*")
        assert (nothing.status, nothing.err) == (
            ExitCode.UNKNOWN_TUNNEL,
            "ikevpn: no tunnel fits x-*; there are br-paris, rome\n",
        )


def test_a_child_is_rekeyed_by_what_status_shows(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris")
    with left.daemon():
        until(lambda: is_up(left), "paris")
        shown = left.tunnel()["children"][0]["selector"]
        before = left.tunnel()["children"][0]["spi_in"]
        assert left.ikevpn("rekey", "paris", "--child", shown).status == 0
        assert left.tunnel()["children"][0]["spi_in"] != before
        assert left.ikevpn("rekey", "paris", "--child", "10.3.0.0").status == ExitCode.UNKNOWN_TUNNEL


def test_a_listening_tunnel_can_be_called_again_after_a_down_and_an_up_in_vain(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris", start="listen", retransmit_s=0.2, retransmit_tries=1)
    with left.daemon():
        assert left.ikevpn("down", "paris").status == 0
        assert right.ikevpn("down", "london").status == 0
        assert left.ikevpn("up", "paris").status == ExitCode.FAILED
        assert left.tunnel()["state"] == "listening"
        assert right.ikevpn("up", "london").status == 0
        assert is_up(left)


def test_a_wrong_secret_is_corrected_and_loaded(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris", psk="not the same secret", retransmit_s=0.3, retransmit_tries=1)
    with left.daemon():
        assert left.ikevpn("down", "paris").status == 0
        assert left.ikevpn("up", "paris").status == ExitCode.FAILED
        left.write("paris", retransmit_s=0.3, retransmit_tries=1)
        remark = left.ikevpn("status").err
        assert f"warning: {left.folder}/psk changed since the daemon read its configuration" in remark.replace(
            f"{left.config}, ", ""
        )
        assert left.ikevpn("reload").status == 0
        until(lambda: is_up(left), "paris with the right secret")
        assert left.ikevpn("status").err == ""
        assert left.pings(right.inner) == 3


def test_another_configuration_than_the_daemons_is_said(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris", start="listen")
    other = left.folder / "other.toml"
    with left.daemon():
        other.write_text(left.config.read_text())
        places = ("--config", str(other), "--socket", str(left.socket))
        argv = [*left.command()[4:7], *places, "status"]
        ended = left.run(*argv)
        assert ended.status == 0
        assert ended.err == f"warning: the daemon runs with {left.config}, and not with {other}\n"


def test_a_call_that_comes_to_nothing_is_in_status_and_log(sides: tuple[Side, Side]) -> None:
    """By another mode than the one that is configured, and by another version of IKE."""
    left, right = sides
    left.write("paris", mode="aggressive", retransmit_s=0.2, retransmit_tries=1)
    assert left.ikevpn("up", "paris").status == ExitCode.FAILED
    sentence = "no tunnel matches 192.0.2.1:500 in aggressive mode; for that address there is london (main mode)"
    assert re.search("requests? from 192.0.2.1 failed", right.ikevpn("status").out)
    assert sentence in right.ikevpn("status").out
    assert f"london: phase 1 request from 192.0.2.1:500 refused: {sentence}" in right.log()
    script = (
        "import socket, struct; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5);"
        "message = b'cookies!' + bytes(8) + struct.pack('!BBBBII', 33, 0x20, 34, 8, 0, 32) + bytes(4);"
        "s.sendto(message, ('192.0.2.2', 500));"
        "print(s.recv(100)[17])"
    )
    assert left.run("python3", "-c", script).out == "16\n", "an answer in IKEv1"
    assert "uses IKEv2, and ikevpn supports only IKEv1" in right.ikevpn("status").out
    until(left.clean, "the end of the daemon that was started for the command")
