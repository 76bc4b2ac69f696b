"""The control socket as clients meet it: real sockets in a temporary folder, and both ends of the protocol."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ikevpn.control import api, client
from ikevpn.control.server import ControlSocket, Handler, served_by
from ikevpn.errors import ConfigError, HostError, UsageError

STATUS = api.StatusAnswer(tunnels=())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


async def answer(request: api.AnyRequest) -> AsyncGenerator[api.Reply, None]:
    yield api.Lost(count=1)
    yield STATUS


@asynccontextmanager
async def serving(path: Path, handler: Handler = answer) -> AsyncIterator[ControlSocket]:
    control = ControlSocket(path, handler)
    await control.open()
    try:
        yield control
    finally:
        await control.close()


def ask(path: Path, request: api.Request) -> list[api.AnyReply]:
    return list(client.ask(path, request, 5))


async def raw(path: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    data = await reader.read()
    writer.close()
    return data


def test_a_request_gets_its_replies_in_order(path: Path) -> None:
    async def scenario() -> list[api.AnyReply]:
        async with serving(path):
            return await asyncio.to_thread(ask, path, api.Status())

    assert asyncio.run(scenario()) == [api.Lost(count=1), STATUS]


def test_only_the_owner_may_talk(path: Path) -> None:
    async def scenario() -> os.stat_result:
        async with serving(path):
            return await asyncio.to_thread(path.stat)

    assert stat.S_IMODE(asyncio.run(scenario()).st_mode) == 0o600


def test_the_socket_file_goes_with_the_daemon(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path):
            assert served_by(path) == os.getpid()

    asyncio.run(scenario())
    assert not path.exists()
    assert served_by(path) == 0


def test_a_second_daemon_is_told_about_the_first(path: Path) -> None:
    async def scenario() -> None:
        async with serving(path):
            await ControlSocket(path, answer).open()

    with pytest.raises(HostError, match=f"process {os.getpid()} serves {path}") as refused:
        asyncio.run(scenario())
    assert refused.value.reason == "already-running" and f"kill {os.getpid()}" in refused.value.fix


def test_a_socket_file_that_nobody_serves_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))

    async def scenario() -> list[api.AnyReply]:
        async with serving(path):
            return await asyncio.to_thread(ask, path, api.Version())

    assert asyncio.run(scenario())[-1] == STATUS


def test_a_file_of_somebody_else_is_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(HostError, match="cannot make the control socket"):
        asyncio.run(ControlSocket(path, answer).open())
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    ("error", "reason", "kind", "advice"),
    [
        (UsageError("no such tunnel", reason="tunnel-unknown"), "tunnel-unknown", "usage", ()),
        (HostError("no route", fix="plug it in"), "host", "host", ("plug it in",)),
        (ConfigError("bad", fix="mend it"), "config", "config", ()),
    ],
)
def test_errors_of_ours_become_replies(
    path: Path, error: Exception, reason: str, kind: str, advice: tuple[str, ...]
) -> None:
    async def failing(request: api.AnyRequest) -> AsyncGenerator[api.Reply, None]:
        raise error
        yield STATUS

    async def scenario() -> list[api.AnyReply]:
        async with serving(path, failing):
            return await asyncio.to_thread(ask, path, api.Status())

    (reply,) = asyncio.run(scenario())
    assert reply == api.Error(reason=reason, kind=kind, sentence=str(error), advice=advice)


def test_a_mistake_of_ours_is_answered_without_details(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(request: api.AnyRequest) -> AsyncGenerator[api.Reply, None]:
        raise RuntimeError("inner workings")
        yield STATUS

    async def scenario() -> list[api.AnyReply]:
        async with serving(path, broken):
            return await asyncio.to_thread(ask, path, api.Status())

    (reply,) = asyncio.run(scenario())
    assert isinstance(reply, api.Error) and reply.reason == "internal" and "inner" not in reply.sentence


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"verb":"fly","version":1}\n', b"x" * (api.LONGEST_LINE + 10)])
def test_what_cannot_be_read_is_refused_and_the_daemon_goes_on(path: Path, line: bytes) -> None:
    async def scenario() -> tuple[bytes, list[api.AnyReply]]:
        async with serving(path):
            return await raw(path, line), await asyncio.to_thread(ask, path, api.Status())

    refusal, replies = asyncio.run(scenario())
    assert api.read_reply(refusal).reason == "protocol"  # type: ignore[union-attr]
    assert replies[-1] == STATUS


def an_endless_handler() -> tuple[Handler, asyncio.Event]:
    """One that says something and waits, and the event of its end."""
    ended = asyncio.Event()

    async def endless(request: api.AnyRequest) -> AsyncGenerator[api.Reply, None]:
        try:
            yield api.Lost(count=1)
            await asyncio.Event().wait()
        finally:
            ended.set()

    return endless, ended


def test_a_client_that_hangs_up_ends_its_handler(path: Path) -> None:
    async def scenario() -> bool:
        endless, ended = an_endless_handler()
        async with serving(path, endless):
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(api.write(api.Log(follow=True)))
            await reader.readline()
            writer.close()
            async with asyncio.timeout(90):
                return await ended.wait()

    assert asyncio.run(scenario())


def half_close(path: Path, request: api.Request) -> socket.socket:
    """A client that says all it has to say, and listens on."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(90)
    connection.connect(str(path))
    connection.sendall(api.write(request))
    connection.shutdown(socket.SHUT_WR)
    return connection


