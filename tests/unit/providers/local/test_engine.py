import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.stages import FOREVER, Script, ScriptedBrain, ToneTTS, calling, echo
from tests.support.talking import Caller, an_engine, on_the_line

from s2s.errors import ConfigError, ProviderError, S2SError, UnsupportedError
from s2s.events import (
    AudioOutput,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    ToolCall,
    ToolCallCancelled,
    TurnEnd,
)
from s2s.items import Call, Message, ToolResult
from s2s.providers.local import LocalEngine
from s2s.providers.local.stages import Prompt
from s2s.testing import clock
from s2s.tools import Tool

LIGHT, DOOR = Tool(name="light"), Tool(name="door")


async def weather(city: str) -> str:
    """Return the weather."""
    return f"rain in {city}"


def prefaced(prompt: Prompt) -> Script:
    """Speak for some seconds, then call; tell the results."""
    match prompt.history[-1]:
        case ToolResult(output=output):
            return [f"The tool says {output}."]
        case _:
            return ["Let me see what I can do. ", Call(f"call-{len(prompt.history)}", "light")]


async def asked(caller: Caller, text: str) -> None:
    """Ask in writing and wait for the end of the answer."""
    before = len(caller.statuses)
    await caller.session.send_text(text)
    await caller.told(ResponseDone, before + 1)


def test_a_tool_is_called_and_its_result_is_told_in_the_same_turn() -> None:
    async def main() -> None:
        brain = ScriptedBrain(calling(Call("call", "weather", {"city": "Rome"})))
        async with on_the_line(brain, tools=[weather]) as caller:
            await caller.says("what is the weather like?")
            await caller.hears(TurnEnd)
        assert caller.answer == "The tool says rain in Rome."
        assert [each.origin for each in caller.all(ResponseStarted)] == ["user_turn", "tool_result"]
        (turn,) = caller.all(TurnEnd)
        assert [each.name for each in turn.tool_calls] == ["weather"]

    clock.run(main())


def test_calls_of_one_answer_get_one_follow_up_after_the_last_result() -> None:
    async def main() -> None:
        brain = ScriptedBrain(calling(Call("a", "light"), Call("b", "door")))
        async with on_the_line(brain, tools=[LIGHT, DOOR]) as caller:
            await asked(caller, "light and door please")
            first, second = (each.call.id for each in caller.all(ToolCall))
            await caller.session.send_tool_result(ToolResult(second, "open"))
            await asyncio.sleep(2)
            assert len(brain.prompts) == 1
            await caller.session.send_tool_result(ToolResult(first, "on"))
            await caller.hears(TurnEnd)
        assert len(brain.prompts) == 2
        assert [type(each).__name__ for each in brain.prompts[1].history] == [
            "Message",
            *["Call"] * 2,
            *["ToolResult"] * 2,
        ]

    clock.run(main())


def test_a_result_that_comes_before_the_answer_ends_is_told_after_it() -> None:
    async def main() -> None:
        def reply(prompt: Prompt) -> Script:
            if isinstance(prompt.history[-1], ToolResult):
                return ["It is on."]
            return [Call("call-1", "light"), "I am turning the light on and this takes a while."]

        async with on_the_line(ScriptedBrain(reply), tools=[LIGHT]) as caller:
            await caller.session.send_text("light please")
            await caller.hears(ToolCall)
            await caller.session.send_tool_result(ToolResult("call-1", "on"))
            await caller.hears(TurnEnd)
        assert caller.answer == "I am turning the light on and this takes a while.It is on."
        assert caller.statuses == ["completed", "completed"]

    clock.run(main())


def test_a_call_waits_until_the_words_before_it_are_on_their_way() -> None:
    async def main() -> None:
        async with on_the_line(ScriptedBrain(prefaced), tools=[LIGHT]) as caller:
            await caller.session.send_text("light please")
            call = await caller.hears(ToolCall)
            assert caller.events.index(call) > caller.events.index(caller.all(AudioOutput)[-1])

    clock.run(main())


