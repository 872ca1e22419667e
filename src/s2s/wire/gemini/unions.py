"""Several schemas as the service reads them, made into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from s2s.wire.gemini.plain import Words, names


def any_of(nodes: Iterable[Words]) -> Words:
    """Return what allows any of these; those that differ in their values only become one."""
    distinct: list[Words] = []
    for each in [branch for node in nodes for branch in node.get("anyOf", [node])]:
        alike = [at for at, known in enumerate(distinct) if _but_values(known) == _but_values(each)]
        if alike:
            distinct[alike[0]] = _widened(distinct[alike[0]], each)
        else:
            distinct.append(each)
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}


def _widened(one: Words, other: Words) -> Words:
    values = {"enum": names([*one["enum"], *other["enum"]])} if "enum" in one and "enum" in other else {}
    return {**_but_values(one), **values}


def _but_values(node: Words) -> Words:
    return {key: value for key, value in node.items() if key != "enum"}


def united(objects: Sequence[Words]) -> Words:
    """Return one object for several of which one is meant: parameters cannot be one or the other."""
    if len(objects) < 2:
        return dict(*objects)
    called = names(name for each in objects for name in each.get("properties", ()))
    must = [each.get("required", []) for each in objects]
    sets = names("[" + ", ".join(each) + "]" for each in must)
    texts = names(each.get("description") for each in objects)
    if len(sets) > 1:
        texts.append(f"Give one of these sets: {' or '.join(sets)}.")
    properties = {
        name: any_of(each["properties"][name] for each in objects if name in each.get("properties", ()))
        for name in called
    }
    needed = [name for name in called if all(name in each for each in must)]
    described = {"description": "\n".join(texts)} if texts else {}
    return {"type": "OBJECT", **described, **holding(properties, needed)}


def holding(properties: Mapping[str, Words], required: Iterable[str]) -> Words:
    """Return what is said of an object with these properties in this order."""
    said: Words = {"properties": dict(properties)} if properties else {}
    if needed := [name for name in required if name in properties]:
        said["required"] = needed
    if len(properties) > 1:
        said["propertyOrdering"] = list(properties)
    return said
