from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from s2s.commands import AddItem, CreateResponse, RemoveItem, UpdateSession
from s2s.config import TurnDetection
from s2s.errors import ConfigError, ProviderError, UnsupportedError
from s2s.events import Error, ResponseDone, ResponseStarted
from s2s.items import Item, Message
from s2s.pipeline import AudioFrame, CommandFrame, ControlFrame, EventFrame, Frame, ImageFrame, TextFrame
from s2s.pipeline.stages import BrainProcessor
from s2s.providers.local.stages import Prompt, Thought
from s2s.testing.clock import run
from s2s.tools import ToolSpec, tool
from tests.support.frames import others, through
from tests.support.stages import FOREVER, Script, ScriptedBrain, echo
from tests.support.streaming import CUT, STOP, Line, running

TURN_OVER = ControlFrame("end_of_utterance", "assistant")
ASKED = TextFrame("hello", item_id="a")


def begin(item_id: str) -> ControlFrame:
    return ControlFrame("start_of_utterance", item_id=item_id)


def finish(item_id: str) -> ControlFrame:
    return ControlFrame("end_of_utterance", item_id=item_id)


def words(*pieces: object) -> ScriptedBrain:
    """Return a brain that says this, whatever is asked."""
    return ScriptedBrain(lambda prompt: pieces)


def slowly(prompt: Prompt) -> Script:
    for n in range(100):
        yield f"{n} "
        yield 1.0


def answered(brain: object, frames: Sequence[Frame]) -> list[Frame]:
    return run(through(BrainProcessor(brain), frames))


def events(frames: Sequence[Frame]) -> list[object]:
    return [each.event for each in frames if isinstance(each, EventFrame)]


def said(frames: Sequence[Frame]) -> str:
    return "".join(each.text for each in frames if isinstance(each, TextFrame) and each.role == "assistant")


def history(prompt: Prompt) -> list[tuple[str, str]]:
    return [(each.role, each.text) for each in prompt.history if isinstance(each, Message)]


def test_a_text_of_the_user_is_answered_between_brackets() -> None:
    out = answered(words("Hello, ", "", "world."), [ASKED, STOP])
    asked, started, one, two, last, done, over, stop = out
    assert asked == ASKED
    assert isinstance(started, EventFrame)
    assert isinstance(started.event, ResponseStarted)
    response_id = started.event.response_id
    assert started.event == ResponseStarted(response_id, "user_turn")
    assert response_id.startswith("resp_")
    assert isinstance(one, TextFrame)
    assert one.item_id.startswith("item_")
    assert [one, two, last] == [
        TextFrame(text, "assistant", final, one.item_id, response_id)
        for text, final in (("Hello, ", False), ("world.", False), ("", True))
    ]
    assert isinstance(done, EventFrame)
    assert done.event == ResponseDone(response_id, "completed", stages={"brain": 0.0})
    assert (over, stop) == (TURN_OVER, STOP)


def test_it_is_a_chatbot_by_itself() -> None:
    out = run(through(BrainProcessor(), [TextFrame("What is 6 times 7?")]))
    assert "42" in said(out)
    assert isinstance(out[0], TextFrame)
    assert out[0].item_id


def test_any_callable_is_a_brain() -> None:
    def shout(history: Sequence[Item]) -> str:
        last = history[-1]
        assert isinstance(last, Message)
        return last.text.upper()

    assert said(answered(shout, [ASKED])) == "HELLO"


def test_the_conversation_goes_on_and_belongs_to_its_stream() -> None:
    brain = ScriptedBrain(echo)
    processor = BrainProcessor(brain, instructions="Be brief.", history=[Message("user", "long ago")])

    async def main() -> None:
        for _ in range(2):
            async with running(processor) as line:
                line.send(ASKED)
                await asyncio.sleep(1)
                line.send(TextFrame("be kind", "system"), TextFrame("and so on", "assistant"))
                line.send(TextFrame("bye", item_id="b"))

    run(main())
    first = [("user", "long ago"), ("user", "hello")]
    assert [history(each) for each in brain.prompts[::2]] == [first, first]
    second = [*first, ("assistant", "You said hello"), ("system", "be kind"), ("assistant", "and so on")]
    assert history(brain.prompts[1]) == history(brain.prompts[3]) == [*second, ("user", "bye")]
    assert {each.instructions for each in brain.prompts} == {"Be brief."}


