"""Verbs for several tunnels at once: by name, by pattern (`br-*`), or all. Each is a request of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase

import click

from ikevpn.cli.context import Context, last
from ikevpn.cli.exit_codes import ExitCode
from ikevpn.control import api
from ikevpn.control.client import NoDaemon
from ikevpn.control.unknown import unknown_tunnel
from ikevpn.errors import UsageError

AT_ONCE = 16
all_tunnels = click.option("--all", "every", is_flag=True, help="All tunnels of the configuration.")


def is_pattern(word: str) -> bool:
    """Whether it can stand for several; names have none of these characters."""
    return any(character in word for character in "*?[")


def matching(names: Sequence[str], words: Sequence[str]) -> list[str]:
    """Those of `names` that are meant by words and patterns, each once, in their order. Raises UsageError."""
    chosen: set[str] = set()
    for word in words:
        found = {name for name in names if fnmatchcase(name, word)} if is_pattern(word) else {word} & {*names}
        if not found and is_pattern(word):
            raise UsageError(f"no tunnel fits {word}; there are {', '.join(names) or 'none'}", reason="tunnel-unknown")
        if not found:
            raise unknown_tunnel(word, names)
        chosen |= found
    return [name for name in names if name in chosen]


def chosen(context: Context, words: Sequence[str], every: bool) -> list[str]:
    """The tunnels that a command is about. One name is taken as it is: whether there is such a tunnel the daemon knows.

    Patterns and `--all` mean the tunnels of the daemon; without one those of the configuration. Raises UsageError,
    ConfigErrors, HostError.
    """
    if every == bool(words):
        raise UsageError("name a tunnel, a pattern like 'br-*', or write --all" + (", not both" if every else ""))
    if len(words) == 1 and not is_pattern(words[0]):
        return [words[0]]
    try:
        answer = last(context.ask(api.Status()), api.StatusAnswer)
        names = [tunnel.name for tunnel in answer.tunnels]
    except NoDaemon:
        names = list(context.load().tunnels)
    return names if every else matching(names, words)


def for_each(names: Sequence[str], act: Callable[[str], None]) -> None:
    """`act` for every name, some at a time; ends with the status of the first that failed, after all were tried."""
    if len(names) == 1:
        act(names[0])
        return
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        statuses = list(pool.map(lambda name: _status(act, name), names))
    except KeyboardInterrupt:
        os._exit(ExitCode.INTERRUPTED)  # what hangs up so is taken back by the daemon; nobody waits for the threads
    pool.shutdown()
    failed = next((status for status in statuses if status), ExitCode.OK)
    if failed:
        raise SystemExit(failed)


def _status(act: Callable[[str], None], name: str) -> int:
    try:
        act(name)
    except SystemExit as end:
        return int(end.code or 0)
    return 0
