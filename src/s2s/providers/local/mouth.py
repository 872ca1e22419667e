"""Gives answers, one after the other, each prepared in silence until it may be heard."""

from __future__ import annotations

import asyncio
import itertools
import math
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing
from enum import Enum
from typing import Literal, Self, TypeAlias

from s2s.events import (
    AudioOutput,
    Error,
    Event,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    TextOutput,
    ToolCall,
)
from s2s.items import Call
from s2s.providers.local.answer import Piece, Spoken, named
from s2s.state.conversation import Conversation

Origin: TypeAlias = Literal["user_turn", "application", "tool_result"]
Form: TypeAlias = Literal["spoken", "written"]
_CHUNK_MS = 100


class Stage(Enum):
    """Where an answer stands."""

    HELD = "nobody hears it yet"
    OPEN = "it is being given"
    ENDED = "it is over"


class Answer:
    """One response: its pieces are made while it is held, as far as one ahead, and told once it is open.

    `pieces` is called when the first of them is wanted, which is at `prepare` or else at `open`.
    """

    def __init__(
        self,
        pieces: Callable[[Form], AsyncGenerator[Piece, None]],
        stages: dict[str, float],
        mouth: Mouth,
        form: Form | None = None,
    ) -> None:
        self.form: Form = form or mouth.form
        self.metadata: dict[str, str] = {}
        self.stage = Stage.HELD
        self.item_id = f"item_{mouth.next_id()}"
        self.response_id = f"response_{mouth.next_id()}"
        self.made_calls = False
        self._pieces = pieces
        self._stages = stages
        self._mouth = mouth
        self._may_speak = asyncio.Event()
        self._position_ms = 0.0
        self._task: asyncio.Task[None] | None = None

    def prepare(self) -> Self:
        """Begin to make it, though nobody hears it yet."""
        if self._task is None:
            self._task = self._mouth.spawn(self._run())
        return self

    def open(self, origin: Origin) -> None:
        """Let it be heard."""
        self.stage = Stage.OPEN
        self._mouth.tell(ResponseStarted(self.response_id, origin, self.metadata))
        self._may_speak.set()
        self.prepare()

    def stop(self) -> None:
        """End it now, whatever it still had to say."""
        self._end("interrupted")
        self._may_speak.set()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            async with aclosing(self._pieces(self.form)) as pieces:
                async for piece in pieces:
                    await self._may_speak.wait()
                    if self.stage is Stage.ENDED:  # whoever makes the pieces took no notice
                        return
                    await self._give(piece)
        except Exception as failed:  # noqa: BLE001  a brain and a voice are foreign code
            await self._may_speak.wait()
            self._tell(Error(named(failed)))
            self._end("failed")
        else:
            await self._may_speak.wait()
            self._tell(TextOutput("", self.response_id, self.item_id, final=True, form=self.form))
            self._end("completed")

    async def _give(self, piece: Piece) -> None:
        await self._mouth.in_time(0)
        match piece:
            case Call():
                self.made_calls = True
                self._mouth.conversation.add(piece)
                self._tell(ToolCall(piece, self.response_id))
            case Spoken():
                for text, chunk in _subtitled(piece, self._mouth.rate * _CHUNK_MS // 1000 * 2):
                    await self._speak(text, chunk)

    async def _speak(self, text: str, chunk: bytes) -> None:
        mouth, ms = self._mouth, len(chunk) * 500 / self._mouth.rate
        await mouth.in_time(ms)
        if text:
            mouth.conversation.said(self.item_id, text, self._position_ms)
            self._tell(TextOutput(text, self.response_id, self.item_id, form=self.form))
        if chunk:
            self._tell(AudioOutput(chunk, mouth.rate, self.response_id, self.item_id, self._position_ms))
            self._position_ms += ms
            mouth.given_ms[self.item_id] = self._position_ms

    def _tell(self, event: Event) -> None:
        if self.stage is Stage.OPEN:
            self._mouth.tell(event)

    def _end(self, status: ResponseStatus) -> None:
        self._tell(ResponseDone(self.response_id, status, stages=self._stages))
        was, self.stage = self.stage, Stage.ENDED
        if was is Stage.OPEN:
            self._mouth.ended(self)


class Mouth:
    """Gives one answer at a time, no more than `lead_ms` ahead of real time; None for no bound."""

    def __init__(
        self,
        conversation: Conversation,
        rate: int,
        form: Form,
        lead_ms: float | None,
        tell: Callable[[Event], None],
        group: asyncio.TaskGroup,
    ) -> None:
        self.conversation = conversation
        self.rate = rate
        self.form: Form = form
        self.tell = tell
        self.given_ms: dict[str, float] = {}
        """How much audio each item of the engine has, as far as it was told."""
        self._lead_ms = lead_ms
        self._group = group
        self._ids = itertools.count(1)
        self._active: Answer | None = None
        self._owed: deque[tuple[Answer, Origin]] = deque()
        self._heard_at = 0.0

    @property
    def active(self) -> Answer | None:
        """The answer that is being given."""
        return self._active

    def give(self, answer: Answer, origin: Origin) -> None:
        """Give an answer, after the one that is being given."""
        self._owed.append((answer, origin))
        self._next()

    def cancel(self, response_id: str | None) -> None:
        """Fall silent, unless another response is meant than the one that is being given."""
        if self._active is None or response_id in (None, self._active.response_id):
            self.stop()

    def stop(self) -> None:
        """Fall silent: end the answer that is being given and forget the ones owed."""
        for owed, _ in self._owed:
            owed.stop()
        self._owed.clear()
        if self._active is not None:
            self._active.stop()
        self._heard_at = 0.0

    def heard_until(self, item_id: str, heard_ms: float) -> None:
        """Remember that the user heard so much of an item."""
        if item_id in self.given_ms:
            self.conversation.heard_until(item_id, heard_ms, self.given_ms[item_id])

    def ended(self, answer: Answer) -> None:
        """Go on with the next one."""
        if self._active is answer:
            self._active = None
            self._next()

    @property
    def now(self) -> float:
        """The clock of the conversation, in seconds."""
        return asyncio.get_running_loop().time()

    async def in_time(self, ms: float) -> None:
        """Return when so much more audio may leave."""
        now = self.now
        self._heard_at = max(self._heard_at, now) + ms / 1000
        lead_s = math.inf if self._lead_ms is None else self._lead_ms / 1000
        await asyncio.sleep(max(0.0, self._heard_at - now - lead_s))

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Run beside the conversation."""
        return self._group.create_task(work)

    def next_id(self) -> int:
        """Return a number that no item or response of the session has."""
        return next(self._ids)

    def _next(self) -> None:
        if self._active is None and self._owed:
            self._active, origin = self._owed.popleft()
            self._active.open(origin)


def _subtitled(piece: Spoken, step: int) -> Iterator[tuple[str, bytes]]:
    """Cut a piece into chunks, each with the words that begin nearest to it if letters are equally long."""
    words = deque(re.findall(r"\s*\S+\s*", piece.text) or [piece.text])
    said = 0
    for start in range(0, max(1, len(piece.audio)), step):
        end, near = start + step, start + step // 2
        text = ""
        while words and (end >= len(piece.audio) or said * len(piece.audio) < near * len(piece.text)):
            said += len(words[0])
            text += words.popleft()
        yield text, piece.audio[start:end]
