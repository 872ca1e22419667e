"""The calls that have no result yet, and what they are called: by the service, and here."""

from __future__ import annotations

import itertools

from msgspec import Struct

from s2s.items import Call, Message
from s2s.wire.nova.wording import called

_MOST_KNOWN = 1000


class OpenCall(Struct, eq=False):
    """A call without a result."""

    call: Call
    tool_use_id: str
    """What the service calls it; nothing where it does not wait for it any more."""
    note: Message
    """What is remembered of it until it returns."""


class Calls:
    """Every call is told once, and answered once."""

    def __init__(self) -> None:
        self._open: dict[str, OpenCall] = {}
        self._theirs: set[str] = set()
        self._known: dict[str, None] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, tool_use_id: str, name: str, raw: str, arguments: dict[str, object]) -> OpenCall | None:
        """Note a call; None for one that this stream has made before."""
        if tool_use_id in self._theirs:
            return None
        if tool_use_id:
            self._theirs.add(tool_use_id)
        call = Call(self._named(tool_use_id), name, arguments, raw)
        made = OpenCall(call, tool_use_id, Message("user", called(call)))
        self._open[call.id] = made
        return made

    def take(self, call_id: str) -> OpenCall | None:
        """Return a call that is answered now; None for one that is not open."""
        return self._open.pop(call_id, None)

    def parted(self) -> None:
        """The stream that made them is over: another one knows of none."""
        self._theirs.clear()
        for each in self._open.values():
            each.tool_use_id = ""

    def _named(self, tool_use_id: str) -> str:
        name = tool_use_id or f"call_{next(self._numbers)}"
        while name in self._known:
            name = f"{tool_use_id or 'call'}_{next(self._numbers)}"
        self._known[name] = None
        if len(self._known) > _MOST_KNOWN:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._theirs.discard(oldest)
        return name
