"""A whole conversation: its patience, its ends, and that nothing that may come breaks it."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.nova import (
    HELLO,
    LOUD,
    SILENT,
    Client,
    Events,
    Talk,
    answer,
    calls,
    interrupted,
    kinds,
    plans,
    said,
    speaks,
    spends,
    texts,
    user,
)

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
from s2s.errors import ConnectionLostError, ProviderError
from s2s.events import Interrupted, ResponseDone, ResponseStarted, TextOutput, Transcript, TurnEnd
from s2s.items import JSON, Call, Message, ToolResult
from s2s.tools import Tool

TOOLS = (Tool(name="weather"), Tool(name="order", policy="background"))


def client(**config: JSON) -> Client:
    return Client(**config).ready()


def is_idle(made: Client) -> bool:
    return made.wire.idle


def patience_s(made: Client) -> float | None:
    return made.wire.patience_s


# When a stream may be replaced.


@pytest.mark.parametrize(
    ("busy", "then"),
    [
        (lambda made: made.hears(plans("Hi."), speaks(20, "END_TURN")), lambda made: made.hears(said("Hi."))),
        (lambda made: made.says(*HELLO), lambda made: made.hears(answer())),
        (lambda made: made.hears(user("Hello.")), lambda made: made.hears(answer())),
        (lambda made: made.hears(user("Hello.")), lambda made: made.settles()),
        (
            lambda made: made.hears(plans("Hi."), speaks()) + made.says(Cancel()),
            lambda made: made.hears(speaks(20, "END_TURN")),
        ),
        (
            lambda made: made.hears(calls()) + made.settles(),
            lambda made: made.says(SendToolResult("t1", "12")) + made.hears(answer()),
        ),
        (
            lambda made: (
                made.hears(calls()) + made.settles() + made.says(SendToolResult("t1", "", respond=False))
            ),
            lambda made: made.settles() + made.settles(),
        ),
        (
            lambda made: made.says(AppendAudio(LOUD)),
            lambda made: [made.says(AppendAudio(SILENT)) for _ in range(20)],
        ),
        (lambda made: made.hears(plans("Hi.")) + made.says(*HELLO), lambda made: made.leaves()),
    ],
    ids=["answer", "question", "words", "no answer", "unheard", "call", "quiet result", "voice", "given up"],
)
def test_a_stream_may_be_replaced_when_nothing_is_under_way(busy: JSON, then: JSON) -> None:
    made = client()
    assert is_idle(made)
    busy(made)
    assert not is_idle(made)
    then(made)
    assert is_idle(made)


def test_what_is_held_for_a_question_holds_nothing_up() -> None:
    made = client()
    made.says(HELLO[0])
    assert is_idle(made)
    made.moves()
    assert texts(made.says(HELLO[1])) == [("USER", True, "Hello.")]


# Patience and ends.


def test_there_is_no_patience_without_a_stream() -> None:
    made = Client()
    made.says(*HELLO)
    assert patience_s(made) is None
    made.accepts()
    assert patience_s(made) == 30.0
    made.wire.parted()
    assert patience_s(made) is None


def test_what_is_due_first_is_settled_first() -> None:
    made = client()
    made.hears(calls())
    made.settles()
    made.says(SendToolResult("t1", "", respond=False))
    made.hears(calls("news", "t2"))
    assert patience_s(made) == 0.1
    assert kinds(made.settles()) == ["response_done"]
    assert patience_s(made) == 1.0
    assert kinds(made.settles()) == ["contentStart", "toolResult", "contentEnd"]


def test_an_end_is_judged_and_explained() -> None:
    wire = client().wire
    assert wire.survives(None)
    unstable = ConnectionLostError("it ended", code=400, reason="System instability detected.")
    assert wire.survives(unstable)
    explained = wire.explained(unstable)
    assert (type(explained), explained.provider) == (ProviderError, "nova")


def test_what_is_open_at_the_end_has_failed() -> None:
    made = client()
    made.hears(plans("Hi."), user("Hello."))
    assert [*made.wire.lost()] == [
        Transcript("Hello.", "user_1", final=True),
        TextOutput("", "resp_1", "item_1", final=True),
        ResponseDone("resp_1", "failed"),
    ]
    assert [*made.wire.lost()] == []
    assert made.wire.input_rate == 16_000


# Within a session.


def statuses(talk: Talk) -> list[str]:
    return [each.status for each in talk.events if isinstance(each, TurnEnd)]


def test_a_conversation() -> None:
    talk = Talk(tools=TOOLS)
    talk.append(LOUD)
    talk.receive(user("Rain?"), plans("Let me see."), speaks(), calls("order", "t1", city="Bonn"))
    talk.waits()
    talk.receive(plans("One moment."), speaks(20, "END_TURN"), said("One moment."))
    talk.tell(SendToolResult("t1", "yes"))
    talk.write()
    talk.receive(answer("It rains."), user("Thanks."), answer("Bye."))
    ends = [each for each in talk.events if isinstance(each, TurnEnd)]
    assert [(each.user_text, each.agent_text) for each in ends] == [
        ("Rain?", "Let me see. One moment. It rains."),
        ("Thanks.", "Bye."),
    ]
    assert talk.ends() == []


def test_a_user_who_speaks_over_an_answer_is_answered() -> None:
    talk = Talk()
    talk.receive(user("Count."), plans("One."), speaks(400), plans("Two."), speaks(400, "END_TURN"))
    talk.receive(said("One."), interrupted(), user("Stop."), answer("Fine."))
    talk.write()
    assert statuses(talk) == ["interrupted", "completed"]
    assert [type(each) for each in talk.events if isinstance(each, Interrupted)] == [Interrupted]
    assert talk.ends() == []


def test_a_user_who_speaks_over_a_tool_leaves_it_answered() -> None:
    talk = Talk(tools=TOOLS)
    talk.receive(user("Rain?"), plans("Let me see."), speaks(400, "END_TURN"), calls("weather", "t1"))
    talk.receive(interrupted(), user("Never mind."))
    talk.write()
    assert [each["toolResult"]["contentName"] for each in talk.sent if "toolResult" in each]
    talk.receive(answer("Fine."))
    assert statuses(talk)[-1] == "completed"
    assert talk.ends() == []


def test_a_redirection_after_an_interruption_is_answered() -> None:
    talk = Talk()
    talk.receive(user("Count."), plans("One."), speaks(400))
    talk.interrupt()
    talk.tell(*HELLO)
    talk.write()
    talk.receive(plans("Two."), speaks(400), interrupted(), user("Hello."), answer("Yes."))
    assert statuses(talk) == ["interrupted", "completed"]
    assert talk.ends() == []


def test_a_reset_leaves_what_was_heard() -> None:
    talk = Talk()
    talk.receive(user("Count."), plans("One two three four."), speaks(400))
    talk.dialogue.playhead.played(200.0)
    talk.interrupt("reset")
    talk.write()
    history = [each["textInput"]["content"] for each in talk.sent if "textInput" in each]
    assert history[-2:] == ["Count.", "One two"]
    talk.receive(user("Go on."), answer("Three."))
    assert statuses(talk) == ["interrupted", "completed"]
    assert talk.ends() == []


def test_a_stream_is_left_for_another_one_between_two_turns() -> None:
    talk = Talk(tools=TOOLS)
    talk.receive(user("Hi."), answer("Hello."))
    talk.leaves()
    talk.receive(user("Rain?"), calls("weather", "t1"))
    talk.waits()
    talk.moves()
    talk.tell(SendToolResult("t1", "yes"))
    talk.write()
    talk.receive(answer("It rains."))
    assert statuses(talk) == ["completed", "completed"]
    assert talk.ends() == []


# Whatever comes.

_FLAG = st.booleans()
_TEXT = st.sampled_from(
    ["", " ", "Hello.", "you", "ä\n", "\ud800", '{ "interrupted" : true }', "Still there?"]
)
_ID = st.sampled_from(["c1", "c2", "c3", ""])
_STAGE = st.sampled_from(
    [
        '{"generationStage":"SPECULATIVE"}',
        '{"generationStage":"FINAL"}',
        '{"generationStage":1}',
        "[" * 3000,
        "x",
        "",
    ]
)
_ROLE = st.sampled_from(["USER", "ASSISTANT", "TOOL", "SYSTEM"])
_KIND = st.sampled_from(["TEXT", "AUDIO", "TOOL", "IMAGE"])
_STOP = st.sampled_from(["PARTIAL_TURN", "END_TURN", "INTERRUPTED", "TOOL_USE", ""])
_COUNT = st.integers(-5, 10**30)
_MODAL = st.fixed_dictionaries({}, optional={"speechTokens": _COUNT, "textTokens": _COUNT})
_TOKENS = st.fixed_dictionaries({}, optional={"input": _MODAL, "output": _MODAL})
_RATE = st.sampled_from([24_000, 8_000, 0, -1, 10**12])
_RATES = st.fixed_dictionaries({}, optional={"sampleRateHertz": _RATE})
_AUDIO = st.sampled_from(["", "AAA=", "AQAC", "AQACAAMA", "no base64!", "ä"])
_ARGUMENTS = st.sampled_from(["", "{}", '{"a":1}', '"{\\"a\\":1}"', '"x"', "[1]", "{" * 3000, '"\\ud800"'])
_EVENT = st.one_of(
    st.fixed_dictionaries(
        {"contentId": _ID, "type": _KIND},
        optional={"role": _ROLE, "additionalModelFields": _STAGE, "audioOutputConfiguration": _RATES},
    ).map(lambda body: {"contentStart": body}),
    st.fixed_dictionaries({"contentId": _ID, "content": _TEXT}, optional={"role": _ROLE}).map(
        lambda body: {"textOutput": body}
    ),
    st.fixed_dictionaries({"contentId": _ID, "content": _AUDIO}).map(lambda body: {"audioOutput": body}),
    st.fixed_dictionaries({"contentId": _ID}, optional={"type": _KIND, "stopReason": _STOP}).map(
        lambda body: {"contentEnd": body}
    ),
    st.fixed_dictionaries(
        {"contentId": _ID, "toolName": st.sampled_from(["weather", "order", "unheard_of", ""])},
        optional={"toolUseId": st.sampled_from(["t1", "t2", "t3", ""]), "content": _ARGUMENTS},
    ).map(lambda body: {"toolUse": body}),
    st.fixed_dictionaries(
        {},
        optional={
            "details": st.fixed_dictionaries({}, optional={"delta": _TOKENS, "total": _TOKENS}),
            "totalInputTokens": _COUNT,
            "totalOutputTokens": _COUNT,
        },
    ).map(lambda body: {"usageEvent": body}),
    st.sampled_from(
        [{"completionStart": {}}, {"completionEnd": {}}, {"surprise": {"x": 1}}, {}, {"textOutput": 1}]
    ),
)
_MARKS: list[tuple[str, tuple[JSON, ...]]] = [
    *[("user", (text,)) for text in ("Hello.", "What?")],
    *[("plans", (text,)) for text in ("One.", "Two.")],
    *[("said", (text,)) for text in ("One.", "Two.")],
    ("speaks", ()),
    ("speaks", (40, "END_TURN")),
    ("speaks", (40, "INTERRUPTED")),
    ("interrupted", ()),
    ("calls", ("weather",)),
    ("calls", ("order",)),
    ("spends", ()),
    ("answer", ()),
]
_SPELLED = {each.__name__: each for each in (user, plans, said, speaks, interrupted, calls, spends, answer)}
_COMMANDS: list[Command] = [
    AppendAudio(SILENT),
    AppendAudio(LOUD * 8),
    AppendImage(b"\xff"),
    CommitAudio(),
    ClearAudio(),
    HELLO[0],
    AddItem(Message("system", "Be kind.")),
    AddItem(Message("user", " \ud800")),
    AddItem(Call("c9", "news", {"topic": "ships"})),
    AddItem(ToolResult("c9", "none")),
    RemoveItem("item_1"),
    CreateResponse(),
    CreateResponse(instructions="Be brief.", metadata={"n": "1"}),
    CreateResponse(out_of_band=True),
    Cancel(),
    Cancel("resp_1"),
    Cancel(None, "reset"),
    Truncate("item_1", 20.0),
    UpdateSession(instructions="Be brief."),
    UpdateSession(turn_detection=TurnDetection(mode="manual")),
    UpdateSession(tools=(), transcription=False, output_modalities=("text",)),
]
_STEPS = st.one_of(
    st.sampled_from(_MARKS).map(lambda mark: ("mark", mark)),
    st.sampled_from(_MARKS).map(lambda mark: ("mark", mark)),
    _EVENT.map(lambda event: ("hear", event)),
    st.sampled_from(_COMMANDS).map(lambda command: ("tell", command)),
    st.tuples(st.just("answer"), st.sampled_from(["done", '{"a":1}', "[" * 3000, "\ud800"])),
    st.sampled_from(["write", "write", "speak", "interrupt", "reset", "wait", "wait", "move", "leave"]).map(
        lambda verb: (verb, None)
    ),
)


class Anyone:
    """Does whatever it is told, as far as a service or an application could."""

    def __init__(self, config: JSON, generation: int = 2) -> None:
        self.talk = Talk(generation=generation, **config)
        self._ids = itertools.count()

    def does(self, verb: str, what: JSON) -> None:
        talk = self.talk
        match verb:
            case "mark":
                talk.receive(self._spelled(*what))
            case "hear":
                talk.receive([what])
            case "tell":
                talk.tell(what)
            case "answer":
                for number, call_id in enumerate(talk.dialogue.calls.open[:1]):
                    talk.tell(SendToolResult(call_id, what, is_error=number == 1, respond=what != "done"))
            case "write":
                talk.write()
            case "speak":
                talk.append(LOUD)
            case "interrupt":
                talk.interrupt()
            case "reset":
                talk.interrupt("reset")
            case "wait":
                talk.waits()
            case "leave" if talk.wire.idle:
                talk.leaves()
            case _:
                talk.moves()

    def _spelled(self, name: str, arguments: tuple[JSON, ...]) -> Events:
        """Give every call a name of its own."""
        if name == "calls":
            arguments = (*arguments, f"call-{next(self._ids)}")
        return _SPELLED[name](*arguments)


CONFIGS = st.fixed_dictionaries(
    {"tools": st.just(TOOLS)},
    optional={
        "output_modalities": st.just(("text",)),
        "transcription": st.just(False),
        "reconnect": st.just(Reconnect(replay=False)),
        "history": st.lists(
            st.sampled_from(
                [
                    Message("assistant", "Good day."),
                    Message("user", "Hi."),
                    Message("system", "Be kind."),
                    Message("user", "ä" * 40_000),
                    Call("c8", "news"),
                    ToolResult("c8", "ships"),
                ]
            ),
            max_size=12,
        ).map(tuple),
    },
)


@settings(max_examples=400)
@given(st.lists(_STEPS, max_size=40), CONFIGS, st.sampled_from([2, 2, 2, 1]))
def test_whatever_comes_the_contract_holds_and_the_rules_of_the_service(
    steps: list[tuple[str, JSON]], config: JSON, generation: int
) -> None:
    anyone = Anyone(config, generation)
    for verb, what in steps:
        anyone.does(verb, what)
    anyone.does("write", None)
    assert anyone.talk.ends() == []


@given(st.lists(_STEPS, max_size=20))
def test_whatever_came_after_some_silence_the_next_question_is_answered(
    steps: list[tuple[str, JSON]],
) -> None:
    anyone = Anyone({"tools": TOOLS})
    for verb, what in steps:
        anyone.does(verb, what)
    talk = anyone.talk
    for _ in range(70):
        talk.write()
        talk.waits()
    assert talk.wire.patience_s is None
    before = len(talk.events)
    talk.tell(AddItem(Message("user", "Still there?")), CreateResponse(metadata={"last": "1"}))
    talk.write()
    talk.receive(answer("Yes."))
    started = [each for each in talk.events[before:] if isinstance(each, ResponseStarted)]
    assert started[-1].metadata == {"last": "1"}
    done = [each for each in talk.events[before:] if isinstance(each, ResponseDone)]
    assert (done[-1].response_id, done[-1].status) == (started[-1].response_id, "completed")
