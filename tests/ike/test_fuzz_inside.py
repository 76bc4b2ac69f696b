"""A short run of the command, and proof that it gets past the door and would notice a fault."""

from __future__ import annotations

import pytest

from ikevpn.ike import news
from tests.ike.fuzz_inside import run


def test_some_hundred_bent_payloads_do_no_harm() -> None:
    findings = run(600, seed=1)
    assert findings.faults == [] and findings.fed >= 600
    assert findings.effects["AddSa"] > 20 and findings.effects["DeleteSa"] > 5, "they are taken for the peer's"


def test_a_fault_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*arguments: object) -> None:
        raise IndexError("a mistake")

    monkeypatch.setattr(news, "_read", faulty)
    assert any("a mistake" in fault for fault in run(300, seed=2).faults)
