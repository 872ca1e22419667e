import pytest

from s2s.capabilities import Capabilities
from s2s.errors import BacklogError, ConnectionLostError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    GoingAway,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    SessionStarted,
    SpeechStarted,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    TurnEnd,
)
from s2s.formats import AudioFormat
from s2s.items import Call
from s2s.testing.contract import violations

BEGIN = SessionStarted("s", "p", "m", Capabilities())
END = SessionEnded("closed")
START, DONE = ResponseStarted("r"), ResponseDone("r")
TURN = TurnEnd("", "", "", "completed")
CUT = Interrupted("r", "i", 0.0, "application", "requested")
WORD = TextOutput("Hi", "r", "i")
AGAIN = ResponseStarted("s", "tool_result")
CALL = ToolCall(Call("c", "look_up"), "r")


def audio(position_ms: float = 0.0, ms: int = 10, item_id: str = "i") -> AudioOutput:
    return AudioOutput(bytes(48 * ms), 24_000, "r", item_id, position_ms)


@pytest.mark.parametrize(
    "events",
    [
        [],
        [GoingAway(1.0)],
        [START, WORD, audio(), audio(10), CALL, DONE, TURN],
        [START, WORD, CUT, ResponseDone("r", "interrupted"), TURN],
        [START, CALL, DONE, AGAIN, ToolCallCancelled(("c",)), ResponseDone("s"), TURN],
        [START, audio(), Error(BacklogError("full")), audio(900), DONE, TURN],
        [START, DONE, TURN, CUT],
        [Error(ConnectionLostError("cable"), fatal=True)],
    ],
)
def test_what_keeps_the_contract_is_not_blamed(events: list[Event]) -> None:
    assert violations([BEGIN, *events, END]) == []


@pytest.mark.parametrize(
    ("events", "broken"),
    [
        ([BEGIN], ["session_started came after session_started"]),
        ([SpeechStarted("", 0)], ["speech_started has no item_id"]),
        ([START, START, DONE, TURN], ["r started twice"]),
        ([ResponseStarted(""), ResponseDone(""), TURN], ["a response has no id"]),
        ([DONE], ["r ended and was not under way"]),
        ([START, DONE, DONE, TURN], ["r ended and was not under way"]),
        ([START, DONE, WORD, TURN], ["text_output came outside of its response r"]),
        ([START, TextOutput("Hi", "r", ""), DONE, TURN], ["text_output of r has no item_id"]),
        ([START, audio(ms=0), DONE, TURN], ["audio of i is empty"]),
        ([START, audio(), audio(20), DONE, TURN], ["audio of i stands at 20.0 ms, not at 10.0 ms"]),
        ([START, CALL, CALL, DONE, TURN], ["call c came twice"]),
        ([ToolCallCancelled(("c", "d"))], ["c, d was cancelled and never made"]),
        (
            [START, CUT, audio(), ResponseDone("r", "failed"), TURN],
            ["audio_output of r came after it was cut off"],
        ),
        ([START, CUT, DONE, TURN], ["r was cut off and is completed"]),
        ([CUT], ["r was cut off before it started"]),
        ([START, TURN, DONE], ["turn_end came before the end of r"]),
        ([TURN], ["turn_end with the responses []"]),
        (
            [START, DONE, ResponseStarted("s"), ResponseDone("s"), TURN],
            ["s started before the turn of r ended"],
        ),
        ([START, DONE], ["session_ended with the responses ['r']"]),
        ([START, DONE, TURN, START, DONE, TURN], ["r started twice"]),
        ([START], ["session_ended came before the end of r", "session_ended with the responses ['r']"]),
        ([END], ["session_ended came after the session_ended"]),
        (
            [Error(ConnectionLostError("cable"), fatal=True), GoingAway(1.0)],
            ["going_away came after the fatal error"],
        ),
    ],
)
def test_what_breaks_the_contract_is_named(events: list[Event], broken: list[str]) -> None:
    assert violations([BEGIN, *events, END]) == broken


def test_a_session_has_a_beginning_and_an_end() -> None:
    assert violations([]) == ["the session never ended"]
    assert violations([GoingAway(1.0), END]) == ["going_away came after nothing"]
    assert violations([BEGIN]) == ["the session never ended"]


def test_positions_count_in_the_format_of_the_application() -> None:
    events: list[Event] = [
        BEGIN,
        START,
        *(AudioOutput(bytes(80), 8_000, "r", "i", ms) for ms in (0, 10)),
        DONE,
    ]
    assert violations([*events, TURN, END], AudioFormat("g711_ulaw", 8_000)) == []


def test_a_silent_response_beside_the_conversation_may_go_on_after_an_interruption() -> None:
    told: list[Event] = [
        BEGIN,
        ResponseStarted("r1"),
        ResponseStarted("aside", "out_of_band"),
        Interrupted("r1", "", 0.0, "application", "requested"),
        TextOutput("glad", "aside", "i9", form="written"),
        ResponseDone("aside"),
        ResponseDone("r1", "interrupted"),
        TurnEnd("", "", "", "interrupted"),
        SessionEnded("closed"),
    ]
    assert violations(told) == []
