"""The other end of the control socket: sends one request and yields the replies. Blocking, for the command line; knows
no verbs.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

from ikevpn.control import api
from ikevpn.errors import HostError

GRACE_S = 15.0
"""How much longer than the request's own time the daemon may take to say so."""


class NoDaemon(HostError):
    """Nobody listens at the control socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"no daemon answers at {path}",
            fix="start one: `ikevpn daemon` (or `systemctl start ikevpn`); `ikevpn up TUNNEL` starts one for itself",
            reason="no-daemon",
        )


def connect(path: Path) -> socket.socket:
    """A connection to the daemon. Raises NoDaemon, and HostError where it is not for us to talk to it."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except PermissionError:
        connection.close()
        raise HostError(
            f"not allowed to talk to the daemon at {path}", fix="only its owner may: try sudo", reason="not-root"
        ) from None
    except OSError:
        connection.close()
        raise NoDaemon(path) from None
    return connection


def ask(path: Path, request: api.Request, timeout_s: float | None = GRACE_S) -> Iterator[api.AnyReply]:
    """All replies to `request`, the last one included; `timeout_s` bounds the wait for each. Raises NoDaemon,
    HostError.
    """
    with connect(path) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.sendall(api.write(request))
            with connection.makefile("rb") as lines:
                for line in lines:
                    reply = api.read_reply(line)
                    yield reply
                    if reply.last:
                        return
        except TimeoutError:
            raise HostError(
                f"the daemon at {path} does not answer", fix="its log says what it does", reason="daemon-silent"
            ) from None
        except (OSError, ValueError) as error:
            raise HostError(f"the daemon at {path} cannot be understood: {error}", reason="protocol") from None
    raise HostError(f"the daemon at {path} hung up", fix="its log says why", reason="daemon-ended")


def answer(path: Path, request: api.Request, timeout_s: float | None = GRACE_S) -> api.AnyReply:
    """The last reply to `request`."""
    replies = list(ask(path, request, timeout_s))
    return replies[-1]