def test_what_it_does_not_understand_is_handed_on_in_order() -> None:
    frames: list[Frame] = [
        ControlFrame("start"),
        AudioFrame(b"\0\0"),
        ImageFrame(b"x"),
        TextFrame("hel", final=False),
        begin("a"),
        ControlFrame("end_of_utterance", item_id="a"),
        CommandFrame(UpdateSession(voice="alto")),
        STOP,
    ]
    assert answered(words("never"), frames) == frames


def test_nothing_is_said_while_the_user_speaks_and_one_answer_is_for_all() -> None:
    brain = ScriptedBrain(echo)

    async def main() -> Line:
        async with running(BrainProcessor(brain)) as line:
            line.send(begin("a"), begin("b"), TextFrame("one", item_id="a"))
            await asyncio.sleep(5)
            assert brain.prompts == []
            line.send(TextFrame("two", item_id="b"))
        return line

    assert run(main()).said == "You said two"
    assert [history(each) for each in brain.prompts] == [[("user", "one"), ("user", "two")]]


def test_who_says_nothing_after_all_gets_the_answer_that_is_owed() -> None:
    brain = ScriptedBrain(echo)
    frames: list[Frame] = [begin("a"), begin("b"), TextFrame("one", item_id="a"), TextFrame("", item_id="b")]
    assert said(answered(brain, frames[:-1])) == "You said one"

    async def main() -> None:
        async with running(BrainProcessor(brain)) as line:
            line.send(*frames)
            await asyncio.sleep(1)
            assert line.said == "You said one"

    run(main())
    assert answered(brain, [begin("a"), TextFrame("", item_id="a")])[1:] == [TextFrame("", item_id="a")]


def test_words_that_never_come_are_waited_for_until_the_next_ones_or_a_little_while() -> None:
    brain = ScriptedBrain(echo)

    async def main() -> None:
        async with running(BrainProcessor(brain)) as line:
            line.send(begin("a"), finish("a"), begin("b"), finish("b"), TextFrame("two", item_id="b"))
            await asyncio.sleep(1)
            assert line.said == "You said two"
            line.send(begin("c"), finish("c"), TextFrame("typed", item_id="t"))
            await asyncio.sleep(4)
            assert line.said == "You said two"
            await asyncio.sleep(2)
            assert line.said == "You said twoYou said typed"

    run(main())


def test_words_that_come_after_all_are_still_spoken_ones() -> None:
    brain = ScriptedBrain(echo)
    silent = CommandFrame(UpdateSession(turn_detection=TurnDetection(create_response=False)))

    async def main() -> None:
        async with running(BrainProcessor(brain)) as line:
            line.send(silent, begin("a"), finish("a"))
            await asyncio.sleep(10)
            line.send(TextFrame("late", item_id="a"))
            await asyncio.sleep(1)
            line.send(TextFrame("typed"))

    run(main())
    assert [history(each) for each in brain.prompts] == [[("user", "late"), ("user", "typed")]]


@pytest.mark.parametrize("item_id", ["a", ""])
def test_words_that_name_no_utterance_are_those_of_the_one_that_has_ended(item_id: str) -> None:
    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(echo))) as line:
            line.send(begin(item_id), finish(item_id), TextFrame("hello"))
            await asyncio.sleep(1)
            assert line.said == "You said hello"
        return line

    (text,) = [each for each in run(main()).all(TextFrame) if each.role == "user"]
    assert text.item_id.startswith(item_id or "user_")


def test_what_is_said_during_an_answer_comes_after_it() -> None:
    brain = ScriptedBrain(lambda prompt: [1.0, "Yes."])

    async def main() -> None:
        async with running(BrainProcessor(brain)) as line:
            line.send(TextFrame("one"))
            await asyncio.sleep(0.5)
            line.send(TextFrame("two"))

    run(main())
    assert history(brain.prompts[1]) == [("user", "one"), ("assistant", "Yes."), ("user", "two")]


