from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybase64 import b64decode
from tests.support.nova_server import (
    BONN,
    PCM,
    ROME,
    USAGE,
    Made,
    Server,
    answer,
    brief,
    prompt_start,
    session_start,
    spoken,
)

from s2s.capabilities import Capabilities
from s2s.commands import Cancel, SendToolResult, Truncate
from s2s.errors import ProviderError, RateLimitError, S2SError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    GoingAway,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    Transcript,
    UsageUpdate,
)
from s2s.items import JSON
from s2s.wire import Close
from s2s.wire.nova.messages import INTERRUPTED

PLANNED, SAID, USER = "ASSISTANT SPECULATIVE:", "ASSISTANT FINAL:", "USER FINAL:"
PARTIAL, END = "PARTIAL_TURN", "END_TURN"
CUT_OFF = [SAID, INTERRUPTED, "INTERRUPTED"]
NO_BARGE_IN = Capabilities(barge_in=False)


def planned(text: str) -> list[str]:
    return [PLANNED, text, PARTIAL]


def said(text: str, stop: str = PARTIAL) -> list[str]:
    return [SAID, text, stop]


def heard(text: str, item_id: str = "u1") -> Transcript:
    return Transcript(text, item_id, text, final=True)


def interrupted(heard_ms: float = 0.0, response_id: str = "r1", item_id: str = "i1") -> Interrupted:
    return Interrupted(response_id, item_id, heard_ms, "user_speech", "server_confirmed")


def begun(server: Server) -> Server:
    """Return a server whose answers have begun, for tests that look at something else."""
    server.tells(heard("Hello."))
    return server


# Answers.


def test_a_turn_is_told_in_the_order_of_the_service() -> None:
    made = Server().tells(
        SpeechStarted("u1", 100.0),
        SpeechStopped("u1", 900.0),
        Transcript("How", "u1", "How"),
        heard("How are you?"),
        *answer("I am", " well. And", " you?"),
    )
    assert brief(made) == [
        "completionStart",
        *[USER, "How are you?", PARTIAL],
        *planned("I am well."),
        *["AUDIO:", "4800 bytes", PARTIAL],
        *planned("And you?"),
        *["AUDIO:", "4800 bytes", "4800 bytes", END],
        "usageEvent",
        *said("I am well."),
        *said("And you?", END),
    ]


def test_answers_begin_once_for_all() -> None:
    server = Server()
    assert brief(server.tells(*answer("Good day.")))[0] == "completionStart"
    assert "completionStart" not in brief(server.tells(*answer("And more.", response_id="r2")))


def test_the_end_of_an_answer_may_come_long_before_what_was_said_of_it() -> None:
    server = begun(Server())
    made = server.tells(ResponseStarted("r1"), *spoken("Good day."), ResponseGenerated("r1"))
    assert brief(made) == [*planned("Good day."), "AUDIO:", "4800 bytes", END]
    assert brief(server.tells(ResponseDone("r1"))) == said("Good day.", END)


def test_words_that_come_after_the_audio_are_told_with_what_was_said() -> None:
    server = begun(Server())
    server.tells(ResponseStarted("r1"), *spoken("One."), ResponseGenerated("r1"))
    assert server.tells(*spoken(" Two."), TextOutput("", "r1", "i1", final=True)) == []
    assert brief(server.tells(ResponseDone("r1"))) == [*said("One."), *said("Two.", END)]


def test_audio_waits_for_the_words_of_its_sentence() -> None:
    server = begun(Server())
    assert server.tells(ResponseStarted("r1"), *spoken("Good"), *spoken(" old")) == []
    assert brief(server.tells(*spoken(" days."))) == [
        *planned("Good old days."),
        "AUDIO:",
        *["4800 bytes"] * 3,
    ]


def test_audio_without_words_passes_at_once() -> None:
    made = begun(Server()).tells(ResponseStarted("r1"), AudioOutput(PCM, 24_000, "r1", "i1"))
    assert brief(made) == ["AUDIO:", "1024 bytes"]


def test_words_without_audio_are_told_all_the_same() -> None:
    server = begun(Server())
    written = TextOutput("In writing. Yes", "r1", "i1", final=True, form="written")
    made = server.tells(ResponseStarted("r1"), written, ResponseDone("r1"))
    assert brief(made) == [
        *planned("In writing."),
        *planned("Yes"),
        *["AUDIO:", END],
        *said("In writing."),
        *said("Yes", END),
    ]


