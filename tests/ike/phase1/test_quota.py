"""How many peers may be connected, and what is said to those beyond."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ikevpn.ike.engine import EngineSettings
from ikevpn.model.address import Endpoint
from ikevpn.model.events import reasons
from ikevpn.model.events.event import Code, Event, Reason
from ikevpn.model.identity import Identity
from ikevpn.model.tunnel import Tunnel
from tests.ike.bench import THERE, Bench, core_of, events, ike_sas, other_side, tunnel
from tests.ike.pair import AT_ONCE, Side


class Hub:
    """A responder for anybody who knows the secret, and callers under invented names."""

    def __init__(self, settings: EngineSettings = AT_ONCE, **changes: object) -> None:
        configured: Tunnel = replace(other_side(tunnel()), remotes=(), any_remote_id=True, **changes)  # type: ignore[arg-type]
        self.side = Side("b", configured, THERE, settings)
        self.now = 1000.0

    def call(self, name: str, address: str = "192.0.2.1") -> Bench:
        """One handshake."""
        here = Endpoint.of(address, 500)
        bench = Bench(tunnel(local_id=Identity.of(name)))
        bench.a.address = here
        core_of(bench.a).entropy = random.Random(f"{name} {self.now}").randbytes
        bench.b, bench.now = self.side, self.now
        bench.perform(bench.a, bench.a.engine.initiate("ab", here, THERE, bench.now))
        bench.run(1)
        self.now = bench.now
        return bench

    @property
    def refused(self) -> list[Event]:
        return [each for each in self.side.events if each.reason is Reason.LIMIT]


@pytest.mark.parametrize(
    ("settings", "changes", "said"),
    [
        (replace(AT_ONCE, max_established=3), {}, "this host has 3 peers already"),
        (replace(AT_ONCE, max_established_per_source=3), {}, "the address 192.0.2.1 has 3 peers already"),
        (AT_ONCE, {"max_peers": 3}, "tunnel ba has 3 peers already"),
    ],
)
def test_one_secret_under_many_names(settings: EngineSettings, changes: dict[str, object], said: str) -> None:
    hub = Hub(settings, **changes)
    benches = [hub.call(f"user{number}@evil") for number in range(5)]
    assert len(ike_sas(hub.side)) == 3 and [bool(events(each.a, Code.IKE_UP)) for each in benches][2:] == [
        *(True, False, False)
    ]
    sentence = reasons.sentence(hub.refused[0])
    assert f"a limit was reached: {said} (`max_" in sentence
    assert sentence.endswith("), and user3@evil, which has authenticated itself, is one more")


def test_a_long_name_does_not_hide_the_limit() -> None:
    """What a peer says of itself is cut off in the end; the cause stands before it."""
    hub = Hub(AT_ONCE, max_peers=1)
    hub.call("one@here")
    hub.call(f"{'x' * 3000}@here")
    sentence = reasons.sentence(hub.refused[0])
    assert "tunnel ba has 1 peer already (`max_peers` allows more)" in sentence and len(sentence) < 500


def test_who_is_connected_may_renew_and_who_leaves_makes_room() -> None:
    hub = Hub(replace(AT_ONCE, max_established_per_source=2))
    first = hub.call("one@here")
    hub.call("two@here")
    again = hub.call("one@here")
    assert events(again.a, Code.IKE_UP) and not hub.refused
    hub.call("three@here")
    assert len(hub.refused) == 1
    for bench in (first, again):
        bench.now = hub.now
        bench.perform(bench.a, bench.a.engine.shutdown(hub.now))
        bench.run(1)
        hub.now = bench.now
    assert events(hub.call("three@here").a, Code.IKE_UP)


def test_from_elsewhere_there_is_room() -> None:
    hub = Hub(replace(AT_ONCE, max_established_per_source=1))
    hub.call("one@here")
    assert events(hub.call("two@here", "203.0.113.7").a, Code.IKE_UP)


def test_nothing_is_left_counted() -> None:
    hub = Hub()
    for bench in [hub.call(f"user{number}") for number in range(3)]:
        bench.now = hub.now
        bench.perform(bench.a, bench.a.engine.shutdown(hub.now))
        bench.run(1)
        hub.now = bench.now
    assert not core_of(hub.side).standing and not ike_sas(hub.side)


def test_one_peer_has_few_at_a_time() -> None:
    hub = Hub(replace(AT_ONCE, max_ike_sas_per_peer=4))
    for _ in range(12):
        hub.call("one@here")
    assert len(ike_sas(hub.side)) <= 4
