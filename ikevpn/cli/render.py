"""How things look: for people with rich, plain where the output is no terminal, and as JSON. Prints; asks nobody
anything.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Iterable, Iterator

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ikevpn.control import api
from ikevpn.errors import ConfigError, HostError, IkevpnError
from ikevpn.model.events.event import Code

GOOD = frozenset(
    code.value
    for code in (
        Code.PROPOSAL_CHOSEN,
        Code.KEYS_DERIVED,
        Code.PEER_AUTHENTICATED,
        Code.IKE_UP,
        Code.CHILD_UP,
        Code.CHILD_REKEYED,
        Code.IKE_REKEYED,
        Code.MANUAL_UP,
        Code.DPD_ANSWERED,
        Code.NO_NAT,
        Code.NAT_DETECTED,
        Code.NAME_RESOLVED,
    )
)
BAD = frozenset(
    code.value
    for code in (
        Code.PHASE1_FAILED,
        Code.PHASE2_FAILED,
        Code.HOST_REFUSED,
        Code.NETWORK_REFUSED,
        Code.ROUTE_COMPETES,
        Code.HOST_RESTORED,
        Code.SEQUENCE_LOW,
        Code.CERTIFICATE_EXPIRES,
        Code.CERTIFICATE_EXPIRED,
        Code.DATA_PLANE_CRASHED,
        Code.INTERNAL_ERROR,
    )
)


def console(stderr: bool = False) -> Console:
    """The terminal, or whatever stands in its place; lines are never wrapped by us when they go to a file."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, soft_wrap=True, markup=False, emoji=False)


def outlast_the_reader() -> None:
    """From now on the end of what reads our output (`| head`) does not end us: what it would have read is dropped."""
    _outlasting.append(True)


def end_with_the_reader() -> None:
    """The usual way, with which every command begins."""
    _outlasting.clear()


_outlasting: list[bool] = []


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        if not _outlasting:
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # one that is a file of a test has no descriptor
                if _is_broken(stream.fileno()):
                    os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _is_broken(descriptor: int) -> bool:
    """Whether nobody reads the other end of a pipe."""
    asked = select.poll()
    asked.register(descriptor, 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in asked.poll(0))


def say(text: str, style: str = "", stderr: bool = False) -> None:
    """One line."""
    with _writing():
        if console(stderr).is_terminal:
            console(stderr).print(Text(text, style=style))
        else:
            click.echo(text, err=stderr)


def write_json(message: object) -> None:
    """One JSON object on one line."""
    with _writing():
        click.echo(msgspec.json.encode(message).decode())


def step(line: api.EventLine, with_name: bool = False) -> None:
    """One event as a step of what is going on."""
    mark, style = _mark(line.code)
    name = f"{line.tunnel}: " if with_name and line.tunnel else ""
    say(f"{mark}{name}{line.sentence}", style)


def _mark(code: str) -> tuple[str, str]:
    if not _marks():
        return "", ""
    if code in GOOD:
        return "✓ ", "green"
    if code in BAD:
        return "✗ ", "red"
    return "· ", "dim"


def _marks() -> bool:
    encoding = (getattr(sys.stdout, "encoding", None) or "").lower()
    return console().is_terminal and encoding.replace("-", "") == "utf8"


def logged(line: api.EventLine) -> None:
    """One event with its time, as in a log."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line.time))
    style = {"error": "red", "warning": "yellow"}.get(line.severity, "")
    say(f"{when} {line.tunnel or '-'}: {line.sentence}", style)
    for advice in line.advice if line.code in BAD else ():
        say(f"{'':19}  try: {advice}", "dim")


def failure(sentence: str, details: Iterable[tuple[str, str]] = (), advice: Iterable[str] = ()) -> None:
    """What went wrong, what is known of it and what to try; to standard error."""
    say(sentence, "bold red", stderr=True)
    for name, value in details:
        say(f"  {name}: {value}", stderr=True)
    hints = tuple(advice)
    if len(hints) == 1:
        say(f"  try: {hints[0]}", stderr=True)
    elif hints:
        say("  try:", stderr=True)
        for hint in hints:
            say(f"    - {hint}", stderr=True)


def error(problem: IkevpnError) -> None:
    """An error of ours. The lines of a ConfigError say place and fix themselves."""
    if isinstance(problem, ConfigError):
        for line in str(problem).splitlines():
            say(line, "red", stderr=True)
        return
    failure(f"ikevpn: {problem}", advice=[problem.fix] if isinstance(problem, HostError) and problem.fix else [])


def error_reply(reply: api.Error) -> None:
    """An error that the daemon sent."""
    if reply.kind == ConfigError.reason:
        for line in reply.sentence.splitlines():
            say(line, "red", stderr=True)
        return
    failure(f"ikevpn: {reply.sentence}", advice=reply.advice)


def carrier(child: api.ChildState) -> str:
    """How packets travel, in words."""
    if child.ah_spi_in:
        return "AH around ESP"
    if "ah" in child.proposal.split("-")[:2]:
        return "AH"
    words = {"none": "plain ESP", "udp": "ESP in UDP", "udp-non-ike": "ESP in UDP 500"}
    return words.get(child.encapsulation, child.encapsulation)


def spis(child: api.ChildState) -> str:
    """Under which numbers packets travel each way."""
    esp = f"SPI in {child.spi_in} out {child.spi_out}"
    return f"{esp}, of AH in {child.ah_spi_in} out {child.ah_spi_out}" if child.ah_spi_in else esp


def duration(seconds: float) -> str:
    """`47s`, `12m`, `3h 20m`, `5d 2h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s" if whole < 600 else f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def amount(octets: int) -> str:
    """`512 B`, `1.4 kB`, `3.2 GB`; powers of ten."""
    if octets < 1000:
        return f"{octets} B"
    units = ["kB", "MB", "GB", "TB"]
    unit = units.pop(0)
    value = octets / 1000
    while value >= 1000 and units:
        unit, value = units.pop(0), value / 1000
    return f"{value:.1f} {unit}"


def table(made: Table) -> None:
    """A table; without a terminal as wide as it needs to be, so that nothing is cut."""
    if console().is_terminal:
        console().print(made)
        return
    wide = Console(file=sys.stdout, width=400, highlight=False, markup=False, emoji=False)
    with wide.capture() as captured:
        wide.print(made)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))
