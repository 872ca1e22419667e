"""The utterances of the user whose words have not come yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_MOST_S: Final = 5.0


class Unread:
    """True while words are waited for: until they come, or 5 s after their utterance has ended.

    A step on the way may have kept them to itself. Words come in the order of their utterances, so those
    before the ones that came will not; `given_up` is called when the last are not waited for any more.
    """

    def __init__(self, group: asyncio.TaskGroup, given_up: Callable[[], None]) -> None:
        self._waited: dict[str, bool] = {}
        """The utterances whose words may come, in order, and whether they are waited for."""
        self._ended: list[str] = []
        self._group = group
        self._given_up = given_up
        self._patience: asyncio.Task[None] | None = None

    def __bool__(self) -> bool:
        return any(self._waited.values())

    @property
    def next_id(self) -> str:
        """The utterance that words belong to which name none: the first that has ended, if there is one."""
        return self._ended[0] if self._ended else ""

    def began(self, item_id: str) -> None:
        """Wait for the words of this one."""
        self._waited[item_id] = True

    def ended(self, item_id: str) -> None:
        """Wait for them a little while."""
        if item_id in self._waited:
            self._ended.append(item_id)
            self._stop_waiting()
            self._patience = self._group.create_task(self._wait([*self._ended]))

    def read(self, item_id: str) -> bool:
        """Note that words came, and return whether they are those of an utterance."""
        if item_id not in self._waited:
            return False
        for each in [*self._waited]:
            del self._waited[each]
            if each in self._ended:
                self._ended.remove(each)
            if each == item_id:
                break
        if not self._ended:
            self._stop_waiting()
        return True

    def clear(self) -> None:
        """Wait for nothing more."""
        self._waited.clear()
        self._ended.clear()
        self._stop_waiting()

    async def _wait(self, ended: list[str]) -> None:
        await asyncio.sleep(_MOST_S)
        self._waited |= {each: False for each in ended if each in self._waited}
        self._given_up()

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
