"""An engine that says what it is told to, for tests and demonstrations: deterministic, and needs nothing."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from array import array
from collections import deque
from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from typing import ClassVar, Literal

import msgspec

from s2s.capabilities import Capabilities
from s2s.commands import (
    PLAIN_RESPONSE,
    AddItem,
    AppendAudio,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    SendToolResult,
    UpdateSession,
)
from s2s.config import Config, Modality, TurnDetection
from s2s.engine import Engine
from s2s.errors import ConfigError, ConnectionLostError, LocalProtocolError, S2SError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Origin,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    Transcript,
    Usage,
)
from s2s.items import Call, Message
from s2s.links import Link
from s2s.wire import Send

RATE = 24_000
WORD_MS = 200
_LOUD = 1000
_SILENCE_MS = 300
_NAME = "script"


class _Settings(msgspec.Struct):
    turn_detection: TurnDetection
    transcription: bool
    output_modalities: tuple[Modality, ...]

    def update(self, changes: UpdateSession) -> None:
        for name in self.__struct_fields__:
            if (value := getattr(changes, name)) is not msgspec.UNSET:
                setattr(self, name, value)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One response of the script."""

    says: str | tuple[str, ...] = ""
    """What it says; several texts are several items of one response."""
    hears: str = ""
    """What the engine takes the user's speech for, where speech led to this reply."""
    calls: tuple[Call, ...] = ()
    usage: Usage | None = None
    status: ResponseStatus = "completed"
    error: S2SError | None = None
    """Told before the response ends; makes its status failed."""


class ScriptEngine(Engine):
    """Answers each turn with the next Reply of `extra["script"]`, and after the last one repeats the user.

    Its speech is one tone per word. `extra["pace"]` is how many times faster than real time it speaks,
    0 (the default) for all at once. `extra["echo"]` sends the user's own audio back instead.
    """

    name: ClassVar[str] = _NAME

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        _script(self.config)

    @property
    def capabilities(self) -> Capabilities:
        """Everything that needs no intelligence."""
        return Capabilities(interrupt="server_confirmed", truncate=True, updates=True, out_of_band=True)

    async def open(self, config: Config) -> Link:
        """Return a link at once."""
        return ScriptLink(config, self.capabilities)


def _script(config: Config) -> tuple[Reply, ...]:
    script = config.extra.get("script", ())
    if not isinstance(script, list | tuple) or not all(isinstance(each, Reply) for each in script):
        raise ConfigError('extra["script"] must be a list of s2s.providers.script.Reply')
    return tuple(script)


