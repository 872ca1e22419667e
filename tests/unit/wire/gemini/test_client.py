"""A whole conversation: its patience, its ends, and that nothing that may come breaks it."""

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pybase64 import b64encode_as_string
from tests.support.gemini import DONE, HANDLE, WEATHER, Client, Talk, error_of, kinds, only, spoken

from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import Reconnect, TurnDetection
from s2s.errors import (
    AuthError,
    ConnectError,
    ConnectionLostError,
    ProviderError,
    S2SError,
)
from s2s.events import (
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    TextOutput,
    Transcript,
    TurnEnd,
)
from s2s.items import JSON, Message
from s2s.tools import Tool
from s2s.wire import Send
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.profiles import HALF_CASCADE, LIVE_38, PROFILES, THINKING_38, Profile

PCM = bytes(640)
ASK = (AddItem(Message("user", "Hello.")), CreateResponse())
BLOCKING, BACKGROUND = Tool(name="weather"), Tool(name="order", policy="background")
TOOLS = (BLOCKING, BACKGROUND)
MANUAL = TurnDetection(mode="manual")


def client(profile: Profile = LIVE_38, **config: JSON) -> Client:
    return Client(profile, **config).ready()


def settled(made: Client) -> list[JSON]:
    return [*made.wire.settle()]


def lost(code: int | None, reason: str = "") -> ConnectionLostError:
    return ConnectionLostError("the connection closed", code=code, reason=reason)


# Patience.


def test_there_is_no_patience_before_there_is_a_session() -> None:
    made = Client()
    made.says(*ASK)
    assert made.wire.patience_s is None
    made.ready()
    made.says(*ASK)
    assert made.wire.patience_s == 30.0


def test_silence_ends_what_the_service_does_not() -> None:
    made = client()
    made.user_says("Hello.")
    made.speaks(1000, "Hi.")
    made.content(generationComplete=True)
    assert made.wire.patience_s == 6.0
    assert kinds(settled(made)) == ["text_output", "response_done"]
    assert made.wire.patience_s is None


def test_silence_completes_the_words_of_the_user() -> None:
    made = client()
    made.user_says("Hello.")
    made.says(*ASK)
    told = settled(made)
    assert told[0] == Transcript("Hello.", "user_1", final=True)
    assert isinstance(error_of(told), ProviderError)


def test_a_question_that_is_given_up_is_not_asked_again() -> None:
    made = client()
    made.says(*ASK)
    settled(made)
    told = made.moves()
    assert only(told, dict)[-1]["clientContent"]["turns"] == [{"role": "user", "parts": [{"text": "Hello."}]}]
    assert made.wire.patience_s is None


# When a connection may be replaced.


@pytest.mark.parametrize(
    ("busy", "then"),
    [
        (lambda made: made.speaks(), lambda made: made.content(**DONE)),
        (lambda made: made.says(*ASK), lambda made: [made.speaks(), made.content(**DONE)]),
        (lambda made: made.says(ASK[0]), lambda made: made.says(AppendAudio(PCM))),
        (lambda made: made.user_says("Hello."), lambda made: [made.speaks(), made.content(**DONE)]),
        (
            lambda made: made.hears(voiceActivity={"type": "ACTIVITY_START"}),
            lambda made: [
                made.hears(voiceActivity={"type": "ACTIVITY_END"}),
                made.speaks(),
                made.content(**DONE),
            ],
        ),
        (lambda made: made.calls(), lambda made: made.hears(toolCallCancellation={"ids": ["fc_1"]})),
        (lambda made: [made.speaks(), made.says(Cancel())], lambda made: made.content(**DONE)),
        (lambda made: made.user_says("Hello."), lambda made: made.content(**DONE)),
    ],
    ids=["answer", "question", "words", "transcript", "speech", "call", "unheard", "no answer"],
)
def test_it_is_replaced_when_nothing_is_under_way(busy: JSON, then: JSON) -> None:
    made = client(LIVE_38)
    assert idle(made)
    busy(made)
    assert not idle(made)
    then(made)
    assert idle(made)


