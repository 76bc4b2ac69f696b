"""tshark reads what `ikevpn up --capture FILE` writes: every message of phase 1 and quick mode, and every ESP packet.

left: ikevpn 192.0.2.1, captures ─────────────────── 192.0.2.2 right: ikevpn
 10.1.1.0/24                                          10.2.2.0/24
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from interop.lab.outcome import expect
from interop.lab.topology import pair
from interop.peers import suites
from interop.peers.ikevpn import Ikevpn
from interop.peers.tunnel import Mode, TunnelParameters, between
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Stage
from interop.traffic import traffic

_UNREAD = "(isakmp.flag_e == 1 && !(isakmp.typepayload == 8)) || (esp && !esp.decrypted_data && !icmp && !tcp)"
"""Encrypted IKE messages in which tshark finds no hash, which all of them have, and ESP in which it finds nothing."""
_COMPLAINTS = "_ws.malformed || _ws.expert.severity == error || esp.icv_bad == 1"


def play(stage: Stage, mode: Mode, esp_suite: str, udp: bool) -> None:
    """Captures a tunnel's start, traffic and rekey, then has tshark read it with the exported keys."""
    topology = pair(stage.site)
    base = TunnelParameters(mode=mode, esp_suite=esp_suite, pfs=True, nat_traversal="force" if udp else True)
    left_view, right_view = between(topology.left, topology.right, base)
    right = stage.side("ikevpn", topology.right, right_view)
    left = stage.side("ikevpn", topology.left, left_view)
    assert isinstance(left.peer, Ikevpn)
    stage.stands()
    file = Path(left.peer.folder, "tunnel.pcapng")
    left.peer.command("up", "t", "--capture", str(file))
    proof.both_hold(left, right)
    proof.carries(left, right, 200_000)
    proof.rekeys_without_loss(left, right, (left,))
    traffic.ping(left.end, right.end)
    proof.goes_down(left, right)
    expect(file.stat().st_mode & 0o777 == 0o600, f"the capture has mode {file.stat().st_mode & 0o777:o} and not 600")
    reader = _Reader(stage, file)
    exchange = {"main": 2, "aggressive": 4}[mode]
    expect(
        reader.count(f"isakmp.exchangetype == {exchange}") == {"main": 6, "aggressive": 3}[mode], "phase 1 is not whole"
    )
    expect(reader.count("isakmp.exchangetype == 32 && isakmp.typepayload == 8") >= 6, "quick modes were not decrypted")
    protocol = suites.ESP[esp_suite].protocol
    expect(reader.count(f"{protocol} && icmp.type == 8") >= 10, f"no pings inside {protocol}")
    expect(reader.count(f"{protocol} && tcp.len > 0") >= 100, f"no TCP inside {protocol}")
    if suites.ESP[esp_suite].ikevpn.startswith("esp"):
        expect(reader.count(f"tcp.len > 0 && !(esp && {protocol})") == 0, f"TCP without ESP or without {protocol}")
    unread = reader.lines(_UNREAD)
    expect(not unread, f"tshark could not decrypt {len(unread)} packets: {unread[:3]}")
    expect(reader.count("esp && !esp.icv_good == 1") == 0, "not every ESP packet has a good ICV")
    clear = reader.count(f"(icmp || tcp) && !{protocol}")
    expect(clear == 0, f"{clear} packets went outside of {protocol}")
    complaints = reader.lines(_COMPLAINTS)
    expect(not complaints, f"tshark complains about {len(complaints)} packets: {complaints[:3]}")


class _Reader:
    """tshark on one capture, with its keys."""

    def __init__(self, stage: Stage, file: Path) -> None:
        self._stage = stage
        self._file = file

    def lines(self, wanted: str) -> list[str]:
        """One line for every packet that a display filter wants."""
        side = self._stage.sides[0]
        command = ("env", f"WIRESHARK_CONFIG_DIR={self._file}.keys", f"HOME={self._file.parent}", "tshark")
        output = side.gateway.host.run(*command, "-r", str(self._file), "-Y", wanted).output
        return [line for line in output.splitlines() if line.strip() and "Running as user" not in line]

    def count(self, wanted: str) -> int:
        """How many packets a display filter wants."""
        return len(self.lines(wanted))


_ROWS: tuple[tuple[Mode, str, bool], ...] = (
    ("main", "aes128-sha", False),
    ("aggressive", "aes128gcm16", True),
    ("main", "3des-md5", True),
    ("aggressive", "aes256-sha256", False),
    ("main", "ah-sha", False),
    ("main", "aes128-sha-ah-sha", False),
)
SCENARIOS = tuple(
    Scenario(
        f"tshark-{mode}-{esp}-{'udp' if udp else 'raw'}",
        f"tshark reads {mode} mode, quick mode and {esp} {'in UDP' if udp else 'as a protocol of its own'}",
        partial(play, mode=mode, esp_suite=esp, udp=udp),
        needs("ikevpn", "tshark"),
    )
    for mode, esp, udp in _ROWS
)
