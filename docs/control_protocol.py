"""Writes control-protocol.md from the messages of `ikevpn.control.api`: `python docs/control_protocol.py`."""

from __future__ import annotations

from pathlib import Path
from types import GenericAlias, UnionType
from typing import Any, get_args, get_origin

import msgspec

from ikevpn.control import api
from ikevpn.model.events.severity import Severity

_HEAD = f"""# Control protocol

This page is written by `python docs/control_protocol.py` from `ikevpn/control/api.py`; edit the messages there
instead.

The daemon listens on a unix stream socket, `/run/ikevpn/control.sock` unless `socket` in `[daemon]` names another.
Only the owner of the socket (root) may connect. All commands of `ikevpn` use this protocol and nothing else; with
`--json` they print the lines of the daemon unchanged.

- **Framing.** A message is a JSON object in one line of UTF-8, ended by a line feed. A request has at most
  {api.LONGEST_LINE} octets; answers may be longer.
- **One request a connection.** The client sends one request and reads lines until the reply that ends the
  conversation. It may shut down its sending direction before. A client that closes the connection ends `log` and
  takes back an `up` that is still under way; `down`, `rekey` and `reload` are carried out to the end.
- **Types.** A request has its verb in `verb`, a reply its type in `type`. In a request an unknown key is an error.
  In a reply a client must ignore keys that it does not know: they may be added without a new version. A key with
  its default value may be left out of a request.
- **Version.** This is version {api.VERSION}. Each request carries `version`; a daemon refuses every other version
  with an `error` whose `reason` is `protocol`, before it reads anything else. The version changes when an old
  client could misread a new daemon, or the other way round. The verb `version` tells the version of the daemon.
- **Errors.** `reason` is stable, for programs; `sentence` and `advice` are for people and may change. `kind` is
  `host`, `config`, `usage`, `peer` or `internal`. `ikevpn explain REASON` explains a reason.

A complete client:

```sh
echo '{{"verb": "metrics", "version": {api.VERSION}}}' | socat -t 60 - /run/ikevpn/control.sock
```
"""

_CHILD = api.ChildState(
    name="lan",
    selector="10.1.1.0/24 === 10.2.2.0/24",
    state="up",
    proposal="g14-esp-aes128gcm16",
    encapsulation="none",
    spi_in="87268f85",
    spi_out="84097b88",
    age_s=12.5,
    expires_s=3240.0,
    bytes_in=840,
    bytes_out=840,
    packets_in=10,
    packets_out=10,
)
_TUNNEL = api.TunnelState(
    name="paris",
    wanted="up",
    state="up",
    remote="192.0.2.2:500",
    local="192.0.2.1:500",
    peer_id="192.0.2.2",
    ike_proposal="pre-g14-aes256-sha256",
    role="initiator",
    up_s=12.5,
    ike_expires_s=25900.0,
    certificate="CN=berlin, O=Acme, C=CH",
    certificate_expires_s=7776000.0,
    device="ikevpn0",
    children=(_CHILD,),
)
_EVENT = api.EventLine(
    number=17,
    time=1790000000.25,
    code="peer-authenticated",
    tunnel="paris",
    reason="none",
    sentence="peer authenticated as 192.0.2.2",
    facts={"identity": "192.0.2.2"},
)
_WARNING = api.EventLine(
    number=12,
    time=1790000000.5,
    code="retransmitted",
    tunnel="paris",
    reason="none",
    severity="warning",
    sentence="no answer from 192.0.2.2:500 yet, main mode message 1 retransmitted (1 of 5)",
    facts={"remote": "192.0.2.2:500", "message": "main mode message 1", "tries": 1, "of": 5},
)
_ERROR = api.Error(
    reason="peer-refused-phase1",
    kind="peer",
    sentence="192.0.2.2:500 refuses and says no-proposal-chosen",
    advice=("compare cipher, hash, group and authentication with the peer's phase 1 settings",),
)

