from __future__ import annotations

from s2s.events import ResponseDone, ResponseStarted, TurnEnd
from s2s.pipeline import ControlFrame, EventFrame, Frame, TextFrame
from s2s.pipeline.answers import Answers, Response

SAID_ALL = ControlFrame("end_of_utterance", "assistant")


def said(text: str, item_id: str = "a", response_id: str = "r") -> Frame:
    return TextFrame(text, "assistant", final=False, item_id=item_id, response_id=response_id)


def turns(*frames: Frame) -> list[Response]:
    answers = Answers()
    return [turn for turn in [*map(answers.take, frames), answers.end()] if turn is not None]


def test_a_turn_of_stages_is_its_texts_and_how_its_last_response_ended() -> None:
    frames = [
        EventFrame(ResponseStarted("r1")),
        said("One ", response_id="r1"),
        said("moment.", response_id="r1"),
        EventFrame(ResponseDone("r1")),
        EventFrame(ResponseStarted("r2", "tool_result")),
        said(" It is ", "b", "r2"),
        said("noon.", "b", "r2"),
        EventFrame(ResponseDone("r2", "interrupted")),
    ]
    assert turns(*frames, SAID_ALL) == [Response("One moment. It is noon.", "interrupted", "r2")]


def test_a_turn_of_an_engine_is_what_it_says_of_it() -> None:
    end = TurnEnd("", "Good day to you.", "Good day", "interrupted")
    frames = [said("Good "), said("day to you."), EventFrame(ResponseDone("r")), EventFrame(end), SAID_ALL]
    assert turns(*frames) == [Response("Good day to you.", "interrupted", "r", "Good day")]
    assert turns(EventFrame(end)) == [Response("Good day to you.", "interrupted", "", "Good day")]


def test_each_turn_is_told_once() -> None:
    end = EventFrame(TurnEnd("", "one", "one", "completed"))
    got = turns(said("one"), end, SAID_ALL, SAID_ALL, said("two", "b"), SAID_ALL)
    assert [each.text for each in got] == ["one", "two"]


def test_an_answer_that_failed_before_its_first_word_is_a_turn_too() -> None:
    assert turns(EventFrame(ResponseDone("r", "failed")), SAID_ALL) == [Response("", "failed", "r")]


def test_what_is_not_closed_ends_with_the_stream() -> None:
    assert turns(said("Hello.")) == [Response("Hello.", "completed", "r")]
    assert turns() == turns(TextFrame("Hi."), ControlFrame("end_of_utterance")) == []


def test_what_stands_beside_the_conversation_is_no_turn() -> None:
    aside = EventFrame(ResponseStarted("x", "out_of_band"))
    frames = [said("One"), aside, said("a note", "n", "x"), EventFrame(ResponseDone("x")), said(" two.")]
    assert turns(*frames, SAID_ALL) == [Response("One two.", "completed", "r")]