def idle(made: Client) -> bool:
    return made.wire.idle


def test_a_turn_that_is_open_is_something() -> None:
    made = client(turn_detection=MANUAL)
    assert made.wire.input_rate == 16_000
    made.says(AppendAudio(PCM))
    assert not idle(made)
    made.says(CommitAudio())
    made.speaks()
    made.content(**DONE)
    assert idle(made)


def test_with_a_handle_it_waits_until_everything_is_kept() -> None:
    made = client()
    made.hears(sessionResumptionUpdate=HANDLE)
    made.user_says("Hello.")
    made.speaks(words="Hi.")
    made.content(**DONE)
    assert not idle(made)
    made.hears(sessionResumptionUpdate=HANDLE)
    assert idle(made)


GO_AWAY = {"timeLeft": "50s"}
LOUD = b"\xff\x1f" * 1600


def test_a_user_who_may_be_speaking_is_something_once_the_connection_will_end() -> None:
    made = client()
    made.says(AppendAudio(LOUD))
    assert idle(made)
    made.hears(goAway=GO_AWAY)
    assert not idle(made)
    made.says(AppendAudio(bytes(2 * 24_000 * 2)))
    assert idle(made)
    made.says(AppendAudio(LOUD))
    assert not idle(made)
    made.speaks()
    made.content(**DONE)
    assert idle(made)


def test_a_microphone_that_is_closed_is_nothing() -> None:
    made = client()
    made.says(AppendAudio(LOUD))
    made.hears(goAway=GO_AWAY)
    assert made.wire.patience_s == 2.0
    assert settled(made) == []
    assert idle(made)
    assert made.wire.patience_s is None


def test_a_user_who_may_be_speaking_shortens_no_other_patience() -> None:
    made = client()
    made.says(AppendAudio(LOUD), *ASK)
    made.hears(goAway=GO_AWAY)
    assert made.wire.patience_s == 30.0


# Ends.


@pytest.mark.parametrize("code", [1007, 1008])
def test_a_handle_that_is_refused_is_tried_no_more(code: int) -> None:
    made = client()
    made.user_says("Hello.")
    made.speaks()
    made.content(**DONE)
    made.hears(sessionResumptionUpdate=HANDLE)
    made.wire.parted()
    assert made.opens()["sessionResumption"] == {"handle": "H1"}
    assert made.wire.survives(lost(code, "Requested entity was not found."))
    assert made.opens()["sessionResumption"] == {}
    assert not made.wire.survives(lost(code, "Requested entity was not found."))
    assert kinds(made.hears(setupComplete={})) == ["clientContent", "reconnected"]


@pytest.mark.parametrize(
    ("failure", "goes_on"),
    [
        (None, True),
        (lost(1000), True),
        (lost(1001), True),
        (lost(1006), True),
        (lost(1011, "Internal error encountered."), True),
        (lost(1011, "You exceeded your current quota."), False),
        (lost(1007, "Request contains an invalid argument."), False),
        (lost(1008, "Requested entity was not found."), False),
        (lost(1008, "Operation is not implemented, or supported, or enabled."), False),
        (ConnectError("no", retryable=True), True),
        (AuthError("no"), False),
    ],
    ids=str,
)
def test_a_conversation_goes_on_unless_the_service_said_no(failure: S2SError | None, goes_on: bool) -> None:
    made = client()
    assert made.wire.survives(failure) is goes_on
    made.hears(sessionResumptionUpdate=HANDLE)
    assert made.wire.survives(failure) is goes_on


def test_a_quota_does_not_become_better_by_resuming() -> None:
    made = client()
    made.hears(sessionResumptionUpdate=HANDLE)
    made.moves()
    made.opens()
    assert not made.wire.survives(lost(1011, "You exceeded your current quota."))


def test_an_end_is_explained() -> None:
    error = client().wire.explained(lost(1007, "API key not valid."))
    assert isinstance(error, AuthError)
    assert error.provider == "gemini_live"


