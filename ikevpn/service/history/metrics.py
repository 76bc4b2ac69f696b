"""Figures for monitoring, in the text format of Prometheus. Asks nobody; no secret and no octet of traffic is in them.

What counts up begins at 0 again when the daemon, or for traffic the data plane's process, starts anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from ikevpn.control import api
from ikevpn.model.sa import Direction, Total
from ikevpn.service.history.process_use import ProcessUse


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"


class Metric(NamedTuple):
    kind: Kind
    help: str


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "ikevpn_info": Metric(Kind.GAUGE, "Always 1; the label is the version of the daemon."),
        "ikevpn_up_seconds": Metric(Kind.GAUGE, "How long the daemon has been running."),
        "ikevpn_tunnel_up": Metric(Kind.GAUGE, "1 where every pair of networks of the tunnel is up, else 0."),
        "ikevpn_tunnel_state": Metric(Kind.GAUGE, "1 for the state that the tunnel is in."),
        "ikevpn_tunnel_attempts": Metric(Kind.GAUGE, "Failed attempts in a row to bring the tunnel up."),
        "ikevpn_certificate_expires_seconds": Metric(
            Kind.GAUGE, "When the first of our certificates of the tunnel expires; below 0 it has."
        ),
        "ikevpn_tunnel_bytes_total": Metric(Kind.COUNTER, "Octets of inner packets carried."),
        "ikevpn_tunnel_packets_total": Metric(Kind.COUNTER, "Inner packets carried."),
        "ikevpn_tunnel_drops_total": Metric(Kind.COUNTER, "ESP packets that an SA of the tunnel refused."),
        "ikevpn_sa_bytes_total": Metric(Kind.COUNTER, "Octets that an SA in use has carried."),
        "ikevpn_sa_packets_total": Metric(Kind.COUNTER, "Packets that an SA in use has carried."),
        "ikevpn_sa_drops_total": Metric(Kind.COUNTER, "ESP packets that a pair of SAs in use has refused."),
        "ikevpn_sa_age_seconds": Metric(Kind.GAUGE, "How long a pair of SAs has been in use."),
        "ikevpn_sa_expires_seconds": Metric(Kind.GAUGE, "When a pair of SAs expires unless it is renewed before."),
        "ikevpn_drops_total": Metric(Kind.COUNTER, "Packets dropped that belong to no SA."),
        "ikevpn_ike_drops_total": Metric(Kind.COUNTER, "IKE datagrams dropped."),
        "ikevpn_ike_sas": Metric(Kind.GAUGE, "IKE SAs, those that are being negotiated included."),
        "ikevpn_ike_half_open": Metric(Kind.GAUGE, "IKE SAs that have not proved anything yet."),
        "ikevpn_events_total": Metric(Kind.COUNTER, "What happened, by the codes of `ikevpn explain`."),
        "ikevpn_counter_total": Metric(Kind.COUNTER, "Whatever else is counted, as in `ikevpn status -v`."),
        "ikevpn_process_cpu_seconds_total": Metric(Kind.COUNTER, "Processor time of each process."),
        "ikevpn_process_resident_bytes": Metric(Kind.GAUGE, "Memory of each process."),
    }
)
_DROPS = {"esp.drop-": "ikevpn_drops_total", "host.drop-": "ikevpn_drops_total", "ike.drop-": "ikevpn_ike_drops_total"}
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})

Sample = tuple[str, Mapping[str, str], float]


@dataclass(frozen=True, slots=True)
class View:
    """What there is to tell. `events` counts by code and tunnel."""

    version: str
    up_s: float
    tunnels: tuple[api.TunnelState, ...]
    totals: tuple[Total, ...]
    counters: Mapping[str, int]
    events: Mapping[tuple[str, str], int]
    processes: tuple[ProcessUse, ...]
    ike_sas: int
    half_open: int


def write(view: View) -> str:
    """The page, with help and type before the samples of each metric."""
    order = {name: place for place, name in enumerate(METRICS)}
    samples = sorted(_samples(view), key=lambda sample: order[sample[0]])
    lines = []
    for name, group in groupby(samples, key=itemgetter(0)):
        metric = METRICS[name]
        lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
        lines += [f"{name}{_labels(labels)} {_number(value)}" for _, labels, value in group]
    return "\n".join(lines) + "\n"


def _samples(view: View) -> Iterator[Sample]:
    yield "ikevpn_info", {"version": view.version}, 1
    yield "ikevpn_up_seconds", {}, view.up_s
    yield "ikevpn_ike_sas", {}, view.ike_sas
    yield "ikevpn_ike_half_open", {}, view.half_open
    for tunnel in view.tunnels:
        yield from _tunnel(tunnel)
    for total in view.totals:
        yield from _total(total)
    for name, count in view.counters.items():
        yield _counter(name, count)
    for (code, name), count in view.events.items():
        yield "ikevpn_events_total", {"code": code, "tunnel": name}, count
    for process in view.processes:
        yield "ikevpn_process_cpu_seconds_total", {"process": process.name}, process.cpu_s
        yield "ikevpn_process_resident_bytes", {"process": process.name}, process.resident_bytes


def _tunnel(tunnel: api.TunnelState) -> Iterator[Sample]:
    labels = {"tunnel": tunnel.name}
    yield "ikevpn_tunnel_up", labels, tunnel.state == "up"
    yield "ikevpn_tunnel_state", {**labels, "state": tunnel.state}, 1
    yield "ikevpn_tunnel_attempts", labels, tunnel.attempts
    if tunnel.certificate_expires_s is not None:
        yield "ikevpn_certificate_expires_seconds", labels, tunnel.certificate_expires_s
    for child in tunnel.children:
        if child.spi_in:
            yield from _pair(child, {**labels, "child": child.name})


def _pair(child: api.ChildState, labels: Mapping[str, str]) -> Iterator[Sample]:
    """Our own SPI names the pair in both directions: two peers may have chosen the same one for theirs."""
    pair = {**labels, "spi": child.spi_in}
    inward, outward = ({**pair, "direction": direction.value} for direction in (Direction.IN, Direction.OUT))
    yield "ikevpn_sa_bytes_total", inward, child.bytes_in
    yield "ikevpn_sa_bytes_total", outward, child.bytes_out
    yield "ikevpn_sa_packets_total", inward, child.packets_in
    yield "ikevpn_sa_packets_total", outward, child.packets_out
    yield "ikevpn_sa_age_seconds", pair, child.age_s
    if child.expires_s:
        yield "ikevpn_sa_expires_seconds", pair, child.expires_s
    for reason, count in child.drops.items():
        yield "ikevpn_sa_drops_total", {**pair, "reason": reason}, count


def _total(total: Total) -> Iterator[Sample]:
    labels = {"tunnel": total.tunnel, "direction": total.direction.value}
    yield "ikevpn_tunnel_bytes_total", labels, total.bytes
    yield "ikevpn_tunnel_packets_total", labels, total.packets
    for reason, count in total.drops:
        yield "ikevpn_tunnel_drops_total", {**labels, "reason": reason}, count


def _counter(name: str, count: int) -> Sample:
    for prefix, metric in _DROPS.items():
        if name.startswith(prefix):
            return metric, {"reason": name.removeprefix(prefix)}, count
    part, _, rest = name.partition(".")
    return "ikevpn_counter_total", {"part": part, "name": rest}, count


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items()) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"
