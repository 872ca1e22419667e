"""The items of a conversation, in order and not without end."""

from __future__ import annotations

from msgspec import Struct

from s2s.weight import weight_bytes
from s2s.wire.openai.messages import WireItem

MOST_ITEMS = 10_000
MOST_BYTES = 64 * 1024 * 1024


class Entry(Struct):
    """An item, and how much audio it has where it has any."""

    item: WireItem
    audio_ms: float | None = None
    n_bytes: int = 0
    """What it held when it came."""


class Entries:
    """Items by id, each in its place."""

    def __init__(self, most_items: int = MOST_ITEMS, most_bytes: int = MOST_BYTES) -> None:
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []
        self._bytes = 0

    def __contains__(self, item_id: str) -> bool:
        """Tell whether this item is there."""
        return item_id in self._entries

    def __getitem__(self, item_id: str) -> Entry:
        """Return an item that is there."""
        return self._entries[item_id]

    def __delitem__(self, item_id: str) -> None:
        """Forget an item that is there."""
        self._bytes -= self._entries.pop(item_id).n_bytes
        self._order.remove(item_id)

    def get(self, item_id: str) -> Entry | None:
        """Return an item, if it is there."""
        return self._entries.get(item_id)

    def has_room_for(self, item: WireItem) -> bool:
        """Tell whether there is room for an item that a client wants to put in."""
        n_bytes = self._bytes + weight_bytes(item)
        return len(self._entries) < self._most_items and n_bytes <= self._most_bytes

    def add(self, item: WireItem, after: str | None = None, *, audio_ms: float | None = None) -> str | None:
        """Put an item in its place, at the end or after another, and return which one stands before it.

        Of too many the oldest goes, for what an engine says cannot be refused.
        """
        name, last = item.id or "", self._order[-1] if self._order else None
        previous = last if after is None else None if after == "root" else after
        known = self._entries.get(name)
        entry = self._entries[name] = Entry(item, audio_ms, weight_bytes(item))
        self._bytes += entry.n_bytes - (known.n_bytes if known is not None else 0)
        if known is None:
            place = 0 if previous is None else self._after(previous)
            self._order.insert(place, name)
        if len(self._order) > self._most_items:
            del self[self._order[0]]
        return previous

    def before(self, item_id: str) -> str | None:
        """Return the item that stands before this one."""
        place = self._order.index(item_id) if item_id in self._entries else 0
        return self._order[place - 1] if place else None

    def _after(self, item_id: str) -> int:
        at_the_end = self._order[-1] == item_id
        return len(self._order) if at_the_end else self._order.index(item_id) + 1
