"""One subject a file: what grows beyond its room has let a second subject in."""

from __future__ import annotations

import ast

import pytest

from tests.house.imports import modules

MODULES = modules()
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
TABLES = {"ikevpn.wire.registry", "ikevpn.model.events.reasons"}  # numbers, and sentences


@pytest.mark.parametrize("name", [name for name in MODULES if name not in TABLES])
def test_a_file_has_one_subject(name: str) -> None:
    lines = MODULES[name].read_text().count("\n")
    assert lines <= LONGEST_FILE, f"{name} has {lines} lines: which second subject moved in?"


@pytest.mark.parametrize("name", MODULES)
def test_a_function_has_one_thought(name: str) -> None:
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno
            assert lines <= LONGEST_FUNCTION, f"{name}.{node.name} has {lines} lines: a table or a name may be hiding"


@pytest.mark.parametrize("name", MODULES)
def test_a_file_says_what_it_is_for(name: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[name].read_text())), f"{name} has no docstring"
