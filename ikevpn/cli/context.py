"""What every command needs: which configuration, which control socket, and how an error ends the process.

The configuration is `--config`, else $IKEVPN_CONFIG, else the folder /etc/ikevpn. The socket is `--socket`, else
$IKEVPN_SOCKET, else what the configuration's `[daemon]` table says. The folder in which a command happens to be called
is never looked at: it may be anybody's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import msgspec
from click.shell_completion import CompletionItem

from ikevpn.cli import exit_codes, render
from ikevpn.cli.exit_codes import ExitCode
from ikevpn.config.configuration import Configuration
from ikevpn.config.keys.schema import DaemonTable
from ikevpn.config.load import load
from ikevpn.control import api, client
from ikevpn.control.server import as_reply
from ikevpn.errors import ConfigError, IkevpnError, UsageError

DEFAULT_CONFIG = Path("/etc/ikevpn")
T = TypeVar("T")


@dataclass
class Context:
    """The options that stand before the verb."""

    config: Path = DEFAULT_CONFIG
    chosen_socket: Path | None = None
    chosen_config: bool = False

    def load(self) -> Configuration:
        """The configuration. Raises ConfigErrors."""
        return load(self.config)

    @property
    def socket(self) -> Path:
        """Where the daemon listens; a configuration that cannot be read does not keep us from asking at the usual
        place.
        """
        if self.chosen_socket is not None:
            return self.chosen_socket
        try:
            return self.load().daemon.socket
        except ConfigError:
            return DaemonTable().socket

    def ask(self, request: api.Request, timeout_s: float | None = client.GRACE_S) -> Iterator[api.AnyReply]:
        """Replies of the daemon; its remarks go to standard error.

        Raises HostError, and ConfigErrors where these may be why no daemon is found.
        """
        if self.chosen_config:
            request = msgspec.structs.replace(request, configuration=str(self.config.absolute()))
        try:
            for reply in client.ask(self.socket, request, timeout_s):
                if isinstance(reply, api.Remark):
                    render.say(f"warning: {reply.sentence}", "yellow", stderr=True)
                else:
                    yield reply
        except client.NoDaemon:
            if self.chosen_socket is None and os.path.exists(self.config):  # noqa: PTH110 - never raises
                self.load()
            raise


pass_context = click.make_pass_decorator(Context, ensure=True)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON; events one object a line.")


def tunnel_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """For shell completion: the tunnels of the configuration."""
    given = context.find_root().params.get("config")
    try:
        names = load(Path(given) if given else DEFAULT_CONFIG).tunnels
    except (IkevpnError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def child_names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For shell completion: the pairs of networks of the tunnel that stands before it."""
    given = context.find_root().params.get("config")
    try:
        tunnel = load(Path(given) if given else DEFAULT_CONFIG).tunnels[context.params.get("tunnel") or ""]
    except (IkevpnError, OSError, KeyError):
        return []
    children = tunnel.template.children
    return [
        CompletionItem(child.name, help=str(child.selector)) for child in children if child.name.startswith(incomplete)
    ]


def ending(command: Callable[..., None]) -> Callable[..., None]:
    """Errors of ours end the command with a sentence and the status of the table; a keyboard interrupt with 130."""

    def wrapped(*args: Any, **kwargs: Any) -> None:
        render.end_with_the_reader()
        try:
            command(*args, **kwargs)
        except IkevpnError as error:
            fail(error, bool(kwargs.get("as_json")))
        except KeyboardInterrupt:
            raise SystemExit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            raise SystemExit(ExitCode.OK) from None

    return update_wrapper(wrapped, command)


def fail(error: IkevpnError, as_json: bool = False) -> NoReturn:
    """Print an error of ours and end."""
    if as_json:
        render.write_json(as_reply(error))
    else:
        render.error(error)
    raise SystemExit(exit_codes.of_error(error))


def fail_reply(reply: api.Error, as_json: bool = False) -> NoReturn:
    """Print an error that the daemon sent and end."""
    if as_json:
        render.write_json(reply)
    else:
        render.error_reply(reply)
    raise SystemExit(exit_codes.of_reason(reply.reason, reply.kind))


def last(replies: Iterator[api.AnyReply], kind: type[T], as_json: bool = False) -> T:
    """The answer among `replies`; an error in its place ends the command."""
    for reply in replies:
        if isinstance(reply, kind):
            return reply
        if isinstance(reply, api.Error):
            fail_reply(reply, as_json)
    raise UsageError("the daemon gave no answer")
