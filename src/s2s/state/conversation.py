"""What was said, in order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from s2s.items import Call, Item, Message, Role, ToolResult


class _Spoken(Struct, frozen=True):
    text: str
    at_ms: float


class Conversation:
    """The items of a session: those it began with, then what both sides said, each where it began.

    A user's item keeps its place from the start of the speech, however late its transcript comes.
    """

    def __init__(self, seed: Iterable[Item] = ()) -> None:
        self._items: dict[str, Item] = {}
        self._spoken: dict[str, list[_Spoken]] = {}
        self._unnamed = itertools.count()
        for item in seed:
            self.add(item)

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything so far; a message without a word yet is left out."""
        return tuple(each for each in self._items.values() if not isinstance(each, Message) or each.text)

    def add(self, item: Item) -> None:
        """Append an item, or replace the one of the same id where it stands."""
        match item:
            case Message(item_id=item_id):
                key = item_id or f"message {next(self._unnamed)}"
            case Call(id=call_id):
                key = f"call {call_id}"
            case ToolResult(call_id=call_id):
                key = f"result {call_id}"
        self._items[key] = item

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def text_of(self, item_id: str) -> str:
        """Return the text of a message so far."""
        return self._message(item_id, "user").text

    def heard_user(self, item_id: str, text: str) -> None:
        """Set what the user said in this item; an empty text keeps a place for what will come."""
        self._items[item_id] = replace(self._message(item_id, "user"), text=text)

    def said(self, item_id: str, text: str, at_ms: float) -> None:
        """Append to what the engine says in this item, spoken from this position on."""
        message = self._message(item_id, "assistant")
        self._items[item_id] = replace(message, text=message.text + text)
        pieces = self._spoken.setdefault(item_id, [])
        before = pieces.pop().text if pieces and pieces[-1].at_ms == at_ms else ""
        pieces.append(_Spoken(before + text, at_ms))

    def heard_until(self, item_id: str, heard_ms: float, received_ms: float) -> str:
        """Note that the user heard an item up to here, and return the text up to there.

        The cut is exact to the pieces in which text and audio came, and within a piece by proportion,
        at the start of a word.
        """
        message = self._message(item_id, "assistant")
        heard = _cut(self._spoken.get(item_id, ()), heard_ms, received_ms).rstrip()
        if message.text:
            self._items[item_id] = replace(message, heard_text=heard)
        return heard

    def drop(self, item_id: str) -> None:
        """Forget a message."""
        self._items.pop(item_id, None)
        self._spoken.pop(item_id, None)

    def _message(self, item_id: str, role: Role) -> Message:
        found = self._items.get(item_id)
        return found if isinstance(found, Message) else Message(role, "", item_id)


def _cut(pieces: Iterable[_Spoken], heard_ms: float, received_ms: float) -> str:
    listed = list(pieces)
    ends = [*(each.at_ms for each in listed), received_ms][1:]
    heard = ""
    for piece, end_ms in zip(listed, ends, strict=True):
        if heard_ms >= end_ms:
            heard += piece.text
        elif heard_ms > piece.at_ms:
            share = (heard_ms - piece.at_ms) / (end_ms - piece.at_ms)
            return heard + piece.text[: int(len(piece.text) * share)].rpartition(" ")[0]
    return heard
