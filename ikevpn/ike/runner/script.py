"""What a script is: an exchange as a table of rows, with what follows from it. `ike.script` has the scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from ikevpn.ike.runner.life import Life
from ikevpn.ike.runner.protect import HashKind
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Exchange, IkeSa, Keys, Lacking, Outline, Role, Waiting
from ikevpn.wire.message import Chain
from ikevpn.wire.payload import Payload
from ikevpn.wire.registry import ExchangeType


class Protection(StrEnum):
    """How a row travels."""

    CLEAR = "clear"
    ENCRYPTED = "encrypted"
    EITHER = "either"  # aggressive message 3: should be encrypted, SonicWall and others send it in clear


Required = type[Payload] | tuple[type[Payload], ...]
"""What a message must have once: a payload, or one of several."""
Build = Callable[[Core, IkeSa, Exchange], list[Payload] | Lacking]
Verify = Callable[[Core, IkeSa, Exchange, Chain, "Keys | None"], "Keys | Waiting | None"]
Take = Callable[[Core, IkeSa, Exchange, Chain], None]


def named(kind: Required) -> str:
    """What a row requires, for people."""
    return " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))


def proves_nothing(core: Core, sa: IkeSa, exchange: Exchange, chain: Chain, keys: Keys | None) -> Keys | None:
    """The `verify` of rows that carry no proof of their own."""
    return keys


@dataclass(frozen=True, slots=True)
class Row:
    """One message of an exchange, read by both sides from their own end.

    `build` gives the payloads, or Lacking where that takes an answer from outside: then it is called again with it.
    `verify` raises NotAuthentic and returns the keys that the message proved, or Waiting where that takes an answer
    from outside: then nothing is changed until it has come. `take` may raise Rejected.
    `authenticates`: who passes `verify` is the peer, so its address may be followed and its refusal believed.
    """

    name: str
    sender: Role
    required: tuple[Required, ...]
    optional: tuple[type[Payload], ...]
    build: Build
    take: Take
    verify: Verify = proves_nothing
    protection: Protection = Protection.CLEAR
    hash: HashKind = HashKind.NONE
    authenticates: bool = False


@dataclass(frozen=True, slots=True)
class Script(Outline):
    """An exchange as a table. `trials` gives the keys to try on a row, where there can be several."""

    rows: tuple[Row, ...]
    life: Life
    trials: Callable[[IkeSa, Exchange], tuple[Keys, ...]] = field(
        default=lambda sa, exchange: (sa.keys,) if sa.keys else ()
    )

    @property
    def phase1(self) -> bool:
        return self.life.phase1


def script_of(exchange: Exchange) -> Script:
    """The table that an exchange runs by, of which its state knows the outline only."""
    assert isinstance(exchange.script, Script)
    return exchange.script


def known(core: Core) -> Iterator[Script]:
    """All exchanges of an engine."""
    return (each for each in core.scripts.values() if isinstance(each, Script))


def of_kind(core: Core, kind: ExchangeType) -> Script | None:
    """The exchange of a type, where the engine knows it."""
    found = core.scripts.get(kind)
    assert found is None or isinstance(found, Script)
    return found
