"""`s2s talk`: a conversation through microphone and speakers."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

import s2s
from s2s.cli.asking.asker import origin
from s2s.cli.asking.tooluse import ToolUses, refuse
from s2s.cli.asking.watcher import Watcher
from s2s.cli.exits import Exit
from s2s.cli.options import add_engine, add_json, config_of, seconds
from s2s.cli.rendering.jsonlines import JSONLines
from s2s.cli.rendering.narrator import Narrator
from s2s.cli.rendering.screen import errors_screen, screen, waiting
from s2s.engine import Engine
from s2s.errors import S2SError
from s2s.events import AudioOutput, Error, Interrupted, ToolCall
from s2s.formats import AudioFormat
from s2s.session import Session
from s2s.sound.devices import Microphone, Speaker, StreamFactory
from s2s.sound.soundcard import microphone_stream, sounddevice, speaker_stream

_COMMON_HZ = (48_000, 44_100)
_WELCOME = "Talk now; Ctrl-C ends. With loudspeakers the engine may hear itself: headphones are better."


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--seconds", type=seconds, metavar="S", help="end after so long; else Ctrl-C ends")
    add_json(parser)
    add_engine(parser)


def run(arguments: argparse.Namespace) -> int:
    """Talk until stopped."""
    sounddevice()
    with waiting(f"loading the {arguments.engine} engine"):
        engine = s2s.new(arguments.engine, config_of(arguments))
    watcher: Watcher = JSONLines() if arguments.json else Narrator(screen())
    asyncio.run(talk(engine, watcher, microphone_stream, speaker_stream, arguments.seconds))
    return Exit.OK


async def talk(
    engine: Engine,
    watcher: Watcher,
    microphone_factory: StreamFactory,
    speaker_factory: StreamFactory,
    longest_s: float | None = None,
) -> None:
    """Carry sound both ways until `longest_s` have passed or the engine ends. Raises S2SError."""
    can = engine.capabilities
    microphone = Microphone(microphone_factory, (can.input_rates[0], *_COMMON_HZ))
    speaker = Speaker(speaker_factory, (can.output_rates[0], *_COMMON_HZ))
    with waiting(f"starting the {engine.name} engine"):
        session = await engine.start(
            input_format=AudioFormat(sample_rate=microphone.rate),
            output_format=AudioFormat(sample_rate=speaker.rate),
        )
    async with session:
        speaker.played = lambda item_id, ms: session.playhead.played(ms, item_id)
        errors_screen().plain(_WELCOME, "dim")
        with microphone, speaker:
            await _Conversation(session, microphone, speaker, watcher).run(longest_s)
    if microphone.lost_blocks:
        errors_screen().plain(
            f"{microphone.lost_ms:.0f} ms of the microphone were lost: the engine is too slow"
        )


class _Conversation:
    def __init__(self, session: Session, microphone: Microphone, speaker: Speaker, watcher: Watcher) -> None:
        self._session = session
        self._microphone = microphone
        self._speaker = speaker
        self._watcher = watcher
        self._tools = ToolUses()
        self._loop = asyncio.get_running_loop()

    async def run(self, longest_s: float | None) -> None:
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(longest_s), asyncio.TaskGroup() as group:
                    hearing = group.create_task(self._hear())
                    await self._listen()
                    hearing.cancel()
        except* S2SError as broken:
            raise origin(broken.exceptions[0]) from None

    async def _hear(self) -> None:
        async for block in self._microphone:
            await self._session.send_audio(block)

    async def _listen(self) -> None:
        began_at = self._loop.time()
        async for event in self._session:
            self._watcher.told(event, (self._loop.time() - began_at) * 1000)
            for use in self._tools.settled(self._session.history):
                self._watcher.settled(use)
            match event:
                case AudioOutput(item_id=item_id, audio=audio):
                    self._speaker.play(item_id, audio)
                case Interrupted():
                    self._speaker.flush()
                case ToolCall(call=call, runs_here=True):
                    self._tools.called(call, self._loop.time())
                case ToolCall(call=call):
                    await refuse(self._session, call)
                case Error(error=error, fatal=True):
                    raise error
                case _:
                    pass
