from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pybase64 import b64encode
from tests.support.gemini_server import (
    BLOCKS,
    BONN,
    CONVERSATIONS,
    MANUAL,
    ROME,
    TEA,
    WORKS_ON,
    Made,
    Server,
    audio_turn,
    barge_in,
    brief,
    calls_in_vain,
    calls_taken_back,
    parallel_calls,
    result,
    spoken,
    text_turn,
)

from s2s.capabilities import Capabilities
from s2s.errors import ProviderError
from s2s.events import (
    Error,
    Event,
    GoingAway,
    Interrupted,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    ToolCallCancelled,
    Transcript,
)
from s2s.items import Call
from s2s.wire import Close, Send
from s2s.wire.gemini.profiles import FLASH_31, LIVE_38, NAMED, PROFILES, Profile

MIB = 1024 * 1024
STARTED = SessionStarted("session-1", "plain", "plain-1", Capabilities())
FIRST = "1007: setup must be the first message and only the first"

# What is made of the same events by models of each kind; where a name is missing, its kin speaks for it.
NATIVE, FLASH, LIVE, THINKING, HALF = (
    *("dev-2.5-native", "dev-3.1", "dev-3.8", "dev-3.8-thinking", "vertex-half-cascade"),
)
KIN = {"vertex-2.5-native": NATIVE, "vertex-3.8": LIVE}
ALOUD, BEAT, WORDS = ["no handle", "thought"], ["beat"], ["words-begin", "words"]
OVER, IDLE, BUSY = (
    ["over+usage", "handle"],
    ["over+IDLE+usage", "handle"],
    ["over+IN_PROGRESS+usage", "handle"],
)
SPOKEN = ["audio+words", "audio", "generated"]
SPOKEN_APART = ["words", "audio", "audio", "generated"]
SPOKEN_MARKED = [*WORDS, "audio", "audio", "words-end", "generated"]
RESULTS = ["SendToolResult", "SendToolResult"]
GONE = ["1 cancelled", "SendToolResult"]
EXPECTED: dict[str, dict[str, list[str]]] = {
    "text_turn": {
        NATIVE: [*ALOUD, *SPOKEN_APART, *OVER],
        FLASH: [*BEAT, *SPOKEN, *OVER],
        LIVE: [*BEAT, *SPOKEN, *OVER],
        THINKING: [*BEAT, *SPOKEN, *IDLE],
        HALF: [*SPOKEN_MARKED, *OVER],
    },
    "audio_turn": {
        NATIVE: ["heard", "heard", *ALOUD, "words", "audio", "generated", *OVER],
        FLASH: ["start", "end", "heard", *BEAT, "audio+words", "generated", *OVER],
        LIVE: ["start", "end", "heard", *BEAT, "audio+words", "generated", *OVER],
        THINKING: ["start", "end", "heard", *BEAT, "audio+words", "generated", *IDLE],
        HALF: [
            *("heard-begin", "heard", "heard", "heard-end"),
            *(*WORDS, "audio", "words-end", "generated", *OVER),
        ],
    },
    "barge_in": {
        NATIVE: [*ALOUD, "words", "audio", "interrupted", "Truncate", *OVER],
        FLASH: [*BEAT, "audio+words", "start", "interrupted", "Truncate", *OVER],
        LIVE: [*BEAT, "audio+words", "start", "interrupted", "Truncate", *OVER],
        THINKING: [*BEAT, "audio+words", "start", "interrupted", "Truncate", *IDLE],
        HALF: [*WORDS, "audio", "words-end", "interrupted", "Truncate", *OVER],
    },
    "parallel_calls": {
        NATIVE: [*ALOUD, "2 calls", *RESULTS, *ALOUD, *SPOKEN_APART, *OVER],
        FLASH: [*BEAT, "2 calls", *RESULTS, *BEAT, *SPOKEN, *OVER],
        LIVE: [*BEAT, "2 calls", *OVER, *RESULTS, *BEAT, *SPOKEN, *OVER],
        THINKING: [*BEAT, "2 calls", *BUSY, *RESULTS, *BEAT, *SPOKEN, *IDLE],
        HALF: ["2 calls", "generated", *OVER, *RESULTS, *SPOKEN_MARKED, *OVER],
    },
    "calls_in_vain": {
        NATIVE: [*ALOUD, "1 calls", "interrupted", *GONE, *OVER],
        FLASH: [*BEAT, "1 calls", "start", "interrupted", *GONE, *OVER],
        LIVE: [*BEAT, "1 calls", *OVER, "start", *GONE],
        THINKING: [*BEAT, "1 calls", *BUSY, "start", "interrupted", *GONE, "over+IDLE", "handle"],
        HALF: ["1 calls", "generated", *OVER, *GONE],
    },
    "calls_taken_back": {
        NATIVE: [*ALOUD, "1 calls", "1 cancelled", *OVER],
        FLASH: [*BEAT, "1 calls", "1 cancelled", *OVER],
        LIVE: [*BEAT, "1 calls", *OVER, "1 cancelled"],
        THINKING: [*BEAT, "1 calls", *BUSY, "1 cancelled", "over+IDLE", "handle"],
        HALF: ["1 calls", "generated", *OVER, "1 cancelled"],
    },
}
ASKED = {"text_turn": ["AddItem", "CreateResponse"], "audio_turn": ["AppendAudio"]}
Talk: TypeAlias = Callable[[Server], Made]
PROFILE = pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.name)
CONVERSATION = pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda each: each.__name__)


