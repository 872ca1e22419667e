"""What a schema allows, as alternatives: references followed, and nothing to be combined any more.

Source: JSON Schema drafts 7 and 2020-12, as written by msgspec, pydantic, zod and servers of MCP.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias
from urllib.parse import unquote

from s2s.items import JSON
from s2s.wire.gemini.plain import Plain, Words, both, listed, split

Trail: TypeAlias = tuple[str, ...]
"""The way to a schema, level by level: the reference that was followed, or nothing."""

_TURNS = 2
"""How often a schema may hold itself before that is told in words."""
_DEEPEST = 48
MOST_SCHEMAS = 4000
_MOST_ALTERNATIVES = 256


class Alternatives:
    """Reads one document, which may be as large, deep or circular as it likes."""

    def __init__(self, document: JSON, most_schemas: int = MOST_SCHEMAS) -> None:
        self._document = document
        self._left = most_schemas

    def of(self, schema: JSON, trail: Trail) -> list[Plain]:
        """Return schemas, one of which a value must fit; none where no value may."""
        if schema is False:
            return []
        if not isinstance(schema, Mapping):
            return [Plain({})]
        self._left -= 1
        if self._left < 0 or len(trail) > _DEEPEST:
            return split({"type": schema.get("type", "object"), "description": "Not described further."})
        found = split(schema)
        for spelled, group in self._groups(schema, (*trail, "")):
            few = len(found) * len(group) <= _MOST_ALTERNATIVES
            found = both(found, group if few else [Plain(spelled)]) if group else found
        return [*found, Plain({"type": "null"})] if schema.get("nullable") is True else found

    def inlined(self, value: JSON, trail: Trail) -> JSON:
        """Return part of the document as it is, and in the place of references what they refer to."""
        self._left -= 1
        if self._left < 0 or len(trail) > _DEEPEST:
            return "..."
        match value:
            case {"$ref": str(ref), **siblings} if isinstance(target := self._target(ref), Mapping):
                if trail.count(ref) >= _TURNS:
                    return _another(ref, target)
                return self.inlined({**target, **siblings}, (*trail, ref))
            case Mapping():
                return {key: self.inlined(each, (*trail, "")) for key, each in value.items()}
            case list() | tuple():
                return [self.inlined(each, (*trail, "")) for each in value]
            case _:
                return value

    def _groups(self, schema: Mapping[str, JSON], trail: Trail) -> Iterator[tuple[Words, list[Plain]]]:
        """Yield what else a value must fit, as it is spelled and as alternatives."""
        if isinstance(ref := schema.get("$ref"), str):
            yield {"$ref": ref}, self._referred(ref, trail)
        for each in listed(schema.get("allOf")):
            yield {"allOf": [each]}, self.of(each, trail)
        for key in ("anyOf", "oneOf"):
            branches = listed(schema.get(key))
            yield {key: branches}, [plain for each in branches for plain in self.of(each, trail)]

    def _referred(self, ref: str, trail: Trail) -> list[Plain]:
        target = self._target(ref)
        if target is None:
            return [Plain({"$ref": ref})]
        if trail.count(ref) >= _TURNS:
            return split(_another(ref, target))
        return [Plain(each.words, (ref, *each.opened)) for each in self.of(target, (*trail, ref))]

    def _target(self, ref: str) -> JSON:
        """Return what stands at this place of the document, None where nothing does."""
        found = self._document if ref == "#" or ref.startswith("#/") else None
        for step in ref.split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            match found:
                case Mapping():
                    found = found.get(name)
                case list() | tuple():
                    found = {str(at): each for at, each in enumerate(found)}.get(name)
                case _:
                    return None
        return found


def _another(ref: str, target: JSON) -> Words:
    """Return what stands for a schema within itself."""
    name = ref.rsplit("/", 1)[-1].strip("#") or "such object"
    kind = target.get("type", "object") if isinstance(target, Mapping) else "object"
    return {"type": kind, "description": f"Another {name}, of the same shape as the one around it."}
