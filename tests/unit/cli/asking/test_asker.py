import asyncio
from collections.abc import Coroutine
from io import BytesIO
from typing import Any

import pytest
from tests.support.stages import RATE, LevelSTT, LoudVAD, ScriptedBrain, ToneTTS, echo, silence, speech

from s2s.audio.wav import write_wav
from s2s.cli.ask import paced
from s2s.cli.asking.asker import Asker
from s2s.cli.asking.feed import Pace
from s2s.cli.asking.manner import Manner
from s2s.cli.asking.nothing import NothingHeardError
from s2s.cli.asking.questions import Question
from s2s.cli.asking.recording import Recording
from s2s.cli.asking.tooluse import ToolUse
from s2s.config import Config, Limits, TurnDetection, override
from s2s.engine import Engine
from s2s.errors import ConnectionLostError, ProviderError
from s2s.events import Event, SessionEnded
from s2s.formats import AudioFormat
from s2s.items import Call
from s2s.links import Link
from s2s.providers.local import LocalEngine
from s2s.providers.nova import NovaEngine
from s2s.providers.script import Reply, ScriptEngine, ScriptLink
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.temper import Fault, NovaTemper
from s2s.testing.clock import run

PACES = pytest.mark.parametrize("pace", list(Pace), ids=["real time", "fast"])
REPLIES = [Reply(hears="first", says="one two"), Reply(hears="second", says="three four")]


