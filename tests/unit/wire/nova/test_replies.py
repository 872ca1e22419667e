"""Answers in blocks and without names, as responses with a beginning and an end."""

import pytest
from tests.support.nova import (
    Client,
    Events,
    answer,
    calls,
    interrupted,
    plans,
    said,
    speaks,
    spends,
    told,
    user,
)

from s2s.commands import Cancel
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
    Transcript,
    Usage,
    UsageUpdate,
)
from s2s.items import JSON, Call, Message
from s2s.wire.nova.replies import Stage

CALL = Call("t1", "weather", {"city": "Bonn"}, '{"city": "Bonn"}')


def client(**config: JSON) -> Client:
    return Client(**config).ready()


def hears(made: Client, *events: Events) -> list[Event]:
    """Return what is told, audio as how long it is."""
    return told(made.hears(*events))


def brief(heard: list[Event]) -> list[str]:
    return [_brief(each) for each in heard]


def _brief(event: Event) -> str:
    match event:
        case ResponseStarted(response_id=response_id, origin=origin):
            return f"{response_id} begins: {origin}"
        case TextOutput(text=text, final=final):
            return "item ends" if final else repr(text)
        case AudioOutput(audio=audio, position_ms=position_ms):
            return f"{len(audio) // 48} ms at {position_ms:g}"
        case ResponseDone(status=status):
            return status
        case _:
            return event.type


def patience_s(made: Client) -> float | None:
    return made.wire.patience_s


def stage(made: Client) -> Stage:
    return made.wire._on.replies.stage


# To the end.


def test_an_answer_is_over_when_all_of_it_was_said() -> None:
    made = client()
    heard = hears(made, user("Hi."), plans("Hello."), speaks(20), plans("You?"), speaks(40, "END_TURN"))
    assert brief(heard) == [
        "transcript",
        "transcript",
        "resp_1 begins: user_turn",
        "'Hello.'",
        "20 ms at 0",
        "' You?'",
        "40 ms at 20",
        "response_generated",
    ]
    assert hears(made, said("Hello.")) == []
    assert brief(hears(made, said("You?"))) == ["item ends", "completed"]
    assert patience_s(made) is None


def test_what_was_said_may_be_told_before_the_last_of_the_audio() -> None:
    made = client()
    hears(made, plans("Hello."), said("Hello."))
    assert brief(hears(made, speaks(20, "END_TURN"))) == [
        "20 ms at 0",
        "response_generated",
        "item ends",
        "completed",
    ]


def test_an_answer_ends_where_the_next_one_begins() -> None:
    made = client()
    hears(made, plans("Hello."), speaks(20, "END_TURN"))
    heard = hears(made, plans("More."))
    assert brief(heard) == ["item ends", "completed", "resp_2 begins: user_turn", "'More.'"]


@pytest.mark.parametrize("after", [user("What?"), speaks(), calls()], ids=["user", "audio", "call"])
def test_an_answer_ends_where_anything_else_begins(after: Events) -> None:
    made = client()
    hears(made, plans("Hello."), speaks(20, "END_TURN"))
    assert brief(hears(made, after[:1]))[:2] == ["item ends", "completed"]


def test_an_answer_ends_after_it_should_have_been_heard() -> None:
    made = client()
    hears(made, plans("Hello."), speaks(3000, "END_TURN"))
    assert patience_s(made) == 5.0
    hears(made, said("Hel"), said("lo."))
    assert patience_s(made) is None
    hears(made, plans("Hello."), plans("You?"), speaks(8000, "END_TURN"), said("Hello."))
    assert patience_s(made) == 10.0
    assert brief(told(made.settles())) == ["item ends", "completed"]


def test_an_answer_without_words_waits_for_them_but_not_for_long() -> None:
    made = client()
    hears(made, speaks(60_000, "END_TURN"))
    assert patience_s(made) == 5.0
    assert brief(hears(made, said("Hello."))) == ["'Hello.'"]
    assert brief(told(made.settles())) == ["item ends", "completed"]


def test_words_that_come_too_late_are_remembered_and_not_told() -> None:
    made = client()
    hears(made, user("Hi."), speaks(20, "END_TURN"))
    made.settles()
    assert hears(made, said("Hello.")) == []
    assert [each.text for each in made.wire._on.memory.messages] == ["Hi.", "Hello."]