class ScriptLink:
    """Plays the script: commands schedule events, and the reader sleeps until the next one is due."""

    input_rate = RATE

    def __init__(self, config: Config, capabilities: Capabilities) -> None:
        self._config = config
        self._settings = _Settings(config.turns, config.transcription, config.output_modalities)
        self._script = deque(_script(config))
        self._ids = itertools.count(1)
        self._order = itertools.count()
        self._due: list[tuple[float, int, Event]] = []
        self._owed: deque[tuple[Origin, str, CreateResponse]] = deque()
        self._active = ""
        self._change = asyncio.Event()
        self._closed: ConnectionLostError | Literal[True] | None = None
        self._ear = _Ear()
        self._said = ""
        self._loop = asyncio.get_running_loop()
        self._tell(SessionStarted("script-session", _NAME, config.model or _NAME, capabilities))

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Take a command; what it causes is scheduled."""
        match command:
            case AppendAudio(audio=audio):
                self._hear(audio)
            case CommitAudio():
                self._commit()
            case ClearAudio():
                self._ear.clear()
            case AddItem(item=Message(role="user", text=text)):
                self._said = text
            case CreateResponse(out_of_band=True):
                self._play(self._reply(command.instructions or self._said), "out_of_band", command)
            case CreateResponse(instructions=instructions):
                self._answer("application", instructions or self._said, command)
            case SendToolResult(output=output, respond=True):
                self._answer("tool_result", output)
            case Cancel(response_id=wanted):
                self._cancel(wanted or self._active)
            case UpdateSession():
                self._settings.update(command)
            case _:
                pass
        return ()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events as they fall due, until closed."""
        while self._closed is None:
            if not self._due or self._due[0][0] > self._loop.time():
                await self._changed(self._due[0][0] if self._due else None)
                continue
            event = heapq.heappop(self._due)[2]
            over = isinstance(event, ResponseDone) and event.response_id == self._active
            if over:
                self._active = ""
            yield event
            if over:
                self._next()
        if isinstance(self._closed, ConnectionLostError):
            raise self._closed

    async def close(self) -> None:
        """End the events."""
        self.drop(None)

    def drop(self, cause: ConnectionLostError | None) -> None:
        """End at once as if the connection were lost, or in order without a cause."""
        self._closed = self._closed or cause or True
        self._change.set()

    async def _changed(self, until: float | None) -> None:
        self._change.clear()
        try:
            async with asyncio.timeout_at(until):
                await self._change.wait()
        except TimeoutError:
            pass

    def _hear(self, audio: bytes) -> None:
        if self._config.extra.get("echo"):
            self._echo(audio)
            return
        turns = self._settings.turn_detection
        if turns.mode == "manual":
            self._ear.position_ms += _ms(audio)
            return
        match self._ear.push(audio, turns.silence_ms or _SILENCE_MS):
            case "started":
                self._user_began(self._ear.position_ms - _ms(audio))
            case "stopped":
                self._user_stopped(self._ear.speech_ms)
            case None:
                pass

    def _user_began(self, at_ms: float) -> None:
        self._ear.item_id = f"user-{next(self._ids)}"
        self._tell(SpeechStarted(self._ear.item_id, at_ms))
        if self._settings.turn_detection.interrupt_response:
            self._cancel(self._active)

    def _user_stopped(self, at_ms: float) -> None:
        item_id = self._ear.item_id
        self._said = self._script[0].hears if self._script else "something"
        self._tell(SpeechStopped(item_id, at_ms))
        if self._settings.transcription:
            self._tell(Transcript(self._said, item_id, self._said, final=True))
        if self._settings.turn_detection.create_response:
            self._answer("user_turn", self._said)

    def _commit(self) -> None:
        if self._ear.clear():
            self._user_stopped(self._ear.speech_ms)
        elif self._settings.turn_detection.mode == "manual":
            self._ear.item_id = f"user-{next(self._ids)}"
            self._user_stopped(self._ear.position_ms)
        else:
            told = "no speech was heard since the last turn: there is nothing to commit"
            self._tell(Error(LocalProtocolError(told)))

    def _answer(self, origin: Origin, prompt: str, wanted: CreateResponse = PLAIN_RESPONSE) -> None:
        self._owed.append((origin, prompt, wanted))
        self._next()

    def _next(self) -> None:
        if self._active or not self._owed:
            return
        origin, prompt, wanted = self._owed.popleft()
        self._active = self._play(self._reply(prompt), origin, wanted)

    def _reply(self, prompt: str) -> Reply:
        return self._script.popleft() if self._script else Reply(says=f"You said: {prompt}")

    def _play(self, reply: Reply, origin: Origin, wanted: CreateResponse) -> str:
        response_id = f"response-{next(self._ids)}"
        aloud = "audio" in (wanted.output_modalities or self._settings.output_modalities)
        at = self._loop.time()
        self._tell(ResponseStarted(response_id, origin, wanted.metadata), at)
        for text in (reply.says,) if isinstance(reply.says, str) else reply.says:
            at = self._say(response_id, text, at, aloud) if text else at
        for call in reply.calls:
            self._tell(ToolCall(call, response_id), at)
        if reply.error is not None:
            self._tell(Error(reply.error), at)
        status = "failed" if reply.error is not None else reply.status
        self._tell(ResponseDone(response_id, status, reply.usage), at)
        return response_id

    def _say(self, response_id: str, text: str, at: float, aloud: bool) -> float:
        item_id = f"item-{next(self._ids)}"
        pace = float(self._config.extra.get("pace", 0))
        form: Literal["spoken", "written"] = "spoken" if aloud else "written"
        for index, word in enumerate(text.split()):
            self._tell(TextOutput(word if index == 0 else f" {word}", response_id, item_id, form=form), at)
            if aloud:
                self._tell(AudioOutput(tone(word), RATE, response_id, item_id, index * WORD_MS), at)
            at += WORD_MS / 1000 / pace if pace else 0
        self._tell(TextOutput("", response_id, item_id, final=True, form=form), at)
        return at

    def _echo(self, audio: bytes) -> None:
        ear = self._ear
        if not self._active:
            self._active = f"response-{next(self._ids)}"
            ear.item_id, ear.position_ms = f"echo-{next(self._ids)}", 0.0
            self._tell(ResponseStarted(self._active))
        self._tell(AudioOutput(audio, RATE, self._active, ear.item_id, ear.position_ms))
        ear.position_ms += _ms(audio)

    def _cancel(self, response_id: str) -> None:
        kept = [each for each in self._due if not _unsaid(each[2], response_id)]
        if response_id and (response_id == self._active or len(kept) < len(self._due)):
            self._due = kept
            heapq.heapify(self._due)
            self._tell(ResponseDone(response_id, "interrupted"))

    def _tell(self, event: Event, at: float | None = None) -> None:
        heapq.heappush(self._due, (self._loop.time() if at is None else at, next(self._order), event))
        self._change.set()


def _unsaid(event: Event, response_id: str) -> bool:
    match event:
        case Error():
            return True
        case AudioOutput() | TextOutput() | ToolCall() | ResponseDone():
            return event.response_id == response_id
        case _:
            return False


class _Ear:
    """Hears speech where it is loud, and a turn's end where it then is quiet for a while."""

    def __init__(self) -> None:
        self._heard: Literal["quiet", "speech"] = "quiet"
        self.position_ms = 0.0
        self.speech_ms = 0.0
        """Where the last speech ended."""
        self.item_id = ""

    def push(self, audio: bytes, silence_ms: float) -> Literal["started", "stopped"] | None:
        """Return what this chunk changes."""
        samples = array("h", audio)
        self.position_ms += _ms(audio)
        if samples and max(max(samples), -min(samples)) > _LOUD:
            before, self._heard, self.speech_ms = self._heard, "speech", self.position_ms
            return "started" if before == "quiet" else None
        if self._heard == "speech" and self.position_ms - self.speech_ms >= silence_ms:
            self._heard = "quiet"
            return "stopped"
        return None

    def clear(self) -> bool:
        """Forget unfinished speech; return whether there was any."""
        before, self._heard = self._heard, "quiet"
        return before == "speech"


def _ms(audio: bytes) -> float:
    return len(audio) / (RATE * 2 / 1000)


@lru_cache(maxsize=256)
def tone(word: str) -> bytes:
    """Return a word as a tone of `WORD_MS`, its pitch made of the letters: PCM16 LE mono at `RATE`."""
    hz = 200 + sum(word.encode()) % 40 * 20
    count = RATE * WORD_MS // 1000
    fade = RATE // 100
    return array(
        "h",
        (
            int(8000 * min(1.0, n / fade, (count - n) / fade) * math.sin(2 * math.pi * hz * n / RATE))
            for n in range(count)
        ),
    ).tobytes()
