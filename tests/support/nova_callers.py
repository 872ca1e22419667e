"""Whoever talks over many streams of Nova Sonic, and a verdict on what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from msgspec import Struct

import s2s
from s2s.errors import SessionClosedError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    TextOutput,
)
from s2s.items import JSON, Call, Message, ToolResult
from s2s.providers.nova import NovaEngine
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.temper import NovaTemper
from s2s.testing.contract import violations
from tests.support.nova_streams import CHUNK_MS, HZ, Mind, Parrot, Stream, Street, loud, tokens

E = TypeVar("E", bound=Event)
_KEPT_MS = 9_500
"""What is heard again at the least of what was not understood."""
_PLAIN = NovaTemper()


class Answer(Struct):
    """One response."""

    text: str = ""
    names: list[str] = []
    """What it names, as often as it does."""
    status: str = ""
    done_at: float = 0.0


class Caller:
    """Has a microphone that is open unless it is told otherwise, and hears every event at once."""

    def __init__(self, session: s2s.Session, street: Street, parrot: Parrot) -> None:
        self.session, self.street, self.parrot = session, street, parrot
        self.now = asyncio.get_running_loop().time
        self.events: list[Event] = []
        self.told_at: list[float] = []
        self.answers: dict[str, Answer] = {}
        self.spoken: dict[int, float] = {}
        """Milliseconds of each question that was said aloud."""
        self.written: list[int] = []
        self.muted = asyncio.Event()
        self._words: list[int] = []
        self._changed = asyncio.Event()
        self._tasks = [asyncio.create_task(each) for each in (self._hear(), self._talk())]

    async def speak(self, number: int, ms: int = 600) -> None:
        """Ask a question aloud."""
        self.spoken[number] = self.spoken.get(number, 0.0) + ms
        self._words += [number] * (ms // CHUNK_MS)
        await asyncio.sleep(ms / 1000)

    async def write(self, number: int) -> None:
        """Ask a question in writing."""
        self.written.append(number)
        await self.session.send_text(f"q{number}")

    async def mute(self, until_s: float) -> None:
        """Send nothing up to then."""
        self.muted.set()
        await asyncio.sleep(until_s - self.now())
        self.muted.clear()

    def to(self, name: str) -> list[Answer]:
        """Return the responses that name this, such as a7 or b7."""
        return [each for each in self.answers.values() if name in each.names]

    async def answered(self, *names: str, within_s: float = 60.0) -> bool:
        """Wait until there were whole answers of these names, and tell whether there were."""
        return await self.until(lambda: all(any(e.status for e in self.to(n)) for n in names), within_s)

    async def begun(self, within_s: float = 20.0) -> bool:
        """Wait until every question has been begun to be answered, and tell whether it has."""
        return await self.until(lambda: not self.missing, within_s)

    async def until(self, holds: Callable[[], bool], within_s: float = 60.0) -> bool:
        """Wait until something holds, or the session has ended; tell whether it does."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not holds() and not self.all(SessionEnded):
                    self._changed.clear()
                    await self._changed.wait()
        return holds()

    @property
    def missing(self) -> list[str]:
        """The answers that nobody has begun to give."""
        kinds = self.parrot.kinds
        due = [f"{'b' if kinds.get(each) == 'tool' else 'a'}{each}" for each in (*self.spoken, *self.written)]
        return [each for each in due if not self.to(each)]

    def all(self, kind: type[E]) -> list[E]:
        """Return what came of this kind."""
        return [each for each in self.events if isinstance(each, kind)]

    def at(self, kind: type[E], nth: int = -1) -> float:
        """Return when something of this kind came, the last one unless another is named."""
        pairs = zip(self.events, self.told_at, strict=True)
        return [at for each, at in pairs if isinstance(each, kind)][nth]

    @property
    def history(self) -> list[str]:
        """The questions, answers and results of the session's history, in order."""
        texts = [_text(each) for each in self.session.history]
        return [token for text in texts for token in tokens(text)]

    @property
    def minds(self) -> list[Mind]:
        """What listened, stream by stream."""
        return self.parrot.minds

    @property
    def streams(self) -> list[Stream]:
        """What was dialled."""
        return self.street.streams

    async def hang_up(self) -> None:
        """End the session."""
        await self.session.close()
        self._tasks[1].cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hear(self) -> None:
        async for event in self.session:
            self.events.append(event)
            self.told_at.append(self.now())
            match event:
                case ResponseStarted(response_id=response_id):
                    self.answers[response_id] = Answer()
                case TextOutput(response_id=response_id, text=text):
                    self.answers[response_id].text += text
                    self.answers[response_id].names += tokens(text)
                case ResponseDone(response_id=response_id, status=status):
                    self.answers[response_id].status = status
                    self.answers[response_id].done_at = self.now()
                case AudioOutput():
                    continue
                case _:
                    pass
            self._changed.set()

    async def _talk(self) -> None:
        with suppress(SessionClosedError):
            while True:
                if self._words:
                    await self.session.send_audio(loud(self._words.pop(0), CHUNK_MS))
                elif not self.muted.is_set():
                    await self.session.send_audio(bytes(CHUNK_MS * HZ // 500))
                await asyncio.sleep(CHUNK_MS / 1000)


def _text(item: Message | Call | ToolResult) -> str:
    match item:
        case Message(text=text):
            return text
        case ToolResult(output=output):
            return output
        case Call():
            return ""


@asynccontextmanager
async def calling(
    parrot: Parrot | None = None,
    temper: NovaTemper = _PLAIN,
    *,
    dial_s: float = 0.3,
    tool_s: float = 1.0,
    direct: bool = True,
    extra: Mapping[str, JSON] = {},
    **config: JSON,
) -> AsyncIterator[Caller]:
    """Have somebody call a parrot, who may have something looked up."""

    async def look_up(n: int) -> str:
        """Look something up."""
        await asyncio.sleep(tool_s)
        return f"r{n}"

    parrot = parrot or Parrot()
    street = Street(NovaSimulator(engine=parrot, temper=temper), dial_s)
    fields = {"sample_rate": HZ, "tools": [s2s.tool(look_up)], **config}
    connect = street.connect if direct else street.connect_slowly
    engine = NovaEngine(s2s.Config(extra={"connect": connect, **extra}, **fields))
    try:
        caller = Caller(await engine.start(), street, parrot)
        try:
            yield caller
        finally:
            await caller.hang_up()
    finally:
        await street.simulator.hang_up()


def wrong(caller: Caller) -> list[str]:
    """Return what was lost, doubled or out of order in a conversation whose streams broke or were left."""
    return [
        *violations(caller.events, caller.session.config.spoken),
        *_unanswered(caller),
        *_doubled("history", caller.history),
        *(each for number, mind in enumerate(caller.minds) for each in _told(caller, number, mind)),
        *_reconnections(caller),
        *_costs(caller),
        *_unheard(caller),
    ]


def _unanswered(caller: Caller) -> list[str]:
    """Every question is answered once: by a response that was cut off before its first word, or an Error."""
    twice = [
        f"{name} was said {len(caller.to(name))} times"
        for name in {name for each in caller.answers.values() for name in each.names}
        if len(caller.to(name)) > 1
    ]
    wordless = [each for each in caller.answers.values() if not each.names]
    excused = len(wordless) + len(caller.all(Error))
    return twice + ([f"no word of {caller.missing}"] if len(caller.missing) > excused else [])


def _doubled(what: str, names: list[str]) -> list[str]:
    twice = sorted({each for each in names if names.count(each) > 1})
    return [f"{what} has {twice} twice"] if twice else []


def _told(caller: Caller, number: int, mind: Mind) -> list[str]:
    """A stream is told whatever was said before, once, in turns that the user begins, and in order."""
    told = [token for _, text in mind.told for token in tokens(text)]
    roles = [role for role, _ in mind.told]
    broken = _doubled(f"stream {number}", told)
    if roles != [("user", "assistant")[each % 2] for each in range(len(roles))]:
        broken.append(f"stream {number} is told by {roles}")
    answers = [each for each in told if each[0] in "ab"]
    if answers != [each for each in caller.history if each in answers]:
        broken.append(f"stream {number} is told {answers} and the history is {caller.history}")
    for each in told:
        if each[0] == "a" and f"q{each[1:]}" not in told[: told.index(each)]:
            broken.append(f"stream {number} is told {each} before its question: {told}")
    again = {*told} & {token for text in mind.asked for token in tokens(text)}
    if again:
        broken.append(f"stream {number} is told and asked {again}")
    return broken + [f"stream {number} is not told {each!r}" for each in _kept(caller, number, mind)]


def _kept(caller: Caller, number: int, mind: Mind) -> list[str]:
    """Return the answers that the user has heard to their ends, and of which a later stream is not told."""
    said = " ".join(text for _, text in mind.told)
    before = [each for each in caller.answers.values() if each.done_at < mind.began]
    done = {each.text.strip() for each in before if each.status == "completed"}
    messages = [each for each in caller.session.history if isinstance(each, Message)]
    heard = [each.text.strip() for each in messages if each.heard_text is None]
    return [each for each in heard if number and each in done and each not in said]


def _reconnections(caller: Caller) -> list[str]:
    """Each attempt follows on the one before, and what was reached is told once."""
    broken, before, attempt = [], "", 0
    for each in caller.events:
        if isinstance(each, Reconnected):
            if before != "reconnecting":
                broken.append(f"reconnected after {before or 'nothing'}")
            before = each.type
        elif isinstance(each, Reconnecting):
            if each.attempt not in ((attempt + 1,) if before == "reconnecting" else (1, attempt + 1)):
                broken.append(f"attempt {each.attempt} after attempt {attempt}")
            before, attempt = each.type, each.attempt
    return broken


def _costs(caller: Caller) -> list[str]:
    spent = [each.usage for each in caller.streams]
    total = sum(read for read, _ in spent), sum(said for _, said in spent)
    counted = caller.session.usage.input.total, caller.session.usage.output.total
    return [] if counted == total else [f"the streams cost {total}, and {counted} was counted"]


def _unheard(caller: Caller) -> list[str]:
    """What was said aloud was heard whole by one of the streams, and twice by none."""
    if any(each.reason == "failed" for each in caller.all(SessionEnded)):
        return []
    broken = []
    for number, ms in caller.spoken.items():
        heard = [round(mind.heard.get(number, 0.0)) for mind in caller.minds]
        if not min(ms, _KEPT_MS) <= max(heard) <= ms:
            broken.append(f"q{number} took {ms:g} ms, of which {heard} ms were heard")
    return broken
