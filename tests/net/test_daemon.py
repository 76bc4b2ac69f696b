"""The daemon's whole life between two namespaces: start modes, bindings, reload, crashes, captures, the end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ikevpn.service
from ikevpn.cli.exit_codes import ExitCode
from tests.lacking import tool
from tests.net.daemons import Side, launcher_of, two_sides, until, worker_of

pytestmark = pytest.mark.root
BLOCK = "metric 2000000000"


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    with two_sides(tmp_path_factory.mktemp("daemons")) as both:
        yield both


@pytest.fixture
def sides(ground: tuple[Side, Side]) -> Iterator[tuple[Side, Side]]:
    """Left without a daemon, right with one that waits for left."""
    left, right = ground
    right.write("london", start="listen")
    with right.daemon("--log-level", "debug"):
        yield left, right
    assert left.clean() and right.clean()


def is_up(side: Side) -> bool:
    return side.tunnel()["state"] == "up"


def spi(side: Side) -> str:
    found: str = side.tunnel()["children"][0]["spi_in"]
    return found


def test_up_at_once_and_down_with_the_daemon(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris")
    with left.daemon() as daemon:
        until(lambda: is_up(left), "paris")
        assert left.pings(right.inner) == 3 and right.pings(left.inner) == 3
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(90) == 0
    assert left.clean()
    until(lambda: right.tunnel()["state"] == "listening", "the Delete at the other side")


def test_the_first_packet_starts_a_tunnel_and_is_not_lost(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris", start="on-demand")
    with left.daemon():
        assert left.tunnel()["state"] == "ready"
        assert left.pings(right.inner) == 3
        assert left.tunnel()["state"] == "up"


def test_nothing_leaves_in_clear_while_a_tunnel_is_down(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris", start="listen")
    with left.daemon():
        assert [route for route in left.routes() if BLOCK in route] == left.routes() != []
        assert left.pings(right.inner, 1) == 0
    right.write("london", start="listen", when_down="pass")
    assert right.ikevpn("reload").status == 0
    left.write("paris", start="listen", when_down="pass")
    with left.daemon():
        assert left.routes() == []
        assert left.pings(right.inner, 1) == 1, "in clear, as the user has said"


def test_rekeying_changes_keys_and_loses_no_ping(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris")
    with left.daemon():
        until(lambda: is_up(left), "paris")
        before = spi(left)
        assert left.ikevpn("rekey", "paris").status == 0
        assert spi(left) != before
        assert left.ikevpn("rekey", "paris", "--phase1").status == 0
        assert left.pings(right.inner) == 3
        assert right.ikevpn("rekey", "london").status == 0
        assert left.pings(right.inner) == 3


def test_reload_touches_only_what_changed(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris")
    with left.daemon() as daemon:
        until(lambda: is_up(left), "paris")
        before = spi(left)
        assert left.ikevpn("reload", "--json").json["unchanged"] == ["paris"]
        daemon.send_signal(signal.SIGHUP)
        until(lambda: left.log().count("configuration reloaded") == 2, "the reload by signal")
        assert spi(left) == before
        good = left.config.read_text()
        left.config.write_text(good + "nonsense = 1\n")
        refused = left.ikevpn("reload")
        assert refused.status == 2 and 'there is no key "nonsense"' in refused.err
        assert spi(left) == before
        left.write("paris", esp_lifetime_s=600)
        assert left.ikevpn("reload", "--json").json["changed"] == ["paris"]
        until(lambda: is_up(left), "paris anew")
        assert spi(left) != before
        left.write("rome", start="listen", remote_networks=["10.99.0.0/16"])
        answer = left.ikevpn("reload", "--json").json
        assert (answer["added"], answer["removed"]) == (["rome"], ["paris"])
        assert left.routes() == [f"blackhole 10.99.0.0/16 {BLOCK}"]


def test_the_unit_reloads_and_reports_a_broken_file(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris", start="listen")
    unit = Path(ikevpn.service.__path__[0], "ikevpn.service").read_text()
    reload = re.search(r"^ExecReload=/usr/bin/env ikevpn (.*)$", unit, re.MULTILINE)
    assert reload
    with left.daemon():
        good = left.config.read_text()
        assert left.ikevpn(*reload[1].split()).status == 0
        left.config.write_text(good + "nonsense = 1\n")
        ended = left.ikevpn(*reload[1].split())
        assert ended.status == ExitCode.USAGE and "nonsense" in ended.err
        left.config.write_text(good)


def test_the_daemon_logs_its_life_and_what_is_wrong_with_a_reload(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris", start="listen")
    with left.daemon() as daemon:
        good = left.config.read_text()
        left.config.write_text(good + "nonsense = 1\n")
        daemon.send_signal(signal.SIGHUP)
        until(lambda: "not reloaded" in left.log(), "the word about the reload")
        left.config.write_text(good)
        lines = left.ikevpn("log", "--level", "warning").out
        assert 'there is no key "nonsense" here' in lines and "starts: process" not in lines
        assert "ikevpn 0." in left.ikevpn("log").out
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} "
    for words in (
        rf"info ikevpn 0\.\S+ starts: process {daemon.pid}, configuration {left.config} with 1 tunnel, control socket",
        r"info listening on UDP .*192\.0\.2\.1:500.*, NAT traversal on UDP 4500",
        r"error not reloaded: .*nonsense.* \(try: `ikevpn check`",
        r"info ikevpn stops: SIGTERM",
        r"info ikevpn has stopped",
    ):
        assert re.search(f"^{stamp}{words}", left.log(), re.MULTILINE), words


def test_an_address_that_goes_is_noticed_at_once(sides: tuple[Side, Side]) -> None:
    """The peer's sign of life is asked for after five minutes only."""
    left, right = sides
    right.write("london", start="listen", remote=["192.0.2.1", "192.0.2.11"], remote_id="any")
    assert right.ikevpn("reload").status == 0
    left.write("paris", dpd_interval_s=300)
    with left.daemon():
        until(lambda: is_up(left), "paris")
        try:
            left.run("ip", "addr", "add", "192.0.2.11/24", "dev", "cable")
            left.run("sysctl", "-qw", "net.ipv4.conf.cable.promote_secondaries=1")
            left.run("ip", "addr", "del", "192.0.2.1/24", "dev", "cable")
            left.run("ip", "route", "replace", "default", "via", "192.0.2.2")
            until(lambda: left.tunnel()["local"] == "192.0.2.11:500" and is_up(left), "paris from the other address")
            assert left.pings(right.inner) == 3
        finally:
            left.run("ip", "addr", "del", "192.0.2.11/24", "dev", "cable")
            left.run("ip", "addr", "add", "192.0.2.1/24", "dev", "cable")
            left.run("ip", "route", "replace", "default", "via", "192.0.2.2")
    assert "this host's addresses changed, gone: 192.0.2.1" in left.log()
    assert "is down: our address or the peer's changed" in left.log()


