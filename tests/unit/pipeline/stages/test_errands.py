from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from s2s.commands import AddItem, UpdateSession
from s2s.errors import LocalProtocolError, ToolError
from s2s.events import Error, ResponseDone, ResponseStarted, ToolCallCancelled
from s2s.items import Call, Item, Message, ToolResult
from s2s.pipeline import (
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
)
from s2s.pipeline.stages import BrainProcessor
from s2s.providers.local.stages import Prompt
from s2s.testing.clock import run
from s2s.tools import Tool, ToolSpec, tool
from tests.support.frames import others, through
from tests.support.stages import Script, ScriptedBrain, calling
from tests.support.streaming import CUT, STOP, Line, running

TURN_OVER = ControlFrame("end_of_utterance", "assistant")
ASKED = TextFrame("light, please", item_id="a")
LIGHT, FAN = Call("light", "light", {"on": True}), Call("fan", "fan")
SPECS = CommandFrame(UpdateSession(tools=(ToolSpec("light"), ToolSpec("fan"))))


def both(prompt: Prompt) -> Script:
    """Call two tools in one answer, and then tell what came of them."""
    match prompt.history[-1]:
        case ToolResult():
            results = [each.output for each in prompt.history if isinstance(each, ToolResult)]
            return [" and ".join(results)]
        case _:
            return ["One moment. ", LIGHT, 1.0, FAN, 1.0]


def result(call: Call, output: str = "done", **fields: bool) -> ToolResultFrame:
    return ToolResultFrame(ToolResult(call.id, output, **fields))


def origins(line: Line) -> list[str]:
    return [each.origin for each in line.events(ResponseStarted)]


def results(items: Sequence[Item]) -> list[ToolResult]:
    return [each for each in items if isinstance(each, ToolResult)]


def test_a_tool_of_its_own_is_run_and_its_result_answered() -> None:
    asked: list[bool] = []

    async def light(on: bool) -> str:
        """Switch the light."""
        asked.append(on)
        await asyncio.sleep(2)
        return "bright"

    brain = ScriptedBrain(calling(LIGHT))
    out = run(through(BrainProcessor(brain, tools=[light]), [ASKED, STOP]))
    (call,) = (each for each in out if isinstance(each, ToolCallFrame))
    assert call.runs_here
    assert asked == [True]
    assert brain.prompts[0].tools == (tool(light).spec,)
    assert brain.prompts[1].history[1:] == (call.call, ToolResult(call.call.id, "bright"))
    events = [each.event for each in out if isinstance(each, EventFrame)]
    started = [each for each in events if isinstance(each, ResponseStarted)]
    assert [each.origin for each in started] == ["user_turn", "tool_result"]
    assert call.response_id == started[0].response_id
    assert out.count(TURN_OVER) == 1
    assert out[-2:] == [TURN_OVER, STOP]


def test_calls_get_an_id_of_their_own_and_their_arguments_in_writing() -> None:
    async def light(on: bool) -> str:
        """Switch the light."""
        return "bright"

    def careless(prompt: Prompt) -> Script:
        asked = not isinstance(prompt.history[-1], ToolResult)
        return [LIGHT, LIGHT, replace(LIGHT, id="")] if asked else ["Done."]

    brain = ScriptedBrain(careless)
    out = run(through(BrainProcessor(brain, tools=[light]), [ASKED, STOP]))
    calls = [each.call for each in out if isinstance(each, ToolCallFrame)]
    assert calls[0] == replace(LIGHT, raw='{"on":true}')
    assert len({each.id for each in calls} - {""}) == 3
    assert {each.call_id for each in results(brain.prompts[1].history)} == {each.id for each in calls}
    assert [each for each in out if isinstance(each, EventFrame) and isinstance(each.event, Error)] == []


def test_a_tool_that_fails_is_told_the_brain_and_the_application() -> None:
    def light(on: bool) -> str:
        """Switch the light."""
        raise OSError("no bulb")

    brain = ScriptedBrain(calling(LIGHT))
    out = run(through(BrainProcessor(brain, tools=[light]), [ASKED]))
    (failed,) = (e.event for e in out if isinstance(e, EventFrame) and isinstance(e.event, Error))
    assert isinstance(failed.error, ToolError)
    (told,) = results(brain.prompts[1].history)
    assert told.is_error
    assert "no bulb" in told.output


