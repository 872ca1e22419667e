from typing import Literal

import pytest

from s2s.items import JSON
from s2s.providers.local.brains.filling import Filling
from s2s.providers.local.brains.utterance import utterance_of
from s2s.tools import ToolSpec, tool


def filled(utterance: str, spec: ToolSpec, *known: str) -> dict[str, JSON]:
    return Filling(utterance_of(utterance), spec, known).values


def resize(width: int, height: int | None = None) -> str:
    """Resize the window."""
    return ""


def print_page(color: bool = False, enabled: bool = False) -> str:
    """Print a page."""
    return ""


def book_flight(origin: str, destination: str, date: str) -> str:
    """Book a flight."""
    return ""


def paint(color: Literal["blue", "deep_blue", "red"], wall: Literal["left", "right"] = "left") -> str:
    """Paint a wall."""
    return ""


def wait_for(seconds: float = 0, message: str = "") -> str:
    """Wait, then say something."""
    return ""


RESIZE, PRINT, FLIGHT, PAINT, WAIT = (
    tool(each).spec for each in (resize, print_page, book_flight, paint, wait_for)
)


@pytest.mark.parametrize(
    ("utterance", "values"),
    [
        ("Resize the window to height 20 and width 30.", {"width": 30, "height": 20}),
        ("resize to 640 by 480", {"width": 640, "height": 480}),
        ("Resize it to 30.", {"width": 30}),
        ("height minus 5", {"height": -5}),
        ("width 2.5", {}),
    ],
)
def test_numbers_go_to_the_parameters_they_stand_beside(utterance: str, values: dict[str, JSON]) -> None:
    assert filled(utterance, RESIZE) == values


@pytest.mark.parametrize(
    ("utterance", "values"),
    [
        ("Print the page.", {}),
        ("Print the page in color.", {"color": True}),
        ("Print the page without color.", {"color": False}),
        ("Switch it on.", {"enabled": True}),
    ],
)
def test_a_switch_follows_its_own_name_and_a_negation_of_it(utterance: str, values: dict[str, JSON]) -> None:
    assert filled(utterance, PRINT) == values


@pytest.mark.parametrize(
    ("utterance", "values"),
    [
        ("deep blue on the right", {"color": "deep_blue", "wall": "right"}),
        ("blue or red", {"color": "blue"}),
        ("green", {}),
    ],
)
def test_the_choice_with_most_words_is_taken(utterance: str, values: dict[str, JSON]) -> None:
    assert filled(utterance, PAINT) == values


def test_texts_stand_behind_their_cues() -> None:
    assert filled("Book a flight from New York to London on Friday.", FLIGHT) == {
        "origin": "New York",
        "destination": "London",
        "date": "Friday",
    }


@pytest.mark.parametrize(
    ("utterance", "values"),
    [
        ("Wait two minutes.", {"seconds": 120}),
        ("Wait ten meters", {}),
        ("Wait half a second, saying I am back, again.", {"seconds": 0.5, "message": "I am back, again"}),
    ],
)
def test_a_measure_is_changed_into_that_of_the_parameter(utterance: str, values: dict[str, JSON]) -> None:
    assert filled(utterance, WAIT) == values


def test_what_is_known_is_not_filled_again() -> None:
    assert filled("width 3, height 4", RESIZE, "width") == {"height": 4}


def test_words_are_used_once() -> None:
    filling = Filling(utterance_of("left red wall"), PAINT)
    assert filling.used == {0, 1}


@pytest.mark.parametrize(
    ("utterance", "asked", "values"),
    [
        ("in Paris, please", 0, {"origin": "Paris"}),
        ("the long way round", 1, {"destination": "long way round"}),
        ("please", 1, {}),
    ],
)
def test_the_whole_reply_is_the_text_that_was_asked_for(
    utterance: str, asked: int, values: dict[str, JSON]
) -> None:
    known = {"origin", "destination", "date"} - {FLIGHT.parameters["required"][asked]}
    filling = Filling(utterance_of(utterance), FLIGHT, known)
    filling.reply_to(filling.parameters[asked])
    assert filling.values == values


def test_a_number_beyond_all_precision_is_still_a_whole_one() -> None:
    assert filled(f"width {10**28}", RESIZE) == {"width": 10**28}
