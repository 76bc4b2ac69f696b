from ikevpn.dataplane.userspace.forward.keepalive import Keepalives
from tests.dataplane.fakes import OURS, THEIRS


def test_due_after_an_interval_of_silence_and_again_after_the_next() -> None:
    keepalives = Keepalives()
    keepalives.want(OURS, THEIRS, 20, 100.0)
    assert keepalives.next_timer == 120.0
    assert keepalives.due(119.9) == []
    assert keepalives.due(120.0) == [(OURS, THEIRS)]
    assert keepalives.due(120.0) == []
    assert keepalives.next_timer == 140.0


def test_traffic_puts_it_off() -> None:
    keepalives = Keepalives()
    keepalives.want(OURS, THEIRS, 20, 100.0)
    keepalives.sent(OURS, THEIRS, 115.0)
    keepalives.sent(THEIRS, OURS, 119.0)
    assert keepalives.due(keepalives.next_timer or 0.0) == []
    assert keepalives.next_timer == 135.0
    assert keepalives.due(135.0) == [(OURS, THEIRS)]


def test_zero_stops_and_repeating_changes_only_the_interval() -> None:
    keepalives = Keepalives()
    keepalives.want(OURS, THEIRS, 20, 100.0)
    keepalives.want(OURS, THEIRS, 10, 109.0)
    assert keepalives.next_timer == 110.0
    keepalives.want(OURS, THEIRS, 0, 109.0)
    keepalives.want(OURS, THEIRS, 0, 109.0)
    assert keepalives.next_timer is None
