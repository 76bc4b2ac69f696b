"""Sentences with holes: `no answer from {remote}[ after {tries} tries]`. A part in square brackets goes when a fact of
it is missing.

Never fails for want of a fact: outside brackets a missing one reads as a general word ("the peer"). Facts from a peer
are made safe to print.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ikevpn.model.events.event import Fact


@dataclass(frozen=True, slots=True)
class Entry:
    """`what` is the sentence with facts, `meaning` explains it without any, `advice` says what to try."""

    what: str
    meaning: str = ""
    advice: tuple[str, ...] = ()


_PART = re.compile(r"\[([^\[\]]*)\]")
_HOLE = re.compile(r"\{(\w+)\}")
_LONGEST_LIST = 8

_GENERAL_WORDS: Mapping[str, str] = {
    "remote": "the peer",
    "peer_id": "the peer",
    "local": "this host",
    "child": "the networks",
    "notify": "an error",
    "message": "our message",
    "tunnel": "the tunnel",
    "selector": "the networks",
    "local_address": "our address",
    "remote_address": "the peer's address",
}


def fill(template: str, facts: Mapping[str, Fact]) -> str:
    """The sentence of `template` with `facts`; total: any template and any facts give a text."""
    return _holes(_PART.sub(lambda part: _optional(part.group(1), facts), template), facts)


def needs(template: str) -> frozenset[str]:
    """The facts that stand in `template` outside of square brackets."""
    return frozenset(_HOLE.findall(_PART.sub("", template)))


def is_general(template: str) -> bool:
    """Whether `template` reads well without any fact."""
    return needs(template) <= _GENERAL_WORDS.keys()


def show(fact: Fact) -> str:
    """One fact as people read it: lists with commas and cut when long, numbers short, nothing that moves a terminal's
    cursor.
    """
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    if isinstance(fact, float):
        return f"{fact:.3g}" if abs(fact) < 100 else f"{fact:.0f}"
    if isinstance(fact, tuple):
        return _list([show(each) for each in fact])
    return "".join(c if c.isprintable() else "?" for c in str(fact))


def _list(items: list[str]) -> str:
    if len(items) > _LONGEST_LIST:
        items = [*items[:_LONGEST_LIST], f"and {len(items) - _LONGEST_LIST} more"]
    return ", ".join(items) or "nothing"


def _optional(part: str, facts: Mapping[str, Fact]) -> str:
    known = all(_present(name, facts) for name in _HOLE.findall(part))
    return part if known else ""


def _present(name: str, facts: Mapping[str, Fact]) -> bool:
    return name in facts and facts[name] not in ("", ())


def _holes(text: str, facts: Mapping[str, Fact]) -> str:
    def word(hole: re.Match[str]) -> str:
        name = hole.group(1)
        return show(facts[name]) if _present(name, facts) else _GENERAL_WORDS.get(name, "unknown")

    return _HOLE.sub(word, text)


def closest(offered: tuple[str, ...], accepted: tuple[str, ...]) -> str:
    """Which offer comes nearest to what is accepted, and in what it differs; empty where nothing can be compared.

    Both are names in the proposal grammar, `pre-g2-aes128-sha`; names of the same number of parts are compared part by
    part.
    """
    best: tuple[int, str] | None = None
    for ours in offered:
        for theirs in accepted:
            pairs = list(zip(ours.split("-"), theirs.split("-"), strict=False))
            if len(ours.split("-")) != len(theirs.split("-")):
                continue
            differing = [f"{a} vs {b}" for a, b in pairs if a != b]
            if differing and (best is None or len(differing) < best[0]):
                best = (len(differing), f"{ours} differs from {theirs} only in {' and '.join(differing)}")
    return best[1] if best else ""