def test_a_tool_of_others_is_theirs_to_answer() -> None:
    brain = ScriptedBrain(calling(LIGHT))

    async def main() -> Line:
        async with running(BrainProcessor(brain)) as line:
            line.send(SPECS, ASKED)
            await asyncio.sleep(5)
            (call,) = line.all(ToolCallFrame)
            assert not call.runs_here
            assert TURN_OVER not in line.out
            line.send(result(call.call, "bright"))
        return line

    line = run(main())
    assert origins(line) == ["user_turn", "tool_result"]
    assert line.said == "The tool says bright."
    assert line.out[-1] == TURN_OVER
    assert line.all(ToolResultFrame) == []
    assert brain.prompts[0].tools == (ToolSpec("light"), ToolSpec("fan"))


def test_a_tool_of_others_stands_before_its_own_of_the_same_name() -> None:
    own = Tool(name="light", function=lambda: "mine")
    brain = ScriptedBrain(calling(LIGHT))
    out = run(through(BrainProcessor(brain, tools=[own]), [SPECS, ASKED]))
    assert [each.runs_here for each in out if isinstance(each, ToolCallFrame)] == [False]
    assert len(brain.prompts[0].tools) == 2


def test_a_tool_without_a_function_is_for_others_to_answer() -> None:
    out = run(through(BrainProcessor(ScriptedBrain(calling(LIGHT)), tools=[Tool(name="light")]), [ASKED]))
    assert [each.runs_here for each in out if isinstance(each, ToolCallFrame)] == [False]


@pytest.mark.parametrize("early", [True, False])
def test_the_brain_goes_on_when_all_calls_of_the_answer_are_settled(early: bool) -> None:
    brain = ScriptedBrain(both)

    async def main() -> Line:
        async with running(BrainProcessor(brain)) as line:
            line.send(SPECS, ASKED)
            await asyncio.sleep(0.5 if early else 5)
            line.send(result(LIGHT, "bright"))
            await asyncio.sleep(5)
            assert origins(line) == ["user_turn"]
            line.send(result(FAN, "cool", respond=False))
        return line

    line = run(main())
    assert line.said == "One moment. bright and cool"
    assert origins(line) == ["user_turn", "tool_result"]
    assert line.out.count(TURN_OVER) == 1


def test_results_during_the_answer_wait_for_its_end() -> None:
    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(both))) as line:
            line.send(SPECS, ASKED)
            await asyncio.sleep(1.5)
            line.send(result(LIGHT, "bright"), result(FAN, "cool"))
            await asyncio.sleep(0.1)
            assert origins(line) == ["user_turn"]
        return line

    line = run(main())
    assert origins(line) == ["user_turn", "tool_result"]
    assert line.said == "One moment. bright and cool"
    assert line.out.count(TURN_OVER) == 1


def test_results_that_want_no_answer_do_not_end_a_turn_under_way() -> None:
    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(both))) as line:
            line.send(SPECS, ASKED)
            await asyncio.sleep(0.5)
            line.send(result(LIGHT, respond=False))
            await asyncio.sleep(0.1)
            assert TURN_OVER not in line.out
            await asyncio.sleep(1)
            line.send(CommandFrame(AddItem(ToolResult("fan", "cool"))))
        return line

    line = run(main())
    assert origins(line) == ["user_turn"]
    assert line.out[-1] == TURN_OVER


def test_a_tool_that_nobody_has_is_for_others_to_answer() -> None:
    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(calling(LIGHT)))) as line:
            line.send(ASKED)
            await asyncio.sleep(1)
            (call,) = line.all(ToolCallFrame)
            assert not call.runs_here
            line.send(result(call.call, "there is none", is_error=True))
        return line

    assert run(main()).said == "The tool says there is none."


def test_results_that_want_no_answer_end_the_turn() -> None:
    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(both))) as line:
            line.send(SPECS, ASKED)
            await asyncio.sleep(5)
            line.send(result(LIGHT, respond=False))
            await asyncio.sleep(1)
            assert TURN_OVER not in line.out
            line.send(result(FAN, respond=False))
        return line

    line = run(main())
    assert origins(line) == ["user_turn"]
    assert line.out[-1] == TURN_OVER


def test_a_result_that_comes_while_the_user_speaks_is_answered_with_the_turn() -> None:
    brain = ScriptedBrain(both)

    async def main() -> Line:
        async with running(BrainProcessor(brain)) as line:
            line.send(SPECS, ASKED)
            await asyncio.sleep(5)
            line.send(ControlFrame("start_of_utterance", item_id="b"), result(LIGHT), result(FAN))
            await asyncio.sleep(5)
            assert origins(line) == ["user_turn"]
            line.send(TextFrame("and the fan", item_id="b"))
            await asyncio.sleep(5)
        return line

    line = run(main())
    assert origins(line) == ["user_turn", "user_turn"]
    last = brain.prompts[1].history[-1]
    assert isinstance(last, Message)
    assert last.text == "and the fan"


