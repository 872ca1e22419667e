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
        ("Hello.", "Hello! What can I do for you?"),
        ("Good morning!", "Hello! What can I do for you?"),
        ("Thanks a lot.", "You are welcome."),
        ("Goodbye.", "Goodbye!"),
        ("Hello, what time is it?", "It is 4:10 PM."),
        ("Do you know what time it is?", "It is 4:10 PM."),
        ("What's the time?", "It is 4:10 PM."),
        ("What time is it in Tokyo?", "I only know the time where I run: it is 4:10 PM."),
        ("What\u2019s the date today?", "Today is Sunday, November 22, 2026."),
        ("What day is it?", "Today is Sunday."),
        ("What month is it?", "It is November."),
        ("What year is it?", "It is the year 2026."),
        ("What is twelve times seven?", "Twelve times seven is 84."),
        ("Divide ten by zero.", "I cannot divide by zero."),
        ("Count to ten.", "1, 2, 3, 4, 5. 6, 7, 8, 9, 10."),
        ("Can you count from nine to twelve please?", "9, 10, 11, 12."),
        ("Count down from 3.", "3, 2, 1."),
        ("Count to a million.", "I count at most 100 numbers at a time."),
        ("Repeat after me: the sky is green", "The sky is green."),
        ("Yes.", "All right."),
        ("No.", "All right, then not."),
        ("Never mind.", "All right."),
        ("...", "I did not catch that."),
        ("", "I did not catch that."),
        ("You can count on me.", 'You said: "You can count on me". '),
        ("What time does the train leave?", 'You said: "What time does the train leave". '),
        ("What year was he born?", 'You said: "What year was he born". '),
    ],
)
def test_an_intent_has_its_answer(text: str, answer: str) -> None:
    unknown = "I am a small rule-based brain and have no better answer."
    assert says(user(text)) == (answer + unknown if answer.endswith(" ") else answer)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("What did I just say?", 'You said: "I like trains".'),
        ("What did you hear?", 'You said: "I like trains".'),
        ("Repeat that.", 'You said: "I like trains".'),
        ("What did you say?", "Trains are fine."),
        ("What did you just say?", "Trains are fine."),
        ("Say that again.", "Trains are fine."),
    ],
)
def test_it_remembers_what_was_said(text: str, answer: str) -> None:
    assert says(user("I like trains."), agent("Trains are fine."), user(text)) == answer


def test_it_says_so_when_there_is_nothing_to_repeat() -> None:
    assert says(user("What did I say?")) == "You have said nothing before this."
    assert says(user("What did you say?")) == "I have said nothing yet."


@pytest.mark.parametrize("text", ["What can you do?", "Who are you?", "Are you a human?", "Help."])
def test_it_is_honest_about_what_it_is(text: str) -> None:
    told = str(says(user(text)))
    assert "rule-based" in told
    assert "without a language model" in told
    assert told.endswith("these tools: move and get weather.")
    assert "tool" not in str(reply(Prompt((user(text),)), NOW))
    assert str(reply(Prompt((user(text),), tools=TOOLS[:1]), NOW)).endswith("one tool: move.")


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


WEATHER = Call("c1", "get_weather", {"city": "Paris"})


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("It is sunny.", "It is sunny."),
        ("22 degrees", "22 degrees."),
        ("moved 10.0 meters", "Moved 10.0 meters."),
        ('{"temperature": 22, "sky": "clear"}', "Temperature is 22 and sky is clear."),
        ("temperature: 22, sky: clear", "Temperature is 22 and sky is clear."),
        (
            '{"wind_speed": 3.5, "rain": false, "sun": null}',
            "Wind speed is 3.5, rain is no and sun is nothing.",
        ),
        ('[{"name": "a", "n": 3}, {"name": "b", "n": 4}]', "Name is a and n is 3; name is b and n is 4."),
        ('["a", "b", "c"]', "A, b and c."),
        ("[1,2,3,4,5,6,7,8,9,10]", "1, 2, 3, 4, 5, 6, 7, 8 and 2 more."),
        ('{"a": {"b": {"c": {"d": 1}}}}', "A is b is c is something longer."),
        ('"quoted"', "Quoted."),
        ("1234567", "The answer is 1,234,567."),
        ("true", "Yes."),
        ("false", "No."),
        ("null", "Done."),
        ("", "Done."),
        ("{}", "There is nothing."),
        ("[]", "There is nothing."),
        ("[" * 100_000, None),
        ("word " * 1_000, None),
    ],
)
def test_a_result_is_said_in_a_sentence(output: str, told: str | None) -> None:
    answer = str(says(user("Weather?"), WEATHER, ToolResult("c1", output)))
    assert answer == told or (told is None and len(answer) < 700 and answer.endswith("."))


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("no such city", "The tool get weather failed: no such city."),
        ('{"error": "no such city"}', "The tool get weather failed: no such city."),
        ("", "The tool get weather failed: it gave no reason."),
    ],
)
def test_a_failed_tool_is_admitted(output: str, told: str) -> None:
    assert says(user("Weather?"), WEATHER, ToolResult("c1", output, is_error=True)) == told


def test_several_results_are_told_apart() -> None:
    asked = (user("Weather, and move."), WEATHER, Call("c2", "move"))
    told = says(*asked, ToolResult("c1", "sunny"), ToolResult("c2", "moved"))
    assert told == "Get weather: Sunny. Move: Moved."
    told = says(*asked, ToolResult("c1", "sunny"), ToolResult("c2", "stuck", is_error=True))
    assert told == "Sunny. The tool move failed: stuck."


def test_a_call_without_a_result_is_waited_for() -> None:
    assert says(user("Weather?"), WEATHER) == "I am still waiting for the tool get weather."


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