def test_an_answer_of_nothing_ends_a_turn_too() -> None:
    assert brief(begun(Server()).tells(ResponseStarted("r1"), ResponseDone("r1", "failed"))) == [
        "AUDIO:",
        END,
    ]


def test_every_item_has_its_own_sentences() -> None:
    made = begun(Server()).tells(
        ResponseStarted("r1"),
        *spoken("One", item_id="i1"),
        *spoken("Two", item_id="i2"),
        ResponseDone("r1"),
    )
    assert brief(made) == [
        *planned("One"),
        *["AUDIO:", "4800 bytes", PARTIAL],
        *planned("Two"),
        *["AUDIO:", "4800 bytes", END],
        *said("One"),
        *said("Two", END),
    ]


def test_an_answer_that_another_one_follows_is_over() -> None:
    server = begun(Server())
    server.tells(ResponseStarted("r1"), *spoken("One."))
    assert brief(server.tells(ResponseStarted("r2"))) == [END, *said("One.", END)]
    assert server.tells(*spoken("Late."), ResponseDone("r1")) == []


def test_what_stands_beside_the_conversation_is_not_told() -> None:
    assert (
        Server().tells(
            ResponseStarted("r1", "out_of_band"), *spoken("Aside."), ToolCall(BONN, "r1"), ResponseDone("r1")
        )
        == []
    )


def test_the_voice_has_the_rate_that_the_client_wants() -> None:
    server = Server(session_start(), prompt_start(rate_hz=8_000))
    made = server.tells(*answer("Good day."))
    starts = [each["contentStart"] for each in made if isinstance(each, dict) and "contentStart" in each]
    assert starts[1]["audioOutputConfiguration"]["sampleRateHertz"] == 8_000
    assert len(_audio(made)) == 1600


def test_every_block_has_its_own_name_and_all_of_them_the_same_answer() -> None:
    made = Server().tells(heard("Hi."), *answer("One.", " Two."), ToolCall(BONN, "r1"))
    bodies = [body for each in made if isinstance(each, dict) for body in each.values()]
    assert {(each["sessionId"], each["promptName"], each["completionId"]) for each in bodies} == {
        ("s", "p", "id-1")
    }
    starts = [each["contentStart"]["contentId"] for each in made if "contentStart" in each]  # type: ignore[operator, index]
    assert len(starts) == len(set(starts)) == 7


# What the user says.


def test_what_is_understood_late_does_not_break_an_answer_in_two() -> None:
    server = begun(Server())
    server.tells(ResponseStarted("r1"), *spoken("One."))
    assert server.tells(heard("Late.")) == []
    assert brief(server.tells(ResponseDone("r1"))) == [END, *said("One.", END), USER, "Late.", PARTIAL]


def test_what_is_understood_before_anything_was_told_is_told_at_once() -> None:
    server = begun(Server())
    assert brief(server.tells(ResponseStarted("r1"), heard("Late."))) == [USER, "Late.", PARTIAL]
    server.tells(ToolCall(BONN, "r1"))
    assert server.tells(heard("Later.")) == []


def test_nothing_is_not_told() -> None:
    assert Server().tells(heard(" ")) == []


# Interruptions.


def test_only_what_was_heard_was_said() -> None:
    server = begun(Server())
    server.tells(ResponseStarted("r1"), *spoken("One."), *spoken(" Two."), *spoken(" Three."))
    assert brief(server.tells(interrupted(210.0))) == [
        "INTERRUPTED",
        *said("One."),
        *said("Two."),
        *CUT_OFF,
        "Truncate",
    ]
    assert server.tells(*spoken(" Four."), interrupted(220.0))[-1:] == [Truncate("i1", 220.0)]
    assert brief(server.tells(ResponseDone("r1", "interrupted", USAGE))) == ["usageEvent"]


def test_how_the_audio_ends_that_was_cut_off_can_be_chosen() -> None:
    server = begun(Server(cut="END_TURN", can=Capabilities()))
    server.tells(ResponseStarted("r1"), *spoken("One."))
    assert brief(server.tells(interrupted())) == [END, *CUT_OFF]


def test_what_is_cut_off_while_it_is_played_has_no_audio_to_end() -> None:
    server = begun(Server(can=Capabilities()))
    server.tells(ResponseStarted("r1"), *spoken("One."), ResponseGenerated("r1"))
    assert brief(server.tells(interrupted())) == CUT_OFF