def test_a_call_is_answered_once() -> None:
    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(calling(LIGHT)))) as line:
            line.send(SPECS, ASKED)
            await asyncio.sleep(1)
            (call,) = line.all(ToolCallFrame)
            line.send(result(call.call), result(call.call, "again"))
        return line

    line = run(main())
    assert len(line.events(ResponseStarted)) == 2
    (wrong,) = line.events(Error)
    assert isinstance(wrong.error, LocalProtocolError)


def test_a_call_that_was_made_elsewhere_can_be_answered_here() -> None:
    brain = ScriptedBrain(calling(LIGHT))
    processor = BrainProcessor(brain, history=[Message("user", "light"), LIGHT])
    out = run(through(processor, [result(LIGHT, "bright")]))
    assert [each.text for each in out if isinstance(each, TextFrame)] == ["The tool says bright.", ""]
    assert results(run_prompt(brain)) == [ToolResult("light", "bright")]
    assert run(through(processor, [result(LIGHT, "bright", respond=False)])) == []


def run_prompt(brain: ScriptedBrain) -> Sequence[Item]:
    return brain.prompts[-1].history


def test_an_interrupt_stops_tools_of_its_own_unless_they_work_in_the_background() -> None:
    ended: list[str] = []

    async def light(on: bool) -> str:
        """Switch the light."""
        try:
            await asyncio.sleep(10)
        finally:
            ended.append("light")
        return "bright"

    async def fan() -> str:
        """Switch the fan."""
        await asyncio.sleep(10)
        ended.append("fan")
        return "cool"

    brain = ScriptedBrain(both)
    tools = [tool(light), tool(fan, policy="background")]

    async def main() -> Line:
        async with running(BrainProcessor(brain, tools=tools)) as line:
            line.send(ASKED)
            await asyncio.sleep(3)
            line.send(CUT)
            await asyncio.sleep(0.1)
            assert ended == ["light"]
            assert line.events(ToolCallCancelled) == [ToolCallCancelled(("light",))]
            assert line.out[-1] == TURN_OVER
        return line

    line = run(main())
    assert ended == ["light", "fan"]
    assert origins(line) == ["user_turn", "tool_result"]
    stopped, cool = results(brain.prompts[1].history)
    assert (stopped.is_error, stopped.respond, cool.output) == (True, False, "cool")
    assert line.out.count(TURN_OVER) == 2


def test_a_tool_that_takes_no_notice_of_an_interrupt_is_not_heard() -> None:
    async def light(on: bool) -> str:
        """Switch the light."""
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
        return "bright"

    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(calling(LIGHT)), tools=[light])) as line:
            line.send(ASKED)
            await asyncio.sleep(3)
            line.send(CUT)
        return line

    line = run(main())
    assert origins(line) == ["user_turn"]


def test_an_interrupt_in_the_middle_of_the_answer_settles_what_it_called() -> None:
    async def main() -> Line:
        async with running(BrainProcessor(ScriptedBrain(both))) as line:
            line.send(SPECS, ASKED)
            await asyncio.sleep(0.5)
            line.send(CUT)
            await asyncio.sleep(1)
            line.send(result(LIGHT, "interrupted", is_error=True, respond=False))
        return line

    line = run(main())
    assert [each.status for each in line.events(ResponseDone)] == ["interrupted"]
    assert line.out[-1] == TURN_OVER
    assert line.out.count(TURN_OVER) == 1


def test_the_end_of_the_input_waits_for_its_own_tools_and_for_no_others() -> None:
    frames: list[Frame] = [SPECS, ASKED, STOP]
    out = run(through(BrainProcessor(ScriptedBrain(calling(LIGHT))), frames))
    assert out[-1] == STOP
    assert TURN_OVER not in out


def test_closing_stops_a_tool() -> None:
    ended: list[str] = []

    async def light(on: bool) -> str:
        """Switch the light."""
        try:
            await asyncio.sleep(100)
        finally:
            ended.append("light")
        return ""

    async def main() -> None:
        assert (
            len(await through(BrainProcessor(ScriptedBrain(calling(LIGHT)), tools=[light]), [ASKED], 3)) == 3
        )
        assert ended == ["light"]
        assert others() == set()

    run(main())