def test_what_is_open_at_the_end_has_failed() -> None:
    made = client()
    made.user_says("Hello.")
    made.speaks(words="Hi.")
    assert [*made.wire.lost()] == [
        Transcript("Hello.", "user_1", final=True),
        TextOutput("", "resp_1", "item_1", final=True),
        ResponseDone("resp_1", "failed"),
    ]
    assert [*made.wire.lost()] == []


# Within a session.


def test_a_redirection_after_an_interruption_is_answered() -> None:
    talk = Talk(turn_detection=MANUAL)
    talk.receive({"serverContent": spoken(400)})
    talk.interrupt()
    talk.tell(*ASK)
    talk.write()
    talk.receive({"serverContent": {"interrupted": True, **DONE}})
    talk.write()
    talk.receive({"serverContent": spoken(400)}, {"serverContent": DONE})
    assert [each.status for each in talk.events if isinstance(each, ResponseDone)] == [
        "interrupted",
        "completed",
    ]
    assert talk.ends() == []


def test_an_interruption_of_nothing_cancels_no_question() -> None:
    talk = Talk()
    talk.tell(*ASK)
    talk.write()
    talk.receive({"serverContent": spoken()}, {"serverContent": DONE})
    talk.now += 60.0
    talk.tell(*ASK)
    talk.write()
    talk.receive({"serverContent": {"interrupted": True, **DONE}})
    talk.write()
    talk.receive({"serverContent": spoken()}, {"serverContent": DONE})
    assert [each.status for each in talk.events if isinstance(each, TurnEnd)] == ["completed", "completed"]
    assert talk.ends() == []


def test_a_short_turn_of_the_user_that_cuts_off_an_answer_is_answered() -> None:
    talk = Talk(turn_detection=MANUAL)
    talk.receive({"serverContent": spoken(400)})
    talk.tell(AppendAudio(PCM), CommitAudio())
    talk.write()
    talk.receive({"serverContent": {"interrupted": True, **DONE}})
    talk.write()
    talk.receive({"serverContent": spoken(400)}, {"serverContent": DONE})
    assert [type(each) for each in talk.events if isinstance(each, Interrupted)] == [Interrupted]
    assert [each.status for each in talk.events if isinstance(each, TurnEnd)] == ["interrupted", "completed"]
    assert talk.ends() == []


def test_a_user_who_speaks_over_a_tool_is_answered() -> None:
    talk = Talk(tools=[BLOCKING])
    talk.receive({"toolCall": {"functionCalls": [WEATHER]}})
    talk.receive({"voiceActivity": {"type": "ACTIVITY_START"}})
    talk.write()
    assert [*talk.sent[-1]] == ["toolResponse"]
    talk.receive(
        {"serverContent": {"interrupted": True}},
        {"toolCallCancellation": {"ids": ["fc_1"]}},
        {"serverContent": DONE},
        {"voiceActivity": {"type": "ACTIVITY_END"}},
        {"serverContent": spoken(400)},
        {"serverContent": DONE},
    )
    assert [each.status for each in talk.events if isinstance(each, TurnEnd)] == ["interrupted", "completed"]
    assert talk.ends() == []


def test_an_answer_that_was_stopped_while_it_was_thought_about_does_not_come_back() -> None:
    talk = Talk(THINKING_38)
    talk.receive({"serverContent": {**spoken(400), "generationComplete": True}})
    talk.interrupt()
    talk.write()
    talk.receive(
        {"serverContent": {**DONE, "interactionStatus": "IN_PROGRESS"}}, {"serverContent": spoken(400)}
    )
    talk.receive({"serverContent": {**DONE, "interactionStatus": "IDLE"}})
    assert [each.response_id for each in talk.events if isinstance(each, ResponseStarted)] == ["resp_1"]
    talk.receive({"serverContent": spoken(400)})
    assert talk.ends() == []


# Whatever comes.