def test_an_engine_that_says_only_that_it_was_interrupted_was_heard_but_for_the_last_sentence() -> None:
    server = begun(Server())
    server.tells(ResponseStarted("r1"), *spoken("One."), *spoken(" Two."), *spoken(" Thr"))
    assert brief(server.tells(ResponseDone("r1", "interrupted", USAGE))) == [
        "usageEvent",
        "INTERRUPTED",
        *said("One."),
        *CUT_OFF,
    ]


def test_of_what_was_not_told_nothing_is_cut_off() -> None:
    server = begun(Server())
    assert server.tells(ResponseStarted("r1"), *spoken("On"), ResponseDone("r1", "interrupted")) == []
    assert brief(server.tells(*answer("Good day.", response_id="r2")))[:2] == [PLANNED, "Good day."]


def test_what_the_engine_has_ended_may_still_be_cut_off_once() -> None:
    server = begun(Server(can=Capabilities()))
    server.tells(*answer("Good day."))
    assert brief(server.tells(interrupted())) == CUT_OFF
    assert server.tells(interrupted()) == []
    assert server.tells(interrupted(response_id="another"), interrupted(response_id="")) == []


def test_what_the_user_says_comes_after_what_it_cut_off() -> None:
    server = begun(Server())
    server.tells(ResponseStarted("r1"), *spoken("One."), interrupted())
    assert brief(server.tells(heard("Stop."))) == [USER, "Stop.", PARTIAL]


def test_an_engine_that_does_not_stop_is_stopped_once() -> None:
    server = begun(Server(can=NO_BARGE_IN))
    server.tells(ResponseStarted("r1"), *spoken("One."))
    assert server.tells(SpeechStarted("u2", 5000.0)) == [Cancel("r1")]
    assert server.tells(SpeechStarted("u3", 6000.0), *spoken(" Two.")) == []
    assert brief(server.tells(ResponseDone("r1"))) == ["INTERRUPTED", *CUT_OFF]


def test_an_engine_that_stops_by_itself_is_left_alone() -> None:
    server = begun(Server(can=Capabilities()))
    server.tells(ResponseStarted("r1"), *spoken("One."))
    assert server.tells(SpeechStarted("u2", 5000.0)) == []


# Calls.


def test_a_call_is_told_after_the_words_before_it_and_ends_no_turn() -> None:
    made = begun(Server()).tells(
        ResponseStarted("r1"),
        *spoken("Let me see"),
        ToolCall(BONN, "r1"),
        ToolCall(ROME, "r1"),
        ResponseDone("r1", usage=USAGE),
    )
    assert brief(made) == [
        *planned("Let me see"),
        *["AUDIO:", "4800 bytes", PARTIAL],
        *["TOOL:", 'look_up({"city":"Bonn"})', "TOOL_USE"],
        *["TOOL:", 'look_up({"city":"Rome"})', "TOOL_USE"],
        "usageEvent",
        *said("Let me see"),
    ]


def test_of_a_call_alone_no_audio_is_told() -> None:
    assert brief(Server().calls(BONN)) == [
        "completionStart",
        *["TOOL:", 'look_up({"city":"Bonn"})', "TOOL_USE"],
        "usageEvent",
    ]


def test_who_goes_on_after_a_call_ends_the_turn() -> None:
    made = begun(Server()).tells(
        ResponseStarted("r1"), ToolCall(BONN, "r1"), *spoken("One moment."), ResponseDone("r1")
    )
    assert brief(made)[3:] == [*planned("One moment."), "AUDIO:", "4800 bytes", END, *said("One moment.")]


def test_a_call_that_comes_too_late_is_answered_here() -> None:
    server = begun(Server(can=NO_BARGE_IN))
    server.tells(ResponseStarted("r1"), *spoken("One."), SpeechStarted("u2", 5000.0))
    (made,) = server.tells(ToolCall(BONN, "r1"))
    assert isinstance(made, SendToolResult)
    assert (made.call_id, made.is_error, made.respond) == ("c1", True, False)


# Everything else.


def test_what_was_spent_outside_of_an_answer_is_told_at_once() -> None:
    assert brief(Server().tells(UsageUpdate(USAGE))) == ["usageEvent"]


