"""Message ids that are used up: found again, all of them, and at the same cost."""

from __future__ import annotations

import random

from ikevpn.ike.engine import EngineSettings
from ikevpn.ike.state import used_message_ids
from ikevpn.ike.state.used_message_ids import UsedMessageIds
from ikevpn.model.events.event import Code, Reason
from ikevpn.wire.registry import NotifyType
from tests.ike.bench import Bench, events, ike_sas, notify, says


def test_all_that_were_added_are_there_and_no_others() -> None:
    rng, ids, known = random.Random(3), UsedMessageIds(), set()
    for _ in range(20_000):
        number = rng.randrange(1, 1 << 32)
        assert (number in ids) == (number in known)
        if number not in known:
            ids.append(number)
            known.add(number)
        assert number in ids
    assert len(ids) == len(known) and all(number in ids for number in known)
    assert not any(number in ids for number in range(1, 50_000) if number not in known)


def test_four_octets_each_up_to_four_times_over() -> None:
    ids = UsedMessageIds()
    for number in range(1, 10_001):
        ids.append(number)
    assert 4 * (len(ids._slots) + len(ids._old)) < 4 * 4 * 10_000 * 1.7


def test_a_step_costs_the_same_after_many() -> None:
    """Places that are looked at, counted."""
    ids = UsedMessageIds()
    looked_at = []
    for number in range(1, 100_001):
        ids.append(number * 40_503 % (1 << 32) or 1)
        if number in (1000, 100_000):
            mask = len(ids._slots) - 1
            found = [_steps(ids, 7 + 13 * each, mask) for each in range(500)]
            looked_at.append(sum(found) / len(found))
    assert looked_at[1] < looked_at[0] + 1.5


def _steps(ids: UsedMessageIds, number: int, mask: int) -> int:
    start = hash(number.to_bytes(4, "big")) & mask
    return (used_message_ids._place(ids._slots, number) - start) % (mask + 1) + 1


def test_an_ike_sa_that_is_used_up_is_made_anew() -> None:
    bench = Bench(settings=EngineSettings(max_spent=20, switch_first_s=0, switch_s=0)).up()
    for _ in range(30):
        if ike_sas(bench.a):
            says(bench, "a", notify(NotifyType(40000)))
    assert Reason.LIMIT in bench.b.reasons(Code.IKE_DOWN) and not ike_sas(bench.a) and not ike_sas(bench.b)
    assert not events(bench.b, Code.CHILD_DOWN), "pairs outlive it"
