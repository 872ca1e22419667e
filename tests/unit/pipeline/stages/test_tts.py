from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from s2s.commands import UpdateSession
from s2s.errors import BacklogError, ConfigError, ProviderError, UnsupportedError
from s2s.events import Error, ResponseDone, ResponseStarted
from s2s.items import Call
from s2s.pipeline import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    TextFrame,
    ToolCallFrame,
)
from s2s.pipeline.stages import TTSProcessor
from s2s.testing.clock import run
from tests.support.frames import others, through
from tests.support.stages import FOREVER, ToneTTS
from tests.support.streaming import CUT, STOP, Line, running

TURN_OVER = ControlFrame("end_of_utterance", "assistant")
STORY = "One sentence of it. " * 50


def text(words: str, response_id: str = "r", *, final: bool = False, **fields: object) -> TextFrame:
    fields = {"item_id": f"item of {response_id}", **fields}
    return TextFrame(words, "assistant", final, response_id=response_id, **fields)  # type: ignore[arg-type]


def done(response_id: str = "r", status: str = "completed") -> EventFrame:
    return EventFrame(ResponseDone(response_id, status))  # type: ignore[arg-type]


def answer(words: str, response_id: str = "r") -> list[Frame]:
    started = EventFrame(ResponseStarted(response_id))
    return [
        started,
        text(words, response_id),
        text("", response_id, final=True),
        done(response_id),
        TURN_OVER,
    ]


def spoken(frames: Sequence[Frame], tts: ToneTTS | None = None) -> list[Frame]:
    return run(through(TTSProcessor(tts or ToneTTS()), frames))


def audio(frames: Sequence[Frame]) -> list[AudioFrame]:
    return [each for each in frames if isinstance(each, AudioFrame)]


def said(frames: Sequence[Frame]) -> list[str]:
    return [each.text for each in frames if isinstance(each, TextFrame)]


def kinds(frames: Sequence[Frame]) -> str:
    """Return one letter a frame: Text, final text (F), Audio, Event, Control or another."""
    letters = ["F" if isinstance(e, TextFrame) and e.final else type(e).__name__[0] for e in frames]
    return "".join(letters)


