"""Entries of the conversation, spelled as turns and read from them."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.items import JSON, Call, Item, Message, ToolResult
from s2s.wire.gemini.items import answer, call_of, read_turns, result_of, text_of, turns
from s2s.wire.gemini.messages import Content, FunctionCall, FunctionResponse, Part

CALL = Call("c1", "weather", {"city": "Bonn"}, '{"city":"Bonn"}')
RESULT = ToolResult("c1", "12 degrees")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def spelled(*items: Item, with_calls: bool = True) -> JSON:
    return msgspec.to_builtins(turns(items, with_calls=with_calls))


def test_neighbours_of_one_side_are_one_turn() -> None:
    said = [Message("user", "One."), Message("user", "Two."), Message("assistant", "Three.")]
    assert spelled(*said) == [
        {"role": "user", "parts": [{"text": "One."}, {"text": "Two."}]},
        {"role": "model", "parts": [{"text": "Three."}]},
    ]


def test_of_what_was_cut_off_only_what_was_heard_was_said() -> None:
    assert spelled(Message("assistant", "One. Two.", heard_text="One.")) == [
        {"role": "model", "parts": [{"text": "One."}]}
    ]


def test_nothing_is_no_turn() -> None:
    nothing = [Message("user", " \n"), Message("assistant", "One.", heard_text="")]
    assert spelled(*nothing) == []
    assert spelled(*nothing, Message("user", "One.")) == [{"role": "user", "parts": [{"text": "One."}]}]


def test_a_system_message_is_spoken_by_the_user_who_says_so() -> None:
    assert spelled(Message("system", "Be brief.")) == [
        {"role": "user", "parts": [{"text": "[system] Be brief."}]}
    ]


def test_a_call_and_its_result_stand_on_both_sides() -> None:
    assert spelled(CALL, RESULT) == [
        {
            "role": "model",
            "parts": [{"functionCall": {"id": "c1", "name": "weather", "args": {"city": "Bonn"}}}],
        },
        {
            "role": "user",
            "parts": [
                {
                    "functionResponse": {
                        "id": "c1",
                        "name": "weather",
                        "response": {"output": "12 degrees"},
                    }
                }
            ],
        },
    ]


def test_for_who_takes_no_calls_they_are_words() -> None:
    assert spelled(CALL, RESULT, with_calls=False) == [
        {"role": "model", "parts": [{"text": '[called weather: {"city":"Bonn"}]'}]},
        {"role": "user", "parts": [{"text": "[weather returned: 12 degrees]"}]},
    ]


def test_half_of_a_call_is_words_too() -> None:
    assert spelled(CALL) == [{"role": "model", "parts": [{"text": '[called weather: {"city":"Bonn"}]'}]}]
    assert spelled(RESULT) == [{"role": "user", "parts": [{"text": "[c1 returned: 12 degrees]"}]}]


@pytest.mark.parametrize(
    ("response", "output", "failed"),
    [
        ({"output": "12 degrees"}, "12 degrees", False),
        ({"error": "no"}, "no", True),
        ({"output": {"celsius": 12}}, '{"celsius":12}', False),
        ({"celsius": 12}, '{"celsius":12}', False),
        ({"error": "no", "code": 3}, '{"error":"no","code":3}', False),
        ({}, "{}", False),
        (None, "{}", False),
    ],
)
def test_a_result_is_read_in_every_form(response: JSON, output: str, failed: bool) -> None:
    read = result_of(FunctionResponse(id="c1", name="weather", response=response))
    assert read == ToolResult("c1", output, failed)


@given(WORDS, st.booleans())
def test_a_result_is_read_as_it_was_spelled(output: str, failed: bool) -> None:
    result = ToolResult("c1", output, failed)
    assert result_of(answer(result, "weather")) == result


@given(st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), WORDS), max_size=6))
def test_what_was_said_is_read_as_it_was_spelled(said: list[Message]) -> None:
    read = [each for each in read_turns(turns(said)) if isinstance(each, Message)]
    assert [each.role for each in read] == [
        each.role for at, each in enumerate(said) if at == 0 or said[at - 1].role != each.role
    ]
    assert " ".join(each.text for each in read) == " ".join(each.text for each in said)


def test_calls_are_read_with_or_without_a_name() -> None:
    assert read_turns(turns([CALL, RESULT])) == [CALL, RESULT]
    assert call_of(FunctionCall(name="weather"), "c1") == Call("c1", "weather", {}, "{}")
    call, result = FunctionCall(name="weather"), FunctionResponse(name="weather", response={"output": "mild"})
    nameless = [
        Content(role="model", parts=[Part(function_call=call)]),
        Content(role="user", parts=[Part(function_response=result)]),
    ]
    assert read_turns(nameless) == [Call("weather", "weather"), ToolResult("weather", "mild")]


def test_thoughts_are_not_words() -> None:
    content = Content(parts=[Part(text="One."), Part(text="Hm.", thought=True), Part(text="Two.")])
    assert read_turns([content]) == [Message("user", "One. Two.")]
    assert text_of(content) == "One.\nTwo."
    assert text_of(None) == ""


def test_a_turn_of_very_many_parts_is_put_together_in_no_time() -> None:
    parts = [Part(text="word")] * 200_000
    before = time.process_time()
    assert read_turns([Content(role="user", parts=parts)]) == [Message("user", " ".join(["word"] * 200_000))]
    assert time.process_time() - before < 2
