"""Answers without names, as responses with a beginning and an end."""

from collections.abc import Callable

import pytest

from s2s.errors import ProviderError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    TextOutput,
    Tokens,
    ToolCall,
    ToolCallCancelled,
    Usage,
    UsageUpdate,
)
from s2s.items import Call, Message
from s2s.wire.gemini.asks import Ask, Asks
from s2s.wire.gemini.memory import Memory
from s2s.wire.gemini.replies import Replies, Stage
from s2s.wire.gemini.reply import Reply

MS = 48
HZ = 24_000
COST = Usage(Tokens(10), Tokens(5))
CALL, OTHER = Call("c1", "weather"), Call("c2", "news")
HIDDEN = Ask("tool_result", wanted="hidden")
ENDED = Ask("application", wanted="ended")


class Service:
    """Replies to what was asked, with nothing else of a connection."""

    def __init__(self, *asks: Ask, silent: bool = False) -> None:
        self.asks, self.memory = Asks(), Memory([])
        for each in asks:
            self.asks.put(each)
        self.replies = Replies(self.asks, self.memory, "gemini_live")
        self.replies.silent = silent

    def speaks(self, ms: int = 20) -> list[Event]:
        return self.replies.speak(bytes(ms * MS), HZ)

    def calls(self, *calls: Call, ends: bool = False) -> list[Event]:
        return [*self.replies.begins(), *self.replies.call(calls or (CALL,), ends=ends)]

    @property
    def stage(self) -> Stage:
        return self.replies.stage


def patience_s(service: Service) -> float | None:
    return service.replies.patience_s


def types(told: list[Event]) -> list[str]:
    return [each.type for each in told]


def started(response_id: str = "resp_1") -> ResponseStarted:
    return ResponseStarted(response_id)


def cut(response_id: str = "resp_1", item_id: str = "item_1") -> Interrupted:
    return Interrupted(response_id, item_id, 0.0, "user_speech", "server_confirmed")


# One item.


def reply(*, silent: bool = False) -> Reply:
    names = iter(["i1", "i2", "i3"])
    return Reply("r1", lambda: next(names), silent)


