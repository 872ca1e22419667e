"""`s2s demo`: a recorded person asks, the local engine answers."""

from __future__ import annotations

import argparse
import asyncio
from io import BytesIO
from pathlib import Path
from typing import Final

import s2s
from s2s.audio.wav import write_wav
from s2s.cli.ask import converse, paced
from s2s.cli.asking.manner import Manner
from s2s.cli.asking.questions import Question
from s2s.cli.demo.robot import move
from s2s.cli.options import add_json
from s2s.cli.rendering.keeping import Places
from s2s.cli.rendering.screen import screen, waiting
from s2s.cli.sound.speech import spoken, voice_of
from s2s.config import Config

_RECORDED: Final = Path(__file__).parent / "go_forward_ten_meters.wav"
_TYPED: Final = "What is twelve times seven?"
_OUTPUT: Final = Path("demo-output")
_WELCOME: Final = """\
The local engine hears, thinks and speaks on this machine: no key, no network.
First a person commands a robot (a recording of Carnegie Mellon University), and the engine calls the
Python function move(). Then a synthetic voice, the engine's own, asks a question.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--output", type=Path, default=_OUTPUT, metavar="DIR", help=f"where the files go (default: {_OUTPUT})"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask both questions and leave answer, transcript and picture."""
    if not arguments.json:
        screen().plain(_WELCOME)
    arguments.output.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_demonstrate(arguments.output, as_json=arguments.json))


async def _demonstrate(output: Path, *, as_json: bool) -> int:
    recorded = Question("recorded question", _RECORDED)
    with waiting("loading the local engine"):
        engine = s2s.new(
            "local", paced(Config(tools=[move]), "local", Manner(), [recorded.format.sample_rate])
        )
        typed = Question("synthetic question", await _synthetic(_TYPED))
    places = Places(output / "answer.wav", output / "transcript.txt", output / "timeline.png")
    return await converse(engine, [recorded, typed], Manner(), places, as_json=as_json)


async def _synthetic(text: str) -> bytes:
    """Return a WAV file of the text, spoken by the voice of the engine itself."""
    tts = await voice_of(None)
    speech = b"".join([audio async for audio in spoken(tts, text)])
    file = BytesIO()
    write_wav(file, speech, tts.sample_rate)
    return file.getvalue()
