"""A daemon with canned answers on a real control socket, for commands that are tested without root."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from click.testing import Result

from ikevpn.control import api
from ikevpn.control.server import ControlSocket

Ikevpn = Callable[..., Result]
"""The fixture `ikevpn`: calls the command line with words."""

PAIR = "10.1.1.0/24 === 10.2.2.0/24"
CHILD = api.ChildState(
    name="lan",
    selector=PAIR,
    state="up",
    proposal="g14-esp-aes128gcm16",
    encapsulation="udp",
    spi_in="0a0b0c0d",
    spi_out="01020304",
    age_s=95,
    expires_s=3000,
    bytes_in=1_400_000,
    bytes_out=999,
    packets_in=1000,
    packets_out=9,
    idle_in_s=2,
    drops={"replayed": 3},
)
PARIS = api.TunnelState(
    name="paris",
    wanted="up",
    state="up",
    remote="203.0.113.2:4500",
    local="192.0.2.1:4500",
    peer_id="gw.example.net",
    ike_proposal="pre-g14-aes256-sha256",
    role="initiator",
    nat=True,
    up_s=95,
    ike_expires_s=28000,
    device="ikevpn0",
    children=(CHILD,),
)
ROME = api.TunnelState(
    name="rome",
    wanted="up",
    state="waiting",
    remote="rome.example.net",
    attempts=3,
    next_attempt_s=12.3,
    last_error="phase 1 with 198.51.100.9:500 failed: no answer from 198.51.100.9:500",
    last_reason="no-answer",
    children=(api.ChildState(name="any", selector="0.0.0.0/0 === 0.0.0.0/0", state="down"),),
)


def event(code: str, sentence: str, **more: Any) -> api.EventLine:
    """An event of paris."""
    fields: dict[str, Any] = {"reason": "none", **more}
    return api.EventLine(number=1, time=1_700_000_000.0, code=code, tunnel="paris", sentence=sentence, **fields)


@contextmanager
def daemon(
    path: Path, *replies: api.Reply, answers: Mapping[type[api.Request], api.Reply] | None = None
) -> Iterator[list[api.AnyRequest]]:
    """Serve `replies` to every request, or what `answers` has for its kind; yields the requests that came."""
    requests: list[api.AnyRequest] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    ended = asyncio.Event()

    def choose(request: api.AnyRequest) -> Sequence[api.Reply]:
        return [answers[type(request)]] if answers else replies

    async def serve() -> None:
        control = ControlSocket(path, lambda request: _answer(request, requests, choose(request)))
        await control.open()
        ready.set()
        await ended.wait()
        await control.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(90)
    try:
        yield requests
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(5)
        loop.close()


async def _answer(
    request: api.AnyRequest, requests: list[api.AnyRequest], replies: Sequence[api.Reply]
) -> AsyncGenerator[api.Reply, None]:
    requests.append(msgspec.structs.replace(request, configuration=""))
    for reply in replies:
        yield reply
