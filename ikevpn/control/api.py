"""The control protocol: JSON, one message a line, over a unix socket. Frozen messages and nothing else; no secret has a
field here.

A client sends one request and reads lines until an answer or an error comes; lines of type `event` and `lost` may come
before. Every request carries `version`; a daemon refuses another one by name, so that old and new never misread each
other.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ikevpn.model.events.event import Fact
from ikevpn.model.events.severity import Severity

VERSION = 1
LONGEST_LINE = 1 << 16
"""Octets of the longest request; answers may be longer."""


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="verb", forbid_unknown_fields=True):
    """Keys of all requests. `configuration`: the path that the user named; a daemon with another one answers with a
    `remark`."""

    version: int = VERSION
    configuration: str = ""


class Up(Request, frozen=True, tag="up"):
    """Bring a tunnel up and stream its events until it is up or one attempt has failed; `capture` is a file.

    Without `timeout_s` it takes as long as one attempt, retransmissions included.
    """

    tunnel: str
    timeout_s: float | None = None
    capture: str = ""


class Down(Request, frozen=True, tag="down"):
    """Take a tunnel down and leave it down.

    `caller` is the address of the user's SSH session: the request is refused where the blocked networks would cut it
    off, unless `yes` is set.
    """

    tunnel: str
    timeout_s: float = 10
    caller: str = ""
    yes: bool = False


class Restart(Request, frozen=True, tag="restart"):
    """Take a tunnel down and start it as its configuration says; events and answers are those of `up`."""

    tunnel: str
    timeout_s: float | None = None


class Status(Request, frozen=True, tag="status"):
    """The state of one tunnel, or of all where `tunnel` is empty."""

    tunnel: str = ""


class Log(Request, frozen=True, tag="log"):
    """The last `count` events, of one tunnel or of all, of severity `level` or above; with `follow` new ones follow
    until the client closes the connection.
    """

    tunnel: str = ""
    level: Severity = Severity.DEBUG
    count: int = 100
    follow: bool = False


class Rekey(Request, frozen=True, tag="rekey"):
    """Rekey a child, phase 1 where `phase1` is set, or all children.

    `child` is its name, its networks as `status` shows them, or a part of these that is unique.
    """

    tunnel: str
    child: str = ""
    phase1: bool = False
    timeout_s: float = 30


class Reload(Request, frozen=True, tag="reload"):
    """Read the configuration again and apply what changed."""


class Metrics(Request, frozen=True, tag="metrics"):
    """Figures for monitoring."""


class Version(Request, frozen=True, tag="version"):
    """The versions of the daemon and of its protocol."""


AnyRequest = Up | Down | Restart | Status | Log | Rekey | Reload | Metrics | Version


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A line from the daemon. A reply that is `last` ends the conversation."""

    last: ClassVar[bool] = True


class EventLine(Reply, frozen=True, tag="event"):
    """One thing that happened; `time` is seconds since 1970."""

    last: ClassVar[bool] = False
    number: int
    time: float
    code: str
    tunnel: str
    reason: str
    sentence: str
    severity: str = "info"
    advice: tuple[str, ...] = ()
    facts: dict[str, Fact | tuple[str, ...]] = {}


class Lost(Reply, frozen=True, tag="lost"):
    """The client read too slowly and `count` events are missing here."""

    last: ClassVar[bool] = False
    count: int


class Remark(Reply, frozen=True, tag="remark"):
    """A remark for the user, in addition to the answer."""

    last: ClassVar[bool] = False
    sentence: str


class Error(Reply, frozen=True, tag="error"):
    """The request failed: a stable reason code, the kind of error (`host`, `config`, `peer`, …), a sentence, and what
    to try.
    """

    reason: str
    sentence: str
    kind: str = ""
    advice: tuple[str, ...] = ()


class Done(Reply, frozen=True, tag="done"):
    """The request was carried out, and the answer has no content."""