def test_an_interrupt_ends_the_answer_and_what_it_had_said_is_remembered() -> None:
    brain = ScriptedBrain(slowly)

    async def main() -> Line:
        async with running(BrainProcessor(brain)) as line:
            line.send(ASKED)
            await asyncio.sleep(2.5)
            line.send(begin("b"), CUT)
            await asyncio.sleep(0.1)
            assert brain.running == 0
            before = len(line.out)
            await asyncio.sleep(60)
            assert len(line.out) == before
            line.send(TextFrame("why", item_id="b"))
            await asyncio.sleep(0.5)
            line.send(CUT)
        return line

    line = run(main())
    first, second = line.events(ResponseDone)
    assert [first.status, second.status] == ["interrupted"] * 2
    cut = line.out.index(CUT)
    assert line.out[cut + 1 : cut + 3] == [EventFrame(first), TURN_OVER]
    assert history(brain.prompts[1]) == [("user", "hello"), ("assistant", "0 1 2 "), ("user", "why")]


def test_words_that_nobody_took_were_not_said() -> None:
    brain = words("one ", "two ", "three ", "four ", "five ", "six ", "seven ")

    async def main() -> Line:
        async with running(BrainProcessor(brain), every_s=1.0) as line:
            line.send(ASKED)
            await asyncio.sleep(3.5)
            line.send(CUT, TextFrame("go on", item_id="b"))
            await asyncio.sleep(10)
        return line

    line = run(main())
    cut = line.out.index(CUT)
    assert said(line.out[:cut]) == "one two "
    assert history(brain.prompts[1]) == [("user", "hello"), ("assistant", "one two "), ("user", "go on")]


def test_an_answer_that_nobody_took_a_word_of_is_not_remembered() -> None:
    brain = words("one ", "two ")

    async def main() -> None:
        async with running(BrainProcessor(brain), every_s=1.0) as line:
            line.send(ASKED)
            await asyncio.sleep(0.5)
            line.send(CUT, TextFrame("go on", item_id="b"))

    run(main())
    assert history(brain.prompts[1]) == [("user", "hello"), ("user", "go on")]


def test_an_item_of_the_same_id_corrects_what_is_remembered() -> None:
    brain = ScriptedBrain(slowly)

    async def main() -> None:
        async with running(BrainProcessor(brain)) as line:
            line.send(ASKED)
            await asyncio.sleep(2.5)
            line.send(CUT)
            await asyncio.sleep(0)
            item_id = line.all(TextFrame)[1].item_id
            heard = Message("assistant", "0 1 2 ", item_id, heard_text="0 1")
            line.send(CommandFrame(AddItem(heard)), CommandFrame(RemoveItem("a")))
            line.send(TextFrame("why", item_id="b"))
            await asyncio.sleep(0.1)
            line.send(CUT)
            assert brain.prompts[1].history == (heard, Message("user", "why", "b"))

    run(main())


def test_an_interrupt_of_another_response_is_handed_on_and_does_nothing() -> None:
    late = ControlFrame("interrupt", response_id="resp_x")

    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(slowly))) as line:
            line.send(late, ASKED)
            await asyncio.sleep(2.5)
            line.send(late)
            await asyncio.sleep(2)
            assert line.events(ResponseDone) == []
            started = line.events(ResponseStarted)[0]
            line.send(ControlFrame("interrupt", response_id=started.response_id))
        return line

    line = run(main())
    assert line.signals.count("interrupt") == 3
    assert [each.status for each in line.events(ResponseDone)] == ["interrupted"]
    assert line.said == "0 1 2 3 4 "


def test_an_interrupt_drops_what_is_owed_but_not_what_waits_for_the_user_to_end() -> None:
    brain = ScriptedBrain(echo)
    asked: list[Frame] = [begin("b"), CommandFrame(CreateResponse()), CUT]
    assert events(answered(brain, [*asked, TextFrame("", item_id="b"), STOP])) == []
    out = answered(brain, [begin("b"), ASKED, *asked[1:], begin("c"), CUT, TextFrame("", item_id="b"), STOP])
    assert said(out) == "You said hello"

    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(slowly))) as line:
            line.send(ASKED, TextFrame("and", item_id="b"))
            await asyncio.sleep(1)
            line.send(CUT)
        return line

    assert len(run(main()).events(ResponseStarted)) == 1


