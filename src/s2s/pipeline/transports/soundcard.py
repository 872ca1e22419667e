"""Microphone and loudspeaker of this computer, by the extra `mic`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import ExitStack, aclosing
from enum import Enum
from functools import partial
from typing import Final

from s2s.errors import SessionClosedError
from s2s.pipeline.frames import AudioFrame, ControlFrame, Frame
from s2s.pipeline.running import STOP
from s2s.pipeline.transports.playing import Reports
from s2s.pipeline.transports.voice import Piece, Voice
from s2s.sound.devices import Microphone, Speaker, StreamFactory
from s2s.sound.soundcard import microphone_stream, speaker_stream

_RATES: Final = (24_000, 48_000, 44_100)
_AHEAD_MS: Final = 200.0


class _State(Enum):
    LISTENING = "the microphone is heard, or will be"
    STOPPED = "the user has said all"
    CLOSED = "the devices are let go of"


class SoundCard:
    """The microphone is the source, until `stop`; the loudspeaker is the sink.

    The source also tells what was played. Each device opens with the first frame, at the first of its rates
    that it has. Nothing keeps the microphone from hearing the loudspeaker: headphones do.
    """

    def __init__(
        self,
        *,
        input_rates: Sequence[int] = _RATES,
        output_rates: Sequence[int] = _RATES,
        microphone: StreamFactory = microphone_stream,
        speaker: StreamFactory = speaker_stream,
    ) -> None:
        self._microphone_of = partial(Microphone, microphone, input_rates)
        self._speaker_of = partial(Speaker, speaker, output_rates)
        self._devices: tuple[Microphone, Speaker, Voice] | None = None
        self._opened = ExitStack()
        self._state = _State.LISTENING
        self._reports = Reports()

    def stop(self) -> None:
        """Listen no more; what the agent still says is played."""
        if self._state is _State.LISTENING:
            self._state = _State.STOPPED

    @property
    def lost_ms(self) -> float:
        """How much of the microphone was dropped, for nobody took it in time."""
        return 0.0 if self._devices is None else self._devices[0].lost_ms

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Yield what the microphone hears and the loudspeaker has played. Raises ConfigError."""
        microphone, _, _ = self._open()
        now, taken_ms = asyncio.get_running_loop().time, 0.0
        async with aclosing(aiter(microphone)) as blocks:
            async for block in blocks:
                if self._state is not _State.LISTENING:
                    break
                frame = AudioFrame(block, microphone.rate, position_ms=taken_ms + microphone.lost_ms)
                taken_ms += frame.duration_ms
                yield frame
                for report in self._reports.due(now()):
                    yield report
        for report in self._reports.rest():
            yield report
        yield STOP

    async def send(self, frame: Frame, /) -> None:
        """Play audio; other frames than those about playing are for somebody else. Raises ConfigError."""
        _, speaker, voice = self._open()
        match frame:
            case AudioFrame():
                _play(speaker, voice.push(frame))
                await speaker.drained(_AHEAD_MS)
            case ControlFrame(signal="interrupt"):
                voice.flush()
                speaker.flush()
                self._reports.hurry()
            case ControlFrame(signal="end_of_utterance", role="assistant"):
                _play(speaker, voice.flush())
            case ControlFrame(signal="stop"):
                _play(speaker, voice.flush())
                await speaker.drained()
            case _:
                pass

    async def close(self) -> None:
        """Let go of the devices."""
        self._state = _State.CLOSED
        self._opened.close()

    def _open(self) -> tuple[Microphone, Speaker, Voice]:
        if self._state is _State.CLOSED:
            raise SessionClosedError("the devices were let go of: make another SoundCard")
        if self._devices is None:
            microphone = self._opened.enter_context(self._microphone_of())
            speaker = self._opened.enter_context(self._speaker_of())
            speaker.played = self._reports.played
            self._devices = microphone, speaker, Voice(speaker.rate)
        return self._devices


def _play(speaker: Speaker, pieces: Iterable[Piece]) -> None:
    for piece in pieces:
        speaker.play(piece.item_id, piece.pcm)
