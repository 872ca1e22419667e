"""`s2s say`: text to speech alone."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from s2s.audio.wav import WavWriter
from s2s.cli.exits import Exit
from s2s.cli.options import add_json
from s2s.cli.rendering.jsonlines import JSONLines
from s2s.cli.rendering.screen import screen, waiting
from s2s.cli.sound.speech import spoken, voice_of
from s2s.errors import ConfigError
from s2s.sound.devices import Speaker, StreamFactory
from s2s.sound.soundcard import sounddevice, speaker_stream


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("text", metavar="TEXT", help="what to say")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="a WAV file instead of the loudspeaker"
    )
    parser.add_argument("--voice", metavar="NAME", help="who speaks")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Speak into the file, or aloud."""
    if not any(map(str.isalnum, arguments.text)):
        raise ConfigError("there is nothing to say: give a text with words")
    if arguments.output is None:
        sounddevice()
        said_ms = asyncio.run(aloud(arguments.text, arguments.voice, speaker_stream))
    else:
        said_ms = asyncio.run(into(arguments.output, arguments.text, arguments.voice))
    place = "" if arguments.output is None else str(arguments.output)
    if arguments.json:
        JSONLines().write("summary", duration_ms=round(said_ms), file=place or None)
    else:
        screen().say("said", f"{said_ms / 1000:.1f} s {f'into {place}' if place else 'aloud'}")
    return Exit.OK


async def into(place: Path, text: str, voice: str | None) -> float:
    """Write the speech as it is made; return how many ms it has."""
    with waiting("loading the voice"):
        tts = await voice_of(voice)
    said_ms = 0.0
    with WavWriter(place, tts.sample_rate) as writer:
        async for audio in spoken(tts, text, voice):
            writer.write(audio)
            said_ms += len(audio) * 500 / tts.sample_rate
    return said_ms


async def aloud(text: str, voice: str | None, factory: StreamFactory) -> float:
    """Play the speech while it is made and return when it was heard, with how many ms it had."""
    with waiting("loading the voice"):
        tts = await voice_of(voice)
    said_ms = 0.0
    with Speaker(factory, [tts.sample_rate]) as speaker:
        async for audio in spoken(tts, text, voice):
            speaker.play("said", audio)
            said_ms += len(audio) * 500 / tts.sample_rate
        await speaker.drained()
    return said_ms
