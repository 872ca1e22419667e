"""The agent's side of a pipeline, as responses."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Generator, Iterator
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from s2s.events import (
    AudioOutput,
    Event,
    Origin,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    TextOutput,
    ToolCall,
)
from s2s.pipeline.frames import AudioFrame, TextFrame, ToolCallFrame
from s2s.pipeline.said import Said

_MOST_KNOWN: Final = 64


class _Response(Struct):
    """One that has begun and is not over."""

    id: str
    announced: bool
    """A processor said that it begins, and will say that it is over."""
    aside: bool = False
    cut: bool = False
    items: dict[str, str] = {}
    """What its items are called, by what frames call them; those that name none are one."""
    sample_rate: int = 0
    """Of the sound that names no item."""
    finished_id: str = ""
    """The item whose text was finished last."""
    open_texts: dict[str, Literal["spoken", "written"]] = {}
    tools: Literal["none", "run here", "told"] = "none"


class Responses:
    """Puts content between one start and one end, and gives ids to what has none.

    Processors that know of responses announce them, and content belongs to the one that it names, or to the
    newest. Where none is announced, the first content opens one. That ends when the agent has said all, when
    it is interrupted, or when the user goes on. What comes of a response after its end is dropped.

    Of tools that a processor runs itself nothing is told, but their response ends only after the one that
    tells of the results has begun, for both are one turn.
    """

    def __init__(self) -> None:
        self.origin: Origin = "user_turn"
        """Of the next response, where it is not known better."""
        self.said = Said()
        self.last = ("", "")
        """The response and the item of which something was told last."""
        self._open: dict[str, _Response] = {}
        self._over: deque[str] = deque(maxlen=_MOST_KNOWN)
        self._items: deque[str] = deque(maxlen=_MOST_KNOWN)
        self._held: ResponseDone | None = None

    def audio(self, frame: AudioFrame) -> Iterator[Event]:
        """Yield what makes this mono audio heard."""
        response = yield from self._of(frame.response_id)
        if response is not None and frame.audio:
            if not frame.item_id:
                if response.sample_rate not in (0, frame.sample_rate):
                    response.items.pop("")  # an item sounds at one rate
                response.sample_rate = frame.sample_rate
            item_id = self._item(response, frame.item_id)
            at_ms = self.said.audio(item_id, frame.duration_ms)
            yield AudioOutput(frame.audio, frame.sample_rate, response.id, item_id, at_ms)

    def text(self, frame: TextFrame) -> Iterator[Event]:
        """Yield what makes this text read."""
        response = yield from self._of(frame.response_id)
        if response is None:
            return
        if frame.text and not frame.item_id and response.finished_id == response.items.get(""):
            del response.items[""]  # its text is whole
        item_id = self._item(response, frame.item_id)
        if frame.text:
            self.said.text(item_id, frame.text)
        response.open_texts[item_id] = frame.form
        if frame.final:
            del response.open_texts[item_id]
            response.finished_id = item_id
        yield TextOutput(frame.text, response.id, item_id, frame.final, frame.form)

    def call(self, frame: ToolCallFrame) -> Iterator[Event]:
        """Yield what has a tool called, unless that runs here."""
        response = yield from self._of(frame.response_id)
        if response is None:
            return
        if not frame.runs_here:
            response.tools = "told"
            yield ToolCall(frame.call, response.id)
        elif response.tools == "none":
            response.tools = "run here"

    def started(self, event: ResponseStarted) -> Iterator[Event]:
        """Yield that an announced response begins."""
        if event.response_id in self._open or event.response_id in self._over:
            return
        yield from self._end_implied("completed")
        origin = self._take_origin() if event.origin == "user_turn" else event.origin
        yield from self._begin(replace(event, origin=origin), announced=True)

    def done(self, event: ResponseDone) -> Iterator[Event]:
        """Yield that an announced response is over."""
        response = self._open.get(event.response_id)
        if response is None:
            return
        waits = response.tools == "run here" and event.status == "completed" and not response.cut
        *texts, over = self._end(response, event)
        yield from texts
        if waits:
            yield from self._released()
            self._held = event
        else:
            yield over

    def close(self) -> Iterator[Event]:
        """The agent has said all, or the user goes on: yield the end of what nobody else ends."""
        yield from self._released()
        yield from self._end_implied("completed")

    def interrupt(self, response_id: str = "") -> Iterator[Event]:
        """The agent is silent now: yield the end of what nobody else ends."""
        self.silence(response_id)
        yield from self._released()
        yield from self._end_implied("interrupted", response_id)

    def silence(self, response_id: str = "") -> None:
        """Drop what still comes of this response, or of all that are not beside the conversation."""
        for each in self._open.values():
            meant = response_id == each.id if response_id else not each.aside
            each.cut = each.cut or meant
        if self._held is not None and response_id in ("", self._held.response_id):
            self._held = replace(self._held, status="interrupted")

    def end(self) -> Iterator[Event]:
        """Nothing more comes: yield the end of all."""
        yield from self._released()
        for each in [*self._open.values()]:
            status: ResponseStatus = "incomplete" if each.announced else "completed"
            yield from self._end(each, ResponseDone(each.id, status))

    def silences(self, frame: AudioFrame) -> bool:
        """Tell whether nobody shall hear this."""
        response_id = frame.response_id or next(reversed(self._open), "")
        return response_id in self._over or (response_id in self._open and self._open[response_id].cut)

    def implies(self, response_id: str) -> bool:
        """Tell whether this response is none that the processors know of."""
        return response_id in self._open and not self._open[response_id].announced

    def _of(self, response_id: str) -> Generator[Event, None, _Response | None]:
        """Return the response that content belongs to, unless nobody shall have it; yield its beginning."""
        if response_id in self._over:
            return None
        if response_id not in self._open and (response_id or not self._open):
            yield from self._end_implied("completed")
            started = ResponseStarted(response_id or f"resp_{uuid.uuid4().hex[:16]}", self._take_origin())
            response_id = started.response_id
            yield from self._begin(started, announced=False)
        response = self._open[response_id or next(reversed(self._open))]
        return None if response.cut else response

    def _item(self, response: _Response, item_id: str) -> str:
        """Return the id of an item, which is its own if no other response has one of that name."""
        if item_id not in response.items:
            named = item_id != "" and item_id not in self._items
            response.items[item_id] = item_id if named else f"item_{uuid.uuid4().hex[:16]}"
            self._items.append(response.items[item_id])
        self.last = (response.id, response.items[item_id])
        return response.items[item_id]

    def _begin(self, event: ResponseStarted, *, announced: bool) -> Iterator[Event]:
        aside = event.origin == "out_of_band"
        self._open[event.response_id] = _Response(event.response_id, announced, aside)
        self.last = (event.response_id, "")
        yield event
        yield from self._released()

    def _end(self, response: _Response, event: ResponseDone) -> Iterator[Event]:
        del self._open[response.id]
        self._over.append(response.id)
        if response.cut and event.status == "completed":
            event = replace(event, status="interrupted")
        if event.status in ("completed", "incomplete"):
            for item_id, form in response.open_texts.items():
                yield TextOutput("", response.id, item_id, final=True, form=form)
        yield event

    def _end_implied(self, status: ResponseStatus, response_id: str = "") -> Iterator[Event]:
        for each in [*self._open.values()]:
            if not each.announced and response_id in ("", each.id):
                yield from self._end(each, ResponseDone(each.id, status))

    def _released(self) -> Iterator[Event]:
        held, self._held = self._held, None
        if held is not None:
            yield held

    def _take_origin(self) -> Origin:
        origin, self.origin = self.origin, "user_turn"
        return origin