def test_totals_grow() -> None:
    (one, two) = Server().tells(UsageUpdate(USAGE), UsageUpdate(USAGE))
    assert isinstance(one, dict)
    assert isinstance(two, dict)
    assert one["usageEvent"]["details"]["delta"] == two["usageEvent"]["details"]["delta"]
    assert [each["usageEvent"]["totalTokens"] for each in (one, two)] == [17, 34]


@pytest.mark.parametrize("event", [GoingAway(5.0), Error(S2SError("oops")), SpeechStopped("u", 1.0)])
def test_it_has_no_word_for(event: Event) -> None:
    assert Server().tells(event) == []


@pytest.mark.parametrize(
    ("error", "code"), [(RateLimitError("slowly"), 429), (ProviderError("no"), 424), (S2SError("oops"), 500)]
)
def test_the_end_of_an_engine_is_the_end_of_the_stream(error: S2SError, code: int) -> None:
    (close,) = Server(request_id="r-1").tells(Error(error, fatal=True))
    assert isinstance(close, Close)
    assert close.code == code
    assert close.reason.startswith("RequestId=r-1 : ")


# Whatever an engine tells.


@st.composite
def conversations(draw: st.DrawFn) -> list[Event]:
    """Make what an engine tells in a few responses, some of it out of place."""
    numbers = itertools.count(1)
    return [each for _ in range(draw(st.integers(1, 4))) for each in _response(draw, next(numbers))]


def _response(draw: st.DrawFn, number: int) -> Iterator[Event]:
    response_id = f"r{number}"
    item_id = st.sampled_from(["i1", "i2"])
    words = st.sampled_from(["One.", " Two", " three.", "", "Four? Five! Six"])
    some: st.SearchStrategy[Event] = st.one_of(
        st.builds(TextOutput, words, st.just(response_id), item_id, st.booleans()),
        st.builds(AudioOutput, st.just(PCM), st.just(24_000), st.just(response_id), item_id),
        st.just(heard("Yes.")),
        st.just(SpeechStarted("u", 1.0)),
        st.just(ToolCall(BONN, response_id)),
        st.just(ResponseGenerated(response_id)),
        st.just(UsageUpdate(USAGE)),
        st.builds(interrupted, st.sampled_from([0.0, 30.0, 500.0]), st.just(response_id), item_id),
    )
    yield ResponseStarted(response_id)
    yield from draw(st.lists(some, max_size=12))
    status: JSON = draw(st.sampled_from(["completed", "interrupted", "failed"]))
    yield ResponseDone(response_id, status, draw(st.sampled_from([None, USAGE])))


@given(conversations(), st.booleans())
def test_whatever_an_engine_tells_blocks_are_whole_and_words_are_said_once(
    told: list[Event], barge_in: bool
) -> None:
    made = Server(can=Capabilities(barge_in=barge_in)).tells(*told)
    open_id, seen, texts = "", set[str](), dict[str, list[str]]()
    for each in made:
        if not isinstance(each, dict):
            continue
        ((name, body),) = each.items()
        match name:
            case "contentStart":
                assert open_id == ""
                open_id = body["contentId"]
                assert open_id not in seen
                seen.add(open_id)
                stage = body.get("additionalModelFields", "")
            case "contentEnd":
                assert open_id == body["contentId"]
                open_id = ""
            case "textOutput":
                assert open_id == body["contentId"]
                texts.setdefault(stage + body["role"], []).append(body["content"])
            case "audioOutput" | "toolUse":
                assert open_id == body["contentId"]
            case _:
                assert name in ("completionStart", "usageEvent")
    assert open_id == ""
    final = [each for each in texts.get('{"generationStage":"FINAL"}ASSISTANT', []) if each != INTERRUPTED]
    planned_ = texts.get('{"generationStage":"SPECULATIVE"}ASSISTANT', [])
    # Words that come after the end of the audio are not planned any more.
    assert not _beyond(final, planned_) or ResponseGenerated in map(type, told)


def _beyond(some: list[str], others: list[str]) -> list[str]:
    """Return what of some is not among the others, in their order."""
    rest = iter(others)
    return [each for each in some if each not in rest]


def _audio(made: Made) -> bytes:
    told: list[Any] = [each for each in made if isinstance(each, dict) and "audioOutput" in each]
    return b"".join(b64decode(each["audioOutput"]["content"]) for each in told)