def test_audio_stands_where_the_audio_before_it_ends() -> None:
    made = reply()
    first, second = made.audio(bytes(20 * MS), HZ) + made.audio(bytes(16_000 // 50 * 2), 16_000)
    assert first == AudioOutput(bytes(20 * MS), HZ, "r1", "i1", 0.0)
    assert second == AudioOutput(bytes(640), 16_000, "r1", "i1", 20.0)
    assert made.spoken_ms == 40.0


def test_half_a_sample_waits_for_its_other_half() -> None:
    made = reply()
    assert made.audio(b"\1", HZ) == []
    (whole,) = made.audio(b"\2\3\4\5", HZ)
    assert isinstance(whole, AudioOutput)
    assert whole.audio == b"\1\2\3\4"
    (rest,) = made.audio(b"\6", HZ)
    assert isinstance(rest, AudioOutput)
    assert (rest.audio, rest.position_ms) == (b"\5\6", 2000 / HZ)


def test_words_begin_without_a_space_and_end_with_their_item() -> None:
    made = reply()
    assert made.say("  ", "spoken") == []
    assert made.say(" Good", "spoken") == [TextOutput("Good", "r1", "i1")]
    assert made.say(" day.", "spoken") == [TextOutput(" day.", "r1", "i1")]
    assert made.close_item() == [TextOutput("", "r1", "i1", final=True)]
    assert made.close_item() == []
    assert made.say(" More.", "written") == [TextOutput("More.", "r1", "i2", form="written")]
    assert made.text == "Good day.More."


def test_where_nobody_wants_audio_its_words_are_an_answer_in_writing() -> None:
    made = reply(silent=True)
    assert made.audio(bytes(20 * MS), HZ) == []
    assert made.say("Hello.", "spoken") == [TextOutput("Hello.", "r1", "i1", form="written")]
    assert made.spoken_ms == 20.0


# An answer.


def test_an_answer_begins_with_what_is_said_first_and_ends_with_its_turn() -> None:
    service = Service()
    assert service.speaks() == [started(), AudioOutput(bytes(20 * MS), HZ, "resp_1", "item_1", 0.0)]
    assert types(service.replies.say("Hello.", "spoken")) == ["text_output"]
    assert service.replies.generated() == [ResponseGenerated("resp_1")]
    assert service.replies.generated() == []
    assert service.replies.complete(COST) == [
        TextOutput("", "resp_1", "item_1", final=True),
        ResponseDone("resp_1", usage=COST),
    ]
    assert service.stage is Stage.QUIET
    assert service.memory.unkept == [Message("assistant", "Hello.")]


@pytest.mark.parametrize("nothing", ["audio", "words"])
def test_nothing_begins_no_answer(nothing: str) -> None:
    service = Service()
    made = service.replies.speak(b"", HZ) if nothing == "audio" else service.replies.say("", "spoken")
    assert made == []
    assert service.stage is Stage.QUIET


def test_it_is_the_answer_to_what_was_asked_first() -> None:
    service = Service(Ask("application", {"n": "1"}), Ask("tool_result"))
    assert service.speaks()[0] == ResponseStarted("resp_1", "application", {"n": "1"})
    service.replies.complete(None)
    assert service.speaks()[0] == ResponseStarted("resp_2", "tool_result")
    service.replies.complete(None)
    assert service.speaks()[0] == ResponseStarted("resp_3", "user_turn")


def test_an_answer_without_a_word_is_one_where_one_was_asked_for() -> None:
    asked, unasked = Service(Ask("application")), Service()
    assert asked.replies.complete(COST) == [
        ResponseStarted("resp_1", "application"),
        ResponseDone("resp_1", usage=COST),
    ]
    assert unasked.replies.complete(COST) == [UsageUpdate(COST)]
    assert unasked.replies.complete(None) == []


def test_a_turn_without_an_answer_leaves_none_expected() -> None:
    service = Service()
    service.replies.turned()
    service.replies.complete(None)
    assert not service.asks.expected


def test_a_turn_that_failed_says_so() -> None:
    error = ProviderError("no")
    service = Service()
    service.speaks()
    assert service.replies.complete(None, "failed", error) == [Error(error), ResponseDone("resp_1", "failed")]
    assert service.replies.complete(None, "failed", error) == [Error(error)]


def test_costs_are_of_the_answer_they_come_with() -> None:
    service = Service()
    assert service.replies.spent(COST) == [UsageUpdate(COST)]
    service.speaks()
    assert service.replies.spent(COST) == []
    assert service.replies.spent(None) == []
    assert service.replies.complete(COST) == [ResponseDone("resp_1", usage=COST + COST)]


def test_a_pause_ends_the_item_and_not_the_answer() -> None:
    service = Service()
    service.replies.say("Let me see.", "spoken")
    assert service.replies.complete(COST, more=True) == [TextOutput("", "resp_1", "item_1", final=True)]
    assert service.stage is Stage.HELD
    assert service.replies.say("Here.", "spoken") == [TextOutput("Here.", "resp_1", "item_2")]
    assert service.replies.complete(COST)[-1] == ResponseDone("resp_1", usage=COST + COST)


def test_an_answer_that_goes_on_after_a_pause_is_as_patient_as_any() -> None:
    service = Service()
    service.speaks()
    service.replies.complete(None, more=True)
    service.speaks()
    assert patience_s(service) == 20.0
    assert service.replies.generated() == [ResponseGenerated("resp_1")]
    service.speaks()
    assert service.stage is Stage.GENERATED


def test_a_pause_of_nothing_is_none() -> None:
    service = Service()
    assert service.replies.complete(None, more=True) == []
    assert service.speaks()[0] == started()


def test_an_answer_without_a_word_begins_before_it_fails() -> None:
    service = Service(Ask("application"))
    error = ProviderError("no")
    assert service.replies.complete(None, "failed", error) == [
        ResponseStarted("resp_1", "application"),
        Error(error),
        ResponseDone("resp_1", "failed"),
    ]


# Interruption.


def test_an_answer_that_is_cut_off_ends_with_its_turn() -> None:
    service = Service()
    service.replies.say("Hello", "spoken")
    assert service.replies.interrupted("user_speech") == [cut()]
    assert service.replies.interrupted("user_speech") == []
    assert service.speaks() == []
    assert service.replies.say(" world", "spoken") == []
    assert service.replies.generated() == []
    assert service.replies.complete(COST) == [
        TextOutput("", "resp_1", "item_1", final=True),
        ResponseDone("resp_1", "interrupted", COST),
    ]
    assert service.speaks()[0] == started("resp_2")


@pytest.mark.parametrize("heard", [Replies.noticed, Replies.turned])
def test_an_answer_that_is_cut_off_is_over_when_the_user_is_heard(
    heard: Callable[[Replies], list[Event]],
) -> None:
    service = Service()
    service.speaks()
    service.replies.interrupted("user_speech")
    assert heard(service.replies) == [ResponseDone("resp_1", "interrupted")]
    assert service.replies.complete(COST) == [UsageUpdate(COST)]
    service.asks.put(Ask("application"))
    assert service.speaks()[0] == ResponseStarted("resp_2", "application")


def test_where_its_end_never_comes_the_next_answer_begins_all_the_same() -> None:
    service = Service()
    service.speaks()
    service.replies.interrupted("user_speech")
    service.replies.noticed()
    assert service.speaks()[0] == started("resp_2")
    assert service.replies.complete(None) == [ResponseDone("resp_2")]


def test_an_interruption_of_nothing_is_of_the_last_answer_and_swallows_the_end_of_a_turn() -> None:
    service = Service()
    assert service.replies.interrupted("application") == []
    service.replies.complete(None)
    service.speaks()
    service.replies.complete(None)
    service.asks.put(Ask("application"))
    assert service.replies.interrupted("application") == [cut(item_id="")]
    assert service.replies.complete(None) == []
    assert service.speaks()[0] == ResponseStarted("resp_2", "application")


def test_a_pause_after_an_interruption_is_an_end() -> None:
    service = Service()
    service.speaks()
    service.replies.interrupted("user_speech")
    assert service.replies.complete(None, more=True) == [ResponseDone("resp_1", "interrupted")]


# What nobody wants to hear.


def test_an_answer_that_nobody_wants_ends_here_and_is_swallowed_to_its_end() -> None:
    service = Service()
    service.speaks()
    assert service.replies.mute() == [ResponseDone("resp_1", "interrupted")]
    assert service.speaks() == []
    assert service.replies.say("more", "spoken") == []
    assert service.replies.generated() == []
    service.asks.put(Ask("application"))
    assert service.replies.complete(COST) == [UsageUpdate(COST)]
    assert service.speaks()[0] == ResponseStarted("resp_2", "application")


def test_once_it_is_generated_the_next_answer_may_begin_before_its_end_has_come() -> None:
    for muted_first in (True, False):
        service = Service()
        service.speaks()
        for each in (service.replies.mute, service.replies.generated)[:: 1 if muted_first else -1]:
            each()
        assert service.stage is Stage.SPENT
        assert service.speaks()[0] == started("resp_2")


def test_of_an_answer_that_only_pauses_the_rest_is_not_wanted_either() -> None:
    for generated in (True, False):
        service = Service()
        service.speaks()
        service.replies.mute()
        if generated:
            service.replies.generated()
        assert service.replies.complete(None, more=True) == []
        assert service.speaks() == []
        service.replies.complete(None)
        assert service.speaks()[0] == started("resp_2")


def test_unheard_it_may_be_cut_off_and_the_next_one_is_heard() -> None:
    service = Service()
    service.speaks()
    service.replies.mute()
    assert service.replies.interrupted("user_speech") == []
    assert service.replies.noticed() == []
    assert service.speaks()[0] == started("resp_2")


def test_an_answer_may_be_unwanted_before_it_begins() -> None:
    service = Service(ENDED)
    assert service.speaks() == [
        ResponseStarted("resp_1", "application"),
        ResponseDone("resp_1", "interrupted"),
    ]
    assert service.speaks() == []
    service.replies.complete(None)
    assert service.speaks()[0] == started("resp_2")


def test_a_hidden_answer_is_not_told_of_at_all() -> None:
    service = Service(HIDDEN)
    assert service.speaks() == []
    assert service.replies.say("Done.", "spoken") == []
    assert service.replies.complete(COST) == [UsageUpdate(COST)]
    assert service.speaks()[0] == started()


def test_a_hidden_answer_without_a_word_hides_nothing_else() -> None:
    service = Service(HIDDEN)
    assert service.replies.complete(None) == []
    assert service.speaks()[0] == started()


def test_a_hidden_answer_that_was_cut_off_before_it_began_hides_nothing_else() -> None:
    service = Service(HIDDEN)
    assert service.replies.interrupted("user_speech") == []
    service.replies.complete(None)
    assert service.speaks()[0] == started()


# Calls.


def test_calls_end_their_response() -> None:
    service = Service()
    service.replies.say("Let me see.", "spoken")
    assert service.calls(CALL, OTHER) == [
        ToolCall(CALL, "resp_1"),
        ToolCall(OTHER, "resp_1"),
        TextOutput("", "resp_1", "item_1", final=True),
        ResponseDone("resp_1"),
    ]
    assert [*service.replies.calls] == ["c1", "c2"]
    assert service.memory.unkept == [Message("assistant", "Let me see."), CALL, OTHER]


@pytest.mark.parametrize("ends", [False, True])
def test_the_end_of_a_turn_that_called_is_no_answer(ends: bool) -> None:
    service = Service()
    service.calls(ends=ends)
    assert service.replies.complete(COST) == [UsageUpdate(COST)]
    service.replies.calls.clear()
    service.asks.put(Ask("tool_result"))
    assert service.speaks()[0] == ResponseStarted("resp_2", "tool_result")
    assert service.replies.complete(None) == [ResponseDone("resp_2")]


def test_it_is_none_though_the_result_was_faster() -> None:
    service = Service()
    service.calls(ends=True)
    service.replies.calls.clear()
    service.asks.put(Ask("tool_result"))
    assert service.replies.complete(None) == []
    assert len(service.asks) == 1


def test_what_comes_while_calls_are_open_goes_on_with_the_turn() -> None:
    service = Service()
    service.calls(ends=True)
    assert service.speaks()[0] == ResponseStarted("resp_2", "continuation")


def test_calls_that_are_taken_back_are_told_once() -> None:
    service = Service()
    service.calls(CALL, OTHER)
    assert service.replies.cancelled(["c2", "c9"]) == [ToolCallCancelled(("c2",))]
    assert service.replies.cancelled(["c2"]) == []
    assert [*service.replies.calls] == ["c1"]


def test_calls_after_an_interruption_are_of_another_response() -> None:
    service = Service()
    service.speaks()
    service.replies.interrupted("user_speech")
    assert types(service.calls()) == ["response_done", "response_started", "tool_call", "response_done"]


@pytest.mark.parametrize("unwanted", [HIDDEN, ENDED], ids=lambda ask: ask.wanted)
def test_calls_of_an_answer_that_nobody_wants_are_not_told(unwanted: Ask) -> None:
    service = Service(unwanted)
    service.calls()
    assert service.stage is Stage.MUTED
    assert service.replies.calls == {}


def test_while_calls_are_open_the_end_of_a_turn_answers_no_question() -> None:
    service = Service()
    service.calls()
    service.asks.put(Ask("application"))
    assert service.replies.complete(None) == []
    assert service.speaks()[0] == ResponseStarted("resp_2", "application")


# Silence.


def test_patience_depends_on_what_is_due() -> None:
    service = Service()
    assert patience_s(service) is None
    service.asks.put(Ask("application"))
    assert patience_s(service) == 30.0
    service.speaks(2000)
    assert patience_s(service) == 20.0
    service.replies.generated()
    assert patience_s(service) == 7.0
    service.replies.complete(None)
    assert patience_s(service) is None


def test_a_pause_may_last() -> None:
    service = Service()
    service.speaks()
    service.replies.complete(None, more=True)
    assert service.replies.patience_s == 30.0
    assert service.replies.settle() == [ResponseDone("resp_1")]
    assert service.replies.complete(None) == []


def test_an_answer_that_was_generated_is_complete_without_the_end_of_its_turn() -> None:
    service = Service()
    service.speaks()
    service.replies.generated()
    assert service.replies.settle() == [ResponseDone("resp_1")]
    service.asks.put(Ask("application"))
    assert service.replies.complete(None) == []
    assert service.speaks()[0] == ResponseStarted("resp_2", "application")


def test_an_answer_that_falls_silent_has_failed() -> None:
    service = Service()
    service.speaks()
    error, done = service.replies.settle()
    assert isinstance(error, Error)
    assert not error.fatal
    assert "fell silent" in str(error.error)
    assert done == ResponseDone("resp_1", "failed")
    assert service.replies.patience_s is None


def test_an_answer_that_was_cut_off_is_over_after_a_while() -> None:
    service = Service()
    service.speaks()
    service.replies.interrupted("user_speech")
    assert service.replies.patience_s == 5.0
    assert service.replies.settle() == [ResponseDone("resp_1", "interrupted")]
    assert service.speaks()[0] == started("resp_2")


@pytest.mark.parametrize("end", ["silent", "cut", "muted", "generated"])
def test_an_end_that_comes_after_patience_has_ended_is_of_nothing(end: str) -> None:
    service = Service()
    service.speaks()
    match end:
        case "cut":
            service.replies.interrupted("user_speech")
        case "muted":
            service.replies.mute()
        case "generated":
            service.replies.generated()
        case _:
            pass
    service.replies.settle()
    service.asks.put(Ask("application"))
    assert service.replies.complete(None) == []
    assert service.speaks()[0] == ResponseStarted("resp_2", "application")


def test_what_nobody_hears_does_not_last_for_ever() -> None:
    service = Service()
    service.speaks()
    service.replies.mute()
    assert service.replies.patience_s == 20.0
    assert service.replies.settle() == []
    assert service.speaks()[0] == started("resp_2")


def test_a_question_without_an_answer_is_given_up() -> None:
    service = Service(Ask("application"))
    (error,) = service.replies.settle()
    assert isinstance(error, Error)
    assert "has not answered" in str(error.error)
    assert service.replies.patience_s is None
    assert service.replies.settle() == []


def test_nobody_misses_an_answer_that_nobody_wanted() -> None:
    service = Service(HIDDEN, ENDED)
    assert service.replies.patience_s == 30.0
    assert service.replies.settle() == []
    assert service.replies.patience_s is None


def test_while_calls_are_open_the_service_may_wait_for_ever() -> None:
    service = Service(Ask("application"), Ask("application"))
    service.calls(ends=True)
    assert service.replies.patience_s is None


def test_without_a_connection_everything_is_over() -> None:
    service = Service()
    service.replies.say("Hello", "spoken")
    assert service.replies.end("failed") == [
        TextOutput("", "resp_1", "item_1", final=True),
        ResponseDone("resp_1", "failed"),
    ]
    service.speaks()
    service.replies.mute()
    assert service.replies.end("failed") == []
    assert service.stage is Stage.QUIET