def test_more_words_than_there_were_sentences_are_no_answer() -> None:
    made = client()
    hears(made, answer("Hello."))
    assert hears(made, said("And so on.")) == []


def test_words_that_were_not_announced_are_told_where_an_answer_is_due() -> None:
    made = client()
    hears(made, answer("Hello."), user("What?"))
    assert brief(hears(made, said("I said"), said("hello."))) == [
        "transcript",
        "resp_2 begins: user_turn",
        "'I said'",
        "' hello.'",
    ]


def test_the_last_words_of_an_answer_are_none_of_the_next() -> None:
    made = client()
    hears(made, plans("One."), speaks(20, "END_TURN"), plans("Two."), said("One."), speaks(20, "END_TURN"))
    assert stage(made) is Stage.GENERATED
    assert brief(hears(made, said("Two."))) == ["item ends", "completed"]


def test_an_answer_that_stops_in_the_middle_has_failed() -> None:
    made = client()
    hears(made, plans("Hello."), speaks())
    assert patience_s(made) == 20.0
    failed, *rest = told(made.settles())
    assert isinstance(failed, Error)
    assert isinstance(failed.error, ProviderError)
    assert (failed.error.code, failed.error.retryable, failed.fatal) == ("no_answer", True, False)
    assert brief(rest) == ["item ends", "failed"]


def test_an_answer_of_which_only_the_end_is_missing_has_not() -> None:
    made = client()
    hears(made, plans("Hello."), speaks(), said("Hello."))
    assert brief(told(made.settles())) == ["item ends", "completed"]


def test_words_that_are_heard_in_the_middle_of_an_answer_do_not_end_it() -> None:
    made = client()
    hears(made, plans("One."), speaks())
    assert brief(hears(made, user("Mhm."), plans("Two."), speaks(20, "END_TURN"))) == [
        "transcript",
        "transcript",
        "' Two.'",
        "20 ms at 20",
        "response_generated",
    ]


def test_a_sentence_may_come_in_pieces() -> None:
    made = client()
    start, first, end = plans("Won")
    second = {"textOutput": {**first["textOutput"], "content": "derful."}}
    heard = hears(made, [start, first, second, end], plans("Three."))
    assert brief(heard)[1:] == ["'Won'", "'derful.'", "' Three.'"]


def test_words_that_are_none_are_not_told() -> None:
    made = client()
    assert brief(hears(made, plans(""), said(""))) == ["resp_1 begins: user_turn"]


# Cut off.


@pytest.mark.parametrize(
    "signals",
    [
        [speaks(20, "INTERRUPTED")],
        [interrupted()],
        [speaks(20, "INTERRUPTED"), said("He"), interrupted()],
        [speaks(20, "END_TURN"), interrupted()],
        [speaks(20, "END_TURN"), said('{"interrupted":true}', "INTERRUPTED")],
        [interrupted(), speaks(20, "INTERRUPTED")[2:]],
        [said("He", "INTERRUPTED")],
        [interrupted(), interrupted()],
    ],
    ids=str,
)
def test_an_interruption_is_told_once_however_it_is_told(signals: list[Events]) -> None:
    made = client()
    hears(made, plans("Hello."), speaks(20))
    heard = hears(made, *signals)
    cut = [each for each in heard if isinstance(each, Interrupted)]
    assert cut == [Interrupted("resp_1", "item_1", 0.0, "user_speech", "server_confirmed")]
    done = [each for each in heard if isinstance(each, ResponseDone)]
    assert done == [ResponseDone("resp_1", "interrupted")]
    assert heard.index(cut[0]) < heard.index(done[0])
    assert brief(hears(made, user("Stop."), answer()))[-2:] == ["item ends", "completed"]


def test_what_is_still_said_of_an_answer_that_was_cut_off_is_not_told() -> None:
    made = client()
    audio = speaks(20)
    hears(made, plans("Hello."), audio[:2])
    start, marker, end = interrupted()
    assert brief(hears(made, [start, marker])) == ["interrupted"]
    assert hears(made, audio[1:2]) == []
    assert patience_s(made) == 2.0
    assert brief(hears(made, [end])) == ["item ends", "interrupted"]
    assert hears(made, audio[1:]) == []