def test_down_stays_down_and_up_brings_it_back(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris")
    with left.daemon():
        until(lambda: is_up(left), "paris")
        assert left.ikevpn("down", "paris").status == 0
        assert left.tunnel()["state"] == "down"
        assert left.routes() == [f"blackhole 10.2.2.0/24 {BLOCK}"], "what belongs into it does not leave in clear"
        assert left.ikevpn("up", "paris").status == 0
        assert left.pings(right.inner) == 3


def test_a_failed_up_is_taken_back(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris", start="listen", remote_id="somebody.else")
    with left.daemon():
        assert left.ikevpn("up", "paris").status == 1
        until(lambda: left.tunnel()["state"] == "listening", "what was before")
        assert left.tunnel()["last_reason"] == "wrong-peer-identity"


def test_the_worker_crashes_and_tunnels_come_back(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris")
    with left.daemon() as daemon:
        until(lambda: is_up(left), "paris")
        before = spi(left)
        os.kill(worker_of(daemon.pid), signal.SIGKILL)
        until(lambda: is_up(left) and spi(left) != before, "paris over a new worker")
        until(lambda: any(c["spi_out"] == spi(left) for c in right.tunnel()["children"]), "the new pair at the peer")
        assert left.pings(right.inner) == 3
        assert "the data plane ended unexpectedly" in left.log()


def crash_while_up(side: Side) -> None:
    """The daemon is killed, and its worker ends with it."""
    with side.daemon() as daemon:
        until(lambda: is_up(side), "the tunnel")
        daemon.kill()
        daemon.wait(90)
        until(lambda: side.devices() == {"lo", "cable"}, "the end of the worker")


def test_after_a_crash_of_the_daemon_traffic_is_blocked_and_the_next_start_cleans_up(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris")
    crash_while_up(left)
    assert left.routes() == [f"blackhole 10.2.2.0/24 {BLOCK}"]
    assert left.pings(right.inner, 1) == 0
    with left.daemon():
        until(lambda: is_up(left), "paris again")
        assert left.pings(right.inner) == 3


def test_after_a_crash_that_took_the_notes_along_the_next_start_cleans_up(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris")
    crash_while_up(left)
    shutil.rmtree(left.folder / "state")
    assert f"blackhole 10.2.2.0/24 {BLOCK}" in left.routes()
    left.write("oslo", remote_networks=["10.9.9.0/24"], start="on-demand")
    with left.daemon():
        assert not any("10.2.2.0/24" in route for route in left.routes())
        assert f"blackhole 10.9.9.0/24 {BLOCK}" in left.routes()
        assert "left behind by an earlier run" in left.log()


def test_a_start_that_fails_after_a_crash_opens_no_block(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris")
    crash_while_up(left)
    hold = "import socket; s = socket.socket(2, 2); s.bind(('0.0.0.0', 500)); print(); input()"
    command = [*left.command()[:5], "-c", hold]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin and other.stdout and other.stdout.readline()
        refused = left.ikevpn("daemon")
        other.stdin.close()
    assert refused.status == ExitCode.HOST and "is in use by another program" in refused.err
    assert left.routes() == [f"blackhole 10.2.2.0/24 {BLOCK}"]
    with left.daemon():
        until(lambda: is_up(left), "paris again")


def test_route_based_with_addresses_of_its_own(sides: tuple[Side, Side]) -> None:
    left, right = sides
    numbered: dict[str, Any] = {"binding": "route", "local_networks": None, "remote_networks": None}
    right.write("london", start="listen", address=["10.9.9.2/30"], routes=["10.1.0.0/16"], **numbered)
    assert right.ikevpn("reload").status == 0
    left.write("paris", address=["10.9.9.1/30"], routes=["10.2.0.0/16"], **numbered)
    with left.daemon():
        until(lambda: is_up(left), "paris")
        assert left.tunnel()["device"] == "vpn-paris"
        assert left.pings("10.9.9.2") == 3 and left.pings(right.inner) == 3
        until(lambda: any("10.1.0.0/16 dev vpn-london" in route for route in right.routes()), "the way back")


def test_a_dialup_peer_gets_its_route_and_loses_it(sides: tuple[Side, Side]) -> None:
    left, right = sides
    right.write("london", remote="any", remote_networks=["0.0.0.0/0"])
    assert right.ikevpn("reload").status == 0
    assert right.routes() == []
    left.write("paris")
    with left.daemon():
        until(lambda: is_up(left), "paris")
        until(lambda: any(route.startswith("10.1.1.0/24 dev ikevpn0") for route in right.routes()), "the route")
        assert left.pings(right.inner) == 3, "earlier answers would come in the clear, and be discarded"
    until(lambda: right.routes() == [], "the end of the peer's route")


def test_the_default_route_goes_into_the_tunnel_and_the_peer_stays_reachable(sides: tuple[Side, Side]) -> None:
    left, right = sides
    right.write("london", start="listen", local_networks=["0.0.0.0/0"])
    assert right.ikevpn("reload").status == 0
    left.write("paris", remote_networks=["0.0.0.0/0"])
    with left.daemon():
        until(lambda: is_up(left), "paris")
        get = ("ip", "route", "get", right.outer)
        assert "dev cable" in left.run(*get, "mark", "0x696b6576").out, "what carries the tunnel"
        assert "dev ikevpn0" in left.run(*get).out, "and nothing else"
        assert left.pings(right.inner) == 3
        assert left.ikevpn("rekey", "paris", "--phase1").status == 0


def test_a_name_is_looked_up_and_a_tunnel_is_found_by_it(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    hosts = Path(f"/etc/netns/{left.namespace}")
    hosts.mkdir(parents=True)
    try:
        (hosts / "hosts").write_text("192.0.2.2 right.example\n")
        left.write("paris", remote="right.example")
        ended = left.ikevpn("up", "paris")
        assert ended.status == 0, ended.err
        assert "right.example is 192.0.2.2\n" in ended.out
        assert left.ikevpn("down", "paris").status == 0
        until(left.clean, "the end of the daemon")
    finally:
        shutil.rmtree(hosts)


def test_a_capture_can_be_read_with_its_keys_and_with_nothing_else(sides: tuple[Side, Side], tmp_path: Path) -> None:
    tshark = tool("tshark")
    left, right = sides
    left.write("paris")
    file = tmp_path / "paris.pcapng"
    assert left.ikevpn("up", "paris", "--capture", str(file)).status == 0
    assert left.pings(right.inner) == 3
    assert left.ikevpn("rekey", "paris").status == 0
    assert left.pings(right.inner) == 3
    assert left.ikevpn("down", "paris").status == 0
    keys = Path(f"{file}.keys")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in keys.iterdir()} == {0o600}

    def read(folder: Path, *words: str) -> str:
        environment = {**os.environ, "WIRESHARK_CONFIG_DIR": str(folder)}
        command = [tshark, "-r", str(file), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert read(keys, "-Y", "icmp").count("Echo (ping)") == 12
    assert "Identification Data:192.0.2.1" in read(keys, "-V", "-Y", "isakmp")
    assert read(keys, "-Y", "_ws.malformed || esp.icv_bad == 1") == ""
    assert read(tmp_path, "-Y", "icmp") == ""
    until(left.clean, "the end of the daemon")


def test_a_capture_of_a_tunnel_that_is_up_is_refused(sides: tuple[Side, Side], tmp_path: Path) -> None:
    left, _ = sides
    left.write("paris")
    with left.daemon():
        until(lambda: is_up(left), "paris")
        refused = left.ikevpn("up", "paris", "--capture", str(tmp_path / "late.pcapng"))
        assert refused.status == 2 and "`ikevpn down paris` first" in refused.err
        assert is_up(left) and not (tmp_path / "late.pcapng").exists()


def test_no_secret_shows_up_anywhere(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris", secret := "a secret for tests, long enough")
    with left.daemon("--log-level", "debug", "--log-json"):
        until(lambda: is_up(left), "paris")
        shown = left.log() + "".join(
            left.ikevpn(*words).out for words in (("status", "--json"), ("log", "--json"), ("list", "--json"))
        )
    assert secret not in shown and secret.encode().hex() not in shown


def test_privileges_are_dropped(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris")
    with left.daemon() as daemon:
        until(lambda: is_up(left), "paris")
        status = Path(f"/proc/{daemon.pid}/status").read_text()
        effective = int(next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1], 16)
        assert effective == 1 << 2 | 1 << 10 | 1 << 12 | 1 << 13
        assert "NoNewPrivs:\t1" in status


def test_where_the_device_name_is_taken_nothing_leaves_in_clear_until_it_is_free(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris")
    assert left.run("ip", "tuntap", "add", "ikevpn0", "mode", "tun").status == 0
    with left.daemon():
        until(lambda: left.tunnel()["last_error"], "the refusal")
        assert left.routes() == [f"blackhole 10.2.2.0/24 {BLOCK}"]
        assert left.pings(right.inner, 1) == 0
        assert left.run("ip", "link", "del", "ikevpn0").status == 0
        until(lambda: is_up(left), "paris")
        assert left.pings(right.inner) == 3


def test_a_worker_that_hangs_is_replaced(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris")
    with left.daemon() as daemon:
        until(lambda: is_up(left), "paris")
        before = spi(left)
        os.kill(worker_of(daemon.pid), signal.SIGSTOP)
        assert left.status().tunnels, "an answer without counters"
        until(lambda: is_up(left) and spi(left) != before, "paris over a new worker")
        until(lambda: any(c["spi_out"] == spi(left) for c in right.tunnel()["children"]), "the new pair at the peer")
        assert left.pings(right.inner) == 3
        assert "the data plane was restarted" in left.log()


def test_a_worker_that_nobody_can_replace_ends_the_daemon_and_blocks_stay(sides: tuple[Side, Side]) -> None:
    left, right = sides
    left.write("paris")
    with left.daemon() as daemon:
        until(lambda: is_up(left), "paris")
        worker = worker_of(daemon.pid)
        os.kill(launcher_of(daemon.pid), signal.SIGKILL)
        until(lambda: "the process that starts the data plane has ended" in left.log(), "the log")
        assert left.pings(right.inner) == 3
        os.kill(worker, signal.SIGKILL)
        assert daemon.wait(15) not in (0, None)
    assert left.routes() == [f"blackhole 10.2.2.0/24 {BLOCK}"]
    with left.daemon():
        until(lambda: is_up(left), "paris again")


def test_an_address_that_comes_back_is_heard_again(sides: tuple[Side, Side]) -> None:
    left, right = sides
    address = (f"{right.outer}/24", "dev", "cable")

    def listens() -> bool:
        return f"{right.outer}:500 " in right.run("ss", "-uln").out

    assert listens()
    right.run("ip", "address", "del", *address)
    until(lambda: not listens(), "the end of the socket")
    right.run("ip", "address", "add", *address)
    right.run("ip", "route", "add", "default", "via", left.outer)
    until(listens, "a new socket")
    left.write("paris")
    with left.daemon():
        until(lambda: is_up(left), "paris")
        assert left.pings(right.inner) == 3


def test_manual_keys_follow_our_address(sides: tuple[Side, Side]) -> None:
    left, right = sides
    manual = {
        "local_spi": "3020",
        "remote_spi": "3030",
        "proposal": "esp-aes128-sha",
        "encryption_key": {"text": "000102030405060708090a0b0c0d0e0f"},
        "integrity_key": {"text": "000102030405060708090a0b0c0d0e0f10111213"},
        "keep_sequence": False,
    }
    left.write("paris", secret=None, replay_window=0, manual=manual)
    left.config.chmod(0o600)
    with left.daemon():
        for here, there in ((left.outer, "192.0.2.11"), ("192.0.2.11", left.outer)):
            until(lambda here=here: left.tunnel()["local"] == here, f"paris from {here}")  # type: ignore[misc]
            left.run("ip", "address", "del", f"{here}/24", "dev", "cable")
            left.run("ip", "address", "add", f"{there}/24", "dev", "cable")
            left.run("ip", "route", "add", "default", "via", right.outer)
        until(lambda: left.tunnel()["local"] == left.outer, "paris from where it was")
        assert left.tunnel()["state"] == "up"


def test_a_peer_whose_key_is_taken_away_is_cut_off(sides: tuple[Side, Side]) -> None:
    left, right = sides
    right.write("london", start="listen")
    table = right.config.read_text().replace('secret = { file = "psk" }\n', "")
    right.config.write_text(table + '[[psk]]\nremote = "192.0.2.1"\nsecret = { file = "psk" }\n')
    assert right.ikevpn("reload").status == 0
    left.write("paris")
    with left.daemon():
        until(lambda: is_up(left), "paris")
        right.config.write_text(table + '[[psk]]\nremote = "192.0.2.1"\nsecret = { text = "another, long enough" }\n')
        right.config.chmod(0o600)
        assert right.ikevpn("reload").status == 0
        assert not is_up(right)
        until(lambda: not is_up(left), "the Delete")
        assert left.pings(right.inner, 1) == 0


def test_two_daemons_do_not_share_their_state(sides: tuple[Side, Side]) -> None:
    left, _ = sides
    left.write("paris", start="listen")
    with left.daemon():
        second = left.ikevpn("--socket", str(left.folder / "another"), "daemon")
        assert second.status == ExitCode.HOST
        assert f"another daemon keeps its state in {left.folder}/state" in second.err
