from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import get_args

import pytest
from msgspec.structs import replace

from s2s.capabilities import Capabilities
from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import Config, TurnDetection
from s2s.errors import LocalProtocolError, S2SError, UnsupportedError
from s2s.events import AudioOutput, Error, Event, ResponseDone, ResponseStarted, SessionEnded, ToolCall
from s2s.items import Message, ToolResult
from s2s.pipeline import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    ImageFrame,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
)
from s2s.pipeline.asking import Asking
from s2s.pipeline.frames import Signal
from s2s.pipeline.owing import Expected
from s2s.session import Session
from s2s.testing.clock import run
from s2s.tools import ToolSpec
from s2s.wire import Send
from tests.support.links import PlainEngine, PlainLink
from tests.support.sessions import CALL

ALL = Capabilities(
    updates=True, images=True, out_of_band=True, turn_detection=("server", "semantic", "manual")
)
SPEC = ToolSpec("look_up", "Look it up.")
MANUAL = TurnDetection(mode="manual")
CUT = ControlFrame("interrupt")
SPEECH = AudioFrame(b"\1\0" * 480)
START, END = ControlFrame("start_of_utterance"), ControlFrame("end_of_utterance")


class Bench:
    """A session, what its link was sent, and what frames ask of it."""

    def __init__(self, session: Session, link: PlainLink) -> None:
        self.session = session
        self.asking = Asking(session)
        self._link = link

    async def take(self, *frames: Frame) -> list[Frame]:
        """Return all that is handed on."""
        return [each for frame in frames for each in await self.asking.take(frame)]

    async def finish(self) -> None:
        assert await self.asking.finish() == ()

    async def sent(self) -> list[Command | Send]:
        """Return what was sent since; ids of entries are left out, for they are new each time."""
        for _ in range(5):
            await asyncio.sleep(0)
        sent, self._link.sent = self._link.sent, []
        return [
            AddItem(replace(each.item, item_id=""))
            if isinstance(each, AddItem) and isinstance(each.item, Message)
            else each
            for each in sent
        ]


@asynccontextmanager
async def bench(can: Capabilities = ALL, *told: Event, **config: object) -> AsyncIterator[Bench]:
    """A session with an engine that speaks, and then tells this."""
    speaks = (ResponseStarted("r"), AudioOutput(bytes(48_000), 24_000, "r", "i"))
    link = PlainLink(*speaks, *told, capabilities=can)
    engine = PlainEngine(lambda: link, can, Config())
    async with engine.start(**config) as session:
        yield Bench(session, link)


def sent_for(*frames: Frame) -> tuple[list[Frame], list[Command | Send]]:
    """Return what is handed on of these frames, and what an engine that can everything is sent."""

    async def main() -> tuple[list[Frame], list[Command | Send]]:
        async with bench() as it:
            return await it.take(*frames), await it.sent()

    return run(main())


def user(text: str, role: str = "user") -> AddItem:
    return AddItem(Message(role, text))  # type: ignore[arg-type]


COMMANDS: dict[type[Command], list[tuple[Command, list[Command]]]] = {
    AppendAudio: [(AppendAudio(b"\1\0"), [AppendAudio(b"\1\0")])],
    AppendImage: [(AppendImage(b"png", "image/png"), [AppendImage(b"png", "image/png")])],
    CommitAudio: [(CommitAudio(), [CommitAudio()])],
    ClearAudio: [(ClearAudio(), [ClearAudio()])],
    AddItem: [
        (user("Hello"), [user("Hello")]),
        (user("Be brief.", "system"), [user("Be brief.", "system")]),
        (AddItem(Message("assistant", "Good day", "x", heard_text="Good")), [user("Good", "assistant")]),
        (AddItem(Message("assistant", "Good day", "x", heard_text="")), []),
    ],
    RemoveItem: [(RemoveItem("i"), [RemoveItem("i")])],
    CreateResponse: [
        (CreateResponse(), [CreateResponse()]),
        (
            CreateResponse("Greet.", {"a": "b"}, True, (Message("user", "x"),), ("text",)),
            [CreateResponse("Greet.", {"a": "b"}, True, (Message("user", "x"),), ("text",))],
        ),
    ],
    SendToolResult: [],
    Cancel: [(Cancel("r"), [Cancel("r")])],
    Truncate: [],
    UpdateSession: [
        (
            UpdateSession(instructions="Be brief.", tools=(SPEC,), voice="marin"),
            [UpdateSession(instructions="Be brief.", tools=(SPEC,), voice="marin")],
        ),
        (UpdateSession(turn_detection=MANUAL), [UpdateSession(turn_detection=MANUAL)]),
        (
            UpdateSession(transcription=False, output_modalities=("text",)),
            [UpdateSession(transcription=False, output_modalities=("text",))],
        ),
        (UpdateSession(instructions="", language=None), [UpdateSession(instructions="")]),
        (UpdateSession(temperature=None, max_output_tokens=None), []),
        (UpdateSession(), []),
    ],
}
REFUSED: list[tuple[Command, str]] = [
    (Truncate("i", 100.0), "what was heard is for the sink to tell"),
    (AddItem(CALL), "calls and their results are history"),
    (AddItem(ToolResult("c", "22")), "calls and their results are history"),
    (UpdateSession(language="de"), "language cannot change during a session"),
    (UpdateSession(temperature=0.5, max_output_tokens=5), "temperature, max_output_tokens cannot change"),
]
ROWS = [row for rows in COMMANDS.values() for row in rows]