class ChildState(msgspec.Struct, frozen=True, kw_only=True):
    """One pair of networks. Counters are those of the SAs in use; times in seconds.

    `path_mtu`: octets that the path to the peer takes, 0 before anything was sent. `ah_spi_in` and `ah_spi_out` are
    those of AH, where AH protects ESP.
    """

    name: str
    selector: str
    state: str
    proposal: str = ""
    encapsulation: str = ""
    spi_in: str = ""
    spi_out: str = ""
    age_s: float = 0
    expires_s: float = 0
    bytes_in: int = 0
    bytes_out: int = 0
    packets_in: int = 0
    packets_out: int = 0
    idle_in_s: float | None = None
    idle_out_s: float | None = None
    path_mtu: int = 0
    drops: dict[str, int] = {}
    ah_spi_in: str = ""
    ah_spi_out: str = ""


class TunnelState(msgspec.Struct, frozen=True, kw_only=True):
    """The wanted and the actual state of a tunnel; `last_error` is the sentence of the last failure. `competing` lists
    the routes of the host by which its traffic leaves in the clear. `certificate` is the first of ours to expire.
    """

    name: str
    wanted: str
    state: str
    remote: str = ""
    local: str = ""
    peer_id: str = ""
    ike_proposal: str = ""
    role: str = ""
    nat: bool = False
    up_s: float = 0
    ike_expires_s: float = 0
    manual: bool = False
    device: str = ""
    attempts: int = 0
    next_attempt_s: float | None = None
    competing: tuple[str, ...] = ()
    certificate: str = ""
    certificate_expires_s: float | None = None
    last_error: str = ""
    last_reason: str = ""
    children: tuple[ChildState, ...] = ()


class RefusedCall(msgspec.Struct, frozen=True, kw_only=True):
    """An address whose requests failed lately: how often, when last, and why the last one failed."""

    remote: str
    tunnel: str
    count: int
    ago_s: float
    code: str
    reason: str
    sentence: str
    advice: tuple[str, ...] = ()


class StatusAnswer(Reply, frozen=True, tag="status"):
    """Tunnels, failed requests of peers, files that changed after the daemon read them, and the daemon's counters."""

    tunnels: tuple[TunnelState, ...]
    counters: dict[str, int] = {}
    up_s: float = 0
    configuration: str = ""
    refused: tuple[RefusedCall, ...] = ()
    changed_files: tuple[str, ...] = ()


class UpAnswer(Reply, frozen=True, tag="up"):
    """The tunnel is up."""

    tunnel: TunnelState


class DownAnswer(Reply, frozen=True, tag="down"):
    """The tunnel is down; traffic for the networks in `blocked` stays blocked."""

    blocked: tuple[str, ...] = ()


class ReloadAnswer(Reply, frozen=True, tag="reload"):
    """Names of tunnels by what the reload did with them."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class MetricsAnswer(Reply, frozen=True, tag="metrics"):
    """A page in the text format of Prometheus."""

    text: str


class VersionAnswer(Reply, frozen=True, tag="version"):
    """Version of the daemon's package, of this protocol, and its process."""

    daemon: str
    protocol: int
    pid: int


AnyReply = (
    EventLine
    | Lost
    | Remark
    | Error
    | Done
    | StatusAnswer
    | UpAnswer
    | DownAnswer
    | ReloadAnswer
    | MetricsAnswer
    | VersionAnswer
)

_requests = msgspec.json.Decoder(AnyRequest)
_replies = msgspec.json.Decoder(AnyReply)
_encoder = msgspec.json.Encoder()


def write(message: Request | Reply) -> bytes:
    """A message as one line, with its line end."""
    return _encoder.encode(message) + b"\n"


class _Head(msgspec.Struct, frozen=True):
    """What a request of any version says first."""

    version: int = 0


_heads = msgspec.json.Decoder(_Head)


def read_request(line: bytes) -> AnyRequest:
    """The request in a line; raises ValueError with a sentence for anything else, other versions included."""
    version = _heads.decode(line).version
    if version != VERSION:
        raise ValueError(f"it is of protocol version {version}, and this daemon speaks version {VERSION}")
    request: AnyRequest = _requests.decode(line)
    return request


def read_reply(line: bytes) -> AnyReply:
    """The reply in a line; raises ValueError."""
    reply: AnyReply = _replies.decode(line)
    return reply