def server_like(profile: Profile, *, pretty: bool = False) -> Server:
    return Server(
        profile,
        strict=True,
        pretty=pretty,
        handles=True,
        tools=[BLOCKS, WORKS_ON],
        inputAudioTranscription={},
        outputAudioTranscription={},
        sessionResumption={},
    )


@PROFILE
@CONVERSATION
def test_each_kind_of_model_talks_in_its_own_manner(conversation: Talk, profile: Profile) -> None:
    told = brief(conversation(server_like(profile)))
    expected = EXPECTED[conversation.__name__][KIN.get(profile.name, profile.name)]
    assert told == [*ASKED.get(conversation.__name__, ()), *expected]


@PROFILE
@CONVERSATION
def test_what_is_said_holds_nothing_that_is_empty(conversation: Talk, profile: Profile) -> None:
    server = server_like(profile)
    conversation(server)
    for each in server.said:
        assert len(each) <= MIB
        assert [*empties(json.loads(each))] == []


@PROFILE
@CONVERSATION
def test_the_spaced_form_says_the_same(conversation: Talk, profile: Profile) -> None:
    compact, spaced = server_like(profile), server_like(profile, pretty=True)
    conversation(compact)
    conversation(spaced)
    assert [json.loads(each) for each in compact.said] == [json.loads(each) for each in spaced.said]
    for each in spaced.said:
        assert each == json.dumps(json.loads(each), indent=2, ensure_ascii=False).encode() + b"\n"


def empties(value: object, path: str = "") -> Iterator[str]:
    """Yield where something stands that proto3 leaves out, but for what a tool is called with."""
    match value:
        case dict():
            for name, each in value.items():
                if name != "args":
                    yield from empties(each, f"{path}.{name}")
        case list():
            yield from (found for each in value for found in empties(each, f"{path}[]"))
        case None | False | 0 | "":
            yield path
        case _:
            pass


# Opening.


def test_what_comes_before_the_engine_is_answered_after_it_in_order() -> None:
    server = Server(can=None)
    assert server.writes() == []
    assert server.appends() == []
    assert brief(server.tells(STARTED)) == ["ready", "AddItem", "CreateResponse", "AppendAudio"]
    assert brief(server.tells(STARTED)) == ["ready"]


def test_no_more_than_so_much_waits_for_an_engine_that_does_not_start() -> None:
    server = Server(can=None)
    assert not any(server.appends() for _ in range(4096))
    assert brief(server.appends()) == [FIRST]


def test_no_more_than_so_many_bytes_wait_for_an_engine_that_does_not_start() -> None:
    server = Server(can=None)
    assert not any(server.reads(b" " * MIB) for _ in range(16))
    assert brief(server.appends()) == [FIRST]