class Fast(ToneTTS):
    """Says every text in pieces of a second, as fast as they are taken, and counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncIterator[bytes]:
        self.running += 1
        try:
            for _ in range(100):
                self.made += 1
                yield bytes(48_000)
        finally:
            self.running -= 1


def test_a_text_is_spoken_clause_by_clause_each_with_its_words() -> None:
    out = spoken([TextFrame("Hello there, and welcome to it. This is all.", "assistant", item_id="a")])
    assert kinds(out) == "TAAAAAATAAAF"
    assert said(out) == ["Hello there, and welcome to it. ", "This is all.", ""]
    texts = [each for each in out if isinstance(each, TextFrame)]
    assert {(each.role, each.form, each.item_id) for each in texts} == {("assistant", "spoken", "a")}
    assert [each.position_ms for each in audio(out)] == [100.0 * n for n in range(9)]
    assert {(each.sample_rate, each.channels, each.item_id) for each in audio(out)} == {(24_000, 1, "a")}


def test_where_the_text_is_cut_makes_no_difference() -> None:
    words = "Hello there, and welcome. This is all."
    whole = spoken(answer(words))
    letters = [text(each) for each in words]
    assert spoken([EventFrame(ResponseStarted("r")), *letters, *answer(words)[2:]]) == whole


@pytest.mark.parametrize("piece_bytes", [2, 334, 961, 960, 10_000, 1 << 30])
def test_audio_comes_in_frames_of_20_to_100_ms_and_none_of_it_is_lost(piece_bytes: int) -> None:
    tts = ToneTTS(word_ms=33)
    tts.piece_bytes = 1 << 30
    whole = b"".join(each.audio for each in audio(spoken(answer("one two three. four."), tts)))
    tts.piece_bytes = piece_bytes
    frames = audio(spoken(answer("one two three. four."), tts))
    assert b"".join(each.audio for each in frames) == whole
    assert len(whole) == 2 * 24 * (100 + 40)
    assert all(each.duration_ms in (20, 40, 60, 80, 100) for each in frames)
    ends = [each.position_ms + each.duration_ms for each in frames]
    assert [0.0, *ends[:-1]] == [each.position_ms for each in frames]


def test_all_other_frames_keep_their_place_between_the_texts() -> None:
    call = ToolCallFrame(Call("c", "light"), "r")
    frames = [*answer("First one.")[:2], call, text(" Second one.", final=True), done(), TURN_OVER, STOP]
    assert kinds(spoken(frames)) == "ETAATTAAFECC"
    out = spoken([*answer("First one."), *answer("Second one.", "s"), STOP])
    assert kinds(out) == "ETAAFEC" * 2 + "C"
    assert out[-1] == STOP


def test_an_answer_that_broke_off_is_spoken_to_its_end_before_that_is_told() -> None:
    out = spoken([text("First one. And then"), done(status="failed")])
    assert said(out) == ["First one. ", "And then"]
    assert out[-1] == done(status="failed")


def test_the_end_of_the_input_waits_for_the_voice() -> None:
    out = spoken([text("One. Two"), STOP], ToneTTS(delay_s=5))
    assert said(out) == ["One. ", "Two"]
    assert out[-1] == STOP


def test_another_item_ends_the_one_before() -> None:
    out = spoken([text("One"), text("two", "s", final=True)])
    assert said(out) == ["One", "two", ""]
    assert [each.position_ms for each in audio(out)] == [0.0, 0.0]


def test_signals_and_texts_of_the_user_do_not_wait_for_the_voice() -> None:
    users: list[Frame] = [
        ControlFrame("start_of_utterance", item_id="u"),
        ControlFrame("end_of_utterance", item_id="u"),
        TextFrame("and then?", item_id="u"),
        ControlFrame("played", position_ms=20),
    ]

    async def main() -> Line:
        async with running(TTSProcessor(ToneTTS(delay_s=1.0))) as line:
            line.send(*answer("One."), ControlFrame("start"), *users)
            await asyncio.sleep(0.5)
            assert line.out[-4:] == users
        return line

    assert kinds(run(main()).out) == "ECCFCTAFECC"


def test_text_that_is_no_speech_passes_through() -> None:
    frames: list[Frame] = [
        TextFrame("of the user"),
        TextFrame("of the system", "system"),
        text("spoken already", form="spoken"),
        text("for the eye", metadata={"spoken": False}),
        CommandFrame(UpdateSession(output_modalities=("text",))),
        text("without a voice"),
        text("", final=True),
    ]
    tts = ToneTTS()
    assert spoken(frames, tts) == frames
    aloud = spoken([frames[4], text("aloud", metadata={"spoken": True}, final=True)], tts)
    assert kinds(aloud) == "CTAF"
    assert [each.metadata for each in aloud[1:] if isinstance(each, TextFrame | AudioFrame)] == [
        {"spoken": True}
    ] * 3


def test_what_cannot_be_pronounced_is_shown_all_the_same() -> None:
    assert kinds(spoken(answer("One. Two."), ToneTTS(word_ms=0))) == "ETTFEC"
    assert kinds(spoken(answer("... --- ..."))) == "EFEC"


def test_the_voice_can_change_from_one_text_to_the_next() -> None:
    tts = ToneTTS()
    change = CommandFrame(UpdateSession(voice="tenor"))
    refused = CommandFrame(UpdateSession(voice="nobody"))
    frames = [*answer("One."), change, *answer("Two.", "s"), refused, *answer("Three.", "t")]
    out = run(through(TTSProcessor(tts, voice="alto"), frames))
    assert tts.spoken == [("One.", "alto"), ("Two.", "tenor"), ("Three.", "tenor")]
    (wrong,) = (e.event for e in out if isinstance(e, EventFrame) and isinstance(e.event, Error))
    assert isinstance(wrong.error, UnsupportedError)


def test_a_voice_that_fails_says_so_and_the_stream_goes_on() -> None:
    async def main() -> Line:
        tts = ToneTTS()
        tts.fails = OSError("no sound")
        async with running(TTSProcessor(tts)) as line:
            line.send(*answer("One. Two. Three."))
            await asyncio.sleep(1)
            assert len(tts.spoken) == 1
            tts.fails = None
            line.send(*answer("Again.", "s"), TextFrame("And again.", "assistant"))
        return line

    line = run(main())
    (failed,) = line.events(Error)
    assert isinstance(failed.error, ProviderError)
    assert "OSError: no sound" in str(failed.error)
    assert [each.status for each in line.events(ResponseDone)] == ["failed", "completed"]
    assert kinds(line.out) == "EEFEC" + "ETAFEC" + "TAAF"


def test_a_failure_without_a_response_lasts_as_long_as_its_item() -> None:
    class Once(ToneTTS):
        async def speak(self, text: str, *, voice: str | None = None) -> AsyncIterator[bytes]:
            if text.startswith("Bad"):
                raise OSError
            async for piece in super().speak(text, voice=voice):
                yield piece

    frames = [TextFrame("Bad one. Never spoken.", "assistant"), TextFrame("Good.", "assistant")]
    assert said(spoken(frames, Once())) == ["", "Good.", ""]


def test_a_voice_that_never_speaks_is_given_up() -> None:
    tts = ToneTTS(delay_s=FOREVER)
    out = run(through(TTSProcessor(tts, patience_s=3.0), answer("One.")))
    (failed,) = (e.event for e in out if isinstance(e, EventFrame) and isinstance(e.event, Error))
    assert "the voice gave nothing for 3 s: check it, or raise patience_s" in str(failed.error)
    assert tts.running == 0


def test_an_interrupt_stops_the_voice_and_no_audio_comes_after_it() -> None:
    async def main() -> Line:
        tts = Fast()
        async with running(TTSProcessor(tts), every_s=0.1) as line:
            line.send(*answer(STORY))
            await asyncio.sleep(3.05)
            assert tts.running == 1
            line.send(CUT)
            await asyncio.sleep(0.01)
            assert tts.running == 0
            await asyncio.sleep(2)
            assert line.out[-1] == TURN_OVER
        return line

    line = run(main())
    cut = line.out.index(CUT)
    assert len(audio(line.out[:cut])) > 20
    assert kinds(line.out[cut:]) == "CEC"
    assert line.events(ResponseDone) == [ResponseDone("r", "interrupted")]


@pytest.mark.parametrize("every_s", [0.0, 0.05, 1.0, 5.0])
def test_however_slow_the_reader_at_most_one_frame_is_heard_after_an_interrupt(every_s: float) -> None:
    async def main() -> tuple[Line, int]:
        async with running(TTSProcessor(Fast()), every_s) as line:
            line.send(*answer(STORY))
            for _ in range(12):
                await asyncio.sleep(every_s)
            taken = len(audio(line.out))
            assert taken
            line.send(CUT)
        return line, taken

    line, taken = run(main())
    cut = line.out.index(CUT)
    assert audio(line.out[cut:]) == []
    assert len(audio(line.out)) - taken <= 1


def test_no_audio_is_made_faster_than_it_is_taken() -> None:
    async def main() -> None:
        tts = Fast()
        async with running(TTSProcessor(tts), every_s=1.0) as line:
            line.send(*answer(STORY))
            await asyncio.sleep(20)
            assert tts.made <= 4
            line.send(CUT)

    run(main())


def test_an_interrupt_drops_the_answers_that_wait_and_tells_their_end() -> None:
    async def main() -> Line:
        async with running(TTSProcessor(ToneTTS(delay_s=1.0))) as line:
            line.send(*answer("One."), *answer("Two.", "s"), ControlFrame("start"), *answer("Three.", "t"))
            await asyncio.sleep(0.5)
            line.send(CUT, *answer("Four.", "u"))
        return line

    line = run(main())
    statuses = [(each.response_id, each.status) for each in line.events(ResponseDone)]
    assert statuses == [("r", "interrupted"), ("s", "interrupted"), ("t", "interrupted"), ("u", "completed")]
    assert kinds(line.out) == "E" + "CEC" + "EEC" + "C" + "EEC" + "ETAFEC"
    assert [each.text for each in line.all(TextFrame)] == ["Four.", ""]


def test_frames_that_came_before_an_interrupt_are_told_before_it() -> None:
    call = ToolCallFrame(Call("c", "light"), "r")

    async def main() -> Line:
        async with running(TTSProcessor(ToneTTS(delay_s=1.0))) as line:
            line.send(*answer("One.")[:2], call, ControlFrame("start"), *answer("One.")[2:])
            await asyncio.sleep(0.5)
            line.send(CUT)
        return line

    out = run(main()).out
    assert out == [
        EventFrame(ResponseStarted("r")),
        call,
        ControlFrame("start"),
        CUT,
        done(status="interrupted"),
        TURN_OVER,
    ]


def test_an_interrupt_of_one_response_spares_another() -> None:
    async def main() -> Line:
        async with running(TTSProcessor(ToneTTS(delay_s=1.0))) as line:
            line.send(*answer("One."), *answer("Two.", "s"), *answer("Three.", "t"))
            await asyncio.sleep(0.5)
            line.send(ControlFrame("interrupt", response_id="s"), ControlFrame("interrupt", response_id="x"))
            await asyncio.sleep(1)
            line.send(ControlFrame("interrupt", response_id="t"))
        return line

    line = run(main())
    statuses = [(each.response_id, each.status) for each in line.events(ResponseDone)]
    assert statuses == [("r", "completed"), ("s", "interrupted"), ("t", "interrupted")]
    assert [each.text for each in line.all(TextFrame)] == ["One.", ""]
    assert line.signals.count("interrupt") == 3


def test_an_interrupt_of_what_is_spoken_spares_what_waits() -> None:
    async def main() -> Line:
        async with running(TTSProcessor(ToneTTS(delay_s=1.0))) as line:
            line.send(*answer("One. Two."), *answer("Three.", "s"))
            await asyncio.sleep(1.5)
            line.send(ControlFrame("interrupt", response_id="r"))
        return line

    line = run(main())
    assert [each.text for each in line.all(TextFrame)] == ["One. ", "Three.", ""]
    statuses = [(each.response_id, each.status) for each in line.events(ResponseDone)]
    assert statuses == [("r", "interrupted"), ("s", "completed")]


def test_an_interrupt_of_what_comes_next_spares_the_last_words_before_it() -> None:
    async def main() -> Line:
        async with running(TTSProcessor(ToneTTS(delay_s=1.0))) as line:
            line.send(text("One"), *answer("Two.", "s"), TextFrame("Three.", "assistant"))
            await asyncio.sleep(0.5)
            line.send(ControlFrame("interrupt", response_id="s"))
        return line

    line = run(main())
    assert [each.text for each in line.all(TextFrame)] == ["One", "Three.", ""]
    assert line.events(ResponseDone) == [ResponseDone("s", "interrupted")]


def test_settings_that_wait_behind_an_interrupted_text_count_all_the_same() -> None:
    tts = ToneTTS(delay_s=1.0)

    async def main() -> None:
        async with running(TTSProcessor(tts)) as line:
            line.send(text("One."), text(" Two."), CommandFrame(UpdateSession(voice="tenor")))
            await asyncio.sleep(0.5)
            line.send(CUT, *answer("Three.", "s"))

    run(main())
    assert tts.spoken == [("One. ", None), ("Three.", "tenor")]


def test_text_of_a_response_that_was_cut_is_not_spoken_when_it_comes_later() -> None:
    async def main() -> Line:
        async with running(TTSProcessor(ToneTTS())) as line:
            line.send(text("One. Two"))
            await asyncio.sleep(1)
            line.send(CUT, text(" three."), done())
            await asyncio.sleep(1)
            line.send(text("Four.", "s", final=True))
        return line

    line = run(main())
    assert [each.text for each in line.all(TextFrame)] == ["One. ", "Four.", ""]
    assert line.events(ResponseDone) == [ResponseDone("r", "interrupted")]


@pytest.mark.parametrize(
    "first",
    [
        answer("One. And more. And more."),
        [EventFrame(ResponseStarted("r")), text("One. And", final=True), done(), TURN_OVER],
        [EventFrame(ResponseStarted("r")), text("One"), text("And", "q"), done(), TURN_OVER],
    ],
    ids=["open", "final", "another"],
)
def test_a_voice_that_takes_no_notice_of_an_interrupt_is_not_heard(first: list[Frame]) -> None:
    class Stubborn(ToneTTS):
        async def speak(self, text: str, *, voice: str | None = None) -> AsyncIterator[bytes]:
            yield bytes(9600)
            if text.startswith("One"):
                try:
                    await asyncio.sleep(10)
                except asyncio.CancelledError:
                    await asyncio.sleep(1)
            yield bytes(9600)

    async def main() -> Line:
        async with running(TTSProcessor(Stubborn())) as line:
            line.send(*first)
            await asyncio.sleep(1)
            line.send(CUT, *answer("Two.", "s"))
            await asyncio.sleep(0.1)
            assert kinds(line.out) == "ETAACEC" + "ETAAAAFEC"
            await asyncio.sleep(5)
        return line

    assert kinds(run(main()).out) == "ETAACEC" + "ETAAAAFEC"


def test_an_interrupt_of_silence_is_handed_on() -> None:
    assert spoken([CUT, *answer("One."), CUT])[0] == CUT
    assert kinds(spoken([*answer("..."), CUT])) == "EFECC"


def test_text_without_end_is_refused_rather_than_waited_for() -> None:
    with pytest.raises(BacklogError, match="frames wait"):
        spoken([text("word ")] * 10_100, ToneTTS(delay_s=FOREVER))


def test_a_voice_that_does_not_exist_ends_the_stream_as_it_says() -> None:
    class Missing(ToneTTS):
        async def warm(self) -> None:
            raise ConfigError("install it")

    with pytest.raises(ConfigError, match="install it"):
        spoken([STOP], Missing())
    with pytest.raises(UnsupportedError, match="no voice 'nobody'"):
        run(through(TTSProcessor(ToneTTS(), voice="nobody"), [STOP]))


@pytest.mark.parametrize("most", range(1, 8))
def test_closing_stops_the_voice(most: int) -> None:
    async def main() -> None:
        tts = Fast()
        assert len(await through(TTSProcessor(tts), answer(STORY), most=most)) == most
        assert tts.running == 0
        assert others() == set()

    run(main())
