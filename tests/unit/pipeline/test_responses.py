"""Frames of any processors become responses, each with one start and one end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.events import AudioOutput, Event, ResponseDone, ResponseStarted, TextOutput, ToolCall
from s2s.items import Call, Message
from s2s.pipeline import AudioFrame, TextFrame, ToolCallFrame
from s2s.pipeline.responses import Responses

Step: TypeAlias = Callable[[Responses], Iterator[Event]]
SOUND = AudioFrame(bytes(480))
STARTED, DONE = ResponseStarted("r"), ResponseDone("r")


def words(text: str, response_id: str = "", item_id: str = "", *, final: bool = False) -> Step:
    frame = TextFrame(text, "assistant", final, item_id, response_id, "spoken")
    return lambda responses: responses.text(frame)


def sound(response_id: str = "", item_id: str = "") -> Step:
    return lambda responses: responses.audio(AudioFrame(bytes(480), 24_000, 1, 7.0, item_id, response_id))


def call(*, runs_here: bool = False, response_id: str = "") -> Step:
    frame = ToolCallFrame(Call("call", "look_up"), response_id, runs_here)
    return lambda responses: responses.call(frame)


def begins(response_id: str = "r", **fields: str) -> Step:
    return lambda responses: responses.started(ResponseStarted(response_id, **fields))  # type: ignore[arg-type]


def ends(response_id: str = "r") -> Step:
    return lambda responses: responses.done(ResponseDone(response_id))


def told(*steps: Step, responses: Responses | None = None) -> list[Event]:
    responses = responses or Responses()
    return [event for step in steps for event in step(responses)]


def types(events: Iterable[Event]) -> str:
    return " ".join(each.type for each in events)


# Responses that processors announce.


def test_content_is_told_between_the_start_and_the_end_that_were_announced() -> None:
    assert told(
        begins(), words("Hi", "r", "i"), sound("r", "i"), words("", "r", "i", final=True), ends()
    ) == [
        STARTED,
        TextOutput("Hi", "r", "i"),
        AudioOutput(SOUND.audio, 24_000, "r", "i", 0.0),
        TextOutput("", "r", "i", final=True),
        DONE,
    ]


def test_sound_stands_where_the_sound_of_its_item_ended_whatever_the_frame_says() -> None:
    events = told(begins(), sound("r", "i"), sound("r", "j"), sound("r", "i"))
    assert [each.position_ms for each in events if isinstance(each, AudioOutput)] == [0.0, 0.0, 10.0]


def test_content_without_a_response_belongs_to_the_newest_that_is_open() -> None:
    events = told(begins("a"), begins("b"), sound(), ends("b"), sound(), ends("a"))
    assert [each.response_id for each in events if isinstance(each, AudioOutput)] == ["b", "a"]
    assert types(events).count("response_started") == 2


def test_what_comes_after_the_end_is_dropped() -> None:
    assert types(told(begins(), ends(), words("late", "r"), sound("r"), call(response_id="r"), ends())) == (
        "response_started response_done"
    )


def test_a_response_does_not_begin_twice() -> None:
    assert told(begins(), begins(), ends(), begins()) == [STARTED, DONE]


def test_an_end_without_a_beginning_is_dropped() -> None:
    assert told(ends()) == []


def test_a_text_that_nobody_finished_is_finished_before_the_end() -> None:
    events = told(begins(), words("Hi", "r", "i"), ends())
    assert events[2:] == [TextOutput("", "r", "i", final=True), DONE]


def test_audio_without_sound_is_not_told() -> None:
    responses = Responses()
    assert [*responses.audio(AudioFrame(b"", response_id="r"))] == [ResponseStarted("r")]


# Responses that nobody announces.


def test_the_first_content_begins_a_response_and_gives_it_an_id_and_an_item() -> None:
    responses = Responses()
    events = told(words("Hi"), sound(), words(" there."), responses=responses)
    started, first, heard, second = events
    assert isinstance(started, ResponseStarted)
    assert isinstance(first, TextOutput)
    assert isinstance(heard, AudioOutput)
    assert isinstance(second, TextOutput)
    assert started.origin == "user_turn"
    assert {first.response_id, heard.response_id, second.response_id} == {started.response_id}
    assert first.item_id == heard.item_id == second.item_id != ""
    assert responses.implies(started.response_id)
    assert [*responses.close()] == [
        TextOutput("", started.response_id, first.item_id, final=True),
        ResponseDone(started.response_id),
    ]
    assert [*responses.close()] == []


def test_text_after_a_final_one_is_another_item_and_sound_goes_with_the_text_before_it() -> None:
    events = told(words("One.", final=True), sound(), words("Two.", final=True), sound())
    items = [each.item_id for each in events if isinstance(each, TextOutput | AudioOutput)]
    assert items == [items[0], items[0], items[2], items[2]]
    assert items[0] != items[2]


def test_text_may_come_after_its_sound() -> None:
    events = told(sound(), words("One"), sound(), words(" two.", final=True))
    assert len({each.item_id for each in events if isinstance(each, TextOutput | AudioOutput)}) == 1


def test_sound_of_another_rate_is_another_item() -> None:
    responses, rates = Responses(), (16_000, 16_000, 24_000, 24_000, 16_000)
    events = told(words("Hi"), responses=responses)
    events += [e for hz in rates for e in responses.audio(AudioFrame(bytes(960), hz))]
    heard = [each for each in events if isinstance(each, AudioOutput)]
    items = [each.item_id for each in heard]
    assert items == [items[0]] * 2 + [items[2]] * 2 + [items[4]]
    assert len(set(items)) == 3
    assert [each.position_ms for each in heard] == [0.0, 30.0, 0.0, 20.0, 0.0]
    assert items[0] == next(each.item_id for each in events if isinstance(each, TextOutput))


def test_an_item_that_an_earlier_response_has_gets_a_name_of_its_own() -> None:
    events = told(words("a", "a", "i"), words("b", "b", "i"), sound("b", "i"), words("c", "b", "i"))
    first, *others = [
        each.item_id
        for each in events
        if isinstance(each, AudioOutput | TextOutput) and not (isinstance(each, TextOutput) and each.final)
    ]
    assert first == "i"
    assert others == [others[0]] * 3
    assert others[0] != "i"


def test_content_of_another_response_ends_the_one_before() -> None:
    assert types(told(words("a", "a", "i", final=True), words("b", "b", "j", final=True))) == (
        "response_started text_output response_done response_started text_output"
    )


def test_an_announced_response_ends_the_one_before() -> None:
    assert types(told(sound(), begins(), ends())) == (
        "response_started audio_output response_done response_started response_done"
    )


def test_an_interrupted_one_ends_as_such_and_says_nothing_more() -> None:
    responses = Responses()
    started = told(words("Hi"), responses=responses)[0]
    assert isinstance(started, ResponseStarted)
    assert [*responses.interrupt()] == [ResponseDone(started.response_id, "interrupted")]


def test_an_interruption_of_another_response_ends_nothing() -> None:
    responses = Responses()
    told(sound("mine"), responses=responses)
    assert [*responses.interrupt("other")] == []
    assert not responses.silences(AudioFrame(bytes(2), response_id="mine"))
    assert [*responses.interrupt("mine")] == [ResponseDone("mine", "interrupted")]


def test_an_answer_is_to_what_was_asked_last() -> None:
    responses = Responses()
    responses.origin = "application"
    events = told(begins("a"), ends("a"), begins("b"), ends("b"), responses=responses)
    events += told(begins("c", origin="tool_result"), responses=responses)
    origins = [each.origin for each in events if isinstance(each, ResponseStarted)]
    assert origins == ["application", "user_turn", "tool_result"]


# Silence.


def test_what_is_silenced_is_dropped_until_it_ends() -> None:
    responses = Responses()
    told(begins(), sound("r"), responses=responses)
    assert not responses.silences(SOUND)
    responses.silence("r")
    assert responses.silences(SOUND)
    assert told(sound("r"), words("Hi", "r"), call(response_id="r"), responses=responses) == []
    assert told(ends(), responses=responses) == [ResponseDone("r", "interrupted")]
    assert responses.silences(AudioFrame(bytes(2), response_id="r"))
    assert types(told(sound(), responses=responses)) == "response_started audio_output"


def test_what_stands_beside_the_conversation_is_silenced_by_its_name_alone() -> None:
    responses = Responses()
    told(begins("aside", origin="out_of_band"), begins(), responses=responses)
    responses.silence()
    assert types(told(words("Note", "aside"), words("Hi", "r"), responses=responses)) == "text_output"
    responses.silence("aside")
    assert told(words("Note", "aside"), ends("aside"), responses=responses) == [
        ResponseDone("aside", "interrupted")
    ]


# Tools.


def test_a_call_is_told_unless_its_tool_runs_here() -> None:
    assert told(begins(), call(), ends()) == [STARTED, ToolCall(Call("call", "look_up"), "r"), DONE]
    assert told(begins(), call(runs_here=True)) == [STARTED]


def test_a_response_whose_tools_run_here_ends_in_the_turn_of_the_one_that_follows() -> None:
    responses = Responses()
    assert told(begins("a"), call(runs_here=True), ends("a"), responses=responses) == [ResponseStarted("a")]
    assert told(begins("b", origin="tool_result"), ends("b"), responses=responses) == [
        ResponseStarted("b", "tool_result"),
        ResponseDone("a"),
        ResponseDone("b"),
    ]


@pytest.mark.parametrize(
    ("and_then", "status"),
    [(Responses.close, "completed"), (Responses.interrupt, "interrupted"), (Responses.end, "completed")],
)
def test_a_response_whose_tools_run_here_ends_with_the_turn(
    and_then: Callable[[Responses], Iterator[Event]], status: str
) -> None:
    responses = Responses()
    told(begins(), call(runs_here=True), ends(), responses=responses)
    assert [each.status for each in and_then(responses) if isinstance(each, ResponseDone)] == [status]
    assert [*and_then(responses)] == []


def test_a_response_with_a_call_for_others_too_does_not_wait() -> None:
    assert types(told(begins(), call(runs_here=True), call(), call(runs_here=True), ends())) == (
        "response_started tool_call response_done"
    )


# The end.


def test_at_the_end_of_the_stream_all_ends() -> None:
    responses = Responses()
    told(begins("announced"), sound("implied"), responses=responses)
    ended = [each for each in responses.end() if isinstance(each, ResponseDone)]
    assert [each.status for each in ended] == ["incomplete", "completed"]


def test_what_was_heard_can_be_told_of_items_of_any_kind() -> None:
    responses = Responses()
    events = told(words("One two."), sound(), responses=responses)
    item_id = events[-1].item_id if isinstance(events[-1], AudioOutput) else ""
    assert responses.said.heard(item_id, 0.0) == Message("assistant", "One two.", item_id, "")
    assert responses.last == (
        events[0].response_id if isinstance(events[0], ResponseStarted) else "",
        item_id,
    )


# Whatever comes.

IDS = st.sampled_from(["", "a", "b"])
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda r, i, f: words("word", r, i, final=f), IDS, IDS, st.booleans()),
    st.builds(sound, IDS, IDS),
    st.builds(lambda here, r: call(runs_here=here, response_id=r), st.booleans(), IDS),
    st.builds(begins, st.sampled_from("abc")),
    st.builds(ends, st.sampled_from("abc")),
    st.just(Responses.close),
    st.builds(lambda r: lambda responses: responses.interrupt(r), IDS),
    st.builds(lambda r: lambda responses: iter(responses.silence(r) or ()), IDS),
)


@given(st.lists(STEPS, max_size=40))
def test_every_response_has_one_start_and_one_end_and_content_lies_between(steps: list[Step]) -> None:
    begun: set[str] = set()
    open_now: set[str] = set()
    for event in told(*steps, Responses.end):
        match event:
            case ResponseStarted(response_id=response_id):
                assert response_id not in begun
                begun.add(response_id)
                open_now.add(response_id)
            case ResponseDone(response_id=response_id):
                open_now.remove(response_id)
            case AudioOutput() | TextOutput():
                assert event.response_id in open_now
                assert event.item_id
            case _:
                assert isinstance(event, ToolCall)
                assert event.response_id in open_now
    assert open_now == set()
