"""The control protocol: what is written can be read, other versions and other words are refused by name."""

from __future__ import annotations

import msgspec
import pytest

from ikevpn.control import api

REQUESTS = [
    api.Up(tunnel="paris", timeout_s=5, capture="/tmp/x"),
    api.Down(tunnel="paris"),
    api.Restart(tunnel="paris"),
    api.Status(),
    api.Log(follow=True),
    api.Rekey(tunnel="paris", phase1=True),
    api.Reload(),
    api.Metrics(),
    api.Version(),
]
CHILD = api.ChildState(name="a", selector="10.1.0.0/16 === 10.2.0.0/16", state="up", drops={"replayed": 2})
TUNNEL = api.TunnelState(name="paris", wanted="up", state="up", children=(CHILD,))
REPLIES = [
    api.Remark(sentence="by the way"),
    api.EventLine(
        number=1,
        time=2.5,
        code="child-up",
        tunnel="paris",
        reason="none",
        sentence="up",
        facts={"spi_in": "0a", "n": ("x",)},
    ),
    api.Lost(count=3),
    api.Error(reason="timeout", sentence="too late", advice=("wait",)),
    api.Done(),
    api.StatusAnswer(tunnels=(TUNNEL,), counters={"esp.packets-in": 1}),
    api.UpAnswer(tunnel=TUNNEL),
    api.DownAnswer(blocked=("10.2.2.0/24",)),
    api.ReloadAnswer(added=("a",)),
    api.MetricsAnswer(text="ikevpn_up_seconds 1\n"),
    api.VersionAnswer(daemon="0.1.0", protocol=1, pid=7),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: type(r).__name__)
def test_requests_survive_the_wire(request_: api.AnyRequest) -> None:
    line = api.write(request_)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert api.read_request(line) == request_


@pytest.mark.parametrize("reply", REPLIES, ids=lambda r: type(r).__name__)
def test_replies_survive_the_wire(reply: api.AnyReply) -> None:
    assert api.read_reply(api.write(reply)) == reply


def test_all_messages_are_tested() -> None:
    assert {type(each) for each in REQUESTS} == set(api.AnyRequest.__args__)
    assert {type(each) for each in REPLIES} == set(api.AnyReply.__args__)


def test_events_and_losses_do_not_end_a_conversation() -> None:
    assert {type(each) for each in REPLIES if not each.last} == {api.EventLine, api.Lost, api.Remark}


def test_another_version_is_named() -> None:
    with pytest.raises(ValueError, match="version 99, and this daemon speaks version 1"):
        api.read_request(b'{"verb": "up", "version": 99, "something": "new"}')


@pytest.mark.parametrize("line", [b"", b"\xff", b"[]", b'{"verb": "fly", "version": 1}', b'{"verb":"up","version":1}'])
def test_nonsense_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        api.read_request(line)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="tunel"):
        api.read_request(b'{"verb": "down", "version": 1, "tunnel": "a", "tunel": "b"}')
