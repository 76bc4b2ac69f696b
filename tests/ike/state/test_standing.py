"""What one tunnel has is found without a look at what all others have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from ikevpn.ike.engine import Engine
from ikevpn.ike.state.half_open import HalfOpen
from ikevpn.model.events.event import Code
from ikevpn.model.sa import Direction, ExpireKind
from tests.ike.bench import HERE, THERE, Bench, children, core_of, ike_sas, networks, other_side, tunnel
from tests.ike.state.test_callers import STRONG

STEPS: dict[str, Callable[[Engine, float, int], object]] = {
    "initiate": lambda engine, now, spi: engine.initiate("ab", HERE, THERE, now),
    "acquire": lambda engine, now, spi: engine.acquire("ab", 2, HERE, THERE, now),
    "probe": lambda engine, now, spi: engine.probe("ab", now),
    "rekey": lambda engine, now, spi: engine.rekey("ab", now),
    "rekey a child": lambda engine, now, spi: engine.rekey("ab", now, "net1"),
    "an outbound SA is used up": lambda engine, now, spi: engine.expired(spi, Direction.OUT, 1, ExpireKind.HARD, now),
    "an unknown SPI": lambda engine, now, spi: engine.unknown_spi(0x99999999, HERE, THERE, now),
    "terminate a child": lambda engine, now, spi: engine.terminate("ab", now, "net1"),
    "status": lambda engine, now, spi: engine.status(now, "ab").children,
    "terminate": lambda engine, now, spi: engine.terminate("ab", now),
}


class Unsearched(dict[int, Any]):
    """A table of all that there is: who goes through it makes one tunnel pay for ten thousand others."""

    def values(self) -> Any:
        raise AssertionError("a search through all")

    items = values

    def __iter__(self) -> Iterator[int]:
        raise AssertionError("a search through all")


@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_searched(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tunnel(children=networks(1, 2), dpd_interval_s=30)).up()
    core, (first, _) = core_of(bench.a), children(bench.a)
    core.ike_sas, core.children = Unsearched(core.ike_sas), Unsearched(core.children)
    monkeypatch.setattr(HalfOpen, "__iter__", Unsearched.__iter__, raising=False)
    effects = STEPS[step](bench.a.engine, bench.now, first.spi_out)
    assert effects or step in ("initiate", "acquire"), "it has something to do"


def test_a_tunnel_that_ends_takes_what_is_under_way_with_it() -> None:
    """Ours, and a call of the peer's that has not proved itself yet."""
    ours = tunnel()
    bench = Bench(ours, other_side(ours), tamper=lambda sent: [])
    bench.initiate()
    bench.give("b", bench.datagrams("a")[0])
    assert ike_sas(bench.a) and ike_sas(bench.b)
    for side in (bench.a, bench.b):
        bench.perform(side, side.engine.terminate(side.tunnel.name, bench.now))
        assert not ike_sas(side) and not len(core_of(side).timers)
    assert bench.a.codes()[-1] is Code.PHASE1_FAILED


def test_a_call_is_found_by_the_tunnel_that_it_turns_out_to_mean() -> None:
    """The offer decides between two; the first one is only likely until then."""
    bench = Bench(tunnel())
    likely = replace(bench.b.tunnel, name="aa", ike_proposals=(STRONG,))
    bench.b.engine.remove_tunnel(bench.b.tunnel.name)
    bench.b.engine.add_tunnel(likely)
    bench.b.engine.add_tunnel(bench.b.tunnel)
    bench.tamper = lambda sent: []
    bench.initiate()
    bench.give("b", bench.datagrams("a")[0])
    core = core_of(bench.b)
    assert not core.half_open_for.of("aa") and core.half_open_for.of(bench.b.tunnel.name) == ike_sas(bench.b)
    bench.run(61)
    assert not core.half_open_for.of(bench.b.tunnel.name)
