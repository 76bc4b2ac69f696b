"""What is told to somebody who stops waiting for a tunnel."""

from __future__ import annotations

from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.service.tunnel.last_step import facts_of

REMOTE = "192.0.2.2:500"
STARTED = Event(
    Code.PHASE1_STARTED, "paris", facts={"remote": REMOTE, "mode": "main", "offered": ("pre-g14-aes256-sha256",)}
)
REFUSED = Event(
    Code.PEER_NOTIFY, "paris", facts={"remote": REMOTE, "notify": "no-proposal-chosen", "authenticated": False}
)
AGAIN = Event(
    Code.RETRANSMITTED, "paris", facts={"remote": REMOTE, "message": "main mode message 1", "tries": 1, "of": 5}
)
DERIVED = Event(Code.KEYS_DERIVED, "paris")


def told(*events: Event) -> tuple[str, tuple[str, ...]]:
    failure = Event(Code.PHASE1_FAILED, "paris", Reason.TIMEOUT, {"seconds": 3, **facts_of(events)})
    return reasons.why(failure), reasons.advice(failure)


def test_a_peer_that_refused_is_not_called_silent() -> None:
    sentence, advice = told(STARTED, REFUSED, AGAIN)
    assert sentence == f"it was not up within 3 s; the last step was: {REMOTE} says: no-proposal-chosen"
    assert advice[0].startswith("compare cipher, hash, group") and not any("ping" in line for line in advice)


def test_a_silent_peer() -> None:
    sentence, advice = told(REFUSED, STARTED, AGAIN)  # what it said to an earlier attempt does not count
    assert "no answer from" in sentence and "ping" in advice[0]


def test_a_step_that_waits_for_nobody_and_none_at_all() -> None:
    assert told(STARTED, DERIVED)[0] == "it was not up within 3 s; the last step was: keys derived"
    assert told() == ("it was not up within 3 s", ("allow more time: `--timeout SECONDS`, or leave `--timeout` out",))