CONVERSATIONS: tuple[tuple[api.Request, tuple[api.Reply, ...]], ...] = (
    (api.Up(tunnel="paris", timeout_s=30), (_EVENT, api.UpAnswer(tunnel=_TUNNEL))),
    (api.Down(tunnel="paris"), (api.DownAnswer(blocked=("10.2.2.0/24",)),)),
    (api.Restart(tunnel="paris"), (_EVENT, _ERROR)),
    (
        api.Status(tunnel="paris"),
        (
            api.Remark(sentence="the daemon runs with /etc/ikevpn, and not with /root/test.toml"),
            api.StatusAnswer(
                tunnels=(_TUNNEL,),
                counters={"ike.datagrams-in": 12},
                up_s=60.0,
                configuration="/etc/ikevpn",
                refused=(
                    api.RefusedCall(
                        remote="192.0.2.9",
                        tunnel="",
                        count=3,
                        ago_s=12.0,
                        code="call-refused",
                        reason="no-matching-tunnel",
                        sentence="no tunnel matches 192.0.2.9:500 in main mode",
                    ),
                ),
            ),
        ),
    ),
    (api.Log(tunnel="paris", level=Severity.WARNING, count=2, follow=True), (_WARNING, api.Lost(count=4))),
    (api.Rekey(tunnel="paris", child="lan"), (api.Done(),)),
    (api.Reload(), (api.ReloadAnswer(changed=("paris",), unchanged=("london",)),)),
    (
        api.Metrics(),
        (api.MetricsAnswer(text="# TYPE ikevpn_up_seconds gauge\nikevpn_up_seconds 60\n"),),
    ),
    (api.Version(), (api.VersionAnswer(daemon="0.2.0", protocol=api.VERSION, pid=4711),)),
)
"""One for each verb; together they have every type of reply."""

_VALUES = (api.TunnelState, api.ChildState, api.RefusedCall)
_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def _tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


def _type(found: Any) -> str:
    """A type in the words of JSON."""
    if found in _NAMES:
        return _NAMES[found]
    if isinstance(found, type) and issubclass(found, Severity):
        return "one of " + ", ".join(f'"{each.value}"' for each in found)
    if isinstance(found, type) and issubclass(found, msgspec.Struct):
        return f"[{found.__name__}](#{found.__name__.lower()})"
    arguments = get_args(found)
    if isinstance(found, UnionType) or (get_origin(found) is not None and not isinstance(found, GenericAlias)):
        return " or ".join(dict.fromkeys(_type(each) for each in arguments))
    if get_origin(found) is tuple:
        return f"list of {_type(arguments[0])}"
    return f"object of {_type(arguments[1])}"


def _fields(kind: type[msgspec.Struct], skipped: tuple[str, ...] = ()) -> list[str]:
    rows = [field for field in msgspec.structs.fields(kind) if field.name not in skipped]
    if not rows:
        return ["No further keys.", ""]
    table = ["| key | type | default |", "| --- | --- | --- |"]
    for field in rows:
        default = field.default_factory() if callable(field.default_factory) else field.default
        shown = "**required**" if default is msgspec.NODEFAULT else f"`{msgspec.json.encode(default).decode()}`"
        table.append(f"| `{field.name}` | {_type(field.type)} | {shown} |")
    return [*table, ""]


def _text(kind: type) -> str:
    return " ".join((kind.__doc__ or "").split())


def _verb(request: api.Request, replies: tuple[api.Reply, ...]) -> list[str]:
    lines = [f"-> {api.write(request).decode().rstrip()}"]
    lines += [f"<- {api.write(reply).decode().rstrip()}" for reply in replies]
    shared = tuple(field.name for field in msgspec.structs.fields(api.Request))
    return [
        f"### `{_tag(type(request))}`",
        "",
        _text(type(request)),
        "",
        *_fields(type(request), shared),
        "```",
        *lines,
        "```",
        "",
    ]


def page() -> str:
    """The page as it should be."""
    lines = [_HEAD, "## Requests", "", _text(api.Request), "", *_fields(api.Request)]
    for conversation in CONVERSATIONS:
        lines += _verb(*conversation)
    lines += ["## Replies", "", _text(api.Reply), ""]
    for kind in get_args(api.AnyReply):
        ends = "It ends the conversation." if kind.last else "More replies follow."
        lines += [f"### Type `{_tag(kind)}`", "", f"{_text(kind)} {ends}", "", *_fields(kind)]
    lines += ["## Values", ""]
    for kind in _VALUES:
        lines += [f"### {kind.__name__}", "", _text(kind), "", *_fields(kind)]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("control-protocol.md").write_text(page())
