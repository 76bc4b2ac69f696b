"""The control socket: a unix socket of mode 0600 that speaks `control/api`. It knows lines and clients, and nothing of
tunnels.

One request a connection. A handler is an async generator of replies; when the client hangs up it is closed. A client
that only has nothing more to say (`shutdown`, as of socat and `nc -N`) gets its answer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
import stat
import struct
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from ikevpn.control import api
from ikevpn.errors import ConfigError, HostError, IkevpnError, UsageError

Handler = Callable[[api.AnyRequest], AsyncGenerator[api.Reply, None]]
_log = logging.getLogger(__name__)
MOST_CLIENTS = 64
REQUEST_WAIT_S = 10.0


class ControlSocket:
    """Listens at `path`. `open` raises HostError where another daemon listens there already."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self.path = path
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._inode = 0

    async def open(self) -> None:
        """Bind and listen; a socket file that nobody serves any more is replaced."""
        listener = _bind(self.path)
        self._inode = self.path.stat().st_ino
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=api.LONGEST_LINE)

    async def close(self) -> None:
        """Stop listening, end all conversations, remove the socket file if it is still ours."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for client in tuple(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        try:
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except FileNotFoundError:
            pass

    async def finish(self, timeout_s: float) -> None:
        """Let conversations that are about to end do so."""
        if self._clients:
            await asyncio.wait(self._clients, timeout=timeout_s)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) > MOST_CLIENTS:
                await _send(writer, api.Error(reason="busy", sentence="too many commands at once; try again"))
                return
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._clients.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), REQUEST_WAIT_S)
            request = api.read_request(line)
        except (TimeoutError, ValueError) as error:
            await _send(writer, api.Error(reason="protocol", sentence=f"the request cannot be read: {error}"))
            return
        answering = asyncio.create_task(self._answer(request, writer))
        hanging_up = asyncio.create_task(_hang_up(reader, writer))
        try:
            await asyncio.wait((answering, hanging_up), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answering, hanging_up):
                task.cancel()
            await asyncio.gather(answering, hanging_up, return_exceptions=True)

    async def _answer(self, request: api.AnyRequest, writer: asyncio.StreamWriter) -> None:
        replies = self._handler(request)
        try:
            async for reply in replies:
                await _send(writer, reply)
                if reply.last:
                    return
        except IkevpnError as error:
            await _send(writer, as_reply(error))
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            _log.exception("a request was not carried out")
            sentence = "internal error of the daemon; its log has the details"
            await _send(writer, api.Error(reason="internal", sentence=sentence))
        finally:
            await replies.aclose()


def as_reply(error: IkevpnError) -> api.Error:
    """An error of ours as the client sees it."""
    fix = error.fix if isinstance(error, HostError) else ""  # the lines of a ConfigError say place and fix themselves
    return api.Error(reason=error.reason, kind=_kind(error), sentence=str(error), advice=(fix,) if fix else ())


def _kind(error: IkevpnError) -> str:
    return next((kind.reason for kind in (ConfigError, HostError, UsageError) if isinstance(error, kind)), "")


async def _send(writer: asyncio.StreamWriter, reply: api.Reply) -> None:
    writer.write(api.write(reply))
    await writer.drain()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Returns when the client has closed for both directions; what it still says is not listened to.

    After the end of what it says, that it hears no more is seen only by a write, or by EPOLLHUP, which comes unasked.
    """
    while await reader.read(4096):
        pass
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    with select.epoll() as watch:
        watch.register(writer.get_extra_info("socket").fileno(), 0)
        loop.add_reader(watch.fileno(), gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(watch.fileno())


def _bind(path: Path) -> socket.socket:
    owner = served_by(path)
    if owner:
        raise HostError(
            f"a daemon is already running: process {owner} serves {path}",
            fix=f"use it (`ikevpn status`), end it (`kill {owner}`), or give this one another --socket PATH",
            reason="already-running",
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(MOST_CLIENTS)
    except OSError as error:
        listener.close()
        raise HostError(
            f"cannot make the control socket {path}: {error.strerror or error}",
            fix="give a path in a directory that you may write to: --socket PATH",
            reason="control-socket",
        ) from None
    return listener


def served_by(path: Path) -> int:
    """The process that listens at `path`; 0 where nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return 0
        pid, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
        return int(pid)
