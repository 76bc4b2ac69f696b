"""Manual keys: no IKE on either side, ikevpn to ikevpn and to the kernel of a guest, which knows of keys by `ip xfrm`.

    left: ikevpn 192.0.2.1 ─────── 192.0.2.2 right: ikevpn, or a guest's kernel
     10.1.1.0/24                            10.2.2.0/24

Replay protection is on at both ends. A peer with it takes nothing from a side whose sequence numbers begin again; so
whoever is restarted has to go on where it was.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

from ikevpn.service.tunnel.manual_numbers import FIRST_BLOCK
from interop.lab.outcome import expect, wait_until
from interop.lab.topology import Topology, pair
from interop.peers.ikevpn import Ikevpn
from interop.peers.tunnel import Manual, TunnelParameters, between
from interop.peers.xfrm import Xfrm
from interop.stage import proof
from interop.stage.scenario import Scenario, needs
from interop.stage.stage import Side, Stage
from interop.traffic import traffic

OCTETS = 5_000_000
MANY = 230_000_000  # in both directions: more packets than half of what is reserved first
LARGE = (1400, 4000, 20_000, 60_000)
_OCTETS = {"des": 8, "3des": 24, "aes128": 16, "aes256": 32, "md5": 16, "sha": 20, "sha256": 32}
_PROPOSALS = (
    "esp-3des-md5",
    "esp-3des-sha",
    "esp-aes128-sha",
    "esp-aes256-sha256",
    "esp-null-sha",
    "ah-md5",
    "ah-sha",
    "ah-sha256",
)


def _key(name: str, seed: int) -> str:
    return "".join(f"{(seed + 37 * place) % 256:02x}" for place in range(_OCTETS.get(name, 0)))


def manual(proposal: str, **options: object) -> Manual:
    """The left end's keys."""
    inner, _, outer = proposal.partition("+")
    _, *words = inner.split("-")
    cipher = words[0] if len(words) > 1 else ""
    keys = Manual(proposal, 0x3020, 0x3030, _key(cipher, 1), _key(words[-1], 128), tuple(options.items()))
    if not outer:
        return keys
    return replace(keys, ah_local_spi=0x3021, ah_remote_spi=0x3031, ah_key=_key(outer.removeprefix("ah-"), 64))


def _two(
    stage: Stage, keys: Manual, theirs: str = "ikevpn", family: int = 4, **more: object
) -> tuple[Topology, Side, Side]:
    topology = pair(stage.site, family=family)
    base = TunnelParameters(manual=keys)
    left_view, right_view = between(topology.left, topology.right, base)
    right = stage.side(theirs, topology.right, replace(right_view, extra=tuple(more.items())))
    left = stage.side("ikevpn", topology.left, replace(left_view, extra=tuple(more.items())))
    stage.stands()
    proof.both_hold(left, right)
    return topology, left, right


def whole_life(stage: Stage, keys: Manual, theirs: str = "ikevpn", family: int = 4) -> None:
    """There at once, carries everything, goes down and comes up by command, and nothing is lost or refused."""
    topology, left, right = _two(stage, keys, theirs, family)
    proof.encapsulation_is(left, udp=("encapsulation", "udp") in keys.options)
    proof.carries(left, right, OCTETS)
    traffic.datagrams(left.end, right.end, *LARGE)
    traffic.datagrams(right.end, left.end, *LARGE)
    left.peer.terminate()
    wait_until(lambda: not left.peer.sas(), "the end of the tunnel")
    proof.is_blocked(left, right)
    left.peer.initiate()
    traffic.ping(left.end, right.end)
    _refused_nothing(right)
    proof.nothing_in_clear(topology)


def route_based(stage: Stage) -> None:
    """A device to which routes lead; the command line says what kind of tunnel it is, and renews nothing."""
    topology, left, right = _two(stage, manual("esp-aes256-sha256"), binding="route", device="vpn9")
    proof.carries(left, right, OCTETS)
    peer = left.peer
    assert isinstance(peer, Ikevpn)
    shown = peer.command("status", "-v").output
    expect("manual keys, no IKE" in shown, f"status shows: {shown}")
    refused = peer.command("rekey", "t", check=False)
    expect(refused.status != 0 and "has manual keys" in refused.output, f"`rekey` said: {refused.output.strip()}")
    before = left.peer.sas()
    peer.command("reload")
    expect(left.peer.sas() == before, "the reload touched a tunnel that had not changed")
    traffic.ping(left.end, right.end)
    proof.nothing_in_clear(topology)


def many_packets(stage: Stage) -> None:
    """More numbers are reserved while traffic runs at full speed, and the peer misses none."""
    topology, left, right = _two(stage, manual("esp-aes128-sha"))
    traffic.transfer(left.end, right.end, MANY)
    peer = left.peer
    assert isinstance(peer, Ikevpn)
    numbers = json.loads(Path(peer.folder, "sequences", "numbers").read_text())["numbers"].values()
    (reserved,) = (int(each["reserved"]) for each in numbers)
    expect(reserved > FIRST_BLOCK, f"{reserved} numbers were reserved, no more than at the start")
    expect(peer.log().count("manual keys are in use") == 1, "the tunnel was set up more than once")
    _refused_nothing(right)
    proof.nothing_in_clear(topology)


