import pytest

from s2s.capabilities import Capabilities
from s2s.commands import (
    AddItem,
    Cancel,
    Command,
    CreateResponse,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import Config, TurnDetection
from s2s.errors import LocalProtocolError
from s2s.events import (
    AudioOutput,
    Event,
    Interrupted,
    RateLimits,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    Timings,
    Tokens,
    ToolCall,
    ToolCallCancelled,
    Transcript,
    TurnEnd,
    Usage,
    UsageUpdate,
)
from s2s.items import JSON, Call, Message, ToolResult
from s2s.state.dialogue import Dialogue, Outcome
from s2s.tools import Tool
from tests.support.links import said

CUT_SHORT = "The user interrupted before this tool had finished."
TOOLS = [Tool(name="look_up"), Tool(name="order", policy="background"), Tool(name="sum", function=sum)]


def dialogue(can: Capabilities | None = None, **config: JSON) -> Dialogue:
    return Dialogue(Config(tools=TOOLS, **config), can or Capabilities(truncate=True))


def tell(talk: Dialogue, *events: Event, now: float = 0.0) -> tuple[list[Event], list[Command]]:
    """Return what follows from these events, all in one."""
    outcomes = [talk.hear(each, now) for each in events]
    return [e for each in outcomes for e in each.events], [c for each in outcomes for c in each.commands]


def hears(talk: Dialogue, *events: Event, now: float = 0.0) -> list[Event]:
    events_, commands = tell(talk, *events, now=now)
    assert commands == []
    return events_


def told(talk: Dialogue, command: Command, now: float = 0.0) -> list[Command]:
    outcome = talk.tell(command, now)
    assert list(outcome.events) == []
    return list(outcome.commands)


def taken(talk: Dialogue, *events: Event, now: float = 0.0) -> list[Event]:
    """Hear, and have the application take all audio at once."""
    made = hears(talk, *events, now=now)
    for each in made:
        if isinstance(each, AudioOutput):
            talk.playhead.delivered(each.item_id, len(each.audio) / 48, now)
    return made


def asks(call_id: str, response_id: str = "r1", name: str = "look_up") -> ToolCall:
    return ToolCall(Call(call_id, name, {"city": "Bonn"}), response_id)


def end(
    agent: str, heard: str | None = None, user: str = "", status: JSON = "completed", **fields: JSON
) -> TurnEnd:
    return TurnEnd(user, agent, agent if heard is None else heard, status, **fields)


def test_a_turn_is_what_was_asked_answered_and_heard() -> None:
    talk = dialogue()
    told: list[Event] = [
        SpeechStarted("u1", 100),
        SpeechStopped("u1", 900),
        Transcript("How are you?", "u1", final=True),
        *said("r1", "Fine,", "thanks."),
        ResponseDone("r1", usage=Usage(Tokens(3)), stages={"stt": 5.0}),
    ]
    assert hears(talk, *told) == [
        *told,
        end(
            "Fine, thanks.",
            user="How are you?",
            usage=Usage(Tokens(3)),
            timings=Timings(0.0, 0.0, 0.0, {"stt": 5.0}),
        ),
    ]
    assert talk.conversation.items == (
        Message("user", "How are you?", "u1"),
        Message("assistant", "Fine, thanks.", "item-1"),
    )


def test_a_late_transcript_belongs_to_the_turn_that_it_was_said_in() -> None:
    talk = dialogue()
    taken(talk, SpeechStarted("u1", 0), *said("r1", "Yes?"), ResponseDone("r1"))
    hears(talk, Transcript("Hello", "u1", final=True), now=9)
    taken(talk, SpeechStarted("u2", 0), Transcript("And you?", "u2"), *said("r2", "Me", item_id="b"), now=9)
    assert hears(talk, ResponseDone("r2"), now=9)[1] == end("Me", user="And you?")
    assert talk.conversation.items[0] == Message("user", "Hello", "u1")


def test_speech_that_goes_on_after_its_answer_began_is_part_of_the_next_turn_too() -> None:
    talk = dialogue()
    hears(talk, SpeechStarted("u1", 0), Transcript("The weather", "u1"), *said("r1", "Where?"))
    tell(talk, SpeechStarted("u1", 0), ResponseDone("r1"))
    hears(talk, Transcript("The weather in Bonn", "u1"), *said("r2", "Rain.", item_id="b"))
    assert hears(talk, ResponseDone("r2"))[1] == end("Rain.", user="The weather in Bonn")


def test_items_of_one_answer_do_not_run_into_each_other() -> None:
    talk = dialogue()
    hears(talk, *said("r1", "One", "moment."), *said("r1", "Rain.", item_id="b")[1:])
    assert hears(talk, ResponseDone("r1"))[1] == end("One moment. Rain.")


def test_text_that_is_sent_is_the_users_say() -> None:
    talk = dialogue()
    talk.tell(AddItem(Message("user", "Hi", "u")), 0)
    talk.tell(CreateResponse(), 2.0)
    hears(talk, *said("r1", "Hello"), now=2.5)
    assert hears(talk, ResponseDone("r1"), now=3.0)[1] == end(
        "Hello", user="Hi", timings=Timings(500.0, 500.0, 1000.0)
    )


def test_what_nobody_needs_to_remember_passes_through() -> None:
    talk = dialogue()
    assert hears(talk, RateLimits(())) == [RateLimits(())]


def test_usage_adds_up_over_responses_and_updates() -> None:
    talk = dialogue()
    hears(
        talk, UsageUpdate(Usage(Tokens(1))), ResponseStarted("r"), ResponseDone("r", usage=Usage(Tokens(2)))
    )
    assert talk.usage == Usage(Tokens(3))


def test_a_tool_that_runs_here_is_marked() -> None:
    talk = dialogue()
    called = hears(talk, ResponseStarted("r1"), asks("c", name="sum"), asks("d"), asks("e", name="unknown"))[
        1:
    ]
    assert [each.runs_here for each in called if isinstance(each, ToolCall)] == [True, False, False]


def test_a_turn_waits_for_its_calls_and_for_the_answer_to_them() -> None:
    talk = dialogue()
    first: list[Event] = [ResponseStarted("r1"), asks("c"), asks("d"), ResponseDone("r1")]
    assert hears(talk, *first) == first
    answer = SendToolResult("c", "rain")
    assert [*told(talk, answer), *told(talk, SendToolResult("d", "sun"))] == [
        SendToolResult("c", "rain", respond=False),
        SendToolResult("d", "sun", respond=True),
    ]
    hears(talk, ResponseStarted("r2", "tool_result"), *said("r2", "Rain.")[1:])
    calls = (Call("c", "look_up", {"city": "Bonn"}), Call("d", "look_up", {"city": "Bonn"}))
    assert hears(talk, ResponseDone("r2")) == [ResponseDone("r2"), end("Rain.", tool_calls=calls)]
    assert talk.conversation.items == (
        *calls,
        ToolResult("c", "rain"),
        ToolResult("d", "sun"),
        Message("assistant", "Rain.", "item-1"),
    )


def test_an_answer_that_came_before_the_response_ended_waits_for_its_end_and_keeps_the_turn_open() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"))
    assert told(talk, SendToolResult("c", "rain")) == []
    outcome = talk.hear(ResponseDone("r1"), 0)
    assert (outcome.events, outcome.commands) == ((ResponseDone("r1"),), (SendToolResult("c", "rain"),))


def test_of_two_calls_answered_while_their_response_runs_only_the_last_answer_lets_the_model_speak() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"))
    assert told(talk, SendToolResult("c", "rain")) == []
    hears(talk, asks("d"))
    assert told(talk, SendToolResult("d", "sun", respond=False)) == [
        SendToolResult("c", "rain", respond=False)
    ]
    assert talk.hear(ResponseDone("r1"), 0).commands == (SendToolResult("d", "sun", respond=True),)


def test_an_early_answer_leaves_the_word_to_a_call_that_is_still_open() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"))
    talk.tell(SendToolResult("c", "rain"), 0)
    hears(talk, asks("d"))
    assert talk.hear(ResponseDone("r1"), 0).commands == (SendToolResult("c", "rain", respond=False),)
    assert told(talk, SendToolResult("d", "sun", respond=False)) == [SendToolResult("d", "sun")]


def test_an_early_answer_to_a_response_that_was_cut_off_asks_for_no_other() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"))
    talk.tell(SendToolResult("c", "rain"), 0)
    talk.interrupt("application", 0)
    done = talk.hear(ResponseDone("r1", "interrupted"), 0)
    assert done.commands == (SendToolResult("c", "rain", respond=False),)


def test_a_turn_ends_where_nobody_asks_the_model_to_go_on() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"), asks("d"), ResponseDone("r1"))
    told(talk, SendToolResult("c", "rain", respond=False))
    outcome = talk.tell(SendToolResult("d", "sun", respond=False), 0)
    assert (list(outcome.events), list(outcome.commands)) == (
        [end("", tool_calls=(asks("c").call, asks("d").call))],
        [SendToolResult("d", "sun", respond=False)],
    )


def test_a_turn_does_not_wait_for_the_calls_of_another_one() -> None:
    talk = dialogue()
    order = asks("c", name="order")
    assert hears(talk, ResponseStarted("r1"), order, ResponseDone("r1"))[2:] == [ResponseDone("r1")]
    assert hears(talk, ResponseStarted("r2"))[0] == end("", status="incomplete", tool_calls=(order.call,))
    assert hears(talk, ResponseDone("r2")) == [ResponseDone("r2"), end("")]


def test_a_failed_response_waits_for_nothing() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"))
    assert hears(talk, ResponseDone("r1", "failed"))[1] == end(
        "", status="failed", tool_calls=(asks("c").call,)
    )


def test_an_answer_nobody_asked_for_is_refused() -> None:
    talk = dialogue()
    with pytest.raises(LocalProtocolError, match="was never made"):
        talk.tell(SendToolResult("c", "rain"), 0)


def test_calls_that_the_engine_takes_back_end_the_turn_that_waits_for_them() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"), asks("d"), ResponseDone("r1"))
    assert hears(talk, ToolCallCancelled(("c", "x"))) == [ToolCallCancelled(("c",))]
    calls = (asks("c").call, asks("d").call)
    assert hears(talk, ToolCallCancelled(("d",))) == [
        ToolCallCancelled(("d",)),
        end("", status="incomplete", tool_calls=calls),
    ]
    assert hears(talk, ToolCallCancelled(("c", "d"))) == []


def test_a_call_that_is_settled_cannot_be_cancelled() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"))
    talk.tell(SendToolResult("c", "rain"), 0)
    assert hears(talk, ToolCallCancelled(("c",))) == []


def test_an_interruption_says_what_was_heard_and_what_the_engine_must_know() -> None:
    talk = dialogue(Capabilities(truncate=True, interrupt="requested"))
    taken(talk, *said("r1", "One", "two", "three"))
    outcome = talk.interrupt("application", 0.2)
    assert (list(outcome.events), list(outcome.commands)) == (
        [Interrupted("r1", "item-1", 200.0, "application", "requested")],
        [Cancel("r1"), Truncate("item-1", 200.0)],
    )
    assert talk.conversation.items == (Message("assistant", "One two three", "item-1", heard_text="One two"),)


def test_nothing_of_an_interrupted_response_counts_any_more() -> None:
    talk = dialogue()
    taken(talk, *said("r1", "One", "two"))
    talk.interrupt("application", 0.1)
    assert hears(talk, *said("r1", "three")[1:]) == []
    assert tell(talk, asks("c")) == ([], [SendToolResult("c", CUT_SHORT, is_error=True, respond=False)])
    assert hears(talk, ResponseDone("r1")) == [
        ResponseDone("r1", "interrupted"),
        end("One two", "One", status="interrupted"),
    ]


def test_the_next_response_is_heard_again() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"))
    talk.interrupt("application", 0)
    hears(talk, ResponseDone("r1"))
    again = said("r2", "Yes?")
    assert hears(talk, *again) == again


@pytest.mark.parametrize(
    "before",
    [
        [],
        [*said("r1", "One"), ResponseDone("r1")],
        [ResponseStarted("r1"), ResponseDone("r1", "failed")],
    ],
)
def test_where_all_is_said_and_heard_there_is_nothing_to_interrupt(before: list[Event]) -> None:
    talk = dialogue()
    taken(talk, *before)
    outcome = talk.interrupt("application", 99)
    # But for an answer that was asked for and has not begun.
    assert (list(outcome.events), list(outcome.commands)) == ([], [Cancel()])

    assert talk.interrupt("user_speech", 99) == Outcome()


def test_an_engine_that_tells_of_an_interruption_is_not_told_to_stop() -> None:
    told = Interrupted("r", "i", 0.0, "application", "server_confirmed")
    outcome = Dialogue(Config(), Capabilities()).hear(told, 0.0)
    assert (list(outcome.events), list(outcome.commands)) == ([], [])


def test_an_answer_that_is_done_but_not_heard_is_cut_off_where_the_user_is() -> None:
    talk = dialogue()
    taken(talk, *said("r1", "One", "two"), ResponseDone("r1"))
    outcome = talk.interrupt("application", 0.1)
    assert (list(outcome.events), list(outcome.commands)) == (
        [Interrupted("r1", "item-1", 100.0, "application", "requested")],
        [Truncate("item-1", 100.0)],
    )


def test_twice_interrupted_is_once_interrupted() -> None:
    talk = dialogue()
    taken(talk, *said("r1", "One"))
    talk.interrupt("application", 0)
    assert list(talk.interrupt("application", 0).events) == []


@pytest.mark.parametrize(
    ("can", "cause", "open_", "confirmation", "commands"),
    [
        (Capabilities(interrupt="requested"), "application", True, "requested", [Cancel("r1")]),
        (Capabilities(interrupt="server_confirmed"), "application", True, "server_confirmed", [Cancel("r1")]),
        (Capabilities(interrupt="local_only"), "user_speech", True, "server_confirmed", []),
        (
            Capabilities(interrupt="local_only", barge_in=False),
            "user_speech",
            True,
            "local_only",
            [Cancel("r1")],
        ),
        (Capabilities(truncate=True), "application", False, "requested", [Truncate("item-1", 0.0)]),
        (Capabilities(), "application", False, "local_only", []),
    ],
)
def test_an_interruption_is_honest_about_how_far_the_engine_follows(
    can: Capabilities, cause: JSON, open_: bool, confirmation: str, commands: list[Command]
) -> None:
    talk = dialogue(can)
    taken(talk, *said("r1", "One"), *([] if open_ else [ResponseDone("r1")]))
    outcome = talk.interrupt(cause, 0)
    event = outcome.events[0]
    assert isinstance(event, Interrupted)
    assert (event.confirmation, list(outcome.commands)) == (confirmation, commands)


def test_an_engine_that_says_what_it_did_is_believed() -> None:
    talk = dialogue()
    taken(talk, *said("r1", "One"))
    event = Interrupted("?", "?", 999, "user_speech", "server_confirmed")
    assert tell(talk, event, now=0.05) == (
        [Interrupted("r1", "item-1", 50.0, "user_speech", "server_confirmed")],
        [Truncate("item-1", 50.0)],
    )


def test_the_user_speaks_over_the_answer() -> None:
    talk = dialogue()
    taken(talk, *said("r1", "One", "two"))
    assert tell(talk, SpeechStarted("u2", 500), now=0.1) == (
        [SpeechStarted("u2", 500), Interrupted("r1", "item-1", 100.0, "user_speech", "server_confirmed")],
        [Truncate("item-1", 100.0)],
    )


def test_the_user_may_speak_along_where_the_config_says_so() -> None:
    talk = dialogue(turn_detection=TurnDetection(interrupt_response=False))
    taken(talk, *said("r1", "One", "two"))
    assert hears(talk, SpeechStarted("u2", 500)) == [SpeechStarted("u2", 500)]


def test_an_update_changes_whether_the_user_may_speak_along() -> None:
    talk = dialogue()
    talk.tell(UpdateSession(turn_detection=TurnDetection(interrupt_response=False)), 0)
    taken(talk, *said("r1", "One", "two"))
    assert hears(talk, SpeechStarted("u2", 500)) == [SpeechStarted("u2", 500)]


def test_an_interruption_settles_blocking_calls_and_leaves_background_ones() -> None:
    talk = dialogue()
    taken(talk, *said("r1", "One"), asks("c"), asks("d", name="order"))
    outcome = talk.interrupt("application", 0)
    assert (list(outcome.events)[1:], list(outcome.commands)) == (
        [ToolCallCancelled(("c",))],
        [SendToolResult("c", CUT_SHORT, is_error=True, respond=False), Cancel("r1"), Truncate("item-1", 0.0)],
    )
    assert talk.calls.open == ("d",)
    assert talk.conversation.items[-1] == ToolResult("c", CUT_SHORT, is_error=True, respond=False)


def test_while_only_a_tool_is_at_work_an_interruption_ends_the_turn() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"), ResponseDone("r1"))
    outcome = talk.interrupt("user_speech", 0)
    assert (list(outcome.events), list(outcome.commands)) == (
        [
            Interrupted("r1", "", 0.0, "user_speech", "requested"),
            ToolCallCancelled(("c",)),
            end("", status="interrupted", tool_calls=(asks("c").call,)),
        ],
        [SendToolResult("c", CUT_SHORT, is_error=True, respond=False)],
    )


def test_an_interruption_settles_the_blocking_calls_of_earlier_turns_too() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"), ResponseDone("r1"), ResponseStarted("r2"))
    outcome = talk.interrupt("application", 0)
    assert list(outcome.events) == [
        Interrupted("r2", "", 0.0, "application", "requested"),
        ToolCallCancelled(("c",)),
    ]


def test_a_background_call_alone_is_nothing_to_interrupt() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c", name="order"), ResponseDone("r1"))
    assert list(talk.interrupt("application", 0).events) == []
    assert talk.calls.open == ("c",)


def test_what_is_open_when_the_engine_is_gone_ends_as_failed() -> None:
    talk = dialogue()
    taken(talk, *said("r1", "One"), asks("c"), *said("r2", "Two", item_id="b"))
    assert list(talk.lost(0.1)) == [
        ResponseDone("r1", "failed"),
        ResponseDone("r2", "failed"),
        end("One Two", status="failed", tool_calls=(asks("c").call,)),
        ToolCallCancelled(("c",)),
    ]
    assert list(talk.lost(0.1)) == []


def test_a_turn_that_waits_when_the_engine_is_gone_ends_as_incomplete() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), asks("c"), ResponseDone("r1"))
    assert list(talk.lost(0)) == [
        ToolCallCancelled(("c",)),
        end("", status="incomplete", tool_calls=(asks("c").call,)),
    ]


