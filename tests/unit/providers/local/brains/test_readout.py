import pytest

from s2s.items import Call, Message, ToolResult
from s2s.providers.local.brains.readout import read_results

ASKED = Message("user", "Weather?")
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
    answer = read_results((ASKED, WEATHER, ToolResult("c1", output)))
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
    assert read_results((ASKED, WEATHER, ToolResult("c1", output, is_error=True))) == told


def test_several_results_are_told_apart() -> None:
    asked = (ASKED, WEATHER, Call("c2", "move"))
    told = read_results((*asked, ToolResult("c1", "sunny"), ToolResult("c2", "moved")))
    assert told == "Get weather: Sunny. Move: Moved."
    told = read_results((*asked, ToolResult("c1", "sunny"), ToolResult("c2", "stuck", is_error=True)))
    assert told == "Sunny. The tool move failed: stuck."


def test_only_the_latest_results_are_said_also_of_a_call_that_is_not_known() -> None:
    earlier = (WEATHER, ToolResult("c1", "sunny"), Message("assistant", "Sunny."))
    assert (
        read_results((*earlier, ToolResult("c9", "stuck", is_error=True)))
        == "The tool unknown failed: stuck."
    )
