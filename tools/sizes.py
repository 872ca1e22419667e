"""The house's size table, checked: fails where a ceiling is broken, names the largest of everything."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parent.parent / "src"


class Finding(NamedTuple):
    """One measured thing."""

    what: str
    size: float
    ceiling: float
    where: str


def main() -> int:
    """Print the largest of each kind and return 1 if any exceeds its ceiling."""
    found = [finding for path in sorted(SOURCE.rglob("*.py")) for finding in measure(path)]
    broken = [each for each in found if each.size > each.ceiling]
    for what in dict.fromkeys(each.what for each in found):
        worst = max((each for each in found if each.what == what), key=lambda each: each.size / each.ceiling)
        print(f"{what:32} {worst.size:6g} of {worst.ceiling:4g}  {worst.where}")
    for each in broken:
        print(f"TOO LARGE: {each.what} {each.size:g} > {each.ceiling:g}: {each.where}")
    return 1 if broken else 0


def measure(path: Path) -> Iterator[Finding]:
    """Measure one module."""
    text = path.read_text()
    name = str(path.relative_to(SOURCE))
    lines = len(text.splitlines())
    yield Finding("module lines", lines, 600 if path.name == "messages.py" else 400, name)
    code = sum(1 for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    if code >= 50:
        yield Finding(
            "own-line comments per 100 lines", round(100 * own_line_comments(text) / code, 1), 10, name
        )
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                yield Finding("function lines", length, 50, f"{name}: {node.name}")
            case ast.ClassDef():
                yield from measure_class(node, name)
            case _:
                pass


def measure_class(node: ast.ClassDef, name: str) -> Iterator[Finding]:
    """Measure one class."""
    where = f"{name}: {node.name}"
    methods = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    set_in_init = [
        target.attr
        for method in methods
        if method.name == "__init__"
        for target in ast.walk(method)
        if isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store)
    ]
    flags = sum(
        1
        for method in methods
        if method.name == "__init__"
        for each in ast.walk(method)
        if isinstance(each, ast.Assign | ast.AnnAssign)
        and isinstance(each.value, ast.Constant)
        and isinstance(each.value.value, bool)
    )
    named = [each for each in methods if not each.name.startswith("__")]
    yield Finding("class attributes", len(set(set_in_init)), 15, where)
    yield Finding("class methods", len(named), 20, where)
    yield Finding("boolean state flags", flags, 1, where)


def own_line_comments(text: str) -> int:
    """Count comments that stand alone on their line."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(1 for each in tokens if each.type == tokenize.COMMENT and each.line.lstrip().startswith("#"))


if __name__ == "__main__":
    sys.exit(main())