_TEXT = st.sampled_from(["", " ", "Hello", " you.", "ä\n"])
_FLAG = st.sampled_from([True, False])
_AUDIO = st.binary(max_size=9).map(b64encode_as_string) | st.just("no base64!")
_BLOB = st.fixed_dictionaries(
    {"data": _AUDIO},
    optional={"mimeType": st.sampled_from(["audio/pcm;rate=24000", "audio/pcm", "image/png", ""])},
)
_PART = st.fixed_dictionaries(
    {},
    optional={"text": _TEXT, "thought": _FLAG, "inlineData": _BLOB, "executableCode": st.just({"code": ""})},
)
_SAID = st.fixed_dictionaries(
    {}, optional={"text": _TEXT, "finished": _FLAG, "languageCode": st.sampled_from(["en", "de"])}
)
_CONTENT = st.fixed_dictionaries(
    {},
    optional={
        "modelTurn": st.fixed_dictionaries({}, optional={"parts": st.lists(_PART, max_size=2)}),
        "outputTranscription": _SAID,
        "inputTranscription": _SAID,
        "interimInputTranscription": _SAID,
        "interrupted": _FLAG,
        "generationComplete": _FLAG,
        "turnComplete": _FLAG,
        "turnCompleteReason": st.sampled_from(["NEED_MORE_INPUT", "BLOCKLIST", "MAX_REGENERATION_REACHED"]),
        "interactionStatus": st.sampled_from(["IN_PROGRESS", "IDLE"]),
        "groundingMetadata": st.just({"x": 1}),
    },
)
_COUNT = st.integers(0, 99)
_USED = st.fixed_dictionaries({}, optional={"promptTokenCount": _COUNT, "responseTokenCount": _COUNT})
_IDS = st.lists(st.integers(0, 9).map(lambda number: f"fc_{number}"), max_size=3)
_CALLED = st.lists(st.tuples(st.sampled_from(["weather", "order", "unheard_of"]), _FLAG), max_size=2)
_UPDATE = st.fixed_dictionaries({}, optional={"newHandle": st.just("H"), "resumable": _FLAG})
_ACTIVITY = st.fixed_dictionaries(
    {"type": st.sampled_from(["ACTIVITY_START", "ACTIVITY_END"])}, optional={"audioOffset": st.just("1.5s")}
)
_ANYTHING = st.fixed_dictionaries(
    {},
    optional={
        "serverContent": _CONTENT,
        "toolCall": _CALLED,
        "toolCallCancellation": st.fixed_dictionaries({}, optional={"ids": _IDS}),
        "usageMetadata": _USED,
        "goAway": st.just({"timeLeft": "5s"}),
        "sessionResumptionUpdate": _UPDATE,
        "voiceActivity": _ACTIVITY,
        "surprise": st.just(1),
        "setupComplete": st.just({}),
    },
)
_MARKS: list[JSON] = [
    {"serverContent": spoken(40, " word")},
    {"serverContent": spoken(40)},
    {"serverContent": {"outputTranscription": {"text": " word"}}},
    {"serverContent": {"inputTranscription": {"text": " said"}}},
    {"serverContent": {"generationComplete": True}},
    {"serverContent": {"interrupted": True}},
    {"serverContent": DONE},
    {"serverContent": {**DONE, "interactionStatus": "IN_PROGRESS"}},
    {"serverContent": {"interrupted": True, **DONE}},
    {"toolCall": [("weather", True)]},
    {"toolCall": [("order", True)]},
    {"voiceActivity": {"type": "ACTIVITY_START"}},
    {"voiceActivity": {"type": "ACTIVITY_END"}},
    {"sessionResumptionUpdate": HANDLE},
]
_COMMANDS: list[Command] = [
    AppendAudio(PCM),
    AppendImage(b"\xff"),
    CommitAudio(),
    ClearAudio(),
    ASK[0],
    RemoveItem("item_1"),
    CreateResponse(),
    CreateResponse(instructions="Be brief.", metadata={"n": "1"}),
    CreateResponse(out_of_band=True),
    Cancel(),
    Cancel("resp_1"),
    Truncate("item_1", 20.0),
    UpdateSession(instructions="Be brief."),
    UpdateSession(turn_detection=MANUAL),
    UpdateSession(tools=()),
]
_STEPS = st.one_of(
    st.sampled_from(_MARKS).map(lambda said: ("hear", said)),
    st.sampled_from(_MARKS).map(lambda said: ("hear", said)),
    _ANYTHING.map(lambda said: ("hear", said)),
    st.sampled_from(_COMMANDS).map(lambda command: ("tell", command)),
    st.tuples(st.just("answer"), _FLAG),
    st.sampled_from(["write", "write", "interrupt", "wait", "move"]).map(lambda verb: (verb, None)),
)


