"""Every text that users may read: string literals of the package, the help of commands, documents."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.house.imports import PACKAGE, REPOSITORY

GLOSSARY = REPOSITORY / "docs" / "glossary.md"


@dataclass(frozen=True, slots=True)
class Text:
    """A text and where it is."""

    where: str
    text: str


def literals(source: str, where: str) -> Iterator[Text]:
    """Literals of several words; holes of f-strings read as `{}`. Of docstrings only the help of commands."""
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            skipped.update(each for each in node.values if isinstance(each, ast.Constant))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            text = node.value
        elif isinstance(node, ast.FunctionDef) and any("command(" in ast.unparse(d) for d in node.decorator_list):
            text = ast.get_docstring(node) or ""
        else:
            continue
        if " " in text.strip():
            yield Text(f"{where}:{node.lineno}", " ".join(text.split()))


def all_texts() -> Iterator[Text]:
    """The package's literals, then the documents line by line, a sentence that goes over a line end included."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield from literals(path.read_text(), str(path.relative_to(REPOSITORY)))
    for path in sorted((REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md"))):
        if path != GLOSSARY:
            yield from document(path.read_text(), path)


def document(content: str, path: Path) -> Iterator[Text]:
    """Paragraphs, each as one line."""
    line = 1
    for paragraph in content.split("\n\n"):
        yield Text(f"{path.relative_to(REPOSITORY)}:{line}", " ".join(paragraph.split()))
        line += paragraph.count("\n") + 2
