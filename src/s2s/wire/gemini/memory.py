"""What was said, for a connection that knows less of it than we do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from s2s.items import Item, Message

_MOST_ITEMS = 1000


class Memory:
    """The entries of a conversation, and up to where the service can take it up again by its handle."""

    def __init__(self, seed: Iterable[Item]) -> None:
        self._items: list[Item] = list(seed)
        self._kept = 0
        self.handle: str | None = None

    def add(self, item: Item) -> None:
        """Note an entry; of too many the oldest go."""
        if isinstance(item, Message) and not item.text.strip():
            return
        self._items.append(item)
        if len(self._items) > _MOST_ITEMS:
            half = len(self._items) // 2
            del self._items[:half]
            self._kept = max(0, self._kept - half)

    def keeps(self, handle: str) -> None:
        """Take a handle: the service has kept all that was said up to now."""
        self.handle, self._kept = handle, len(self._items)

    def forgets(self) -> None:
        """Let go of the handle: the service does not take it."""
        self.handle, self._kept = None, 0

    @property
    def question(self) -> Message | None:
        """What the user said last, where nothing came after it."""
        match self.unkept[-1:]:
            case [Message(role="user") as message]:
                return message
            case _:
                return None

    @property
    def unkept(self) -> Sequence[Item]:
        """What the service does not know on another connection."""
        return self._items[self._kept :]
