import enum
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.effort import calls_made

from s2s.items import JSON
from s2s.providers.local.brains.toolmatch import choose, completed, question
from s2s.tools import ToolSpec, tool


class Color(enum.Enum):
    RED = "red"
    DEEP_BLUE = "deep_blue"


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


def set_timer(minutes: int, label: str = "") -> str:
    """Set a timer."""
    return ""


def set_reminder(text: str, seconds: float = 0) -> str:
    """Remind the user of something."""
    return ""


def set_light(on: bool, room: str = "", color: Color | None = None) -> str:
    """Switch the light."""
    return ""


def turn_on_heating(room: str) -> str:
    """Turn on the heating of a room."""
    return ""


def send_message(to: str, text: str) -> str:
    """Send a message to a person."""
    return ""


def book_flight(origin: str, destination: str, date: str) -> str:
    """Book a flight."""
    return ""


def search(query: str) -> str:
    """Search the web."""
    return ""


def set_volume(level: int, muted: bool = False) -> str:
    """Set the volume of the speaker."""
    return ""


def stop() -> str:
    """Stop the robot."""
    return ""


def play_music(genre: str) -> str:
    """Play music."""
    return ""


def draw(points: list[int], width: int, height: int) -> str:
    """Draw a polygon."""
    return ""


FUNCTIONS: tuple[Callable[..., str], ...] = (
    *(move, get_weather, set_timer, set_reminder, set_light, turn_on_heating, send_message, book_flight),
    *(search, set_volume, stop, play_music),
)
SPECS = tuple(tool(each).spec for each in FUNCTIONS)

CALLS: list[tuple[str, str, dict[str, JSON]]] = [
    ("move", "go forward ten meters", {"direction": "forward", "distance": 10, "unit": "meters"}),
    ("move", "Go forward 10 meters.", {"direction": "forward", "distance": 10, "unit": "meters"}),
    ("move", "Go forward ten metres.", {"direction": "forward", "distance": 10, "unit": "meters"}),
    ("move", "Go forward. 10 meters.", {"direction": "forward", "distance": 10, "unit": "meters"}),
    ("move", "Move back two point five feet.", {"direction": "backward", "distance": 2.5, "unit": "feet"}),
    ("move", "Hello! Please drive left for 3.", {"direction": "left", "distance": 3}),
    (
        "move",
        "Could you walk half a meter to the right?",
        {"direction": "right", "distance": 0.5, "unit": "meters"},
    ),
    ("move", "I want you to go backward a foot.", {"direction": "backward", "distance": 1, "unit": "feet"}),
    ("move", "left ten meters", {"direction": "left", "distance": 10, "unit": "meters"}),
    ("move", "move minus 3 meters forward", {"direction": "forward", "distance": -3, "unit": "meters"}),
    ("get_weather", "what's the weather in Paris", {"city": "Paris"}),
    ("get_weather", "What's the weather like in New York today?", {"city": "New York"}),
    ("get_weather", "Is it going to rain in Berlin tomorrow?", {"city": "Berlin"}),
    ("get_weather", "What's the weather for tomorrow in San Francisco, please?", {"city": "San Francisco"}),
    ("get_weather", "weather in the city of london", {"city": "london"}),
    ("get_weather", "Weather Paris.", {"city": "Paris"}),
    ("set_timer", "Set a timer for ten minutes.", {"minutes": 10}),
    ("set_timer", "Set a timer for two hours.", {"minutes": 120}),
    ("set_timer", "set a timer for five minutes called pasta, please", {"minutes": 5, "label": "pasta"}),
    ("set_reminder", "Remind me to buy milk and bread.", {"text": "buy milk and bread"}),
    ("set_reminder", "remind me in ten minutes to call mom", {"text": "call mom", "seconds": 600}),
    ("set_light", "Turn off the lights in the living room.", {"on": False, "room": "living room"}),
    ("set_light", "Make the light deep blue and on.", {"on": True, "color": "deep_blue"}),
    ("turn_on_heating", "Turn on the heating in the kitchen.", {"room": "kitchen"}),
    (
        "send_message",
        "Send a message to Alice saying I am late, sorry.",
        {"to": "Alice", "text": "I am late, sorry"},
    ),
    (
        "book_flight",
        "Book a flight from New York to London on Friday.",
        {"origin": "New York", "destination": "London", "date": "Friday"},
    ),
    (
        "book_flight",
        "book me a flight from Paris to Rome tomorrow morning",
        {"origin": "Paris", "destination": "Rome", "date": "tomorrow morning"},
    ),
    ("search", "Search for cats.", {"query": "cats"}),
    ("search", "Can you search the web for the history of Rome?", {"query": "history of Rome"}),
    ("search", "search cute cat pictures", {"query": "cute cat pictures"}),
    ("set_volume", "Set the volume to 50.", {"level": 50}),
    ("set_volume", "Turn the volume up to eighty percent.", {"level": 80}),
    ("stop", "Stop.", {}),
    ("play_music", "Play some jazz.", {"genre": "jazz"}),
]


@pytest.mark.parametrize(("name", "utterance", "arguments"), CALLS)
def test_the_tool_is_chosen_among_many_and_filled(
    name: str, utterance: str, arguments: dict[str, JSON]
) -> None:
    found = choose(utterance, SPECS)
    assert found is not None
    assert (found.tool.name, found.arguments, found.missing) == (name, arguments, ())


