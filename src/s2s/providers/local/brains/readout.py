"""Reads the results of tools out: JSON and lists of facts as sentences."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from s2s.items import JSON, Call, Item, ToolResult
from s2s.providers.local.brains.phrasing import listing, plain, sentence

_FACT = re.compile(r"\s*([A-Za-z][A-Za-z _-]*):\s*([^:]+)")
_MOST_FACTS = 8
_DEEPEST_FACT = 3


def read_results(history: Sequence[Item]) -> str:
    """Say every result at the end of the history, each with its tool's name where there are several."""
    names = {item.id: plain(item.name) for item in history if isinstance(item, Call)}
    results: list[ToolResult] = []
    for item in reversed(history):
        if not isinstance(item, ToolResult):
            break
        results.insert(0, item)
    told = [(names.get(result.call_id, "unknown"), result) for result in results]
    if len(told) == 1 or any(result.is_error for result in results):
        return " ".join(_result(name, result) for name, result in told)
    return " ".join(f"{name.capitalize()}: {_result(name, result)}" for name, result in told)


def _result(name: str, result: ToolResult) -> str:
    try:
        value = msgspec.json.decode(result.output)
    except (msgspec.DecodeError, RecursionError):
        value = result.output
    if not result.is_error:
        return _value(value)
    reason = value.get("error", value) if isinstance(value, dict) else value
    return sentence(f"The tool {name} failed: {_fact(reason) or 'it gave no reason'}")


def _value(value: JSON) -> str:
    match value:
        case None | "":
            return "Done."
        case bool():
            return "Yes." if value else "No."
        case int() | float():
            return f"The answer is {_fact(value)}."
        case str():
            return sentence(_fact(_facts(value) or value))
        case list() | dict() if not value:
            return "There is nothing."
        case _:
            return sentence(_fact(value))


def _facts(text: str) -> dict[str, str]:
    """Read "temperature: 22, sky: clear"; empty for any other text."""
    found = [_FACT.fullmatch(part) for part in re.split(r"[,;\n]", text.strip().rstrip("."))]
    return {fact[1]: fact[2].strip() for fact in found if fact} if len(found) > 1 and all(found) else {}


def _fact(value: JSON, depth: int = _DEEPEST_FACT) -> str:
    """Return JSON as words: no braces, no underscores, at most a few entries."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:,}" if abs(value) >= 10_000 else str(value)
        case str():
            return value.strip()
        case _ if not depth:
            return "something longer"
        case dict():
            texts = [f"{plain(key)} is {_fact(each, depth - 1)}" for key, each in value.items()]
        case _:
            texts = [_fact(each, depth - 1) for each in value]
    shown = texts[:_MOST_FACTS] + [f"{len(texts) - _MOST_FACTS} more"] * (len(texts) > _MOST_FACTS)
    return "; ".join(shown) if any(" and " in text for text in shown) else listing(shown)