def test_an_interrupt_of_silence_is_handed_on_and_nothing_else_follows() -> None:
    async def main() -> Line:
        async with running(BrainProcessor(words("Yes."))) as line:
            line.send(CUT, ASKED)
            await asyncio.sleep(1)
            line.send(CUT)
        return line

    line = run(main())
    assert line.out[-1] == CUT
    assert len(line.events(ResponseDone)) == line.out.count(TURN_OVER) == 1


def test_an_interrupt_may_meet_audio_on_its_way() -> None:
    async def main() -> Line:
        async with running(BrainProcessor(words("Yes.")), every_s=1.0) as line:
            line.send(TextFrame("x", final=False), AudioFrame(b"\0\0"), CUT)
        return line

    assert run(main()).out[-1] == CUT


def test_answers_come_one_after_the_other() -> None:
    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(lambda prompt: [1.0, "one ", 1.0, "two "]))) as line:
            line.send(ASKED, TextFrame("and", item_id="b"))
            line.send(CommandFrame(CreateResponse(metadata={"n": "1"})))
            line.send(TextFrame("more", item_id="c"), CommandFrame(CreateResponse(metadata={"n": "2"})))
        return line

    line = run(main())
    started = line.events(ResponseStarted)
    assert [(each.origin, each.metadata) for each in started] == [
        ("user_turn", {}),
        ("user_turn", {}),
        ("application", {"n": "1"}),
        ("application", {"n": "2"}),
    ]
    brackets = [each for each in events(line.out) if isinstance(each, ResponseStarted | ResponseDone)]
    assert [each.response_id for each in brackets[::2]] == [each.response_id for each in brackets[1::2]]
    assert line.said == "one two " * 4


def test_a_response_can_have_wishes_of_its_own() -> None:
    brain = ScriptedBrain(echo)
    context = (Message("user", "something else"),)
    by = CreateResponse("Sing.", {"key": "v"}, context=context, output_modalities=("text",))
    out = answered(brain, [CommandFrame(by), CommandFrame(CreateResponse(out_of_band=True))])
    assert said(out) == "You said something else"
    assert brain.prompts[0] == Prompt(context, "Sing.")
    assert [each.metadata for each in out if isinstance(each, TextFrame)] == [{"spoken": False}] * 2
    (refused,) = (each.error for each in events(out) if isinstance(each, Error))
    assert isinstance(refused, UnsupportedError)


def test_settings_come_by_command_and_what_they_leave_open_is_its_own() -> None:
    brain, light = ScriptedBrain(echo), ToolSpec("light", "Turn it on.")

    def own(now: bool = True) -> str:
        """Tell the time."""
        return ""

    processor = BrainProcessor(brain, instructions="Mine.", tools=[own], temperature=0.5, max_output_tokens=9)
    nothing = UpdateSession(instructions="", tools=(), temperature=None, max_output_tokens=None)
    theirs = UpdateSession(instructions="Yours.", tools=(light,), temperature=1.5, max_output_tokens=7)
    for changes in (nothing, theirs):
        run(through(processor, [CommandFrame(changes), ASKED]))
    (mine, yours), spec = brain.prompts, tool(own).spec
    assert mine == Prompt(mine.history, "Mine.", (spec,), 0.5, 9)
    assert yours == Prompt(yours.history, "Yours.", (light, spec), 1.5, 7)


def test_who_creates_no_response_is_answered_when_asked_or_when_typed_to() -> None:
    brain = ScriptedBrain(echo)
    silent = CommandFrame(UpdateSession(turn_detection=TurnDetection(create_response=False)))
    spoken: list[Frame] = [silent, begin("a"), ASKED]
    assert events(answered(brain, spoken)) == []
    assert said(answered(brain, [*spoken, CommandFrame(CreateResponse())])) == "You said hello"
    assert said(answered(brain, [silent, ASKED])) == "You said hello"


