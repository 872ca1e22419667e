import asyncio
from datetime import UTC, datetime
from typing import Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2s.items import Call, Item, Message, ToolResult
from s2s.providers.local.brains.rules import RulesBrain, reply
from s2s.providers.local.pool import Pool
from s2s.providers.local.stages import Brain, Prompt, Thought
from s2s.tools import tool

NOW = datetime(2026, 11, 22, 16, 10, tzinfo=UTC)


def move(
    direction: Literal["forward", "backward", "left", "right"],
    distance: float,
    unit: Literal["meters", "feet"] = "meters",
) -> str:
    """Move the robot."""
    return ""


def get_weather(city: str) -> str:
    """Get the current weather in a city."""
    return ""


TOOLS = (tool(move).spec, tool(get_weather).spec)


def user(text: str) -> Message:
    return Message("user", text)


def agent(text: str) -> Message:
    return Message("assistant", text)


def says(*history: Item) -> Thought:
    return reply(Prompt(history, tools=TOOLS), NOW)


async def thoughts(brain: Brain, prompt: Prompt) -> list[Thought]:
    return [thought async for thought in brain.respond(prompt)]


def test_it_is_a_brain_that_may_be_asked_early_and_has_nothing_to_load() -> None:
    brain: Brain = RulesBrain(Pool())
    assert brain.speculative
    asyncio.run(brain.warm())


def test_the_answer_comes_sentence_by_sentence_and_loses_nothing() -> None:
    brain = RulesBrain(Pool(), clock=lambda: NOW)
    story = asyncio.run(thoughts(brain, Prompt((user("Tell me a story."),))))
    assert len(story) == 8
    assert "".join(map(str, story)) == reply(Prompt((user("Tell me a story."),)), NOW)
    assert all(str(sentence).endswith(". ") for sentence in story[:-1])


def test_the_time_comes_from_the_clock() -> None:
    brain = RulesBrain(Pool(), clock=lambda: NOW)
    assert asyncio.run(thoughts(brain, Prompt((user("What time is it?"),)))) == ["It is 4:10 PM."]
    told = asyncio.run(thoughts(RulesBrain(Pool()), Prompt((user("What time is it?"),))))
    assert str(told[0]).startswith("It is ")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("What time is it?", "It is 4:10 PM."),
        ("Hello, what is twelve times seven?", "Twelve times seven is 84."),
        ("...", "I did not catch that."),
        ("", "I did not catch that."),
    ],
)
def test_without_a_use_for_a_tool_the_intents_answer(text: str, answer: str) -> None:
    assert says(user(text)) == answer


def test_the_results_of_tools_are_read_out() -> None:
    call = Call("c1", "get_weather")
    assert says(user("Weather?"), call, ToolResult("c1", "sunny")) == "Sunny."


def test_without_a_user_it_greets() -> None:
    prompt = Prompt((), instructions="Greet the caller")
    assert reply(prompt, NOW) == "Hello! What can I do for you?"
    assert says(Message("system", "Be brief."), agent("Hi")) == "Hello! What can I do for you?"


def test_asked_again_without_a_new_message_it_has_nothing_to_add() -> None:
    assert says(user("Hello."), agent("Hello!")) == "I have nothing to add."


def test_a_tool_is_called_with_an_id_of_its_own() -> None:
    earlier = (user("Hi"), agent("Hello!"))
    call = says(*earlier, user("Go forward ten meters."))
    assert isinstance(call, Call)
    assert (call.id, call.name) == ("call_3", "move")
    assert call.arguments == {"direction": "forward", "distance": 10, "unit": "meters"}
    assert msgspec.json.decode(call.raw) == call.arguments
    assert tool(move).checked(call) == call.arguments


def test_what_a_tool_needs_is_asked_for_until_it_is_known() -> None:
    history: tuple[Item, ...] = (user("Move."),)
    assert says(*history) == "Which direction: backward, forward, left, right?"
    history = (*history, agent("Which direction: backward, forward, left, right?"), user("Forward."))
    assert says(*history) == "What distance?"
    call = says(*history, agent("What distance?"), user("Ten feet."))
    assert isinstance(call, Call)
    assert call.arguments == {"direction": "forward", "distance": 10, "unit": "feet"}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Never mind.", "All right."),
        ("What time is it?", "It is 4:10 PM."),
        ("I like trains.", None),
    ],
)
def test_a_question_about_a_tool_may_be_left_open(text: str, answer: str | None) -> None:
    told = says(user("Move forward."), agent("What distance?"), user(text))
    assert told == answer if answer else str(told).startswith("You said:")


def test_another_tool_may_be_asked_for_instead_of_the_reply() -> None:
    call = says(user("What's the weather?"), agent("Which city?"), user("Go left two feet."))
    assert isinstance(call, Call)
    assert call.name == "move"


def test_a_call_without_a_result_is_waited_for() -> None:
    assert says(user("Weather?"), Call("c1", "get_weather")) == "I am still waiting for the tool get weather."


texts = st.text(max_size=300) | st.sampled_from(
    ["Move.", "What distance?", "Ten feet", "Count to 3", "Which city?"]
)
items: st.SearchStrategy[Item] = st.one_of(
    st.builds(Message, st.sampled_from(["user", "assistant", "system"]), texts),
    st.builds(Call, st.sampled_from(["c1", "c2"]), st.sampled_from(["move", "x_y"])),
    st.builds(ToolResult, st.sampled_from(["c1", "c2", "c3"]), texts, st.booleans()),
)


@settings(deadline=None)
@given(st.lists(items, max_size=8))
def test_every_history_has_an_answer(history: list[Item]) -> None:
    prompt = Prompt(tuple(history), tools=TOOLS)
    told = asyncio.run(thoughts(RulesBrain(Pool(), clock=lambda: NOW), prompt))
    assert told
    assert isinstance(told[0], Call) or "".join(map(str, told)) == reply(prompt, NOW)
