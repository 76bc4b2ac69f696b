"""Scripts that ask before they accept what proves a peer: the exchanges of a host whose oracle is slow, or gone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial

from ikevpn.errors import NotAuthentic
from ikevpn.ike.runner.script import Row, Script
from ikevpn.ike.script import SCRIPTS
from ikevpn.ike.state.core import Core
from ikevpn.ike.state.sa import Exchange, IkeSa, Keys, Waiting
from ikevpn.ike.values.question import Answer, Question
from ikevpn.wire.message import Chain
from ikevpn.wire.registry import ExchangeType

PHASE1 = (ExchangeType.MAIN, ExchangeType.AGGRESSIVE)
QUICK = (ExchangeType.QUICK,)


@dataclass(frozen=True, slots=True)
class MayPass(Question):
    """Whether a message may be accepted; True says so."""

    message: str


def asking(kinds: Collection[ExchangeType] = (*PHASE1, *QUICK), seconds: float = 20.0) -> tuple[Script, ...]:
    """The same scripts; whatever authenticates in phase 1, and each quick mode of the peer, takes an answer."""
    return tuple(_asking(each, seconds) if each.kind in kinds else each for each in SCRIPTS)


def _asking(script: Script, seconds: float) -> Script:
    rows = (
        replace(row, verify=partial(_verify, row, seconds)) if row.authenticates and _asked(script, row) else row
        for row in script.rows
    )
    return replace(script, rows=tuple(rows))


def _asked(script: Script, row: Row) -> bool:
    return script.phase1 or row is script.rows[0]


def _verify(
    row: Row, seconds: float, core: Core, sa: IkeSa, exchange: Exchange, chain: Chain, keys: Keys | None
) -> Waiting:
    found = row.verify(core, sa, exchange, chain, keys)

    def then(answer: Answer) -> Keys | Waiting | None:
        if answer.value is not True:
            raise NotAuthentic("the oracle says no")
        return found

    return Waiting(MayPass(row.name), seconds, then)