@pytest.mark.parametrize(("command", "sent"), ROWS)
def test_a_command_is_what_the_session_is_asked_for(command: Command, sent: list[Command]) -> None:
    assert sent_for(CommandFrame(command)) == ([], sent)


def test_every_kind_of_command_has_a_row() -> None:
    elsewhere: list[Command] = [SendToolResult(CALL.id, "a city"), *(each for each, _ in REFUSED)]
    assert {type(each) for each in (*(row[0] for row in ROWS), *elsewhere)} == set(get_args(Command))
    assert set(COMMANDS) == set(get_args(Command))


@pytest.mark.parametrize(("command", "why"), REFUSED)
def test_a_command_that_a_session_has_no_method_for_is_told_to_be_none(command: Command, why: str) -> None:
    (told,), sent = sent_for(CommandFrame(command, {"mine": 1}))
    assert isinstance(told, EventFrame)
    assert told.metadata == {"mine": 1}
    assert isinstance(told.event, Error)
    assert isinstance(told.event.error, UnsupportedError)
    assert why in str(told.event.error)
    assert sent == []


def test_settings_that_can_change_do_so_beside_one_that_cannot() -> None:
    handed_on, sent = sent_for(CommandFrame(UpdateSession(voice="marin", language="de")))
    assert len(handed_on) == 1
    assert sent == [UpdateSession(voice="marin")]


RESULT = ToolResultFrame(ToolResult(CALL.id, "a city", is_error=True, respond=False))


@pytest.mark.parametrize(
    ("frame", "sent"),
    [
        (SPEECH, [AppendAudio(SPEECH.audio)]),
        (AudioFrame(b"\1\0\3\0" * 480, channels=2), [AppendAudio(b"\2\0" * 480)]),
        (AudioFrame(b""), []),
        (TextFrame("Hello"), [user("Hello"), CreateResponse()]),
        (TextFrame("It is cold.", "system"), [user("It is cold.", "system")]),
        (TextFrame("Good day", "assistant"), [user("Good day", "assistant")]),
        (TextFrame(" ", "assistant"), []),
        (ImageFrame(b"png", "image/png"), [AppendImage(b"png", "image/png")]),
        (CUT, [Cancel("r")]),
        (ControlFrame("played", item_id="i", position_ms=100.0), []),
    ],
)
def test_what_asks_something_is_consumed(frame: Frame, sent: list[Command]) -> None:
    assert sent_for(frame) == ([], sent)


PASSED: list[Frame] = [
    TextFrame("Hel", final=False),
    TextFrame(""),
    TextFrame("  "),
    ToolCallFrame(CALL),
    EventFrame(SessionEnded("closed")),
    ControlFrame("start"),
    ControlFrame("end_of_utterance", "assistant"),
    START,
    END,
]


@pytest.mark.parametrize("frame", PASSED)
def test_what_asks_nothing_is_handed_on(frame: Frame) -> None:
    assert sent_for(frame) == ([frame], [])


def test_every_kind_of_frame_and_every_signal_does_something() -> None:
    stops = ControlFrame("stop")  # the stream itself sees to it
    given: Sequence[Frame] = [
        *PASSED,
        SPEECH,
        ImageFrame(b""),
        RESULT,
        CommandFrame(ClearAudio()),
        CUT,
        stops,
    ]
    played = ControlFrame("played")
    assert {type(each) for each in given} == set(get_args(Frame))
    signals = {each.signal for each in (*given, played) if isinstance(each, ControlFrame)}
    assert signals == set(get_args(Signal))


def test_the_assistants_text_comes_in_pieces_and_is_one_entry() -> None:
    pieces: list[Frame] = [
        TextFrame("Good", "assistant", False, "a"),
        TextFrame("Bad", "assistant", False, "b"),
        TextFrame(" day", "assistant", False, "a"),
        TextFrame("", "assistant", True, "a"),
    ]
    assert sent_for(*pieces) == ([], [user("Good day", "assistant")])


