"""What users read is in the terms of `docs/glossary.md`, and a sentence about an event is in the table of sentences."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.imports import PACKAGE, REPOSITORY
from tests.house.texts import GLOSSARY, Text, all_texts, literals

_SUBJECTLESS = re.compile(r"(?:^|[.:;] )(?:Who|who|Whoever|whoever|What is not|what is not) (?!.*\?$)")
_WORDS_OF_A_SENTENCE = 8

TELLERS = {"Event", "report", "drop", "Hint", "EventLine", "RefusedCall"}
"""Calls that make or carry an event: they take facts, and `model/events/reasons` has the sentence."""
WRITERS = {"print", "echo", "secho"}
MAY_WRITE = (
    "cli/render.py",  # the one place where commands write
    "worker/internal_errors.py",  # a worker's standard error is the log
    "confinement/imports.py",
)


def riddles() -> dict[str, re.Pattern[str]]:
    """The phrases in the last column of the glossary's tables."""
    rows = [line.strip("|").split("|") for line in GLOSSARY.read_text().splitlines() if line.startswith("| ")]
    phrases = {phrase for row in rows for phrase in re.findall(r"`([^`]+)`", row[-1])}
    return {phrase: re.compile(rf"(?<![\w`-]){re.escape(phrase)}(?![\w-])") for phrase in sorted(phrases)}


RIDDLES = riddles()


def faults(text: str) -> list[str]:
    """The riddles in `text`, and sentences whose subject is "who" or "what is not"."""
    found = [phrase for phrase, pattern in RIDDLES.items() if pattern.search(text)]
    return [*found, *(match.group().strip(" .:;") for match in _SUBJECTLESS.finditer(text))]


def outside_the_table(source: str, path: str) -> list[str]:
    """Sentences that are written to the terminal past `render`, or given to an event as a fact."""
    found = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        told = [each.text for each in literals(ast.unparse(call), path)]
        if name in TELLERS:
            found += [text for text in told if len(text.split()) >= _WORDS_OF_A_SENTENCE]
        elif name in WRITERS and not path.endswith(MAY_WRITE):
            found += told
    return [f"{path}: {text}" for text in dict.fromkeys(found)]


def test_no_riddles_in_what_users_read() -> None:
    found = [f"{each.where}: {', '.join(faults(each.text))}: {each.text}" for each in all_texts() if faults(each.text)]
    assert not found, "docs/glossary.md has the term instead:\n" + "\n".join(found)


def test_every_sentence_about_an_event_is_in_the_table() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        found += outside_the_table(path.read_text(), str(path.relative_to(REPOSITORY)))
    assert not found, "ikevpn/model/events has the sentences, ikevpn/cli/render.py writes:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("address translation on the way: we behind it", "address translation"),
        ("nothing leaves in clear", "in clear"),
        ("we made a mistake", "we made a mistake"),
        ("the tunnel stands", "stands"),
        ("the table was changed by somebody else", "somebody"),
        ("it is refused: who has another secret is another peer", "who"),
        ("What is not listed fails", "What is not"),
    ],
)
def test_a_riddle_is_seen(text: str, fault: str) -> None:
    assert fault in faults(text)


@pytest.mark.parametrize(
    "text", ["nothing leaves in the clear", "peer authenticated as 192.0.2.2", "`stands` is code", "who is it?"]
)
def test_a_term_is_no_riddle(text: str) -> None:
    assert faults(text) == []


@pytest.mark.parametrize(
    "source",
    [
        'click.echo("the tunnel is up")',
        'print(f"{name} is up")',
        'core.report(Code.DEVIATION, sa, detail=f"we asked for {ours}, it agrees to {theirs} only")',
        'Event(Code.INTERNAL_ERROR, facts={"detail": "the daemon has met a fault and goes on"})',
    ],
)
def test_a_sentence_outside_the_table_is_seen(source: str) -> None:
    assert outside_the_table(source, "ikevpn/service/somewhere.py")


def test_facts_are_no_sentences() -> None:
    source = 'core.report(Code.DEVIATION, sa, detail="fragments of another message", tries=3)'
    assert outside_the_table(source, "ikevpn/ike/somewhere.py") == []


def test_a_text_over_several_literals_and_holes_is_read_as_one() -> None:
    found = list(literals('x = f"sent {n} " "in " f"clear"\n', "a.py"))
    assert found == [Text("a.py:1", "sent {} in clear")]
