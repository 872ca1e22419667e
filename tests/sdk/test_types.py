"""OpenAI's own types read everything that we say, and find nothing in it that they do not know."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

pytest.importorskip("openai", reason="the SDKs are in the dependency group `sdk`")

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel

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
from s2s.config import Config, TurnDetection
from s2s.errors import AuthError, ProviderError, RateLimitError, RemoteProtocolError, S2SError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    IdleTimeout,
    RateLimit,
    RateLimits,
    ResponseDone,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    Tokens,
    ToolCall,
    Transcript,
    Usage,
)
from s2s.formats import AudioFormat
from s2s.gateway.openai import turn_away
from s2s.items import JSON, Call, Message, ToolResult
from s2s.links import Link
from s2s.simulators.openai import _problem
from s2s.testing.clock import run
from s2s.testing.conformance import REQUIREMENTS, conforms, not_applicable
from s2s.testing.pairlaw import Pair
from s2s.tools import Tool, ToolSpec
from s2s.transports.memory import pair
from s2s.wire.openai import messages as m
from s2s.wire.openai.client import OpenAIClient, Opening
from s2s.wire.openai.server import OpenAIServer
from s2s.wire.openai.settings import Wishes
from tests.conformance.subjects import OPENAI, OverOpenAI
from tests.support.hosted import HostedLink
from tests.support.links import KeptScript
from tests.support.openai import Client
from tests.support.openai_server import EVERYTHING, PICTURE, Server
from tests.support.sayable import sayable
from tests.support.sdk import (
    CLIENT,
    SERVER,
    Noted,
    filled,
    kinds,
    messages_of,
    objections,
    told_objections,
)

LOOK_UP = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}
CALL = Call("call-1", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')
NEVER_ASKED = {
    "conversation.item.retrieve": m.ItemRetrieve(item_id="a"),
    "output_audio_buffer.clear": m.OutputAudioBufferClear(),
}
"""What our client has no use for on a WebSocket."""

NOT_UNDERSTOOD = ("invalid_json", "invalid_type", "unknown_parameter", "missing_required_parameter")
REFUSED = ("type", "item.content")
"""Where we say no to what we understand: a buffer that is not there, and a picture that is no data URI."""
TURNS = 12
"""How many choices are tried; more than the variants of anything."""


class Both:
    """Both wires, joined, and everything that they say noted."""

    def __init__(self, config: Config | None = None, wishes: Wishes | None = None) -> None:
        opening = Opening(
            config=config or Config(), capabilities=EVERYTHING, wishes=wishes or Wishes(), model="m"
        )
        self.noted = Noted(OpenAIServer(input_rate=24_000))
        self._pair = Pair(OpenAIClient(opening), self.noted)
        self._pair.tell(SessionStarted("s", "plain", "plain-1", EVERYTHING))

    def say(self, *commands: Command) -> None:
        """Have the client send these."""
        for each in commands:
            self._pair.say(each)


# Conversations that the table does not hold.


def everything_that_can_be_asked() -> Noted:
    both = Both(Config(history=(Message("user", "Hi."), Message("assistant", "Yes?"), CALL)))
    both.say(
        AddItem(Message("system", "Be brief.", "a" * 40)),
        AddItem(Message("user", "What is it?", "b")),
        AddItem(ToolResult("call-1", "A city.")),
        AppendImage(b"\x89PNG", "image/png"),
        RemoveItem("b"),
        AppendAudio(bytes(48 * 300)),
        CommitAudio(),
        AppendAudio(bytes(48 * 300)),
        ClearAudio(),
        CreateResponse("Be kind.", {"for": "me"}, out_of_band=True, context=(Message("user", "Well?"), CALL)),
        CreateResponse(output_modalities=("text",)),
        SendToolResult("call-2", "22 degrees"),
    )
    both.noted.send(ResponseStarted("r1", "application"))
    both.noted.send(AudioOutput(bytes(4800), 24_000, "r1", "i1"))
    both.say(Cancel("r1"), Truncate("i1", 40), Truncate("i1", 0))
    return both.noted


def settings_of_every_kind() -> Noted:
    both = Both(
        Config(
            voice="cedar",
            instructions="Be brief.",
            language="de",
            max_output_tokens=100,
            input_format=AudioFormat("g711_ulaw", 8_000),
            output_format=AudioFormat("g711_alaw", 8_000),
            turn_detection=TurnDetection(mode="semantic", eagerness="low"),
            tools=[Tool(name="look_up", description="Look up.", parameters={"type": "object"})],
        ),
        Wishes("gpt-transcribe", "far_field", {"tracing": "auto", "truncation": "disabled"}),
    )
    both.say(
        UpdateSession(turn_detection=TurnDetection(threshold=0.6, silence_ms=300, prefix_ms=200)),
        UpdateSession(turn_detection=TurnDetection(mode="manual")),
        UpdateSession(instructions="", voice="ash", tools=(), transcription=False, max_output_tokens=None),
        UpdateSession(tools=(ToolSpec("f", "F.", {"type": "object"}),), transcription=True, language="fr"),
        UpdateSession(output_modalities=("text",)),
    )
    return both.noted


def _server() -> tuple[Server, Noted]:
    noted = Noted(OpenAIServer(input_rate=24_000, settings={"model": "gpt-realtime-2.1"}))
    return Server(noted), noted


def sessions_of_every_kind() -> Noted:
    server, noted = _server()
    server.updates(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}})
    server.updates(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}})
    server.updates(audio={"input": {"turn_detection": None, "transcription": {"model": "gpt-transcribe"}}})
    server.updates(audio={"input": {"noise_reduction": {"type": "near_field", "strength": 0.5}}})
    server.updates(audio={"output": {"format": {"type": "audio/pcma"}, "voice": {"id": "voice_1"}}})
    server.updates(tools=[LOOK_UP, {"type": "mcp", "server_label": "docs", "server_url": "https://x.org"}])
    server.updates(tool_choice={"type": "function", "name": "look_up"}, tracing={"workflow_name": "w"})
    server.updates(truncation={"type": "retention_ratio", "retention_ratio": 0.8}, max_output_tokens=7)
    server.updates(include=["item.input_audio_transcription.logprobs"], reasoning={"effort": "low"})
    return noted


def turns_of_every_kind() -> Noted:
    server, noted = _server()
    server.updates(audio={"input": {"transcription": {"model": "whisper-1", "language": "en"}}})
    server.tells(SpeechStarted("u1", 120.7), SpeechStopped("u1", 999.9), IdleTimeout(6.0))
    server.tells(Transcript("What", "u1", "What"), Transcript("What?", "u1", "?", final=True, language="en"))
    server.hears("conversation.item.retrieve", item_id="u1")
    server.hears("input_audio_buffer.clear")
    server.creates("Hi.", id="a")
    server.creates(content=[{"type": "input_image", "image_url": PICTURE, "detail": "low"}])
    server.creates(role="system")
    server.creates(role="assistant", content=[{"type": "output_text", "text": "Yes?"}])
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    server.hears("conversation.item.create", item=call)
    output = {"type": "function_call_output", "call_id": "c", "output": "x"}
    server.hears("conversation.item.create", item=output, previous_item_id="root")
    approval = {"type": "mcp_approval_response", "approval_request_id": "x", "approve": True, "id": "y"}
    server.hears("conversation.item.create", item=approval)
    server.hears("conversation.item.delete", item_id="a")
    return noted


def responses_of_every_kind() -> Noted:
    server, noted = _server()
    usage = Usage(Tokens(10, 4, 6, 0, 2), Tokens(5, 1, 4))
    server.tells(ResponseStarted("r1"), TextOutput("Hi", "r1", "i1"))
    server.tells(AudioOutput(bytes(4801), 24_000, "r1", "i1"), AudioOutput(bytes(48), 24_000, "r1", "i2"))
    server.tells(ToolCall(CALL, "r1"), ToolCall(replace(CALL, id="c2", raw='{"city'), "r1"))
    server.tells(ResponseDone("r1", usage=usage), RateLimits((RateLimit("tokens", 15_000_000, 7, 0.5),)))
    server.hears("conversation.item.truncate", item_id="i1", content_index=0, audio_end_ms=50)
    server.hears("conversation.item.retrieve", item_id="i1")
    server.hears("conversation.item.retrieve", item_id="i2")
    wishes = {"conversation": "none", "output_modalities": ["text"], "metadata": {"for": "me"}}
    server.hears("response.create", response=wishes)
    server.tells(ResponseStarted("r2", "out_of_band"), TextOutput("Hi", "r2", "i3", form="written"))
    server.tells(ResponseDone("r2"))
    server.tells(ResponseStarted("r3"), ResponseDone("r3", "incomplete"))
    server.tells(*_speech("r4"), ResponseDone("r4", "interrupted"))
    server.tells(*_speech("r5"))
    server.hears("response.cancel")
    server.tells(ResponseDone("r5", "interrupted"))
    server.tells(ResponseStarted("r6"), ResponseDone("r6", "failed"))
    server.updates(audio={"output": {"format": {"type": "audio/pcmu"}}})
    server.tells(*_speech("r7"), ResponseDone("r7"))
    server.updates(output_modalities=["text"])
    server.tells(ResponseStarted("r8"), TextOutput("Hi", "r8", "i8", form="written"), ResponseDone("r8"))
    return noted


def _speech(response_id: str) -> tuple[ResponseStarted, TextOutput, AudioOutput]:
    item_id = f"item-{response_id}"
    audio = AudioOutput(bytes(9600), 24_000, response_id, item_id)
    return ResponseStarted(response_id), TextOutput("Hello", response_id, item_id), audio


def errors_of_every_kind() -> Noted:
    server, noted = _server()
    _, said = server.answers(), noted.said
    before = len(said)
    server.reads(b"}")
    server.hears("session.close", event_id="mine")
    server.hears("conversation.item.truncate", item_id="a")
    server.hears("conversation.item.delete", item_id=5)
    server.updates(nonsense=1)
    server.updates(output_modalities=["audio", "text"])
    server.updates(audio={"output": {"voice": "ash"}})
    for verb in ("delete", "retrieve", "truncate"):
        server.hears(f"conversation.item.{verb}", item_id="x", content_index=0, audio_end_ms=0)
    server.hears("conversation.item.truncate", item_id="i1", content_index=0, audio_end_ms=9999)
    server.creates(id="i1")
    server.creates(role="robot")
    server.hears("input_audio_buffer.commit")
    server.hears("response.cancel")
    server.hears("response.create")
    server.hears("response.create")
    server.hears("output_audio_buffer.clear")
    server.tells(Error(AuthError("no")), Error(S2SError("no")), Error(RateLimitError("no", code="x")))
    for code in ("server_error", "rate_limit_exceeded"):
        server.tells(ResponseStarted(code), Error(ProviderError("no", code=code)))
        server.tells(ResponseDone(code, "failed"))
    assert len(said) - before > 20
    return noted


def turning_away() -> Noted:
    async def main() -> list[bytes]:
        near, far = pair()
        for code in ("invalid_api_key", "missing_model", "invalid_model", "beta_api_shape_disabled"):
            await turn_away(far, _problem(code, "no"), 1000)
        return [each async for each in near]

    noted = Noted(OpenAIServer(input_rate=24_000))
    noted.said += run(main())
    return noted


class Overheard(OverOpenAI):
    """An engine behind both wires, whose messages are noted."""

    noted: list[Noted]

    async def open(self, config: Config) -> Link:
        link = await KeptScript.open(self, replace(config, history=()))
        client = OpenAIClient(Opening(config=config, capabilities=self.capabilities))
        server = Noted(OpenAIServer(input_rate=link.input_rate))
        self.noted.append(server)
        self.connection = HostedLink(link, client, server, client.input_rate)
        return self.connection


def the_table() -> Noted:
    class Kept(Overheard):
        noted = []

    subject = replace(OPENAI, engine=Kept)
    for requirement in REQUIREMENTS:
        if not not_applicable(requirement, subject):
            conforms(requirement, subject)
    together = Noted(OpenAIServer(input_rate=24_000))
    together.asked = [each for noted in Kept.noted for each in noted.asked]
    together.said = [each for noted in Kept.noted for each in noted.said]
    return together


TALKS: tuple[Callable[[], Noted], ...] = (
    the_table,
    everything_that_can_be_asked,
    settings_of_every_kind,
    sessions_of_every_kind,
    turns_of_every_kind,
    responses_of_every_kind,
    errors_of_every_kind,
    turning_away,
)
OURS = (the_table, everything_that_can_be_asked, settings_of_every_kind)
"""Where the messages to the server are those of our client, and not what a test has made up."""


@pytest.mark.parametrize("talk", OURS, ids=lambda each: each.__name__)
def test_the_sdk_could_have_sent_what_our_client_sends(talk: Callable[[], Noted]) -> None:
    assert [(each, wrong) for each in talk().asked if (wrong := objections(each, CLIENT))] == []


@pytest.mark.parametrize("message", NEVER_ASKED.values(), ids=NEVER_ASKED)
def test_the_sdk_could_have_sent_what_our_client_could_send(message: m.ClientMessage) -> None:
    assert objections(m.encode(message), CLIENT) == []


@pytest.mark.parametrize("talk", TALKS, ids=lambda each: each.__name__)
def test_the_sdk_knows_all_that_our_server_says(talk: Callable[[], Noted]) -> None:
    found = [(each, wrong) for each in talk().said if (wrong := told_objections(each))]
    assert found == []


@pytest.mark.parametrize("talk", TALKS, ids=lambda each: each.__name__)
def test_what_strict_clients_do_not_take_as_null_is_left_out(talk: Callable[[], Noted]) -> None:
    for message in talk().said:
        read = json.loads(message)
        assert None not in read.get("part", {}).values()
        assert None not in read.get("error", {"type": ""}).values() or read["type"] == "error"


def test_every_message_of_a_client_and_all_that_our_server_can_say_was_really_seen() -> None:
    talks = [talk() for talk in TALKS]
    asked = kinds(
        each for talk, noted in zip(TALKS, talks, strict=True) if talk in OURS for each in noted.asked
    )
    assert asked | set(NEVER_ASKED) == set(m.CLIENT)
    assert asked.isdisjoint(NEVER_ASKED)
    assert kinds(each for noted in talks for each in noted.said) == sayable()


@pytest.mark.parametrize("kind", messages_of(RealtimeServerEvent), ids=lambda each: each.__name__)
def test_our_client_reads_whatever_the_sdk_can_hear(kind: type[BaseModel]) -> None:
    for turn in range(TURNS):
        message = filled(kind, turn)
        assert objections(m.encode(message), SERVER) == []
        client = Client() if message["type"] == "session.created" else Client().ready()
        for heard in client.reads(m.encode(message)):
            assert not (isinstance(heard, Error) and isinstance(heard.error, RemoteProtocolError)), message


@pytest.mark.parametrize("kind", messages_of(RealtimeClientEvent), ids=lambda each: each.__name__)
def test_our_server_understands_whatever_the_sdk_can_send(kind: type[BaseModel]) -> None:
    for turn in range(TURNS):
        message = filled(kind, turn)
        assert objections(m.encode(message), CLIENT) == []
        message.pop("previous_item_id", None)
        if message.get("session", {}).get("type") == "transcription":
            continue  # another kind of session, which we do not serve
        for said in Server().reads(m.encode(message)):
            error = said["error"] if isinstance(said, dict) and said["type"] == "error" else {"code": None}
            assert error["code"] not in NOT_UNDERSTOOD, (message, error)
            place = str(error.get("param")).partition("[")[0]
            assert error["code"] != "invalid_value" or place in REFUSED, (message, error)


JUNK: tuple[JSON, ...] = (None, "", 0, -1, 1.5, True, [], {}, [None], [{}], {"type": "x"}, {"input": None})


def spoilt(value: JSON, dice: random.Random) -> JSON:
    """Return it with something left out or replaced here and there."""
    if dice.random() < 0.08:
        return dice.choice(JUNK)
    match value:
        case dict():
            return {key: spoilt(each, dice) for key, each in value.items() if dice.random() > 0.08}
        case list():
            return [spoilt(each, dice) for each in value]
        case _:
            return value


@pytest.mark.parametrize("seed", range(20))
def test_messages_that_are_nearly_right_do_not_break_the_server(seed: int) -> None:
    dice = random.Random(seed)
    server, noted = _server()
    for _ in range(30):
        message = filled(dice.choice(messages_of(RealtimeClientEvent)), dice.randrange(TURNS))
        given = spoilt(message, dice)
        server.reads(m.encode({**(given if isinstance(given, dict) else {}), "type": message["type"]}))
    server.answers("a", "b")
    assert json.loads(noted.said[-1])["type"] == "response.done"


RESPONSES, ITEMS, USERS = (st.sampled_from(each) for each in (["r1", "r2"], ["i1", "i2", "i3"], ["u1", "u2"]))
ORIGINS = st.sampled_from(["user_turn", "application", "tool_result", "out_of_band"])
STATUSES = st.sampled_from(["completed", "interrupted", "incomplete", "failed"])
SOUND = st.integers(0, 200).map(lambda each: bytes(2 * each))
RATES, NUMBERS = st.sampled_from([16_000, 24_000, 44_100]), st.floats(0, 1e7)
FORMS = st.sampled_from(["spoken", "written"])
TOLD: st.SearchStrategy[Event] = st.one_of(
    st.builds(ResponseStarted, RESPONSES, ORIGINS, st.just({})),
    st.builds(AudioOutput, SOUND, RATES, RESPONSES, ITEMS),
    st.builds(TextOutput, st.text(max_size=5), RESPONSES, ITEMS, st.booleans(), FORMS),
    st.builds(ToolCall, st.builds(Call, st.text(max_size=5), st.text(max_size=5)), RESPONSES),
    st.builds(ResponseDone, RESPONSES, STATUSES),
    st.builds(SpeechStarted, USERS, NUMBERS),
    st.builds(SpeechStopped, USERS, NUMBERS),
    st.builds(Transcript, st.text(max_size=9), USERS, st.text(max_size=3), st.booleans()),
    st.builds(Error, st.builds(ProviderError, st.text(max_size=9))),
    st.builds(IdleTimeout, NUMBERS),
)
"""What an engine could tell, in any order and not always well behaved."""


@given(st.lists(TOLD, max_size=20))
def test_the_sdk_knows_all_that_our_server_says_of_any_engine(events: list[Event]) -> None:
    server, noted = _server()
    server.updates(audio={"input": {"transcription": {"model": "whisper-1"}}})
    server.tells(*events)
    assert [(each, wrong) for each in noted.said if (wrong := told_objections(each))] == []