def test_what_was_being_said_upstream_is_dropped_with_an_interruption() -> None:
    pieces: list[Frame] = [
        TextFrame("Good", "assistant", False, "a"),
        CUT,
        TextFrame("Yes.", "assistant", True, "a"),
    ]
    assert sent_for(*pieces)[1][1:] == [user("Yes.", "assistant")]


def test_audio_of_another_format_goes_on_at_the_rate_of_the_session() -> None:
    async def main() -> int:
        async with bench(sample_rate=24_000) as it:
            stereo = AudioFrame(bytes(4 * 960), 48_000, 2)
            assert await it.take(SPEECH, stereo, AudioFrame(bytes(640), 16_000), SPEECH) == []
            return sum(len(each.audio) for each in await it.sent() if isinstance(each, AppendAudio))

    assert run(main()) == pytest.approx(4 * 960, abs=8)


def test_what_is_no_audio_is_told_and_the_next_is_heard() -> None:
    (told,), sent = sent_for(AudioFrame(b"\1\0", 7), SPEECH)
    assert isinstance(told, EventFrame)
    assert isinstance(told.event, Error)
    assert "an AudioFrame holds PCM16" in str(told.event.error)
    assert sent == [AppendAudio(SPEECH.audio)]


def test_the_marks_of_audio_end_where_the_audio_does() -> None:
    assert sent_for(SPEECH, START, SPEECH, END) == ([], [AppendAudio(SPEECH.audio)] * 2)
    assistant = ControlFrame("end_of_utterance", "assistant")
    assert sent_for(SPEECH, assistant) == ([assistant], [AppendAudio(SPEECH.audio)])


def test_the_end_of_an_utterance_is_a_commit_where_the_engine_finds_no_turns() -> None:
    async def main() -> None:
        async with bench(turn_detection="manual") as it:
            assert await it.take(SPEECH, END, SPEECH, START, END) == []
            heard = AppendAudio(SPEECH.audio)
            assert await it.sent() == [heard, CommitAudio(), heard, CommitAudio()]

    run(main())


def test_turn_detection_that_changes_counts_from_then_on() -> None:
    manual = CommandFrame(UpdateSession(turn_detection=MANUAL))
    assert sent_for(SPEECH, END, manual, END)[1][1:] == [UpdateSession(turn_detection=MANUAL), CommitAudio()]


def test_what_the_resampler_held_back_is_committed_too() -> None:
    async def main() -> int:
        async with bench(turn_detection="manual") as it:
            await it.take(SPEECH, AudioFrame(bytes(640), 16_000), END)
            *audio, last = await it.sent()
            assert last == CommitAudio()
            return sum(len(each.audio) for each in audio if isinstance(each, AppendAudio))

    assert run(main()) == 1920


def test_a_tool_result_is_the_answer_to_its_call() -> None:
    async def main() -> None:
        for frame in (RESULT, CommandFrame(SendToolResult(CALL.id, "a city", is_error=True, respond=False))):
            async with bench(ALL, ToolCall(CALL, "r")) as it:
                await it.sent()
                assert await it.take(frame) == []
                assert it.session.history[-1] == RESULT.result

    run(main())


def wrong(frame: Frame, can: Capabilities = ALL) -> S2SError:
    """Return what comes of this frame, which does not end the session."""

    async def main() -> S2SError:
        async with bench(can) as it:
            (told,) = await it.take(frame)
            assert isinstance(told, EventFrame)
            assert isinstance(told.event, Error)
            assert not told.event.fatal
            assert not it.session.closed
            return told.event.error

    return run(main())


def test_mistakes_are_told_and_the_session_goes_on() -> None:
    none = Capabilities(text_input=False)
    assert isinstance(wrong(ToolResultFrame(ToolResult("unknown", ""))), LocalProtocolError)
    assert isinstance(wrong(ImageFrame(b""), none), UnsupportedError)
    assert isinstance(wrong(TextFrame("Hello"), none), UnsupportedError)
    assert isinstance(wrong(CommandFrame(UpdateSession(voice="x")), none), UnsupportedError)
    assert isinstance(wrong(CommandFrame(CreateResponse(out_of_band=True)), none), UnsupportedError)
    assert isinstance(
        wrong(CommandFrame(Cancel(mode="reset")), Capabilities(interrupt="local_only")), UnsupportedError
    )


def test_an_interruption_that_interrupts_nothing_is_handed_on() -> None:
    async def main() -> None:
        async with bench() as it:
            again = CommandFrame(Cancel("r"), {"mine": 1})
            assert await it.take(CUT) == []
            assert await it.take(CUT) == [CUT]
            assert await it.take(again) == [ControlFrame("interrupt", response_id="r", metadata={"mine": 1})]

    run(main())


