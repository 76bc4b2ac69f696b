"""Nobody outside a script asks of what kind an exchange is: what follows from one is in its own life."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ikevpn.ike.runner.life import cannot_be_given_up, cannot_be_rejected
from ikevpn.ike.script import SCRIPTS, Script
from ikevpn.ike.state.sa import State
from tests.house.imports import imports, modules

ROOMS = {name: path for name, path in modules().items() if name.startswith("ikevpn.ike")}
OUTSIDE = [f"ikevpn.ike.{name}" for name in ("arrivals", "association", "engine", "news", "plane", "status")]
OUTSIDE += [name for name in ROOMS if name.startswith("ikevpn.ike.upkeep.")]


@pytest.mark.parametrize("name", ROOMS)
def test_only_the_engine_is_given_the_table(name: str) -> None:
    used = {each for each in imports(ROOMS[name]) if each.startswith("ikevpn.ike.script.")}
    assert used <= ({"ikevpn.ike.script.SCRIPTS"} if name == "ikevpn.ike.engine" else set())


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_kind_is_compared(name: str) -> None:
    found = [node.lineno for node in ast.walk(ast.parse(ROOMS[name].read_text())) if _asks_for_a_kind(node)]
    assert not found, f"{name} asks of what kind an exchange is, in lines {found}"


def _asks_for_a_kind(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):
        return any("ExchangeType." in ast.unparse(each) or "script.kind" in ast.unparse(each) for each in _sides(node))
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
        return "state" in ast.unparse(node.args[0])
    return False


def _sides(node: ast.Compare) -> list[ast.expr]:
    return [node.left, *node.comparators]


def test_a_question_about_the_kind_is_seen() -> None:
    for text in ("each.script.kind == wanted", "kind is ExchangeType.QUICK", "isinstance(exchange.state, Quick)"):
        assert any(map(_asks_for_a_kind, ast.walk(ast.parse(text)))), text


@pytest.mark.parametrize("name", ROOMS)
def test_what_an_exchange_remembers_has_a_type(name: str) -> None:
    assert "SimpleNamespace" not in ROOMS[name].read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_life_is_whole(script: Script) -> None:
    """Whoever waits for an answer says what follows when it is refused or does not come."""
    life = script.life
    assert isinstance(life.state(), State) and life.state() is not life.state()
    waits = len(script.rows) > 1
    assert waits == (life.rejected is not cannot_be_rejected) == (life.given_up is not cannot_be_given_up)
    assert life.doubted is None or life.phase1


def test_the_table_is_where_the_test_looks() -> None:
    assert Path(ROOMS["ikevpn.ike.script"]).is_file() and all(name in ROOMS for name in OUTSIDE)