def test_an_interrupted_response_stays_interrupted_when_the_engine_is_gone() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"))
    talk.interrupt("application", 0)
    assert list(talk.lost(0)) == [ResponseDone("r1", "interrupted"), end("", status="interrupted")]


def test_text_says_where_in_the_audio_it_stands() -> None:
    talk = dialogue()
    taken(talk, *said("r1", "One", "two"), TextOutput(" three", "r1", "item-1"))
    talk.interrupt("application", 0.15)
    assert talk.conversation.items == (Message("assistant", "One two three", "item-1", heard_text="One"),)


ASIDE = ResponseStarted("aside", "out_of_band", {"topic": "mood"})


def test_what_is_said_beside_the_conversation_is_told_and_not_kept() -> None:
    talk = dialogue()
    hears(talk, ResponseStarted("r1"), ASIDE)
    words = TextOutput("cheerful", "aside", "i9", form="written")
    assert hears(talk, words, ResponseDone("aside")) == [words, ResponseDone("aside")]
    assert hears(talk, TextOutput("Hi.", "r1", "i1"), ResponseDone("r1"))[-1] == end("Hi.")
    assert [each.text for each in talk.conversation.items if isinstance(each, Message)] == ["Hi."]


def test_a_response_beside_the_conversation_costs_and_begins_no_turn() -> None:
    talk = dialogue()
    spent = Usage(Tokens(3), Tokens(4))
    assert hears(talk, ASIDE, ResponseDone("aside", usage=spent)) == [
        ASIDE,
        ResponseDone("aside", usage=spent),
    ]
    assert talk.usage == spent