@PROFILE
def test_the_session_has_a_name_where_the_surface_gives_it_one(profile: Profile) -> None:
    (ready,) = Server(profile, can=None).tells(STARTED)
    assert ready == {"setupComplete": {"sessionId": "session-1"} if profile.surface == "vertex" else {}}


def test_a_client_that_wants_to_come_back_is_told_by_which_name() -> None:
    server = Server(can=None, handles=True, sessionResumption={})
    told = server.tells(STARTED)
    assert told[1:] == [{"sessionResumptionUpdate": {"newHandle": "handle-1", "resumable": True}}]
    assert server.answers()[-1] == {
        "sessionResumptionUpdate": {"newHandle": "handle-2", "resumable": True},
    }


def test_one_generation_tells_the_name_unasked_and_others_do_not() -> None:
    assert brief(Server(FLASH_31, can=None, handles=True).tells(STARTED)) == ["ready", "handle"]
    assert brief(Server(LIVE_38, can=None, handles=True).tells(STARTED)) == ["ready"]


def test_no_name_is_told_where_none_can_be_given() -> None:
    assert brief(Server(can=None, sessionResumption={}).tells(STARTED)) == ["ready"]


# Whatever happens.

AUDIO = [b64encode(bytes(n)).decode() for n in (0, 1, 320, 641)]
DATA = st.sampled_from([*AUDIO, "_-__", "+/", "?", "=", "A"])
PCM_TYPES = ("", "; rate=8000", ";rate=16000", ";rate=0", ";rate=²", ";rate=44100", ";rate", ";;rate=1=2")
MIME = st.sampled_from([*(f"audio/pcm{each}" for each in PCM_TYPES), "image/jpeg", "audio/wav", ""])
BLOB = st.fixed_dictionaries({"data": DATA}, optional={"mimeType": MIME, "mime_type": MIME})
TEXT = st.sampled_from(["", " ", "Hi.", "é\u2028", "x" * 300])
NAME = st.sampled_from(["look_up", "order", "", "odd name", "c1", "c2", "c3", "c9"])
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(TEXT | NAME, each, max_size=3),
    max_leaves=5,
)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Make objects with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def few(each: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Make short lists."""
    return st.lists(each, max_size=3)


RESPONSE = some(
    id=NAME,
    name=NAME,
    response=st.none() | st.dictionaries(st.sampled_from(["output", "error", "x"]), JSONS),
    scheduling=st.sampled_from(["SILENT", "INTERRUPT", "WHEN_IDLE", "LATER"]),
    will_continue=st.booleans(),
)
PART = some(
    text=TEXT,
    inlineData=BLOB,
    functionCall=some(name=NAME, args=st.dictionaries(NAME, JSONS)),
    functionResponse=RESPONSE,
    fileData=JSONS,
)
TURN = some(role=st.sampled_from(["user", "model", "system", "", "?"]), parts=few(PART))
TOOLS = few(some(functionDeclarations=few(some(name=NAME, parameters=JSONS))))
ASKS = some(
    realtimeInput=some(
        audio=BLOB,
        video=BLOB,
        text=TEXT,
        audioStreamEnd=st.booleans(),
        activityStart=st.just({}),
        activityEnd=st.just({}),
        mediaChunks=few(BLOB),
        media_chunk=JSONS,
    ),
    client_content=some(turns=few(TURN), turnComplete=st.booleans()),
    toolResponse=some(functionResponses=few(RESPONSE)),
    contextUpdate=some(systemInstruction=TURN, tools=some(tools=TOOLS)),
)
MESSAGE = ASKS.map(msgspec.json.encode) | JSONS.map(msgspec.json.encode) | st.binary(max_size=20)
ID = st.sampled_from(["r1", "r2"])
CALLED = st.sampled_from([BONN, ROME, TEA, Call("c9", "odd", {}, "[1]"), Call("c9", "odd", {}, "{")])
EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(ResponseStarted, ID, st.sampled_from(["user_turn", "out_of_band"])),
    ID.flatmap(lambda name: st.sampled_from(spoken(name))),
    st.builds(ToolCall, CALLED, ID),
    st.builds(ResponseGenerated, ID),
    st.builds(ResponseDone, ID, st.sampled_from(["completed", "interrupted", "incomplete", "failed"])),
    st.builds(Interrupted, ID, st.just("i1"), st.just(10.0), st.just("user_speech"), st.just("requested")),
    st.builds(SpeechStarted, st.just("u1"), st.floats(0, 1e6)),
    st.builds(SpeechStopped, st.just("u1"), st.floats(0, 1e6)),
    st.builds(Transcript, TEXT, st.sampled_from(["u1", "u2"]), st.just(""), st.booleans()),
    st.builds(ToolCallCancelled, st.lists(st.sampled_from(["c1", "c2", "c9"])).map(tuple)),
    st.builds(GoingAway, st.floats(-1, 100)),
    st.builds(lambda fatal: Error(ProviderError("no"), fatal), st.booleans()),
)


@settings(max_examples=400)
@given(
    profile=st.sampled_from(PROFILES),
    strict=st.booleans(),
    pretty=st.booleans(),
    manual=st.booleans(),
    can=st.builds(Capabilities, barge_in=st.booleans(), images=st.booleans(), truncate=st.booleans()),
    steps=st.lists(MESSAGE | EVENT, max_size=25),
)
def test_whatever_is_said_on_either_side_nothing_breaks(
    *,
    profile: Profile,
    strict: bool,
    pretty: bool,
    manual: bool,
    can: Capabilities,
    steps: list[bytes | Event],
) -> None:
    asked: dict[str, Any] = {"realtimeInputConfig": MANUAL} if manual else {}
    wire = Server(profile, can, strict=strict, pretty=pretty, tools=[BLOCKS, WORKS_ON], **asked).wire
    for step in steps:
        made = wire.receive(step) if isinstance(step, bytes) else wire.send(step)
        for each in made:
            match each:
                case Send(data=data):
                    assert [*empties(json.loads(data))] == []
                    assert len(data) <= MIB
                case Close(reason=reason):
                    assert len(reason.encode()) <= 123
                case command:
                    assert msgspec.json.encode(command)


@given(
    steps=st.lists(st.sampled_from(["beat", "cut", "ask", "call", "answer", "over", "speak"]), max_size=12)
)
@pytest.mark.parametrize("name", sorted(NAMED))
def test_no_turn_ends_twice_and_every_interruption_is_followed_by_an_end(name: str, steps: list[str]) -> None:
    server = Server(NAMED[name], tools=[BLOCKS, WORKS_ON])
    told: list[str] = []
    for number, step in enumerate(steps):
        told += brief(_walk(server, step, f"r{number}"))
    told += brief(server.tells(ResponseDone("now", "interrupted")))
    marks = [each for each in told if each.startswith(("over", "interrupted"))]
    assert all(b.startswith("over") for a, b in pairwise(marks) if a == "interrupted")
    assert not marks or marks[-1].startswith("over")


def _walk(server: Server, step: str, number: str) -> Made:
    """Go on with the one response that may be open, which is called "now"."""
    match step:
        case "beat":
            return server.tells(ResponseDone("now"), ResponseStarted("now"))
        case "cut":
            return server.tells(Interrupted("now", "i1", 1.0, "user_speech", "server_confirmed"))
        case "ask":
            return server.writes()
        case "call":
            return server.tells(ToolCall(BONN, "now"), ToolCall(TEA, "now"), ResponseDone("now"))
        case "answer":
            return server.results(result(BONN, scheduling="SILENT"), result(TEA, scheduling="INTERRUPT"))
        case "speak":
            return server.tells(SpeechStarted(number, 1.0))
        case _:
            return server.tells(ResponseDone("now"))


def test_all_conversations_are_expected() -> None:
    names = [text_turn, audio_turn, barge_in, parallel_calls, calls_in_vain, calls_taken_back]
    assert list(EXPECTED) == [each.__name__ for each in names]
