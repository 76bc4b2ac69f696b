"""A short run of the mutation command, and proof that it would notice a fault."""

from __future__ import annotations

import pytest

from ikevpn.ike.engine import Engine, EngineSettings
from ikevpn.ike.state.effects import Effect, Send
from ikevpn.model.address import Endpoint
from tests.ike.fuzz import flood, run


def test_some_thousand_mutated_datagrams_do_no_harm() -> None:
    findings = run(3000, seed=1)
    assert findings.faults == []
    assert findings.fed >= 3000 and findings.octets_out > 0
    assert findings.drops["drop-malformed"] > 100


def test_a_flood_of_first_messages_meets_a_limit() -> None:
    engine, findings = flood(5000)
    assert 100 < findings.most_half_open <= EngineSettings().max_half_open
    assert findings.octets_out <= 1.5 * findings.octets_in
    later = 5000 * 0.0005
    while (due := engine.next_timer()) is not None and due < later + 120:
        engine.timer(due)
    assert not list(engine.status(later).ike_sas)


def test_a_flood_from_one_source_meets_it_too() -> None:
    engine, findings = flood(5000, one_source=True)
    assert findings.most_half_open <= EngineSettings().max_half_open
    assert engine.counters["half-open-evicted"] > 100


@pytest.mark.parametrize("fault", ["raises", "amplifies"])
def test_a_faulty_engine_is_noticed(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    genuine = Engine.datagram

    def faulty(self: Engine, data: bytes, local: Endpoint, remote: Endpoint, now: float, natt: bool) -> list[Effect]:
        if len(data) % 8 != 5:  # no genuine message of these handshakes has such a length
            return genuine(self, data, local, remote, now, natt)
        if fault == "raises":
            raise IndexError(len(data))
        return [Send(data * 5, local, remote)] * 2

    monkeypatch.setattr("tests.ike.fuzz.Engine.datagram", faulty)
    assert run(500, seed=2).faults