def test_an_interruption_leaves_a_silent_response_beside_the_conversation_alone() -> None:
    talk = dialogue()
    hears(talk, ASIDE)
    assert list(talk.interrupt("application", 0.0).events) == []


def test_an_interruption_cuts_off_whatever_is_heard() -> None:
    talk = dialogue()
    taken(talk, ASIDE, AudioOutput(bytes(48_000), 24_000, "aside", "i9"))
    cut = talk.interrupt("application", 0.2)
    assert [each.response_id for each in cut.events if isinstance(each, Interrupted)] == ["aside"]
    assert Cancel("aside") in cut.commands
    assert hears(talk, AudioOutput(b"..", 24_000, "aside", "i9")) == []


def test_a_call_made_beside_the_conversation_is_answered_nowhere_in_it() -> None:
    talk = dialogue()
    hears(talk, ASIDE, asks("c1", "aside"), ResponseDone("aside"))
    assert told(talk, SendToolResult("c1", "A city.")) == []
    with pytest.raises(LocalProtocolError, match="already settled"):
        talk.tell(SendToolResult("c1", "A city."), 0.0)


def test_what_stands_beside_the_conversation_ends_with_the_connection() -> None:
    talk = dialogue()
    hears(talk, ASIDE)
    assert list(talk.lost(0.0)) == [ResponseDone("aside", "failed")]