def test_speech_over_a_call_cancels_it_and_the_brain_is_told() -> None:
    async def main() -> None:
        brain = ScriptedBrain(prefaced)
        async with on_the_line(brain, tools=[LIGHT]) as caller:
            await caller.session.send_text("light please")
            await caller.hears(ToolCall)
            await caller.says("no leave it off please.")
            await caller.hears(ResponseDone, lambda each: each.status == "completed")
        assert caller.all(ToolCallCancelled)[0].call_ids == ("call-1",)
        results = [each for each in brain.prompts[-1].history if isinstance(each, ToolResult)]
        assert [each.is_error for each in results] == [True]

    clock.run(main())


def raising(prompt: Prompt) -> Script:
    return ["One. ", OSError("no model")]


def forever(prompt: Prompt) -> Script:
    return ["One. ", FOREVER]


def wrong(prompt: Prompt) -> Script:
    return ["One. ", 7]


@pytest.mark.parametrize(
    ("reply", "message"),
    [(raising, "OSError: no model"), (forever, "nothing for 2 s"), (wrong, "the brain gave int")],
)
@pytest.mark.parametrize("speculative", [True, False])
def test_a_brain_that_fails_costs_the_answer_and_not_the_session(
    reply: object, message: str, speculative: bool
) -> None:
    async def main() -> None:
        bad = reply
        brain = ScriptedBrain(lambda prompt: bad(prompt), speculative=speculative)  # type: ignore[operator]
        async with on_the_line(brain, extra={"brain_s": 2}) as caller:
            await caller.says("are you there now?")
            await caller.hears(ResponseDone)
            assert [type(each) for each in caller.errors] == [ProviderError]
            assert message in str(caller.errors[0])
            assert caller.statuses == ["failed"]
            assert brain.running == 0
            brain.reply = echo
            await caller.waits(1_000)
            await caller.asks("and are you there now?")
        assert caller.statuses == ["failed", "completed"]

    clock.run(main())


class Clumsy:
    """A brain that falls over its own feet on the way out."""

    speculative = True

    async def warm(self) -> None: ...

    async def respond(self, prompt: Prompt) -> AsyncIterator[str]:
        try:
            yield "One moment. And then"
            await asyncio.sleep(60)
        finally:
            raise OSError("stumbled")


def test_a_brain_that_breaks_while_it_is_stopped_is_not_left_behind() -> None:
    async def main() -> None:
        async with on_the_line(Clumsy()) as caller:
            for _ in range(3):
                await caller.session.send_text("tell me a story")
            await asyncio.sleep(1)

    clock.run(main())


def test_a_brain_with_nothing_to_say_ends_the_turn() -> None:
    async def main() -> None:
        async with on_the_line(ScriptedBrain(lambda prompt: [])) as caller:
            await caller.says("are you there now?")
            await caller.hears(TurnEnd)
        assert (caller.answer, caller.statuses, caller.errors) == ("", ["completed"], [])

    clock.run(main())


@pytest.mark.parametrize("how", ["raises", "hangs"])
def test_a_voice_that_fails_costs_the_answer_and_not_the_session(how: str) -> None:
    async def main() -> None:
        tts = ToneTTS()
        if how == "raises":
            tts.fails = OSError("no voice")
        else:
            tts.delay_s = FOREVER
        async with on_the_line(tts=tts) as caller:
            await asked(caller, "are you there")
            assert caller.statuses == ["failed"]
            assert isinstance(caller.errors[0], ProviderError)
            tts.fails, tts.delay_s = None, 0.01
            await asked(caller, "and now")
        assert caller.statuses == ["failed", "completed"]
        assert caller.answer == "You said and now"

    clock.run(main())


def test_a_slow_brain_is_heard_as_it_thinks() -> None:
    async def main() -> None:
        steps = [step for n in range(5) for step in (2.0, f"Sentence number {n}. ")]
        async with on_the_line(ScriptedBrain(lambda prompt: steps)) as caller:
            await caller.session.send_text("go on")
            first = await caller.hears(AudioOutput)
            last = await caller.hears(ResponseDone)
            assert caller.at(last) - caller.at(first) > 5
        assert caller.answer.count("Sentence") == 5

    clock.run(main())