@pytest.mark.parametrize("how", ["block", "silence"])
def test_the_end_of_what_was_cut_off_may_be_missing(how: str) -> None:
    made = client()
    hears(made, plans("Hello."), speaks(20))
    hears(made, interrupted()[:2])
    heard = hears(made, user("Stop.")[:1]) if how == "block" else told(made.settles())
    assert brief(heard) == ["item ends", "interrupted"]


def test_what_was_told_to_its_end_may_still_be_playing_when_it_is_cut_off() -> None:
    made = client()
    hears(made, answer("Hello."))
    assert hears(made, interrupted()) == [
        Interrupted("resp_1", "item_1", 0.0, "user_speech", "server_confirmed")
    ]
    assert hears(made, interrupted()) == []


def test_nothing_is_cut_off_before_there_was_anything() -> None:
    made = client()
    assert hears(made, interrupted()) == []
    hears(made, calls())
    assert hears(made, interrupted()) == [
        ResponseDone("resp_1"),
        Interrupted("resp_1", "", 0.0, "user_speech", "server_confirmed"),
    ]


def test_the_end_of_what_is_over_ends_nothing_else() -> None:
    made = client()
    start, sound, end = speaks(20, "INTERRUPTED")
    hears(made, plans("One."), [start, sound], speaks(20, "END_TURN"), plans("Two."))
    assert hears(made, [end]) == []
    assert stage(made) is Stage.SPEAKING


# Unheard.


def test_what_was_stopped_here_is_silent_until_the_service_has_said_it() -> None:
    made = client()
    hears(made, plans("One."), speaks())
    assert brief(told(made.says(Cancel("resp_1")))) == ["item ends", "interrupted"]
    assert hears(made, speaks(), plans("Two."), speaks(20, "END_TURN"), said("One."), said("Two.")) == []
    assert brief(hears(made, plans("Three.")))[0] == "resp_2 begins: user_turn"


@pytest.mark.parametrize("after", [interrupted(), user("Stop."), speaks(20, "INTERRUPTED")])
def test_what_was_stopped_here_ends_with_what_the_user_says_too(after: Events) -> None:
    made = client()
    hears(made, plans("One."), speaks())
    made.says(Cancel())
    assert all(isinstance(each, Transcript) for each in hears(made, after))
    assert brief(hears(made, plans("Three.")))[-2:] == ["resp_2 begins: user_turn", "'Three.'"]


def test_what_was_stopped_here_is_over_at_last() -> None:
    made = client()
    hears(made, plans("One."), speaks())
    made.says(Cancel())
    assert patience_s(made) == 20.0
    assert made.settles() == []
    assert patience_s(made) is None
    assert brief(hears(made, plans("Two.")))[0] == "resp_2 begins: user_turn"


def test_what_the_service_has_said_already_hides_nothing_that_comes_next() -> None:
    made = client()
    hears(made, plans("One."), speaks(20, "END_TURN"))
    made.says(Cancel())
    assert hears(made, said("One.")) == []
    assert brief(hears(made, plans("Two.")))[0] == "resp_2 begins: user_turn"


def test_who_calls_unheard_is_refused() -> None:
    made = client()
    hears(made, plans("One."), speaks())
    made.says(Cancel())
    heard = made.hears(calls(call_id="t7"))
    assert told(heard) == []
    assert '"error"' in heard[1]["toolResult"]["content"]
    assert made.rules.broken == []
    hears(made, user("Stop."), answer())
    assert made.wire.idle


# Calls.


def test_a_call_is_told_at_once_and_its_response_is_over_soon() -> None:
    made = client()
    assert hears(made, calls(city="Bonn")) == [ResponseStarted("resp_1"), ToolCall(CALL, "resp_1")]
    assert patience_s(made) == 0.1
    hears(made, calls("news", "t2"))
    assert told(made.settles()) == [ResponseDone("resp_1")]
    assert patience_s(made) is None


@pytest.mark.parametrize(
    "after", [user("And?")[:1], [{"completionEnd": {}}], said("Let me see.")[:1]], ids=["user", "end", "said"]
)
def test_a_response_that_calls_ends_with_what_is_no_call(after: Events) -> None:
    made = client()
    hears(made, calls())
    assert hears(made, after) == [ResponseDone("resp_1")]


