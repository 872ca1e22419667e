"""The response gate: the service gives one answer at a time, so we ask for one at a time."""

from __future__ import annotations

import itertools
from collections.abc import Container

import msgspec
from msgspec import Struct

from s2s.events import Origin
from s2s.wire.openai.messages import ResponseCancel, ResponseCreate, ResponseWishes, WireResponse

TAG = "s2s_ask"
"""The key in a response's metadata by which we know it again."""


class Ask(Struct):
    """A response that we want."""

    wishes: ResponseWishes
    origin: Origin
    repeats: bool = True
    """Whether to ask again where another answer came first."""
    name: str = ""
    cancelled: bool = False

    @property
    def in_turn(self) -> bool:
        """Whether it is an answer of the conversation, of which there is one at a time."""
        return self.origin != "out_of_band"


class Gate:
    """Asks now, or owes it until the answer that is being given is over; at most one is owed.

    An answer to a tool's result that comes while the user speaks is left to what the user will get.
    """

    def __init__(self, *, tags: bool) -> None:
        self.active = ""
        """The answer of the conversation that is being given, or was asked to stop."""
        self._tags = tags
        self._user_speaks = False
        self._conversation = ""
        self._overtaken: tuple[str, ...] = ()
        self._asked: dict[str, Ask] = {}
        self._owed: Ask | None = None
        self._numbers = itertools.count(1)

    def want(self, ask: Ask) -> list[ResponseCreate]:
        """Ask for a response as soon as it may be."""
        if not ask.in_turn:
            return [self._ask(ask)]
        if self.active or self._waits() or (self._user_speaks and ask.origin == "tool_result"):
            self._owed = ask
            return []
        return [self._ask(ask)]

    def created(self, response: WireResponse) -> Ask | None:
        """A response began: return what we asked for, or None where the service began it by itself."""
        ask = self._found(response)
        if ask is None and response.conversation_id is None and self._conversation:
            return Ask(ResponseWishes(), "out_of_band")
        if ask is None or ask.in_turn:
            self.active = response.id
            self._conversation = response.conversation_id or self._conversation
            self._overtaken = tuple(name for name, each in self._asked.items() if each.in_turn)
            self._user_speaks = False
            if ask is None and self._owed is not None and self._owed.origin == "tool_result":
                self._owed = None
        return ask

    def done(self, response_id: str) -> list[ResponseCreate]:
        """A response is over: ask for what is owed."""
        if response_id == self.active:
            self.active = ""
            # Neither refused nor begun by now: this was the answer, and its metadata did not come back.
            for name in self._overtaken:
                self._asked.pop(name, None)
            self._overtaken = ()
        return self._pay()

    def refused(self, name: str) -> bool:
        """The service was answering already: owe what we asked for, and return whether we had asked."""
        ask = self._asked.pop(name, None) if name else self._popped()
        if ask is not None and ask.repeats and not ask.cancelled:
            self._owed = self._owed or ask
        return ask is not None

    def failed(self, name: str) -> list[ResponseCreate]:
        """The service will not give what we asked for; without a name, what we asked for first."""
        failed = self._asked.pop(name, None) if name else self._popped()
        return self._pay() if failed is not None else []

    def repeated(self, response: WireResponse) -> list[ResponseCreate]:
        """A response began that had been before: whatever it answers, it is over."""
        self._found(response)
        return self._pay()

    def cancel(self, response_id: str | None, open_ids: Container[str]) -> list[ResponseCancel]:
        """Stop a response, or whichever comes first; nothing is owed any more."""
        wanted = response_id or self.active
        if wanted == self.active:
            self._owed = None
        if not wanted:
            for ask in self._asked.values():
                ask.cancelled = ask.in_turn
        return [ResponseCancel(response_id=wanted)] if wanted in open_ids else []

    def user_began(self, *, answered: bool) -> None:
        """The user speaks; where that will be `answered`, nothing else needs to be."""
        self._user_speaks = answered
        if answered:
            self._owed = None

    def user_ended(self, *, answered: bool = False) -> list[ResponseCreate]:
        """The user is silent: ask for what is owed, unless that is `answered` with what comes now."""
        self._user_speaks = False
        return [] if answered else self._pay()

    def _pay(self) -> list[ResponseCreate]:
        ask, self._owed = self._owed, None
        return self.want(ask) if ask is not None else []

    def _waits(self) -> bool:
        return any(each.in_turn and not each.cancelled for each in self._asked.values())

    def _ask(self, ask: Ask) -> ResponseCreate:
        ask.name = f"create_{next(self._numbers)}"
        self._asked[ask.name] = ask
        wishes = ask.wishes
        if self._tags:
            wishes = msgspec.structs.replace(wishes, metadata={**(wishes.metadata or {}), TAG: ask.name})
        return ResponseCreate(event_id=ask.name, response=None if wishes == ResponseWishes() else wishes)

    def _found(self, response: WireResponse) -> Ask | None:
        metadata = response.metadata if isinstance(response.metadata, dict) else {}
        if TAG in metadata:
            return self._asked.pop(metadata[TAG], None)
        return None if self._tags else self._popped()

    def _popped(self) -> Ask | None:
        names = [name for name, each in self._asked.items() if each.in_turn]
        return self._asked.pop(names[0]) if names else None
