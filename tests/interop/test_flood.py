"""What the harm does to packets, and the verdict over what was recorded."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ikevpn.esp.inbound import Inbound
from ikevpn.esp.inside import Opened
from ikevpn.esp.outbound import Outbound
from ikevpn.esp.packet.drops import Drop
from ikevpn.model.sa import Direction
from interop.loads import spray
from interop.loads.flood import LARGEST_GROWTH_KIB, Record, report
from tests.esp import samples

GOOD = Record(
    sent={"unknown-spi": 10, "replay": 10, "bent": 30, "tiny": 1},
    seconds=1.0,
    counted={"unknown-spi": 8, "replay": 9, "bent": 20, "tiny": 1},
    queue_drops=13,
    calm=[100.0, 110.0],
    flooded=[60.0, 50.0],
    workers=[7, 7],
    rss_kib=[100, 200],
)


def test_a_record_that_holds() -> None:
    assert GOOD.complaints() == []
    assert "52%" in report(GOOD)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"workers": [7, 8]}, "survive"),
        ({"rss_kib": [0, LARGEST_GROWTH_KIB + 1]}, "grew"),
        ({"counted": {**GOOD.counted, "replay": 11}}, "counted as replay"),
        ({"queue_drops": 12}, "nowhere"),
        ({"flooded": [40.0]}, "kept 38%"),
    ],
)
def test_records_that_do_not(changes: dict[str, object], word: str) -> None:
    (complaint,) = replace(GOOD, **changes).complaints()  # type: ignore[arg-type]
    assert word in complaint


@pytest.mark.parametrize("pair", [samples.GCM, samples.CBC_SHA1], ids=samples.name)
@pytest.mark.parametrize("kind", spray.KINDS)
def test_harmed_packets_are_dropped_for_the_reason_that_the_verdict_expects(kind: str, pair: samples.Pair) -> None:
    packet = Outbound(samples.sa(Direction.OUT, pair), samples.entropy()).seal([samples.ipv4(bytes(60))], 4)[0]
    into = Inbound(samples.sa(Direction.IN, pair))
    assert isinstance(into.open([packet], 0.0)[0], Opened | Drop)
    source = random.Random(1)
    for _ in range(30):
        harmed = [row.tobytes() for row in spray.bend(kind, packet, source)]
        assert len({len(each) for each in harmed}) == 1
        if kind == "unknown-spi":
            assert not {each[:4] for each in harmed} & {packet[:4], bytes(4)}
            continue
        expected = {Drop.REPLAY} if kind == "replay" else {Drop.BAD_ICV, Drop.SHORT, Drop.LENGTH}
        assert set(into.open(harmed, 0.0)) <= expected
