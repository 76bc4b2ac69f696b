"""iperf3 through a rig, and what its report says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interop.bench.rig import Rig
from interop.lab.outcome import Unmet, wait_until
from interop.peers.shape import Job

_LONGEST_END_S = 30


@dataclass(frozen=True)
class Stream:
    """What arrived: megabits and packets a second of all flows in all directions together, and the octets.

    `lost` is the share of UDP datagrams that did not arrive, 0 for TCP, where `packets_per_s` is 0 too.
    """

    mbit_per_s: float
    octets: int
    packets_per_s: float = 0.0
    lost: float = 0.0


def run(rig: Rig, options: Sequence[str], seconds: float) -> Stream:
    """One run from the rig's source to its target; `options` are iperf3's. Raises Unmet where it fails."""
    server = serve(rig)
    try:
        return read(client(rig, options, seconds))
    finally:
        server.end()


def serve(rig: Rig) -> Job:
    """A server at the target that takes one client."""
    words = ("iperf3", "-s", "-1", "-B", rig.target.address, "--forceflush")
    server = rig.target.host.spawn(*words, name="iperf3-server")
    wait_until(lambda: "listening" in server.output(), "the start of iperf3")
    return server


def client(rig: Rig, options: Sequence[str], seconds: float) -> str:
    """Run a client at the source to its end; returns its report."""
    words = ("iperf3", "-J", "-c", rig.target.address, "-B", rig.source.address, "-t", f"{seconds:g}", *options)
    done = rig.source.host.run(*words, timeout_s=seconds + _LONGEST_END_S, check=False)
    return done.output


def read(report: str) -> Stream:
    """The sums of a report in JSON. Raises Unmet where iperf3 reports an error or no sum."""
    try:
        document: dict[str, Any] = json.loads(report[report.index("{") :])
        end = document["end"]
        if "sum" in end and "lost_packets" in end["sum"]:
            return _datagrams(end["sum"])
        sums = [end[key] for key in ("sum_received", "sum_received_bidir_reverse") if key in end]
        return Stream(sum(each["bits_per_second"] for each in sums) / 1e6, sum(each["bytes"] for each in sums))
    except (KeyError, ValueError, IndexError):
        raise Unmet(f"iperf3 said: {_complaint(report)}") from None


def _datagrams(found: dict[str, Any]) -> Stream:
    arrived = found["packets"] - found["lost_packets"]
    share = arrived / found["packets"] if found["packets"] else 0.0
    octets = int(found["bytes"] * share)
    return Stream(octets * 8 / 1e6 / found["seconds"], octets, arrived / found["seconds"], 1 - share)


def _complaint(report: str) -> str:
    try:
        return str(json.loads(report[report.index("{") :])["error"])
    except (KeyError, ValueError):
        return report.strip()[-200:] or "nothing"
