from datetime import UTC, datetime

import pytest

from s2s.items import Item, Message
from s2s.providers.local.brains.intents import Turn
from s2s.providers.local.brains.intents import answer as answer_to
from s2s.tools import ToolSpec

NOW = datetime(2026, 11, 22, 16, 10, tzinfo=UTC)
TOOLS = (ToolSpec("move"), ToolSpec("get_weather"))


def user(text: str) -> Message:
    return Message("user", text)


def agent(text: str) -> Message:
    return Message("assistant", text)


def says(*history: Item, tools: tuple[ToolSpec, ...] = TOOLS) -> str:
    last = history[-1]
    assert isinstance(last, Message)
    return answer_to(Turn(last.text, history, tools, NOW))


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
    told = says(user(text))
    assert "rule-based" in told
    assert "without a language model" in told
    assert told.endswith("these tools: move and get weather.")
    assert "tool" not in says(user(text), tools=())
    assert says(user(text), tools=TOOLS[:1]).endswith("one tool: move.")


@pytest.mark.parametrize(
    ("hour", "told"), [(0, "12:05 AM"), (9, "9:05 AM"), (12, "12:05 PM"), (23, "11:05 PM")]
)
def test_the_clock_has_twelve_hours(hour: int, told: str) -> None:
    now = NOW.replace(hour=hour, minute=5)
    assert answer_to(Turn("What time is it?", (user("What time is it?"),), (), now)) == f"It is {told}."