def test_the_times_of_the_stages_are_told_in_the_end() -> None:
    timed = TextFrame("hello", item_id="a", metadata={"stages": {"stt": 30.0, "endpointing": 512.0}})
    out = answered(words(0.25, "Yes."), [timed, CommandFrame(CreateResponse())])
    done = [each.stages for each in events(out) if isinstance(each, ResponseDone)]
    assert done == [{"stt": 30.0, "endpointing": 512.0, "brain": 250.0}, {"brain": 250.0}]
    odd = TextFrame("hello", metadata={"stages": "none"})
    assert len([each for each in events(answered(words("Yes."), [odd])) if isinstance(each, Error)]) == 0


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([ZeroDivisionError("no")], "the answer broke off: ZeroDivisionError: no"),
        ([None], "the brain gave NoneType: it must yield str or s2s.Call"),
        ([FOREVER], "the brain gave nothing for 20 s: check it, or raise patience_s"),
        ([asyncio.CancelledError()], "was cancelled"),
    ],
)
def test_a_brain_that_fails_says_so_and_the_stream_goes_on(pieces: list[object], why: str) -> None:
    class Failing(ScriptedBrain):
        async def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
            yield "One. "
            if isinstance(pieces[0], asyncio.CancelledError):
                raise pieces[0]
            async for each in super().respond(prompt):
                yield each

    out = answered(Failing(lambda prompt: pieces), [ASKED, CommandFrame(CreateResponse()), STOP])
    started, failed, done, *_ = events(out)
    assert isinstance(failed, Error)
    assert isinstance(failed.error, ProviderError)
    assert why in str(failed.error)
    assert isinstance(done, ResponseDone)
    assert isinstance(started, ResponseStarted)
    assert (done.response_id, done.status) == (started.response_id, "failed")
    assert said(out) == "One. One. "
    assert out.count(TURN_OVER) == 2
    assert out[-1] == STOP


def test_a_brain_that_takes_no_notice_of_an_interrupt_is_not_heard() -> None:
    class Stubborn(ScriptedBrain):
        async def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
            self.prompts.append(prompt)
            yield "one "
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                await asyncio.sleep(1)
            yield "two "

    async def main() -> Line:
        async with running(BrainProcessor(Stubborn(echo))) as line:
            line.send(ASKED)
            await asyncio.sleep(1)
            line.send(CUT)
            await asyncio.sleep(5)
        return line

    line = run(main())
    assert line.said == "one "
    assert [each.status for each in line.events(ResponseDone)] == ["interrupted"]


def test_a_brain_that_fails_after_an_interrupt_does_so_unheard() -> None:
    class Bitter(ScriptedBrain):
        async def respond(self, prompt: Prompt) -> AsyncIterator[Thought]:
            yield "one "
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                raise OSError from None

    async def main() -> Line:
        async with running(BrainProcessor(Bitter(echo))) as line:
            line.send(ASKED)
            await asyncio.sleep(1)
            line.send(CUT)
            await asyncio.sleep(1)
        return line

    line = run(main())
    assert line.events(Error) == []
    assert [each.status for each in line.events(ResponseDone)] == ["interrupted"]


def test_the_end_of_the_input_waits_for_the_answer() -> None:
    out = answered(words(5.0, "late", 5.0), [ASKED])
    assert said(out) == "late"
    assert out[-1] == TURN_OVER


def test_no_text_goes_faster_than_it_is_taken() -> None:
    made: list[int] = []

    def many(prompt: Prompt) -> Script:
        for n in range(1000):
            made.append(n)
            yield f"{n} "

    async def main() -> None:
        async with running(BrainProcessor(ScriptedBrain(many)), every_s=1.0) as line:
            line.send(ASKED)
            await asyncio.sleep(10)
            assert len(made) < 20
            line.send(CUT)

    run(main())


def test_a_brain_that_cannot_be_loaded_ends_the_stream_as_it_says() -> None:
    class Missing(ScriptedBrain):
        async def warm(self) -> None:
            raise ConfigError("install it")

    with pytest.raises(ConfigError, match="install it"):
        answered(Missing(echo), [STOP])
    with pytest.raises(ConfigError, match="a brain is a callable"):
        BrainProcessor(7)
    with pytest.raises(ConfigError, match="temperature"):
        BrainProcessor(temperature=3)


@pytest.mark.parametrize("most", range(1, 5))
def test_closing_stops_the_answer(most: int) -> None:
    async def main() -> None:
        brain = ScriptedBrain(slowly)
        assert len(await through(BrainProcessor(brain), [ASKED], most=most)) == most
        assert brain.running == 0
        assert others() == set()

    run(main())