def test_the_history_that_a_session_begins_with_is_what_the_brain_sees() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        history = (Message("user", "my name is Ada", "a"), Message("assistant", "hello Ada", "b"))
        async with on_the_line(brain, history=history) as caller:
            await asked(caller, "who am I")
        assert brain.prompts[0].history[:2] == history

    clock.run(main())


def test_a_session_can_have_a_brain_and_a_tempo_of_its_own() -> None:
    async def main() -> None:
        own = ScriptedBrain(lambda prompt: ["I am another one."])
        engine = an_engine()
        for extra, said in (({"brain": own, "lead_ms": None}, "I am another one."), ({}, "You said hello")):
            async with engine.start(extra=extra) as session:
                await session.send_text("hello")
                async for event in session:
                    if isinstance(event, TurnEnd):
                        assert event.agent_text == said
                        break

    clock.run(main())


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"voice": "bass"}, UnsupportedError, "no voice 'bass': use alto, tenor"),
        ({"language": "de"}, UnsupportedError, "no language 'de': use en"),
        ({"extra": {"lead_ms": -1}}, ConfigError, "lead_ms"),
        ({"extra": {"lead_ms": "soon"}}, ConfigError, "lead_ms"),
        ({"extra": {"brain_s": 0}}, ConfigError, "brain_s"),
        ({"extra": {"brain_s": "long"}}, ConfigError, "brain_s"),
        ({"extra": {"threads": 0}}, ConfigError, "threads"),
        ({"extra": {"threads": "two"}}, ConfigError, "threads"),
        ({"extra": {"brain": 7}}, ConfigError, "brain"),
        ({"extra": {"brain": "oracle"}}, ConfigError, "no brain named 'oracle'"),
    ],
)
def test_what_a_session_cannot_have_is_said_before_it_starts(
    fields: dict[str, object], error: type[S2SError], message: str
) -> None:
    async def main() -> None:
        with pytest.raises(error, match=message):
            await an_engine().start(**fields)

    clock.run(main())


def test_a_dialect_of_a_language_that_is_heard_is_fine() -> None:
    async def main() -> None:
        async with on_the_line(language="en-GB", voice="tenor") as caller:
            await asked(caller, "hello")

    clock.run(main())


def test_a_stage_that_cannot_be_loaded_fails_the_start() -> None:
    class Unloadable(ToneTTS):
        async def warm(self) -> None:
            raise ConfigError("this voice is missing: pip install it")

    async def main() -> None:
        with pytest.raises(ConfigError, match="pip install it"):
            await an_engine(tts=Unloadable()).start()

    clock.run(main())


def test_a_function_is_a_brain() -> None:
    async def main() -> None:
        async def brain(history: tuple[object, ...]) -> str:
            return f"I know {len(history)} entries."

        async with on_the_line(brain) as caller:
            await asked(caller, "hello")
        assert caller.answer == "I know 1 entries."

    clock.run(main())


def test_an_engine_of_ones_own_stages_needs_no_model() -> None:
    engine = an_engine()
    assert isinstance(engine, LocalEngine)
    assert engine.voices == ("alto", "tenor")
    can = engine.capabilities
    assert (can.input_rates, can.output_rates, can.languages) == ((16_000,), (24_000,), ("en",))
    assert (can.truncate, can.updates, can.barge_in, can.interrupt) == (True, True, True, "server_confirmed")


def test_a_session_with_the_engine_does_not_touch_another_one() -> None:
    async def main() -> None:
        brain = ScriptedBrain(echo)
        engine = an_engine(brain)
        async with engine.start() as one, engine.start() as other:
            await one.send_text("this is one")
            await other.send_text("this is other")
            for session, said in ((one, "this is one"), (other, "this is other")):
                async for event in session:
                    assert not isinstance(event, Interrupted)
                    if isinstance(event, TurnEnd):
                        assert (event.user_text, event.agent_text) == (said, f"You said {said}")
                        break
        assert [len(each.history) for each in brain.prompts] == [1, 1]

    clock.run(main())
