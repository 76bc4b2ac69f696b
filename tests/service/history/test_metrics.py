"""The page of figures: its form, its sums, and that the manual names every one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ikevpn.model.sa import Direction, Total
from ikevpn.service.history import metrics
from ikevpn.service.history.process_use import ProcessUse
from tests.cli.stand_in import PARIS, ROME
from tests.house.imports import REPOSITORY

LINE = re.compile(r'^(?P<name>[a-z_]+)(\{(?P<labels>([a-z]+="([^"\\\n]|\\["\\n])*",?)*)\})? (?P<value>-?[0-9.]+)$')


CERTIFIED = msgspec.structs.replace(PARIS, certificate="CN=gw", certificate_expires_s=86400.0)


def view(**changes: object) -> metrics.View:
    plain: dict[str, object] = {
        "version": "1.2.3",
        "up_s": 90.5,
        "tunnels": (CERTIFIED, ROME),
        "totals": (Total("paris", Direction.IN, 5000, 7, (("replay", 2),)), Total("paris", Direction.OUT, 10, 1)),
        "counters": {"esp.drop-unknown-spi": 4, "ike.drop-bad-hash": 3, "esp.packets-in": 9, "port.read-failed": 1},
        "events": {("child-up", "paris"): 2, ("dead-peer", ""): 1},
        "processes": (ProcessUse("worker", 1.25, 50_000_000),),
        "ike_sas": 2,
        "half_open": 1,
    }
    return metrics.View(**{**plain, **changes})  # type: ignore[arg-type]


def samples(text: str) -> Mapping[str, str]:
    """Values by what stands before them."""
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_figures() -> None:
    found = samples(metrics.write(view()))
    for name, value in {
        'ikevpn_info{version="1.2.3"}': "1",
        "ikevpn_up_seconds": "90.500",
        'ikevpn_tunnel_up{tunnel="paris"}': "1",
        'ikevpn_tunnel_up{tunnel="rome"}': "0",
        'ikevpn_tunnel_state{tunnel="rome",state="waiting"}': "1",
        'ikevpn_tunnel_bytes_total{tunnel="paris",direction="in"}': "5000",
        'ikevpn_tunnel_drops_total{tunnel="paris",direction="in",reason="replay"}': "2",
        'ikevpn_sa_packets_total{tunnel="paris",child="lan",spi="0a0b0c0d",direction="out"}': "9",
        'ikevpn_sa_drops_total{tunnel="paris",child="lan",spi="0a0b0c0d",reason="replayed"}': "3",
        'ikevpn_drops_total{reason="unknown-spi"}': "4",
        'ikevpn_ike_drops_total{reason="bad-hash"}': "3",
        'ikevpn_counter_total{part="esp",name="packets-in"}': "9",
        'ikevpn_events_total{code="child-up",tunnel="paris"}': "2",
        'ikevpn_process_cpu_seconds_total{process="worker"}': "1.250",
    }.items():
        assert found[name] == value, name


def test_certificates() -> None:
    found = samples(metrics.write(view()))
    assert found['ikevpn_certificate_expires_seconds{tunnel="paris"}'] == "86400"
    assert 'ikevpn_certificate_expires_seconds{tunnel="rome"}' not in found


def test_two_peers_that_have_chosen_the_same_spi_are_two() -> None:
    (one,) = [child for child in PARIS.children if child.spi_in]
    peers = (one, msgspec.structs.replace(one, spi_in="0a0b0c0e", bytes_out=5))
    text = metrics.write(view(tunnels=(msgspec.structs.replace(PARIS, children=peers),)))
    names = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(names) == len(set(names))
    assert samples(text)['ikevpn_sa_bytes_total{tunnel="paris",child="lan",spi="0a0b0c0e",direction="out"}'] == "5"


def test_every_metric_has_its_help_and_its_type_once_and_its_samples_behind_them() -> None:
    seen, current = [], ""
    for line in metrics.write(view()).splitlines():
        if line.startswith("# HELP "):
            current = line.split()[2]
            seen.append(current)
        elif line.startswith("# TYPE "):
            assert line.split()[2:] == [current, metrics.METRICS[current].kind.value]
        else:
            matched = LINE.match(line)
            assert matched is not None and matched["name"] == current, line
    assert seen == list(metrics.METRICS)  # all of them, since the view has some of each


def test_labels_are_escaped() -> None:
    text = metrics.write(view(events={("x", 'a"b\\c\nd'): 1}))
    assert 'tunnel="a\\"b\\\\c\\nd"' in text
    assert all(line.startswith("#") or LINE.match(line) for line in text.splitlines())


def test_a_daemon_without_tunnels() -> None:
    assert "ikevpn_tunnel_up" not in metrics.write(view(tunnels=(), totals=(), counters={}, events={}, processes=()))


def test_the_manual_names_every_metric_in_the_same_words() -> None:
    page = (REPOSITORY / "docs" / "operating.md").read_text()
    for name, metric in metrics.METRICS.items():
        assert f"| `{name}` |" in page, name
        assert metric.help.rstrip(".") in page, name
