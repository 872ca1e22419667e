from __future__ import annotations

import pytest
from tests.support.nova_server import (
    BONN,
    PCM,
    PROMPT_END,
    ROME,
    SESSION_END,
    Server,
    answer,
    audio,
    audio_start,
    brief,
    content,
    end,
    spoken,
    text_block,
    text_start,
)

from s2s.commands import AddItem, AppendAudio, Cancel, CreateResponse, SendToolResult
from s2s.events import ResponseStarted, ToolCallCancelled
from s2s.items import Call, Message
from s2s.wire import Close
from s2s.wire.nova.judging import INVALID, NO_DOCUMENT, Reason


def refused(reason: Reason = INVALID) -> list[Close]:
    return [reason.closing("")]


# Audio.


def test_audio_goes_to_the_engine() -> None:
    assert Server().hears(audio()) == [AppendAudio(PCM)]


def test_samples_are_whole_whatever_is_sent() -> None:
    assert Server().hears(audio(b"abc"), audio(b""), audio(b"d"), audio(b"e")) == [
        AppendAudio(b"ab"),
        AppendAudio(b"cd"),
    ]


def test_audio_of_another_rate_is_as_long_as_before() -> None:
    server = Server(input_rate=24_000)
    made = [each for _ in range(50) for each in server.hears(audio(bytes(640)))]
    heard = sum(len(each.audio) for each in made if isinstance(each, AppendAudio))
    assert 48_000 - 200 < heard <= 48_000


def test_every_block_of_audio_has_its_own_rate() -> None:
    server = Server()
    server.hears(audio(b"abc"), end("a"), audio_start("b", sampleRateHertz=8_000))
    (made,) = server.hears(audio(bytes(320), "b"))
    assert isinstance(made, AppendAudio)
    assert 560 < len(made.audio) <= 640


# Text.


def test_text_is_answered() -> None:
    assert Server().writes("Hi.") == [AddItem(Message("user", "Hi.")), CreateResponse()]


def test_text_without_words_only_asks_for_an_answer() -> None:
    assert Server().writes(" ") == [CreateResponse()]


def test_text_cuts_off_the_answer_under_way_once() -> None:
    server = Server()
    server.tells(ResponseStarted("r1"), *spoken("Good day. And"))
    assert server.writes("Stop.") == [Cancel("r1"), AddItem(Message("user", "Stop.")), CreateResponse()]
    assert brief(server.writes("Please.")) == ["AddItem", "CreateResponse"]


def test_text_cuts_off_even_what_has_not_begun_to_be_told() -> None:
    server = Server()
    server.tells(ResponseStarted("r1"))
    assert brief(server.writes()) == ["Cancel", "AddItem", "CreateResponse"]
    assert server.tells(*spoken("Good day.")) == []


def test_text_after_an_answer_cuts_nothing_off() -> None:
    server = Server()
    server.tells(*answer("Good day."))
    assert brief(server.writes()) == ["AddItem", "CreateResponse"]


def test_text_before_the_audio_is_answered_too() -> None:
    server = Server(opening=text_start("USER", "t"))
    assert server.hears(content("textInput", "Hi.", "t"), end("t")) == [
        AddItem(Message("user", "Hi.")),
        CreateResponse(),
    ]


def test_the_first_generation_takes_no_text() -> None:
    server = Server(generation=1)
    assert server.hears(text_start()) == refused()


# Results.


@pytest.mark.parametrize(
    ("document", "output", "is_error"),
    [
        ('{"result":"It rains."}', "It rains.", False),
        ('{"error":"No such city."}', "No such city.", True),
        ('{"error":{"code":17}}', '{"code":17}', True),
        ('{"result": 17}', '{"result": 17}', False),
        ('{"weather":"rain"}', '{"weather":"rain"}', False),
        ('{"result":"rain","at":12}', '{"result":"rain","at":12}', False),
        ('{"error":"no","at":12}', '{"error":"no","at":12}', False),
        ("[1,2]", "[1,2]", False),
        ("{}", "{}", False),
        ('"It rains."', '"It rains."', False),
    ],
)
def test_a_result_goes_to_the_engine(document: str, output: str, is_error: bool) -> None:
    server = Server()
    server.calls(BONN)
    assert server.results(BONN, document) == [SendToolResult("c1", output, is_error, respond=True)]


def test_of_parallel_calls_the_last_result_lets_the_engine_speak() -> None:
    server = Server()
    server.calls(BONN, ROME)
    assert server.results(ROME) == [SendToolResult("c2", "It rains.", respond=False)]
    assert server.results(BONN) == [SendToolResult("c1", "It rains.", respond=True)]


@pytest.mark.parametrize("document", ["It rains.", "CANCELLED", "", '{"result":"\\ud800"}', "[" * 50_000])
def test_a_result_that_is_no_document_ends_the_stream(document: str) -> None:
    server = Server()
    server.calls(BONN)
    assert server.results(BONN, document) == refused(NO_DOCUMENT)


def test_a_result_that_nobody_waits_for_ends_the_stream() -> None:
    assert Server().results(BONN) == refused()


def test_a_second_result_ends_the_stream() -> None:
    server = Server()
    server.calls(BONN)
    server.results(BONN)
    assert server.results(BONN) == refused()


def test_a_result_that_the_engine_does_without_is_dropped_once() -> None:
    server = Server()
    server.calls(BONN)
    assert server.tells(ToolCallCancelled(("c1",))) == []
    assert server.results(BONN) == []
    assert server.results(BONN) == refused()


def test_an_interruption_withdraws_no_call() -> None:
    server = Server()
    server.calls(BONN)
    server.tells(ResponseStarted("r2"), *spoken("Good day. And", response_id="r2"))
    assert brief(server.writes()) == ["Cancel", "AddItem", "CreateResponse"]
    assert brief(server.results(BONN)) == ["SendToolResult"]


def test_a_call_may_have_any_id() -> None:
    server = Server()
    call = Call("\u00e9" * 100, "look_up")
    server.calls(call)
    assert brief(server.results(call)) == ["SendToolResult"]


# The end.


def test_a_stream_ends_in_order() -> None:
    server = Server()
    assert brief(server.tells(*answer("Good day.")))[0] == "completionStart"
    assert server.hears(end("a")) == []
    assert brief(server.hears(PROMPT_END)) == ["completionEnd"]
    assert server.hears(SESSION_END) == [Close(1000)]


def test_a_prompt_to_which_there_was_no_answer_ends_without_a_word() -> None:
    server = Server()
    assert server.hears(end("a"), PROMPT_END, SESSION_END) == [Close(1000)]


def test_the_end_of_a_prompt_stops_the_answer_under_way() -> None:
    server = Server()
    server.tells(ResponseStarted("r1"), *spoken("Good day."))
    assert brief(server.hears(end("a"), PROMPT_END)) == ["Cancel", "END_TURN", "completionEnd"]
    assert server.tells(*spoken("And more.")) == []


def test_after_its_prompt_nothing_more_is_taken() -> None:
    server = Server()
    server.hears(end("a"), PROMPT_END)
    assert server.hears(*text_block("USER", "Hi.", "t", interactive=True)) == refused()
