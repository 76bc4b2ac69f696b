"""What `up` and `restart` share: showing each step in words, and ending in what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from ikevpn.cli import exit_codes, render
from ikevpn.cli.context import Context
from ikevpn.cli.exit_codes import ExitCode
from ikevpn.control import api
from ikevpn.errors import UsageError
from ikevpn.model.events.event import Reason

CAPTURE_WARNING = (
    "{file} and {file}.keys together let anyone read this tunnel's traffic; keep both private and delete them later.\n"
    "open them with: WIRESHARK_CONFIG_DIR={file}.keys wireshark {file}"
)
CAPTURE_ELSEWHERE = (
    "the daemon records into a file that is not {file} here: it has a /tmp and /var/tmp of its own (PrivateTmp in its "
    "systemd unit).\nend this recording with ikevpn down, and record into a file of /var/lib/ikevpn instead"
)
_DETAILS = {
    "offered": "we offered",
    "theirs": "the peer asks for",
    "ours": "we have",
}
_WAITING = {"listening": "listens: only the peer can start it", "ready": "is ready: the first packet starts it"}
_OWN_REFUSALS = frozenset(
    reason.value for reason in (Reason.WRONG_PEER_IDENTITY, Reason.NO_SECRET, Reason.BAD_KEY_EXCHANGE, Reason.MALFORMED)
)


def bring_up(
    context: Context,
    request: api.Up | api.Restart,
    as_json: bool,
    *,
    capture: Path | None = None,
    quiet: bool = False,
) -> None:
    """Ask for it, and end the command where it fails; `quiet` shows no steps. Raises IkevpnError."""
    last: api.EventLine | None = None
    try:
        for step in _follow(context, request, as_json, capture, quiet):
            last = step
    except KeyboardInterrupt:
        if not as_json and last is not None and last.code not in render.GOOD:
            render.failure(
                f"{request.tunnel} is not up: interrupted", [("the last step was", last.sentence)], last.advice
            )
        raise


def _follow(
    context: Context, request: api.Up | api.Restart, as_json: bool, capture: Path | None, quiet: bool
) -> Iterator[api.EventLine]:
    """Shows and yields each step; returns when the tunnel is up, and ends the command where it is not to be."""
    failed: api.EventLine | None = None
    patience_s = request.timeout_s + 15 if request.timeout_s else None
    for number, reply in enumerate(context.ask(request, patience_s)):
        if as_json:
            render.write_json(reply)
        match reply:
            case api.EventLine():
                failed = reply if reply.code in render.BAD else failed
                if not as_json and not quiet:
                    render.step(reply)
                yield reply
            case api.UpAnswer():
                if not as_json:
                    _success(reply.tunnel, quiet)
            case api.Error():
                _fail(request.tunnel, reply, failed, as_json)
        if capture and number == 0 and not as_json:  # the first reply that is no error: it is recorded now
            _warn_of_capture(capture)
        if isinstance(reply, api.UpAnswer):
            return
    raise UsageError("the daemon gave no answer")


def _warn_of_capture(file: Path) -> None:
    sentence = CAPTURE_WARNING if file.exists() else CAPTURE_ELSEWHERE
    for line in sentence.format(file=file).splitlines():
        render.say(f"warning: {line}", "yellow", stderr=True)


def _success(tunnel: api.TunnelState, quiet: bool) -> None:
    if tunnel.state in _WAITING:
        render.say(f"{tunnel.name} {_WAITING[tunnel.state]}", "bold green")
        return
    render.say(
        f"{tunnel.name} is up: {tunnel.local} to {tunnel.remote}" + (f" ({tunnel.peer_id})" if tunnel.peer_id else ""),
        "bold green",
    )
    for sentence in tunnel.competing:
        render.say(f"warning: {sentence}", "yellow", stderr=True)
    for child in () if quiet else tunnel.children:
        render.say(f"  {child.selector}, {child.proposal}, {render.carrier(child)}, {render.spis(child)}")


def _fail(name: str, reply: api.Error, failed: api.EventLine | None, as_json: bool) -> NoReturn:
    status = exit_codes.of_reason(reply.reason, reply.kind)
    if not as_json:
        if status in (ExitCode.FAILED, ExitCode.TIMEOUT):
            render.failure(f"{name} is not up: {reply.sentence}", _details(failed), reply.advice)
        else:
            render.error_reply(reply)
    raise SystemExit(status)


def _details(failed: api.EventLine | None) -> list[tuple[str, str]]:
    """What the peer said, or we to it, and what both sides want."""
    if failed is None:
        return []
    facts = failed.facts
    said = "we told the peer" if failed.reason in _OWN_REFUSALS else "the peer said"
    first = [(said, _text(facts["notify"]))] if facts.get("notify") else []
    return first + [(label, _text(facts[fact])) for fact, label in _DETAILS.items() if facts.get(fact)]


def _text(fact: object) -> str:
    return ", ".join(map(str, fact)) if isinstance(fact, list | tuple) else str(fact)
