"""Entries of a conversation in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.items import JSON, Call, Item, Message, ToolResult
from s2s.wire.nova.wording import (
    called,
    document,
    history,
    remembered,
    returned,
    words_of,
)

BONN = Call("c1", "look_up", {"city": "Bonn"})


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (Message("user", "Hi."), "Hi."),
        (Message("system", "Be kind."), "[system] Be kind."),
        (Message("assistant", "Good day."), "[assistant] Good day."),
        (Message("system", " "), ""),
        (BONN, 'look_up({"city":"Bonn"}) was called and has not returned.'),
        (ToolResult("c1", "rain"), "The result of c1(): rain"),
    ],
    ids=str,
)
def test_an_entry_says_who_speaks_where_that_is_not_the_user(item: Item, words: str) -> None:
    assert words_of(item) == words


def test_a_result_names_what_was_called_and_with_what() -> None:
    assert returned(BONN, ToolResult("c1", "rain")) == 'The result of look_up({"city":"Bonn"}): rain'
    assert returned(Call("c2", "now"), ToolResult("c2", "no", True)) == "The error of now(): no"
    assert called(Call("c2", "now")) == "now() was called and has not returned."


@pytest.mark.parametrize(
    ("output", "spelled"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ("[1, 2]", "[1, 2]"),
        ("12 degrees", '{"result":"12 degrees"}'),
        ("12", '{"result":"12"}'),
        ("null", '{"result":"null"}'),
        ('"x"', '{"result":"\\"x\\""}'),
        ("", '{"result":""}'),
        ('{"a":', '{"result":"{\\"a\\":"}'),
        ("\ud800", '{"result":"?"}'),
    ],
)
def test_a_result_is_a_document_whatever_it_was(output: str, spelled: str) -> None:
    assert document(ToolResult("c1", output)) == spelled


@pytest.mark.parametrize(
    ("output", "error"), [("no such city", "no such city"), ('{"code": 4}', {"code": 4}), ("", "")]
)
def test_an_error_says_that_it_is_one(output: str, error: JSON) -> None:
    assert json.loads(document(ToolResult("c1", output, True))) == {"error": error}


def test_what_is_nested_without_end_is_text() -> None:
    assert json.loads(document(ToolResult("c1", "[" * 100_000)))["result"] == "[" * 100_000


def test_a_history_is_what_both_sides_said_and_heard() -> None:
    seed = (
        Message("system", "Be kind."),
        Message("user", "Rain?"),
        BONN,
        ToolResult("c1", "yes"),
        Message("assistant", "It rains and rains.", heard_text="It rains"),
        Call("c2", "now"),
        ToolResult("c3", "noon"),
    )
    assert [(each.role, each.text) for each in remembered(seed)] == [
        ("user", "Rain?"),
        ("user", 'The result of look_up({"city":"Bonn"}): yes'),
        ("assistant", "It rains"),
        ("user", "now() was called and has not returned."),
        ("user", "The result of c3(): noon"),
    ]


def test_both_sides_take_turns_and_the_user_begins() -> None:
    said = [Message("assistant", "Good day."), Message("user", "Hi."), Message("user", "It is me.")]
    assert history(said, 2) == [("USER", "Go on."), ("ASSISTANT", "Good day."), ("USER", "Hi.\nIt is me.")]
    assert history([Message("user", "  ")], 2) == []


@pytest.mark.parametrize("number", [40, 41, 42])
def test_a_history_of_the_first_generation_has_no_more_than_forty_messages(number: int) -> None:
    said = [Message("user" if at % 2 else "assistant", str(at)) for at in range(number)]
    told = history(said, 1)
    assert len(told) <= 40
    assert [text for _, text in told][-39:] == [str(at) for at in range(number - 39, number)]


_SAID = st.builds(
    Message,
    st.sampled_from(["user", "assistant"]),
    st.sampled_from(["", " ", "Hi.", "ä" * 700, "\ud800", "x" * 60_000, "ä" * 26_000]),
)


@given(st.lists(_SAID, max_size=60), st.sampled_from([1, 2]))
def test_a_history_keeps_to_its_limits_and_to_what_was_said_last(
    said: list[Message], generation: int
) -> None:
    most_bytes, total_bytes, most = (1024, 40 * 1024, 40) if generation == 1 else (51_200, 204_800, 10_000)
    told = history(said, generation)
    sizes = [len(text.encode()) for _, text in told]
    assert all(0 < each <= most_bytes for each in sizes)
    assert sum(sizes) <= total_bytes
    assert len(told) <= most
    assert [role for role, _ in told] == ["USER", "ASSISTANT"] * (len(told) // 2) + ["USER"] * (len(told) % 2)
    last = next((each for each in reversed(said) if each.text.strip()), None)
    assert (last is None) is (not told)
    if last is not None:
        assert told[-1][1].endswith(last.text.strip().replace("\ud800", "?")[-100:])