def test_while_a_tool_works_the_service_may_talk_on() -> None:
    made = client()
    hears(made, plans("Let me see."), speaks(), calls())
    assert brief(hears(made, plans("One moment."), speaks(20, "END_TURN"))) == [
        "item ends",
        "completed",
        "resp_2 begins: continuation",
        "'One moment.'",
        "20 ms at 0",
        "response_generated",
    ]


def test_audio_that_goes_on_after_a_call_is_not_lost() -> None:
    made = client()
    start, sound, end = speaks(20, "END_TURN")
    hears(made, plans("Let me see."), [start, sound], calls())
    made.settles()
    assert brief(hears(made, [sound, end])) == [
        "resp_2 begins: continuation",
        "20 ms at 0",
        "response_generated",
    ]


def test_audio_that_only_ends_after_a_call_is_over() -> None:
    made = client()
    start, sound, end = speaks(20, "END_TURN")
    hears(made, plans("Let me see."), [start, sound], calls())
    made.settles()
    assert hears(made, [end]) == []
    assert stage(made) is Stage.QUIET


def test_a_user_who_speaks_while_a_tool_works_is_answered() -> None:
    made = client()
    hears(made, calls(), user("Never mind."))
    assert brief(hears(made, plans("Fine."))) == ["transcript", "resp_2 begins: user_turn", "'Fine.'"]


def test_a_call_amid_an_interruption_is_part_of_what_was_cut_off() -> None:
    made = client()
    start, used, _ = calls()
    hears(made, plans("Hello."), speaks(), [start])
    hears(made, interrupted()[:2])
    assert brief(hears(made, [used], user("Stop.")[:1])) == ["tool_call", "item ends", "interrupted"]


# What it costs.


def test_what_an_answer_costs_is_told_with_its_end() -> None:
    made = client()
    assert hears(made, spends(3, 0)) == [UsageUpdate(Usage(Tokens(3, text=3)))]
    hears(made, plans("Hi."), spends(4, 1), speaks(20, "END_TURN"), spends(1, 1))
    *_, done = hears(made, said("Hi."))
    assert done == ResponseDone("resp_1", "completed", Usage(Tokens(5, text=5), Tokens(2, audio=2)))
    assert hears(made, spends(0, 0)) == []


# The end of the stream.


@pytest.mark.parametrize(
    ("before", "parted", "lost"),
    [
        ([plans("Hi."), speaks()], "interrupted", "failed"),
        ([plans("Hi."), speaks(20, "END_TURN")], "completed", "failed"),
        ([calls()], "completed", "failed"),
        ([plans("Hi."), interrupted()[:2]], "interrupted", "interrupted"),
    ],
    ids=["speaking", "generated", "called", "cut"],
)
def test_what_is_open_ends_with_its_stream(before: list[Events], parted: JSON, lost: JSON) -> None:
    for status, how in ((parted, "parted"), (lost, "lost")):
        made = client()
        hears(made, *before)
        *_, done = getattr(made.wire, how)()
        assert done == ResponseDone("resp_1", status)
        assert [*getattr(made.wire, how)()] == []


def test_another_stream_owes_no_words_of_the_one_before() -> None:
    made = client()
    hears(made, plans("Hi."), speaks(20, "END_TURN"))
    made.moves()
    assert hears(made, interrupted()) == []
    assert brief(hears(made, said("Hi."))) == [
        "resp_2 begins: user_turn",
        "'Hi.'",
    ]


def test_words_stand_for_audio_that_nobody_wants() -> None:
    made = client(output_modalities=("text",))
    assert hears(made, answer("Hi.", 40)) == [
        ResponseStarted("resp_1"),
        TextOutput("Hi.", "resp_1", "item_1", form="written"),
        ResponseGenerated("resp_1"),
        TextOutput("", "resp_1", "item_1", final=True, form="written"),
        ResponseDone("resp_1"),
    ]


def test_what_was_answered_stands_before_its_answer() -> None:
    made = client(history=(Message("user", "Before."),))
    hears(made, user("Hi."), answer("Hello."), user("Bye."))
    assert [each.text for each in made.wire._on.memory.messages] == ["Before.", "Hi.", "Hello."]
