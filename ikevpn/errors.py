"""The exception tree. Every error that can reach a user is an `IkevpnError` with a reason code.

IkevpnError                      anything that this package raises on purpose
├── UsageError                   our own misuse of an interface; a bug in the caller
├── ConfigError                  what the user wrote cannot work; names file, key, value and fix
├── HostError                    the host refuses: not root, no TUN, port in use, no such device
└── PeerError                    the peer's misbehaviour; never fatal to the process
    ├── Malformed                bytes that do not parse, with the offset at which they stop making sense
    │   └── Undecipherable       bytes that decryption turns into what does not parse
    ├── Refused                  well-formed, but we cannot agree to it; carries the notify type to send
    └── NotAuthentic             a hash, ICV or signature does not verify
        └── PlayedBack           a message of our own, which somebody has sent back to us
"""

from __future__ import annotations


class IkevpnError(Exception):
    """Base of all errors raised on purpose. `reason` is a stable code, `str(error)` a sentence."""

    reason = "error"

    def __init__(self, sentence: str, *, reason: str | None = None) -> None:
        super().__init__(sentence)
        if reason is not None:
            self.reason = reason


class UsageError(IkevpnError):
    """An interface was used in a way that its docstring forbids."""

    reason = "usage"


class ConfigError(IkevpnError):
    """The configuration cannot work. `where` is `file: table.key`, `fix` says what to write instead."""

    reason = "config"

    def __init__(self, sentence: str, *, where: str = "", fix: str = "", reason: str | None = None) -> None:
        super().__init__(sentence, reason=reason)
        self.where = where
        self.fix = fix


class HostError(IkevpnError):
    """The host does not let us: missing privilege, device, port or tool. `fix` says what to do about it."""

    reason = "host"

    def __init__(self, sentence: str, *, fix: str = "", reason: str | None = None) -> None:
        super().__init__(sentence, reason=reason)
        self.fix = fix


class PeerError(IkevpnError):
    """The peer sent something that we cannot use."""

    reason = "peer"


class Malformed(PeerError):
    """Bytes that do not parse; the only exception a parser of untrusted bytes may raise."""

    reason = "malformed"

    def __init__(self, sentence: str, offset: int) -> None:
        super().__init__(f"{sentence} (at octet {offset})")
        self.offset = offset


class Undecipherable(Malformed):
    """What comes out of decryption is no chain of payloads: it was encrypted with other keys, or altered."""

    reason = "undecipherable"


class Refused(PeerError):
    """A well-formed message that we cannot agree to; `notify` is the notify type to answer with (RFC 2408 §3.14.1)."""

    reason = "refused"

    def __init__(self, sentence: str, *, notify: int, reason: str | None = None) -> None:
        super().__init__(sentence, reason=reason)
        self.notify = notify


class NotAuthentic(PeerError):
    """A hash, integrity check value or signature does not verify."""

    reason = "not-authentic"


class PlayedBack(NotAuthentic):
    """It verifies because we wrote it ourselves."""

    reason = "played-back"
