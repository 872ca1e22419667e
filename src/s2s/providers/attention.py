"""Our own ears in front of an engine that leaves the user's turns to the application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import Final, Self, TypeVar, cast

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from s2s.commands import AppendAudio, ClearAudio, Command, CommitAudio, UpdateSession
from s2s.config import TurnDetection
from s2s.errors import ConfigError, LocalProtocolError
from s2s.events import Error, Event, SpeechStarted, SpeechStopped
from s2s.items import JSON
from s2s.links import Link, Told
from s2s.patience import Patience
from s2s.providers.listener import Listener
from s2s.providers.local import store
from s2s.providers.local.pool import Pool
from s2s.providers.local.seats import DEFAULTS, SEATS, stage
from s2s.providers.local.stages import VAD, SessionAware
from s2s.wire import Send

T = TypeVar("T", bound=Told)
_SLICE_MS: Final = 96
"""Audio judged between two turns of the event loop."""
_GONE_S: Final = 1.0
"""A microphone that sends nothing for this much longer than a silence is closed."""
_USUAL: Final = DEFAULTS["vad"]
_PARTS: Final = ("sample_rate", "window_ms", "warm", "open")
_POOL: Final = Pool(1)
_NO_SPEECH = "no speech was heard since the last turn: there is nothing to commit"
_OURS = "this session finds the user's turns itself: start another session for any other turn detection"


class _Overdue(Send, frozen=True, gc=False):
    """Nothing for the peer: asks the writer to see whether the user's turn ends without more audio."""


class LocalTurns:
    """A link whose engine hears speech alone, found by our own VAD, and is told when a turn is over.

    The session of the inner link is in manual turn detection. Positions of speech are those in the audio
    that the application sends. Silence is counted in that audio, but for a microphone that stops sending.
    """

    def __init__(self, inner: Link, vad: VAD, turns: TurnDetection, closing: AsyncExitStack) -> None:
        self.input_rate = inner.input_rate
        self._inner = inner
        self._turns = turns
        self._listener = Listener(vad, inner.input_rate, turns)
        self._slice_bytes = 2 * (inner.input_rate * _SLICE_MS // 1000)
        self._heard_at = 0.0
        self._closing = closing.pop_all()

    @classmethod
    async def listening(cls, inner: Link, turns: TurnDetection, vad: JSON = _USUAL) -> Self:
        """Load the detector, a registered name or a VAD, and return the link around the inner one.

        Raises ConfigError where that cannot be; the inner link is closed then.
        """
        async with AsyncExitStack() as closing:
            closing.push_async_callback(inner.close)
            require_vad(vad)
            detector = cast(VAD, stage("vad", {"vad": vad}, _POOL))
            if isinstance(detector, SessionAware):
                await detector.session_opened()
                closing.push_async_callback(detector.session_closed)
            await detector.warm()
            return cls(inner, detector, turns, closing)

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Listen to audio; pass on what the engine needs of it, and all else."""
        match command:
            case AppendAudio(audio=audio):
                return await self._hear(audio)
            case CommitAudio() if not self._listener.speaking:
                return (Error(LocalProtocolError(_NO_SPEECH)),)
            case CommitAudio():
                return await self._pass_on(self._listener.end())
            case _Overdue():
                return await self._pass_on(self._listener.end()) if self._overdue else ()
            case ClearAudio():
                return await self._clear()
            case UpdateSession(turn_detection=TurnDetection() as turns):
                return await self._tune(command, turns)
            case _:
                return await self._pass_on((command,))

    async def __aiter__(self) -> AsyncIterator[Told]:
        """Yield what the engine tells, and what the writer shall see to when audio has stopped coming."""
        coming, look_at = Patience(aiter(self._inner)), 0.0
        try:
            while True:
                now = _now()
                if now >= look_at:
                    look_at = self._due_at if self._due_at > now else now + self._gone_s
                    if self._overdue:
                        yield _Overdue(b"")
                told = await coming.next(max(0.0, look_at - _now()))
                if told is not None:
                    yield self._placed(told)
        except StopAsyncIteration:
            return
        finally:
            await coming.close()

    async def close(self) -> None:
        """Let go of the engine and of the detector."""
        await self._closing.aclose()

    async def _hear(self, audio: bytes) -> list[Event]:
        self._heard_at, told = _now(), list[Event]()
        for at in range(0, len(audio), self._slice_bytes):
            if at:
                await asyncio.sleep(0)
            told += await self._pass_on(self._listener.hear(audio[at : at + self._slice_bytes]))
        return told

    async def _clear(self) -> list[Event]:
        """Forget what no turn has taken; where the engine refuses to, its turn has to end as usual."""
        told = await self._inner.send(ClearAudio()) if self._listener.speaking else ()
        if not any(isinstance(each, Error) for each in told):
            self._listener.forget()
        return [self._placed(each) for each in told]

    async def _tune(self, command: UpdateSession, turns: TurnDetection) -> list[Event]:
        """Take what concerns us; the engine, which may have to reconnect for it, gets what concerns it."""
        told: list[Event] = []
        passed: TurnDetection | UnsetType = UNSET
        if turns.mode != "local":
            told.append(Error(LocalProtocolError(_OURS)))
        else:
            before, self._turns = self._turns, turns
            self._listener.tune(turns)
            if _answers(before) != _answers(turns):
                passed = replace(turns, mode="manual")
        rest = replace(command, turn_detection=passed)
        return told if rest == UpdateSession() else [*told, *await self._pass_on((rest,))]

    async def _pass_on(self, commands: Iterable[Command | Send]) -> list[Event]:
        return [self._placed(each) for command in commands for each in await self._inner.send(command)]

    def _placed(self, told: T) -> T:
        """Return what is told with its position in all audio: the engine knows a part of it."""
        match told:
            case SpeechStarted():
                return replace(told, position_ms=self._listener.began_ms)
            case SpeechStopped():
                return replace(told, position_ms=self._listener.ended_ms)
            case _:
                return told

    @property
    def _gone_s(self) -> float:
        return self._listener.silence_ms / 1000 + _GONE_S

    @property
    def _due_at(self) -> float:
        """When a turn is over for which no more audio comes."""
        return self._heard_at + self._gone_s

    @property
    def _overdue(self) -> bool:
        return self._listener.speaking and _now() >= self._due_at


def require_vad(vad: JSON = _USUAL) -> None:
    """Raise ConfigError for a detector that cannot be had, as far as that is known before it is loaded."""
    if not isinstance(vad, str):
        missing = [each for each in _PARTS if not hasattr(vad, each)]
        if missing:
            names = ", ".join(SEATS["vad"].names())
            told = f"{type(vad).__name__} is no voice activity detector, it has no {', '.join(missing)}"
            raise ConfigError(f"{told}: use a name ({names}), or what fills s2s.providers.local.stages.VAD")
        return
    SEATS["vad"].find(vad)
    if vad == _USUAL and (find_spec("onnxruntime") is None or store.locate("silero-vad") is None):
        told = "turn_detection='local' needs onnxruntime and the model of the voice activity detector"
        raise ConfigError(f"{told}: {store.INSTALL}")


def _answers(turns: TurnDetection) -> tuple[bool, bool]:
    return turns.create_response, turns.interrupt_response


def _now() -> float:
    return asyncio.get_running_loop().time()
