"""Somebody who talks with the local engine in real time, on whatever clock the loop has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from s2s.config import Config
from s2s.errors import S2SError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    Transcript,
)
from s2s.formats import AudioFormat
from s2s.items import JSON
from s2s.links import Link
from s2s.providers.local import LocalEngine
from s2s.session import Session
from s2s.testing.contract import violations
from s2s.wire import Send
from tests.support.stages import (
    RATE,
    VOICE_RATE,
    LevelSTT,
    LoudVAD,
    ScriptedBrain,
    ToneTTS,
    echo,
    silence,
    speech,
)

E = TypeVar("E", bound=Event)
HEARD = AudioFormat(sample_rate=RATE)
SPOKEN = AudioFormat(sample_rate=VOICE_RATE)
_CHUNK_MS = 20


class Caller:
    """Sends 20 ms of audio every 20 ms while speaking or waiting, and hears everything at once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.events: list[Event] = []
        self.times: list[float] = []
        """When each event came, in seconds of the loop."""
        self.sent_at = 0.0
        """When the last chunk was sent."""

    async def listen(self) -> None:
        """Hear the session to its end."""
        loop = asyncio.get_running_loop()
        async for event in self.session:
            self.events.append(event)
            self.times.append(loop.time())

    async def says(self, text: str) -> None:
        """Speak these words."""
        await self.sends(speech(text))

    async def waits(self, ms: float) -> None:
        """Be silent, with an open microphone."""
        await self.sends(silence(ms))

    async def asks(self, text: str) -> str:
        """Speak, wait for the end of the next answer and return what the engine said in all."""
        await self.says(text)
        await self.hears(ResponseDone)
        return self.answer

    async def sends(self, pcm: bytes) -> None:
        """Send this audio in real time."""
        step = RATE * _CHUNK_MS // 1000 * 2
        for at in range(0, len(pcm), step):
            chunk = pcm[at : at + step]
            self.sent_at = asyncio.get_running_loop().time()
            await self.session.send_audio(chunk)
            await asyncio.sleep(len(chunk) / 2 / RATE)

    async def hears(
        self, kind: type[E], where: Callable[[E], bool] = lambda _: True, *, within_s: float = 60.0
    ) -> E:
        """Be silent until a new event of this kind has come, and return it."""
        before = len(self.events)
        for _ in range(int(within_s * 1000 / _CHUNK_MS)):
            for event in self.events[before:]:
                if isinstance(event, kind) and where(event):
                    return event
            await self.waits(_CHUNK_MS)
        raise AssertionError(f"no {kind.type} within {within_s:g} s after {self}")

    async def told(self, kind: type[E], count: int = 1, *, within_s: float = 60.0) -> E:
        """Send nothing until so many events of this kind have come, and return the last of them."""
        for _ in range(int(within_s * 1000)):
            if len(self.all(kind)) >= count:
                return self.all(kind)[count - 1]
            await asyncio.sleep(0.001)
        raise AssertionError(f"no {count} of {kind.type} within {within_s:g} s after {self}")

    def all(self, kind: type[E]) -> list[E]:
        """Return what came of this kind."""
        return [each for each in self.events if isinstance(each, kind)]

    def at(self, event: Event) -> float:
        """Return when this event came."""
        return next(time for each, time in zip(self.events, self.times, strict=True) if each is event)

    @property
    def answer(self) -> str:
        """What the engine said, all answers joined."""
        return "".join(each.text for each in self.all(TextOutput))

    @property
    def answer_ms(self) -> float:
        """How much the engine spoke."""
        return sum(len(each.audio) * 500 / each.sample_rate for each in self.all(AudioOutput))

    @property
    def turns(self) -> list[str]:
        """What the user was taken to say, turn by turn, each as often as it was taken."""
        return [each.text for each in self.all(Transcript) if each.final]

    @property
    def statuses(self) -> list[str]:
        """How the responses ended."""
        return [each.status for each in self.all(ResponseDone)]

    @property
    def errors(self) -> list[S2SError]:
        """What went wrong."""
        return [each.error for each in self.all(Error)]

    @property
    def unfinished(self) -> set[str]:
        """The items whose speech started, and neither stopped nor got a last transcript since."""
        open_: dict[str, set[str]] = {}
        for event in self.events:
            match event:
                case SpeechStarted(item_id=item_id):
                    open_[item_id] = {"stopped", "transcript"}
                case SpeechStopped(item_id=item_id):
                    open_[item_id].remove("stopped")
                case Transcript(item_id=item_id, final=True):
                    open_[item_id].remove("transcript")
                case _:
                    pass
        return {item_id for item_id, missing in open_.items() if missing}

    def __str__(self) -> str:
        return " ".join(each.type for each in self.events) or "nothing"


def an_engine(
    brain: object = None,
    *,
    stt: LevelSTT | None = None,
    tts: ToneTTS | None = None,
    extra: Mapping[str, JSON] | None = None,
) -> LocalEngine:
    """Return an engine of these stages."""
    stages = {
        "vad": LoudVAD(),
        "stt": stt or LevelSTT(),
        "brain": brain or ScriptedBrain(echo),
        "tts": tts or ToneTTS(),
    }
    return LocalEngine(Config(input_format=HEARD, output_format=SPOKEN, extra={**stages, **(extra or {})}))


@asynccontextmanager
async def a_link(brain: object = None) -> AsyncIterator[tuple[Link, list[Event]]]:
    """Open a link without a session around it, and keep what it tells."""
    engine, events = an_engine(brain), list[Event]()
    link = await engine.open(engine.config)

    async def listen() -> None:
        async for event in link:
            assert not isinstance(event, Send)
            events.append(event)

    listening = asyncio.create_task(listen())
    try:
        yield link, events
    finally:
        await link.close()
        await asyncio.wait_for(listening, 5)


@asynccontextmanager
async def on_the_line(
    brain: object = None,
    *,
    stt: LevelSTT | None = None,
    tts: ToneTTS | None = None,
    extra: Mapping[str, JSON] | None = None,
    **fields: object,
) -> AsyncIterator[Caller]:
    """Talk with an engine of these stages; afterwards the session has kept every promise of its events."""
    async with an_engine(brain, stt=stt, tts=tts, extra=extra).start(**fields) as session:
        caller = Caller(session)
        listening = asyncio.create_task(caller.listen())
        try:
            yield caller
        finally:
            await session.close()
            await asyncio.wait_for(listening, 5)
    assert violations(caller.events, session.config.spoken) == []