class Notes:
    """A watcher that writes everything down."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.events: list[Event] = []
        self.uses: list[ToolUse] = []

    def asked(self, name: str, at_ms: float) -> None:
        self.names.append(name)

    def told(self, event: Event, at_ms: float) -> None:
        self.events.append(event)

    def settled(self, use: ToolUse) -> None:
        self.uses.append(use)


class Mortal(ScriptEngine):
    """An engine that is gone after two seconds."""

    def __init__(self, cause: ConnectionLostError | None) -> None:
        super().__init__()
        self._cause = cause

    async def open(self, config: Config) -> Link:
        link = ScriptLink(config, self.capabilities)
        asyncio.get_running_loop().call_later(2, link.drop, self._cause)
        return link


def question(pcm: bytes, name: str = "question.wav") -> Question:
    file = BytesIO()
    write_wav(file, pcm, RATE)
    return Question(name, file.getvalue())


def script(*replies: Reply, **fields: object) -> ScriptEngine:
    return ScriptEngine(override(Config(extra={"script": replies}), fields))


def cascade(**extra: object) -> LocalEngine:
    stages = {"vad": LoudVAD(), "stt": LevelSTT(), "brain": ScriptedBrain(echo), "tts": ToneTTS()}
    return LocalEngine(Config(extra={**stages, **extra}))


async def conversation(
    engine: Engine, asked: list[Question] | str, manner: Manner, notes: Notes | None = None
) -> Recording:
    recording = Recording()
    limits = Limits(input_audio_s=0.1) if manner.pace is Pace.FAST else Limits()
    session = await engine.start(input_format=AudioFormat(sample_rate=RATE), limits=limits)
    async with session:
        asker = Asker(session, manner, recording, [notes or Notes()])
        await (asker.type(asked) if isinstance(asked, str) else asker.ask(asked))
    recording.playback.finish()
    return recording


def hold(work: Coroutine[Any, Any, Recording]) -> Recording:
    return run(work, at_most_s=120)


@PACES
def test_a_question_is_answered(pace: Pace) -> None:
    notes = Notes()
    recording = hold(
        conversation(script(*REPLIES), [question(silence(300) + speech("go"))], Manner(pace), notes)
    )
    assert [(each.user, each.agent, each.status) for each in recording.turns] == [
        ("first", "one two", "completed")
    ]
    assert notes.names == ["question.wav"]
    assert notes.events[-1] == SessionEnded("closed")
    assert recording.latencies[0].voice_to_voice_ms == pytest.approx(300, abs=30)


@PACES
def test_every_question_of_a_file_is_answered_to_its_end(pace: Pace) -> None:
    pcm = speech("first question.") + silence(1200) + speech("second question.") + silence(900)
    recording = hold(conversation(cascade(lead_ms=None), [question(pcm)], Manner(pace)))
    assert [(each.user, each.heard) for each in recording.turns] == [
        ("first question.", "You said first question."),
        ("second question.", "You said second question."),
    ]
    assert recording.interruptions == []


@PACES
def test_a_file_is_asked_once_the_answer_to_the_one_before_was_heard(pace: Pace) -> None:
    asked = [question(speech("one more."), "a.wav"), question(speech("another."), "b.wav")]
    recording = hold(conversation(cascade(lead_ms=None), asked, Manner(pace)))
    assert [each.heard for each in recording.turns] == ["You said one more.", "You said another."]
    first, second = recording.playback.spans
    (_, began_ms) = recording.speech.values()
    assert first.end_ms is not None
    assert first.end_ms <= began_ms.start_ms < second.start_ms


def test_with_barge_in_a_question_interrupts_the_answer_before_it() -> None:
    teller = cascade(brain=ScriptedBrain(lambda _: ["once " * 40]))
    pcm = speech("tell me a story.") + silence(900) + speech("stop.") + silence(500)
    recording = hold(conversation(teller, [question(pcm)], Manner(lets_finish=False)))
    assert [each.status for each in recording.turns] == ["interrupted", "completed"]
    assert recording.turns[0].heard != recording.turns[0].agent
    (cut_ms,) = recording.interruptions
    assert recording.playback.spans[0].cut_ms == cut_ms


def test_an_answer_that_was_complete_and_not_heard_yet_is_interrupted_too() -> None:
    pcm = speech("tell me a short story.") + silence(700) + speech("stop.") + silence(500)
    recording = hold(conversation(cascade(), [question(pcm)], Manner(lets_finish=False)))
    assert [each.status for each in recording.turns] == ["completed", "completed"]
    assert recording.turns[0].agent == "You said tell me a short story."
    assert recording.turns[0].agent.startswith(recording.turns[0].heard)
    assert recording.turns[0].heard != recording.turns[0].agent


@PACES
def test_a_typed_question_is_answered(pace: Pace) -> None:
    recording = hold(conversation(script(), "hello", Manner(pace)))
    assert [(each.user, each.agent) for each in recording.turns] == [("hello", "You said: hello")]


def test_results_of_tools_are_told_and_missing_tools_are_refused() -> None:
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    calls = (Call("1", "double", {"number": 21}), Call("2", "fly"))
    notes = Notes()
    engine = script(Reply(calls=calls), Reply(says="done"), tools=[double])
    recording = hold(conversation(engine, [question(speech("go"))], Manner(Pace.FAST), notes))
    results = {use.call.name: use.result for use in notes.uses}
    assert results["double"] is not None
    assert (results["double"].output, results["double"].is_error) == ("42", False)
    assert results["fly"] is not None
    assert results["fly"].is_error
    assert recording.turns[0].agent == "done"


@pytest.mark.parametrize(
    ("pcm", "why"),
    [(b"", "no sound"), (silence(2000), "only silence"), (speech("a", word_ms=20), "only noise")],
    ids=["nothing", "silence", "a click"],
)
@PACES
def test_nothing_to_hear_is_said(pace: Pace, pcm: bytes, why: str) -> None:
    with pytest.raises(NothingHeardError, match=why):
        hold(conversation(cascade(), [question(pcm)], Manner(pace)))


def test_speech_without_words_is_said() -> None:
    with pytest.raises(NothingHeardError, match="no words"):
        hold(conversation(cascade(), [question(speech("hm", word_ms=64))], Manner(Pace.FAST)))


def test_an_engine_that_never_answers_is_given_up() -> None:
    deaf = script(turn_detection=TurnDetection(create_response=False))
    with pytest.raises(ProviderError, match="after 5 s the answer is not complete"):
        hold(conversation(deaf, [question(speech("go"))], Manner(patience_s=5)))


def test_an_engine_that_waits_for_more_is_given_up() -> None:
    patient = script(turn_detection=TurnDetection(silence_ms=10_000))
    with pytest.raises(ProviderError, match="after 5 s of silence"):
        hold(conversation(patient, [question(speech("go"))], Manner(patience_s=5)))


def test_a_typed_question_is_given_up_too() -> None:
    slow = ScriptEngine(Config(extra={"script": [Reply(says="word " * 200)], "pace": 1}))
    with pytest.raises(ProviderError, match="not complete"):
        hold(conversation(slow, "hello", Manner(patience_s=5)))


def test_the_error_that_ended_the_session_is_the_one_that_is_raised() -> None:
    lost = ConnectionLostError("the line is dead: try again")
    with pytest.raises(ConnectionLostError, match="the line is dead"):
        hold(conversation(Mortal(lost), [question(silence(60_000))], Manner()))


def test_an_engine_that_leaves_before_all_is_answered_is_an_error() -> None:
    with pytest.raises(ProviderError, match="ended the session"):
        hold(conversation(Mortal(None), [question(silence(60_000))], Manner()))


def torn(times: int) -> NovaEngine:
    """Return an engine whose connection breaks so often, each time before it has answered."""
    told: dict[str, Any] = {"does": "close", "said": "completionStart", "code": 500, "reason": "broken"}
    faults = (Fault(nth=nth, **told) for nth in range(1, times + 1))
    simulator = NovaSimulator([REPLIES[0]], temper=NovaTemper(faults=tuple(faults)))
    return NovaEngine(Config(extra={"connect": simulator.connect}))


def test_a_question_is_heard_over_another_connection_however_long_that_takes() -> None:
    recording = hold(conversation(torn(4), [question(speech("go"))], Manner()))
    assert [each.agent for each in recording.turns] == ["one two"]


def test_a_connection_that_cannot_be_replaced_is_no_question_that_was_not_heard() -> None:
    with pytest.raises(ProviderError, match="broken"):
        hold(conversation(torn(6), [question(speech("go"))], Manner()))


def test_a_failed_answer_is_a_turn() -> None:
    failing = script(Reply(hears="x", error=ConnectionLostError("gone")))
    recording = hold(conversation(failing, [question(speech("go"))], Manner(Pace.FAST)))
    assert [each.status for each in recording.turns] == ["failed"]


@pytest.mark.parametrize(
    ("engine", "told"), [("local", {"lead_ms": None}), ("cascade", {"lead_ms": None}), ("script", {})]
)
def test_only_engines_that_take_their_time_are_told_not_to(engine: str, told: dict[str, object]) -> None:
    assert paced(Config(), engine, Manner(Pace.FAST), []).extra == told
