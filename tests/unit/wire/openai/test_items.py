import pytest

from s2s.items import Call, Item, Message, ToolResult
from s2s.wire.openai.items import call_of, read, short, spelled, text_of, text_or_json
from s2s.wire.openai.messages import Content, WireItem


@pytest.mark.parametrize(
    "item",
    [
        Message("user", "Hi.", "u1"),
        Message("system", "Be kind.", "s1"),
        Message("assistant", "Hello.", "a1"),
        Call("c1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}'),
        ToolResult("c1", "A city."),
    ],
)
def test_an_entry_is_read_as_it_was_spelled(item: Item) -> None:
    assert read(spelled(item)) == item


def test_what_was_not_heard_is_not_given_back() -> None:
    item = spelled(Message("assistant", "Hello there.", "a1", heard_text="Hello"))
    assert text_of(item) == "Hello"


def test_spoken_and_written_parts_are_words_alike() -> None:
    parts = [Content(type="input_audio", transcript="One."), Content(type="input_text", text="Two.")]
    assert text_of(WireItem(content=parts)) == "One. Two."
    assert text_of(WireItem(content=[Content(type="input_audio")])) == ""


def test_kinds_without_words_are_left_out() -> None:
    assert read(WireItem(type="mcp_call")) is None


def test_arguments_that_are_no_object_stay_as_they_came() -> None:
    for raw in ("[1]", "{", "nothing"):
        item = WireItem(type="function_call", call_id="c", name="f", arguments=raw)
        assert call_of(item) == Call("c", "f", {}, raw)
    assert call_of(WireItem(type="function_call", call_id="c", name="f")) == Call("c", "f")


def test_an_output_that_is_no_text_becomes_json() -> None:
    assert text_or_json(None) == ""
    assert text_or_json("x") == "x"
    assert text_or_json([{"type": "text"}]) == '[{"type":"text"}]'


def test_a_long_id_becomes_a_short_one_and_always_the_same() -> None:
    long = "toolu_" + "x" * 60
    assert short("short") == "short"
    assert short("x" * 32) == "x" * 32
    assert short(long) == short(long) != short(long + "y")
    assert len(short(long)) == 32