def test_a_client_that_has_nothing_more_to_say_gets_its_answer(path: Path) -> None:
    async def slow(request: api.AnyRequest) -> AsyncGenerator[api.Reply, None]:
        yield api.Lost(count=1)
        for _ in range(100):  # many turns of the loop, in which the end of what it says is seen
            await asyncio.sleep(0)
        yield STATUS

    def read_all() -> bytes:
        with half_close(path, api.Status()) as connection, connection.makefile("rb") as lines:
            return lines.read()

    async def scenario() -> bytes:
        async with serving(path, slow):
            return await asyncio.to_thread(read_all)

    assert asyncio.run(scenario()) == api.write(api.Lost(count=1)) + api.write(STATUS)


def test_a_client_that_hangs_up_in_two_steps_ends_its_handler(path: Path) -> None:
    async def scenario() -> bool:
        endless, ended = an_endless_handler()
        async with serving(path, endless):
            connection = await asyncio.to_thread(half_close, path, api.Log(follow=True))
            assert await asyncio.to_thread(connection.recv, 4096)
            for _ in range(100):
                await asyncio.sleep(0)
            assert not ended.is_set()
            connection.close()
            async with asyncio.timeout(90):
                return await ended.wait()

    assert asyncio.run(scenario())


def test_closing_ends_conversations(path: Path) -> None:
    async def endless(request: api.AnyRequest) -> AsyncGenerator[api.Reply, None]:
        yield api.Lost(count=1)
        await asyncio.Event().wait()

    async def scenario() -> bytes:
        async with serving(path, endless) as control:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(api.write(api.Log(follow=True)))
            await reader.readline()
            await control.close()
            rest = await reader.read()
            writer.close()
            return rest

    assert asyncio.run(scenario()) == b""


def test_without_a_daemon_the_client_says_what_to_do(path: Path) -> None:
    with pytest.raises(client.NoDaemon, match=str(path)) as missing:
        client.answer(path, api.Status())
    assert "ikevpn daemon" in missing.value.fix


def test_a_daemon_that_hangs_up_is_an_error(path: Path) -> None:
    async def silent(request: api.AnyRequest) -> AsyncGenerator[api.Reply, None]:
        return
        yield STATUS

    async def scenario() -> None:
        async with serving(path, silent):
            await asyncio.to_thread(ask, path, api.Status())

    with pytest.raises(HostError, match="hung up"):
        asyncio.run(scenario())
