"""`s2s ask`: spoken questions from files, or a typed one."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import msgspec

import s2s
from s2s.cli.asking.asker import Asker
from s2s.cli.asking.feed import Pace
from s2s.cli.asking.manner import Manner
from s2s.cli.asking.questions import Question
from s2s.cli.asking.recording import Recording
from s2s.cli.asking.watcher import Watcher
from s2s.cli.exits import Exit
from s2s.cli.options import add_engine, add_json, config_of, seconds
from s2s.cli.rendering.answerfile import AnswerFile
from s2s.cli.rendering.jsonlines import JSONLines
from s2s.cli.rendering.keeping import Places, keep
from s2s.cli.rendering.narrator import Narrator
from s2s.cli.rendering.screen import screen, waiting
from s2s.config import Config, Limits
from s2s.engine import Engine
from s2s.errors import ConfigError, S2SError
from s2s.formats import AudioFormat

_IN_TIME = ("cascade", "local")
"""Engines that speak no faster than they are heard, unless they are told to."""
_STEP_S = 0.1
"""Audio on its way at the fast pace, so that the engine's answer comes where it belongs."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "questions", nargs="*", type=Path, metavar="QUESTION.wav", help="asked one after the other"
    )
    parser.add_argument("--text", metavar="QUESTION", help="a typed question instead of a file")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the answers into a WAV file")
    parser.add_argument("--timeline", type=Path, metavar="FILE", help="draw both voices into a PNG picture")
    parser.add_argument(
        "--transcript", type=Path, metavar="FILE", help="write what was said into a text file"
    )
    parser.add_argument("--fast", action="store_true", help="do not take the time that speech takes")
    parser.add_argument(
        "--barge-in",
        action="store_true",
        help="do not hold speech in a file back until the answer before it was heard: let it interrupt",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=60.0,
        metavar="S",
        help="how long the engine may take to answer a question (default: 60)",
    )
    add_json(parser)
    add_engine(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask, and leave what was asked for."""
    if bool(arguments.questions) == (arguments.text is not None):
        raise ConfigError("nothing to ask, or too much: name WAV files, or give --text")
    manner = Manner(
        Pace.FAST if arguments.fast else Pace.REAL_TIME,
        lets_finish=not arguments.barge_in,
        patience_s=arguments.timeout,
    )
    places = Places(arguments.output, arguments.transcript, arguments.timeline)
    places.check()
    questions = [Question(each.name, each) for each in arguments.questions]
    rates = [each.format.sample_rate for each in questions]
    config = paced(config_of(arguments), arguments.engine, manner, rates)
    with waiting(f"loading the {arguments.engine} engine"):
        engine = s2s.new(arguments.engine, config)
    asked = questions or str(arguments.text)
    return asyncio.run(converse(engine, asked, manner, places, as_json=arguments.json))


def paced(config: Config, engine: str, manner: Manner, rates: list[int]) -> Config:
    """Return the config for this manner, and for questions of these rates: the first one is what is sent."""
    if rates:
        config = msgspec.structs.replace(config, input_format=AudioFormat(sample_rate=rates[0]))
    match manner.pace:
        case Pace.REAL_TIME:
            return config
        case Pace.FAST:
            extra = {**({"lead_ms": None} if engine in _IN_TIME else {}), **config.extra}
            return msgspec.structs.replace(config, extra=extra, limits=Limits(input_audio_s=_STEP_S))


async def converse(
    engine: Engine, asked: list[Question] | str, manner: Manner, places: Places, *, as_json: bool
) -> int:
    """Have one conversation, told as it goes; leave files and figures. Raises S2SError when it fails."""
    recording = Recording()
    teller: JSONLines | Narrator = JSONLines() if as_json else Narrator(screen())
    error: S2SError | None = None
    try:
        with AnswerFile(places.answer) as answer:
            recording.playback.listeners.append(answer.write)
            await _talk(engine, asked, manner, recording, teller)
    except S2SError as failed:
        error = failed
    teller.conclude(recording, engine.name, keep(recording, places, engine.name), error)
    if error is not None:
        raise error
    return Exit.FAILED if any(turn.status == "failed" for turn in recording.turns) else Exit.OK


async def _talk(
    engine: Engine, asked: list[Question] | str, manner: Manner, recording: Recording, watcher: Watcher
) -> None:
    spoken = AudioFormat(sample_rate=engine.capabilities.output_rates[0])
    try:
        with waiting(f"starting the {engine.name} engine"):
            session = await engine.start(output_format=spoken)
        async with session:
            asker = Asker(session, manner, recording, [watcher])
            await (asker.type(asked) if isinstance(asked, str) else asker.ask(asked))
    finally:
        recording.playback.finish()