@pytest.mark.parametrize(
    ("utterance", "missing", "asks"),
    [
        ("What's the weather?", ("city",), "Which city?"),
        ("How's the weather today?", ("city",), "Which city?"),
        ("Move forward.", ("distance",), "What distance?"),
        ("Move.", ("direction", "distance"), "Which direction: backward, forward, left, right?"),
        ("Set a timer.", ("minutes",), "How many minutes?"),
        ("Set a timer for ten meters.", ("minutes",), "How many minutes?"),
        ("Set a timer for thirty seconds.", ("minutes",), "How many minutes?"),
        ("The lights, please.", ("on",), "On: yes or no?"),
        ("Send a message to Bob.", ("text",), "Which text?"),
    ],
)
def test_what_was_not_said_is_asked_for(utterance: str, missing: tuple[str, ...], asks: str) -> None:
    found = choose(utterance, SPECS)
    assert found is not None
    assert found.missing == missing
    assert question(found) == asks


@pytest.mark.parametrize(
    "utterance",
    [
        "",
        "...",
        "Hello there. How are you?",
        "What's your name?",
        "Tell me a story.",
        "What time is it?",
        "What day is it today?",
        "What is twelve times seven?",
        "Count to ten.",
        "I went to the store and bought some milk.",
        "Thank you very much.",
        "My daughter is turning five on Friday.",
        "Can you repeat that?",
        "I think we should leave now.",
        "It was a long day at work.",
        "Who won the game last night?",
        "The price was right.",
        "I have five minutes left.",
        "I left my keys at home.",
        "That was a good move.",
        "two right answers",
        "Right.",
        "Go on.",
        "Go ahead.",
        "See you later.",
        "What did I just say?",
        "The weather was so bad yesterday that we stayed home.",
        "Don't go forward ten meters.",
        "Never turn on the heating in the kitchen.",
        "Why did you move forward ten meters?",
        "Turn off the heating in the kitchen.",
        "Yes.",
        "No, thank you.",
    ],
)
def test_other_speech_calls_nothing(utterance: str) -> None:
    assert choose(utterance, SPECS) is None


@pytest.mark.parametrize(
    ("utterance", "reply", "arguments", "missing"),
    [
        ("What's the weather?", "In Paris, please.", {"city": "Paris"}, ()),
        ("What's the weather?", "paris", {"city": "paris"}, ()),
        ("Move forward.", "Ten feet.", {"direction": "forward", "distance": 10, "unit": "feet"}, ()),
        ("Move.", "forward", {"direction": "forward"}, ("distance",)),
        ("Move.", "Left, two meters.", {"direction": "left", "distance": 2, "unit": "meters"}, ()),
        ("Move.", "I like trains.", {}, ("direction", "distance")),
        ("Set a timer.", "Half an hour.", {"minutes": 30}, ()),
        ("The lights, please.", "Yes.", {"on": True}, ()),
        ("Send a message to Bob.", "I am at home", {"to": "Bob", "text": "I am at home"}, ()),
    ],
)
def test_a_reply_completes_what_was_asked_for(
    utterance: str, reply: str, arguments: dict[str, JSON], missing: tuple[str, ...]
) -> None:
    begun = choose(utterance, SPECS)
    assert begun is not None
    found = completed(begun, reply)
    assert (found.arguments, found.missing) == (arguments, missing)


def test_a_tool_whose_parameters_no_question_could_fill_is_left_alone() -> None:
    assert choose("Draw a polygon of width 3 and height 4.", [tool(draw).spec]) is None


def test_names_in_camel_case_and_references_are_understood() -> None:
    spec = ToolSpec(
        "openGarageDoor",
        "",
        {
            "type": "object",
            "properties": {"side": {"$ref": "#/$defs/Side"}, "mode": {"const": "slow"}},
            "required": ["side"],
            "$defs": {"Side": {"enum": ["west side", "east side"]}},
        },
    )
    found = choose("Open the garage door on the east side.", [spec])
    assert found is not None
    assert found.arguments == {"side": "east side"}
    assert choose("Close the garage door on the east side.", [spec]) is None


def test_the_same_words_give_the_same_call() -> None:
    assert choose("go left two feet", SPECS) == choose("go left two feet", SPECS)
    assert choose("Stop.", []) is None


words = st.sampled_from(
    sorted({word for _, utterance, _ in CALLS for word in utterance.split()} | {".", ",", "-5"})
)


@settings(deadline=None, max_examples=60)
@given(st.one_of(st.text(max_size=2_000), st.lists(words, max_size=120).map(" ".join)))
@example("Go. " * 2_000)
@example("5 " * 2_000)
@example("to " * 2_000)
def test_no_utterance_raises_or_is_much_work(utterance: str) -> None:
    def converse() -> None:
        found = choose(utterance, SPECS)
        if found and found.missing:
            completed(found, utterance)
            assert question(found).endswith("?")

    assert calls_made(converse) < 250_000


schemas = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["string", "number", "null", "#/$defs/a", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "enum", "anyOf", "$ref", "const", "items", "properties", "a"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(["city", "level", "on"]), schemas, max_size=3))
def test_no_schema_raises(properties: dict[str, JSON]) -> None:
    parameters = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "$defs": {"a": {}},
    }
    found = choose("Make tea in Paris at 5.", [ToolSpec("tea", "Make tea.", parameters)])
    assert found is None or not found.missing or question(found)