class Anyone:
    """Does whatever it is told, as far as a service or an application could."""

    def __init__(self, profile: Profile, config: JSON) -> None:
        self.talk = Talk(profile, **config)
        self._ids = itertools.count()

    def does(self, verb: str, what: JSON) -> None:
        talk = self.talk
        match verb:
            case "hear":
                talk.receive(self._named(what))
            case "tell":
                talk.tell(what)
            case "answer":
                for call_id in talk.dialogue.calls.open[:1]:
                    talk.tell(SendToolResult(call_id, "done", respond=what))
            case "write":
                talk.write()
            case "interrupt":
                talk.interrupt()
            case "wait":
                talk.waits()
            case _:
                talk.moves()

    def _named(self, said: JSON) -> JSON:
        """Give every call a name of its own."""
        if "toolCall" not in said:
            return said
        calls = [
            {"name": name, **({"id": f"fc_{next(self._ids)}"} if named else {})}
            for name, named in said["toolCall"]
        ]
        return {**said, "toolCall": {"functionCalls": calls}}


@settings(max_examples=400)
@given(
    st.lists(_STEPS, max_size=40),
    st.sampled_from(PROFILES),
    st.fixed_dictionaries(
        {},
        optional={
            "turn_detection": st.builds(
                TurnDetection, st.sampled_from(["server", "manual", "local"]), interrupt_response=_FLAG
            ),
            "output_modalities": st.just(("text",)),
            "transcription": st.just(False),
            "reconnect": st.just(Reconnect(replay=False)),
            "tools": st.just(TOOLS),
        },
    ),
)
def test_whatever_comes_the_contract_holds(
    steps: list[tuple[str, JSON]], profile: Profile, config: JSON
) -> None:
    anyone = Anyone(profile, config)
    for verb, what in steps:
        anyone.does(verb, what)
    anyone.does("write", None)
    assert anyone.talk.ends() == []
    for each in anyone.talk.sent:
        assert len(each) == 1
        msgspec.convert(each, m.ClientMessage)


@given(st.lists(_STEPS, max_size=20), st.sampled_from([HALF_CASCADE, LIVE_38]))
def test_whatever_came_after_some_silence_the_next_question_is_answered(
    steps: list[tuple[str, JSON]], profile: Profile
) -> None:
    anyone = Anyone(profile, {"tools": TOOLS})
    for verb, what in steps:
        anyone.does(verb, what)
    anyone.does("write", None)
    talk = anyone.talk
    talk.receive({"toolCallCancellation": {"ids": [*talk.dialogue.calls.open]}})
    while talk.wire.patience_s is not None:
        talk.waits()
    before = len(talk.events)
    talk.tell(AddItem(Message("user", "Still there?")), CreateResponse(metadata={"last": "1"}))
    talk.write()
    talk.receive({"serverContent": spoken(40, "Yes.")}, {"serverContent": DONE})
    started = [each for each in talk.events[before:] if isinstance(each, ResponseStarted)]
    assert started[-1].metadata == {"last": "1"}
    done = [each for each in talk.events[before:] if isinstance(each, ResponseDone)]
    assert (done[-1].response_id, done[-1].status) == (started[-1].response_id, "completed")


@given(st.lists(st.binary(max_size=60) | _ANYTHING.map(msgspec.json.encode), max_size=10))
def test_no_message_breaks_anything(said: list[bytes]) -> None:
    made = client()
    told: list[Send | Event] = []
    for each in said:
        told += made.wire.receive(each)
    assert not [each for each in told if isinstance(each, Error) and each.fatal]
