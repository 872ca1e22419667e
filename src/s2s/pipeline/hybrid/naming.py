"""Names of responses, items and calls: unique outside, whatever the sides call them."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from s2s.commands import AddItem, Cancel, Command, CreateResponse, RemoveItem, SendToolResult, Truncate
from s2s.events import (
    AudioOutput,
    Event,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
)
from s2s.items import Call, Item, Message, ToolResult

E = TypeVar("E", bound=Event)
_OTHERS = "hy_"
"""What a side is told that it has not named itself begins with this."""


class Naming:
    """The names of one link: its own get a prefix outside, and those of others get one inside.

    The first link of a session has no prefix, and nothing is renamed.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._same: dict[str, str] = {}

    def outer(self, name: str) -> str:
        """Return what outside is called what the link calls so."""
        if not self._prefix or not name:
            return name
        if name in self._same:
            return self._same[name]
        return name[len(_OTHERS) :] if name.startswith(_OTHERS) else self._prefix + name

    def inner(self, name: str) -> str:
        """Return what the link calls what is called so outside."""
        if not self._prefix or not name:
            return name
        for own, known in self._same.items():
            if known == name:
                return own
        return name.removeprefix(self._prefix) if name.startswith(self._prefix) else _OTHERS + name

    def owns(self, name: str) -> bool:
        """Tell whether this is outside the name of something that the link has made."""
        return name.startswith(self._prefix) or name in self._same.values()

    def knows(self, name: str) -> bool:
        """Tell whether what the link calls so goes on under an earlier name."""
        return name in self._same

    def goes_on(self, name: str, known: str) -> None:
        """Go on under an earlier name outside, for it is the same thing."""
        self._same[name] = known

    def told(self, event: E) -> E:
        """Return an event as it is told outside."""
        outer = self.outer
        if not self._prefix:
            return event
        match event:
            case AudioOutput() | TextOutput() | Interrupted():
                return replace(event, response_id=outer(event.response_id), item_id=outer(event.item_id))
            case SpeechStarted() | SpeechStopped() | Transcript():
                return replace(event, item_id=outer(event.item_id))
            case ResponseStarted() | ResponseGenerated() | ResponseDone():
                return replace(event, response_id=outer(event.response_id))
            case ToolCall(call=call, response_id=response_id):
                return replace(event, call=replace(call, id=outer(call.id)), response_id=outer(response_id))
            case ToolCallCancelled(call_ids=call_ids):
                return replace(event, call_ids=tuple(map(outer, call_ids)))
            case _:
                return event

    def asked(self, command: Command) -> Command:
        """Return a command as the link is asked."""
        inner = self.inner
        if not self._prefix:
            return command
        match command:
            case AddItem(item=item):
                return AddItem(self.given(item))
            case RemoveItem(item_id=item_id):
                return RemoveItem(inner(item_id))
            case Truncate(item_id=item_id):
                return replace(command, item_id=inner(item_id))
            case Cancel(response_id=str(response_id)):
                return replace(command, response_id=inner(response_id))
            case SendToolResult(call_id=call_id):
                return replace(command, call_id=inner(call_id))
            case CreateResponse(context=tuple(context)):
                return replace(command, context=tuple(map(self.given, context)))
            case _:
                return command

    def given(self, item: Item) -> Item:
        """Return an entry of the conversation as the link is given it."""
        match item:
            case Message(item_id=item_id):
                return replace(item, item_id=self.inner(item_id))
            case Call(id=call_id):
                return replace(item, id=self.inner(call_id))
            case ToolResult(call_id=call_id):
                return replace(item, call_id=self.inner(call_id))
