"""A link whose events come in the manner of a provider: cut into its pieces, late, counted."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from s2s.audio.levels import is_silent
from s2s.commands import AppendAudio, Command
from s2s.events import (
    AudioOutput,
    Event,
    RateLimit,
    RateLimits,
    ResponseDone,
    SessionStarted,
    TextOutput,
    Tokens,
    Transcript,
    Usage,
)
from s2s.links import Link, Told
from s2s.patience import Patience
from s2s.simulators.temper import Temper
from s2s.wire import Send

_ALLOWED = 15_000_000


class Tariff(Struct, frozen=True):
    """What a second of audio costs in tokens."""

    heard_per_s: int = 10
    spoken_per_s: int = 20
    silence: bool = True
    """Silence costs what speech costs."""
    rereads: Literal["nothing", "heard", "everything"] = "heard"
    """What every response costs once more of the conversation before it."""
    cut: bool = False
    """A response costs too where it is cut off."""


_PUBLISHED = Tariff()
"""As far as published examples of OpenAI tell."""


class Mannered:
    """Passes commands on and events through a temper."""

    def __init__(self, inner: Link, temper: Temper, tariff: Tariff = _PUBLISHED) -> None:
        self.input_rate = inner.input_rate
        self._inner = inner
        self._temper = temper
        self._tariff = tariff
        self._late: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self._pieces: dict[str, int] = {}
        self._heard_bytes = 0
        self._said = Usage()
        self._before = Tokens()
        """What was said in responses before."""
        self._left = _ALLOWED

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Pass a command on."""
        if isinstance(command, AppendAudio) and (self._tariff.silence or not _is_silent(command.audio)):
            self._heard_bytes += len(command.audio)
        return [each for event in await self._inner.send(command) for each in self._changed(event)]

    async def __aiter__(self) -> AsyncIterator[Told]:
        """Yield events, those that come late among the others."""
        events = Patience(aiter(self._inner))
        try:
            while True:
                told = await events.next(self._wait_s())
                for event in self._due():
                    yield event
                if told is not None:
                    for each in (told,) if isinstance(told, Send) else self._changed(told):
                        yield each
        except StopAsyncIteration:
            for event in self._due(everything=True):
                yield event
        finally:
            await events.close()

    async def close(self) -> None:
        """Let go of the engine."""
        await self._inner.close()

    def _changed(self, event: Event) -> Iterator[Event]:
        lag_s = self._lag_s(event)
        for each in self._shaped(event):
            if lag_s:
                heapq.heappush(self._late, (_now() + lag_s, next(self._order), each))
            else:
                yield each

    def _lag_s(self, event: Event) -> float:
        match event:
            case Transcript():
                return self._temper.transcript_lag_s
            case ResponseDone():
                return self._temper.done_lag_s
            case _:
                return 0.0

    def _shaped(self, event: Event) -> Iterator[Event]:
        match event:
            case SessionStarted():
                yield replace(event, expires_in_s=self._temper.session_s)
            case AudioOutput():
                yield from self._cut(event)
            case TextOutput(text=text):
                self._said += Usage(output=Tokens(len(text.split()), len(text.split())))
                yield event
            case ResponseDone():
                yield from self._counted(event)
            case _:
                yield event

    def _cut(self, event: AudioOutput) -> Iterator[Event]:
        bytes_per_ms = event.sample_rate * 2 / 1000
        start = 0
        while start < len(event.audio):
            number = self._pieces[event.item_id] = self._pieces.get(event.item_id, 0) + 1
            most_ms = self._temper.first_delta_ms if number == 1 else self._temper.delta_ms
            size = int(most_ms * bytes_per_ms) & ~1
            end = start + max(2, size) - (number == self._temper.odd_delta)
            yield replace(event, audio=event.audio[start:end])
            start = end
        tokens = int(len(event.audio) / bytes_per_ms / 1000 * self._tariff.spoken_per_s)
        self._said += Usage(output=Tokens(tokens, audio=tokens))

    def _counted(self, event: ResponseDone) -> Iterator[Event]:
        if not self._temper.counts or event.usage is not None:
            yield event
            return
        heard = int(self._heard_bytes / 2 / self.input_rate * self._tariff.heard_per_s)
        spent = self._said + Usage(Tokens(heard, audio=heard) + self._before)
        match self._tariff.rereads:
            case "everything":
                self._before += self._said.output
            case "nothing":
                self._heard_bytes = 0
            case "heard":
                pass
        self._said = Usage()
        free = event.status == "interrupted" and not self._tariff.cut
        yield replace(event, usage=None if free else spent)
        self._left = max(0, self._left - spent.input.total - spent.output.total)
        yield RateLimits((RateLimit("tokens", _ALLOWED, self._left, 0.0),))

    def _wait_s(self) -> float | None:
        return max(0.0, self._late[0][0] - _now()) if self._late else None

    def _due(self, *, everything: bool = False) -> Iterator[Event]:
        while self._late and (everything or self._late[0][0] <= _now()):
            yield heapq.heappop(self._late)[2]


def _is_silent(audio: bytes) -> bool:
    return is_silent(audio[: len(audio) & ~1])


def _now() -> float:
    return asyncio.get_running_loop().time()
