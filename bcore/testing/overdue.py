"""What was to be gone by now."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

MARKS = ("deprecated", "moved", "renamed", "Was", "warn")


def overdue(folder: Path, version: str) -> list[str]:
    """Each place in the Python files of a folder that names a version to go in which has come: `assert [] == ...`.

    ```python
    assert [] == overdue(Path(bc_mine.__file__).parent, bc_mine.__version__)
    ```
    """
    return [
        f"{file.relative_to(folder)}:{line}: was to go in {goes}, and this is {version}"
        for file in sorted(folder.rglob("*.py"))
        for line, goes in _marks(ast.parse(file.read_text(encoding="utf-8")))
        if _numbers(goes) <= _numbers(version)
    ]


def _marks(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and the version of each call that has one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [each.value for each in node.keywords if each.arg == "goes"] if called in MARKS else []
            yield from ((node.lineno, str(text.value)) for text in texts if isinstance(text, ast.Constant))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