def test_a_voice_that_locks_cannot_change_once_it_was_heard() -> None:
    talk = dialogue(Capabilities(updates=True, voice_locks=True))
    assert told(talk, UpdateSession(voice="cedar")) == [UpdateSession(voice="cedar")]
    hears(talk, ResponseStarted("r1"), AudioOutput(b"..", 24_000, "r1", "i1"))
    with pytest.raises(LocalProtocolError, match="start another session"):
        talk.tell(UpdateSession(voice="marin"), 0.0)
    assert told(talk, UpdateSession(instructions="Be brief.")) == [UpdateSession(instructions="Be brief.")]


def test_a_message_that_is_removed_is_forgotten() -> None:
    talk = dialogue()
    told(talk, AddItem(Message("user", "Psst.", "u1")))
    assert told(talk, RemoveItem("u1")) == [RemoveItem("u1")]
    assert talk.conversation.items == ()


def test_a_turn_that_was_committed_by_hand_keeps_its_place_for_a_late_transcript() -> None:
    talk = dialogue()
    hears(talk, SpeechStopped("u1", 900), ResponseStarted("r1"), TextOutput("Hi.", "r1", "i1"))
    hears(talk, Transcript("Hello?", "u1", "Hello?", final=True))
    assert [each.text for each in talk.conversation.items if isinstance(each, Message)] == ["Hello?", "Hi."]
    assert hears(talk, ResponseDone("r1"))[-1] == end("Hi.", user="Hello?", timings=Timings(None, 0.0, 0.0))


def test_an_interruption_leaves_tools_beside_the_conversation_at_work() -> None:
    talk = dialogue()
    hears(talk, ASIDE, asks("c1", "aside"))
    assert list(talk.interrupt("application", 0.0).events) == []
    assert talk.spared == {"aside"}
    assert told(talk, SendToolResult("c1", "A city.")) == []