def restarted(stage: Stage, theirs: str, proposal: str = "esp-aes128-sha") -> None:
    """Stopped and started, killed and started, and its worker killed: each time numbers go on."""
    topology, left, right = _two(stage, manual(proposal), theirs)
    peer = left.peer
    assert isinstance(peer, Ikevpn)
    view = between(topology.left, topology.right, TunnelParameters(manual=manual(proposal)))[0]
    traffic.ping(left.end, right.end)
    for end in (peer.stop, peer.kill):
        traffic.transfer(left.end, right.end, 500_000)
        end()
        peer.write(view)
        peer.start()
        proof.both_hold(left, right)
        traffic.ping(left.end, right.end)
    os.kill(_worker_of(peer), signal.SIGKILL)
    traffic.ping(left.end, right.end)
    _refused_nothing(right)
    proof.nothing_in_clear(topology)


def numbers_lost(stage: Stage) -> None:
    """Without the numbers of before nothing is sent, and the reason is told; with other keys it goes on."""
    topology, left, right = _two(stage, manual("esp-aes128-sha"))
    peer = left.peer
    assert isinstance(peer, Ikevpn)
    views = between(topology.left, topology.right, TunnelParameters(manual=manual("esp-aes128-sha")))
    traffic.ping(left.end, right.end)
    peer.stop()
    Path(peer.folder, "sequences", "numbers").unlink()
    peer.write(views[0])
    peer.start()
    failed = peer.command("up", "t", check=False)
    expect(failed.status != 0 and "numbers has lost them" in failed.output, f"`up` said: {failed.output.strip()}")
    proof.is_blocked(left, right)
    for side, view in zip((right, left), reversed(views), strict=True):
        assert view.manual is not None
        shifted = replace(view.manual, local_spi=view.manual.local_spi + 1, remote_spi=view.manual.remote_spi + 1)
        side.peer.configure(replace(view, manual=shifted))
    proof.both_hold(left, right)
    traffic.ping(left.end, right.end)
    proof.nothing_in_clear(topology)


def without_replay_protection(stage: Stage) -> None:
    """`keep_sequence = false`: numbers begin again after a restart, and a peer that does not check them goes on."""
    keys = manual("esp-3des-sha", keep_sequence=False)
    topology, left, right = _two(stage, keys, replay_window=0)
    peer = left.peer
    assert isinstance(peer, Ikevpn)
    traffic.ping(left.end, right.end)
    peer.stop()
    peer.start()
    traffic.ping(left.end, right.end)
    expect(not Path(peer.folder, "sequences").exists(), "numbers were kept although nobody wanted them")
    proof.nothing_in_clear(topology)


def _refused_nothing(side: Side) -> None:
    if isinstance(side.peer, Xfrm):
        counts = side.peer.refused()
        expect(not any(counts.values()), f"{side.peer.label} refused packets: {counts}")
        return
    assert isinstance(side.peer, Ikevpn)
    for tunnel in side.peer.status():
        for child in tunnel["children"]:
            expect(not child["drops"], f"{side.peer.label} dropped packets: {child['drops']}")


def _worker_of(peer: Ikevpn) -> int:
    found = peer.workers
    expect(len(found) == 1, f"the daemon has workers {found}")
    return found[0]


_OURS = (
    ("raw", "ESP as protocol 50", manual("esp-aes128-sha256"), 4),
    ("udp", "ESP in UDP", manual("esp-aes256-sha", encapsulation="udp"), 4),
    ("ipv6", "ESP as protocol 50 over IPv6", manual("esp-3des-sha"), 6),
    ("ah", "AH", manual("ah-sha256"), 4),
)
SCENARIOS = (
    *(
        Scenario(
            f"manual-ikevpn-{name}",
            f"manual keys, ikevpn to ikevpn, {words}",
            partial(whole_life, keys=keys, family=family),
            needs("ikevpn"),
        )
        for name, words, keys, family in _OURS
    ),
    *(
        Scenario(
            f"manual-kernel-{proposal}",
            f"manual keys, the kernel of a guest by `ip xfrm`: {proposal}",
            partial(whole_life, keys=manual(proposal), theirs="guest-xfrm"),
            needs("ikevpn", "guest-xfrm"),
        )
        for proposal in _PROPOSALS
    ),
    Scenario("manual-route-based", "manual keys and a device with routes", route_based, needs("ikevpn")),
    Scenario("manual-many-packets", "numbers are reserved as fast as they are used", many_packets, needs("ikevpn")),
    Scenario(
        "manual-restart-ikevpn",
        "manual keys: stopped, killed, worker killed; the peer protects itself from replays",
        partial(restarted, theirs="ikevpn"),
        needs("ikevpn"),
    ),
    Scenario(
        "manual-restart-kernel",
        "the same in front of a kernel",
        partial(restarted, theirs="guest-xfrm"),
        needs("ikevpn", "guest-xfrm"),
    ),
    Scenario(
        "manual-numbers-lost",
        "without its numbers a tunnel stays down; other keys begin anew",
        numbers_lost,
        needs("ikevpn"),
    ),
    Scenario(
        "manual-no-replay-protection",
        "numbers begin again, and nobody checks them",
        without_replay_protection,
        needs("ikevpn"),
    ),
)