def test_the_playhead_hears_of_what_was_played() -> None:
    async def main() -> None:
        async with bench() as it:
            await it.sent()
            await it.take(ControlFrame("played", item_id="i", position_ms=250.0))
            assert it.session.playhead.heard_ms("i", 0.0) == 250.0
            await it.take(ControlFrame("played", position_ms=300.0))
            assert it.session.playhead.heard_ms("i", 0.0) == 300.0

    run(main())


def test_what_was_heard_of_an_answer_the_session_knows_by_itself() -> None:
    async def main() -> None:
        async with bench(history=(Message("assistant", "Good day", "i"),)) as it:
            await it.take(CommandFrame(AddItem(Message("assistant", "Good day", "i", heard_text="Good"))))
            assert await it.sent() == []

    run(main())


def test_a_session_that_has_ended_takes_everything_and_does_nothing() -> None:
    async def main() -> None:
        async with bench() as it:
            await it.session.close()
            assert await it.take(SPEECH, TextFrame("Hello"), ImageFrame(b"")) == []

    run(main())


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([CUT], Expected.NOTHING),
        ([SPEECH], Expected.PERHAPS),
        ([SPEECH, CommandFrame(ClearAudio())], Expected.NOTHING),
        ([CommandFrame(AppendAudio(b"\1\0"))], Expected.PERHAPS),
        ([TextFrame("Hello")], Expected.ANSWER),
        ([TextFrame("Hello"), CUT], Expected.NOTHING),
        ([TextFrame("Be brief.", "system")], Expected.NOTHING),
        ([CommandFrame(CreateResponse())], Expected.ANSWER),
        ([SPEECH, CommandFrame(CommitAudio()), CommandFrame(ClearAudio())], Expected.ANSWER),
    ],
)
def test_it_is_known_what_is_owed_for_what_was_asked(frames: list[Frame], expected: Expected) -> None:
    async def main() -> Expected:
        async with bench() as it:
            await it.take(*frames)
            return it.asking.owed.expected

    assert run(main()) is expected


def test_what_an_engine_refuses_it_does_not_owe() -> None:
    async def main() -> Expected:
        async with bench(Capabilities(text_input=False)) as it:
            await it.take(TextFrame("Hello"))
            return it.asking.owed.expected

    assert run(main()) is Expected.NOTHING


def test_a_tool_result_is_owed_an_answer() -> None:
    async def main() -> list[Expected]:
        async with bench(ALL, ToolCall(CALL, "r")) as it:
            await it.sent()
            for event in (ResponseStarted("r"), ToolCall(CALL, "r"), ResponseDone("r")):
                it.asking.owed.told(event)
            before = it.asking.owed.expected
            await it.take(RESULT)
            return [before, it.asking.owed.expected]

    assert run(main()) == [Expected.NOTHING, Expected.ANSWER]


@pytest.mark.parametrize(
    ("turns", "seconds"),
    [
        (TurnDetection(), 3.0),
        (TurnDetection(silence_ms=500), 1.5),
        (TurnDetection(mode="semantic"), 9.0),
    ],
)
def test_at_the_end_an_engine_that_finds_turns_hears_enough_silence(
    turns: TurnDetection, seconds: float
) -> None:
    async def main() -> None:
        async with bench(turn_detection=turns) as it:
            await it.take(SPEECH)
            await it.sent()
            await it.finish()
            heard = b"".join(each.audio for each in await it.sent() if isinstance(each, AppendAudio))
            assert heard == bytes(int(48_000 * seconds))

    run(main())


@pytest.mark.parametrize("turns", [TurnDetection(), MANUAL])
def test_at_the_end_an_engine_that_has_heard_nothing_is_asked_nothing(turns: TurnDetection) -> None:
    async def main() -> None:
        async with bench(turn_detection=turns) as it:
            await it.take(ControlFrame("start"), ImageFrame(b""))
            await it.sent()
            await it.finish()
            assert await it.sent() == []

    run(main())


@pytest.mark.parametrize(
    ("frames", "commits"),
    [([SPEECH], 1), ([SPEECH, END], 0), ([SPEECH, END, SPEECH], 1), ([SPEECH, START, END, SPEECH], 0)],
)
def test_at_the_end_what_nobody_has_committed_is_committed(frames: list[Frame], commits: int) -> None:
    async def main() -> None:
        async with bench(turn_detection="manual") as it:
            await it.take(*frames)
            await it.sent()
            await it.finish()
            assert await it.sent() == [CommitAudio()] * commits

    run(main())
