"""Google's own types read every message that our client makes, and its SDK would send the same ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybase64 import b64decode, urlsafe_b64decode

pytest.importorskip("google.genai", reason="the SDKs are in the dependency group `sdk`")

from google import genai
from google.genai import _common as common
from google.genai import _live_converters as converters
from google.genai import types
from google.genai.live import AsyncSession

from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    Command,
    CommitAudio,
    CreateResponse,
    SendToolResult,
    UpdateSession,
)
from s2s.config import TurnDetection
from s2s.items import JSON, Call, Message, ToolResult
from s2s.testing.pairlaw import commands
from s2s.tools import Tool
from s2s.wire import Send
from s2s.wire.gemini.client import GeminiClient, Wishes
from s2s.wire.gemini.profiles import LIVE_38, LIVE_38_VERTEX, NAMED, PROFILES, Profile
from tests.support.gemini import DONE, HANDLE, opening, spoken

PROFILE = pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
PCM = bytes(range(256)) * 2
PICTURE = b"\xff\xd8\xfb\xef"
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Where.", "enum": ["Bonn", "Rome"]},
        "snake_case": {"type": ["integer", "null"], "minimum": 1},
        "any": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "number"}}]},
    },
    "required": ["city"],
}
WEATHER = Tool(name="weather", description="The weather.", parameters=SCHEMA)
ORDER = Tool(name="order", policy="background")
HISTORY = (
    Message("system", "Be kind."),
    Message("user", "Weather?"),
    Call("c0", "weather", {"snake_case": 1}),
    ToolResult("c0", "rain"),
    Message("assistant", "It rains."),
)
ASK = (AddItem(Message("user", "Hello.")), CreateResponse())
MANUAL = TurnDetection(mode="manual")
FREE = ("args", "response")
"""What is inside of these is the application's."""
KINDS = {
    "setup",
    "clientContent",
    "toolResponse",
    "contextUpdate",
    "audio",
    "video",
    "text",
    "audioStreamEnd",
    "activityStart",
    "activityEnd",
}


# What our client says.


class Writer:
    """A client, and every message that it made."""

    def __init__(self, profile: Profile, wishes: Wishes | None = None, **config: JSON) -> None:
        self.wire = GeminiClient(opening(profile, wishes, **config))
        self.sent: list[JSON] = []
        self._note(self.wire.open())

    def says(self, *commands: Command) -> None:
        for each in commands:
            self._note(self.wire.send(each))

    def hears(self, **message: JSON) -> None:
        self._note(self.wire.receive(json.dumps(message).encode()))

    def moves(self) -> None:
        self.wire.parted()
        self._note(self.wire.open())
        self.hears(setupComplete={})

    def _note(self, told: Iterable[object]) -> None:
        self.sent += [json.loads(each.data) for each in told if isinstance(each, Send)]


def everything(profile: Profile) -> Iterator[Writer]:
    """Yield clients that have said all that a client can say to such a model."""
    yield settled(profile)
    yield talking(profile)
    yield speaking(profile)


def settled(profile: Profile) -> Writer:
    """Set everything, change it, and come back."""
    turns = TurnDetection(silence_ms=300, prefix_ms=0, eagerness="low", interrupt_response=False)
    wishes = Wishes(
        thinking_level="HIGH",
        thinking_budget=512,
        affective_dialog=True,
        proactive_audio=True,
        setup={
            "generationConfig": {"topP": 0.5, "seed": 7, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
            "realtimeInputConfig": {"turnCoverage": "TURN_INCLUDES_ALL_INPUT"},
            "contextWindowCompression": {"triggerTokens": 1000, "slidingWindow": {"targetTokens": 500}},
        },
    )
    made = Writer(
        profile,
        wishes,
        voice="Puck",
        instructions="Be brief.",
        tools=[WEATHER, ORDER],
        language="de-DE",
        temperature=0.5,
        max_output_tokens=100,
        turn_detection=turns,
        history=HISTORY,
    )
    made.hears(setupComplete={})
    made.says(UpdateSession(instructions="Be long.", tools=(WEATHER.spec,)), UpdateSession(tools=()))
    made.says(UpdateSession(instructions="", output_modalities=("text",)))
    made.hears(sessionResumptionUpdate=HANDLE)
    made.moves()
    return made


def talking(profile: Profile) -> Writer:
    """Type, show, call and lose connections."""
    made = Writer(profile, tools=[WEATHER, ORDER], history=HISTORY)
    made.hears(setupComplete={})
    made.says(AppendAudio(PCM), CommitAudio(), AppendImage(PICTURE), *ASK, CreateResponse(), ASK[0])
    made.says(CreateResponse(instructions="Be brief."))
    made.hears(serverContent={**spoken(20, "Hi."), **DONE})
    calls = [{"id": f"fc_{name}", "name": name, "args": {"a_b": 1}} for name in ("weather", "order", "other")]
    made.hears(toolCall={"functionCalls": calls})
    made.says(
        SendToolResult("fc_order", "coming"),
        SendToolResult("fc_other", "no", is_error=True, respond=False),
        SendToolResult("fc_weather", "rain", respond=False),
    )
    made.hears(toolCall={"functionCalls": [{"id": "fc_9", "name": "weather"}]})
    made.hears(serverContent=DONE)
    made.hears(toolCall={"functionCalls": calls})
    made.says(SendToolResult("fc_order", "coming", respond=False), *ASK)
    made.moves()
    made.hears(sessionResumptionUpdate=HANDLE)
    made.hears(toolCall={"functionCalls": [{"id": "fc_lost", "name": "weather"}]})
    made.moves()
    return made


def speaking(profile: Profile) -> Writer:
    """Say when the user speaks, and stop an answer."""
    made = Writer(profile, turn_detection=MANUAL)
    made.hears(setupComplete={})
    made.says(AppendAudio(PCM), CommitAudio())
    made.hears(serverContent=spoken())
    made.says(Cancel())
    return made


# What Google's SDK makes of it.


def understood(message: JSON) -> str:
    """Return what the types of the SDK make of a message, as JSON."""
    setup = message.get("setup")
    if setup is None:
        return spelled(types.LiveClientMessage.model_validate(message))
    # The types have no place for this one, though the SDK sends it.
    detection = setup.get("realtimeInputConfig")
    rest = {key: value for key, value in setup.items() if key != "realtimeInputConfig"}
    read = json.loads(spelled(types.LiveClientMessage.model_validate({"setup": rest})))
    if detection is not None:
        read["setup"]["realtimeInputConfig"] = json.loads(
            spelled(types.RealtimeInputConfig.model_validate(detection))
        )
    return json.dumps(read)


def spelled(read: Any) -> str:  # noqa: ANN401  any model of pydantic
    return str(read.model_dump_json(by_alias=True, exclude_unset=True, warnings="error"))


class Line:
    """What the SDK takes for a WebSocket: it keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[JSON] = []

    async def send(self, message: str) -> None:
        """Keep it."""
        self.sent.append(json.loads(message))


@cache
def sdk(surface: str) -> genai.Client:
    return genai.Client(api_key="key", vertexai=surface == "vertex")


def resent(profile: Profile, message: JSON) -> JSON:
    """Return what the SDK sends where it is asked for what a message asks for."""
    line: Any = Line()
    session = AsyncSession(api_client=sdk(profile.surface)._api_client, websocket=line)
    match message:
        case {"setup": setup}:
            return connecting(profile, setup)
        case {"clientContent": content}:
            given: list[Any] = [types.Content.model_validate(each) for each in content.get("turns", ())]
            asking = session.send_client_content(
                turns=given or None,
                turn_complete=content.get("turnComplete", False),
            )
        case {"realtimeInput": realtime}:
            ((kind, value),) = realtime.items()
            named = {types.LiveClientRealtimeInput.model_fields[each].alias: each for each in _REALTIME}
            asking = session.send_realtime_input(**{named[kind]: read_as(kind, value)})
        case {"toolResponse": {"functionResponses": responses}}:
            answers = [types.FunctionResponse.model_validate(each) for each in responses]
            asking = session.send_tool_response(function_responses=answers)
        case {"contextUpdate": update}:
            instruction, tools = update.get("systemInstruction"), update.get("tools")
            asking = session.send_context_update(
                system_instruction=instruction and types.Content.model_validate(instruction),
                tools=tools and [types.Tool.model_validate(each) for each in tools["tools"]],
            )
        case _:
            raise AssertionError(message)
    asyncio.run(asking)
    (sent,) = line.sent
    return sent


_REALTIME = ("audio", "video", "text", "audio_stream_end", "activity_start", "activity_end")


def read_as(kind: str, value: JSON) -> JSON:
    """Return what the SDK wants of realtime input."""
    return types.Blob.model_validate(value) if kind in ("audio", "video") else value


def connecting(profile: Profile, setup: JSON) -> JSON:
    """Return the setup that the SDK makes of the same configuration."""
    rest = {key: value for key, value in setup.items() if key not in ("model", "generationConfig")}
    config = types.LiveConnectConfig.model_validate({**rest, **setup["generationConfig"]})
    asked = types.LiveConnectParameters(model=setup["model"], config=config).model_dump(exclude_none=True)
    api = sdk(profile.surface)._api_client
    vertex = profile.surface == "vertex"
    convert = (
        converters._LiveConnectParameters_to_vertex if vertex else converters._LiveConnectParameters_to_mldev
    )
    made: JSON = common.encode_unserializable_types(common.convert_to_dict(convert(api, asked)))
    return json.loads(json.dumps({"setup": {"model": setup["model"], **made["setup"]}}))


def folded(value: JSON) -> JSON:
    """Return a message in camelCase, base64 as bytes, and what is false left out as proto3 does."""
    match value:
        case {"data": str(data)} | {"data": bytes(data)}:
            return {**{_camel(key): each for key, each in value.items()}, "data": octets(data)}
        case dict():
            return {
                _camel(key): each if key in FREE else named(each) if key == "properties" else folded(each)
                for key, each in value.items()
                if each is not False and each is not None
            }
        case list():
            return [folded(each) for each in value]
        case _:
            return value


def named(properties: JSON) -> JSON:
    """Fold schemas, whose names are the application's."""
    return {name: folded(each) for name, each in properties.items()}


def octets(data: str | bytes) -> bytes:
    """Decode base64 of either alphabet."""
    if isinstance(data, bytes):
        return data
    return bytes(urlsafe_b64decode(data) if set(data) & set("-_") else b64decode(data, validate=True))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


def kind_of(message: JSON) -> str:
    (kind,) = message.get("realtimeInput", message)
    return str(kind)


# Witnesses.


def test_the_types_take_nothing_that_they_do_not_know() -> None:
    strange: list[JSON] = [
        {"setup": {"modle": "x"}},
        {"realtimeInput": {"audio": {"mime": "x"}}},
        {"dance": {}},
    ]
    for each in strange:
        with pytest.raises(ValueError, match="Extra inputs are not permitted"):
            understood(each)


def test_there_is_nothing_that_is_not_shown() -> None:
    shown = {kind_of(each) for made in everything(LIVE_38) for each in made.sent}
    assert shown == KINDS - {"contextUpdate"}
    assert {kind_of(each) for each in settled(LIVE_38_VERTEX).sent} >= {"contextUpdate"}


@PROFILE
def test_the_types_of_the_sdk_read_what_we_say(profile: Profile) -> None:
    for made in everything(profile):
        for each in made.sent:
            assert folded(json.loads(understood(each))) == folded(each)


@PROFILE
def test_the_sdk_would_say_the_same(profile: Profile) -> None:
    for made in everything(profile):
        for each in made.sent:
            assert folded(resent(profile, each)) == folded(each)


def test_a_call_without_an_id_is_answered_as_the_sdk_would() -> None:
    made = Writer(LIVE_38_VERTEX, tools=[WEATHER])
    made.hears(setupComplete={})
    made.hears(toolCall={"functionCalls": [{"name": "weather"}]})
    made.says(SendToolResult("call_1", "rain"))
    answer = made.sent[-1]
    assert folded(json.loads(understood(answer))) == answer
    assert folded(resent(LIVE_38_VERTEX, answer)) == answer


@given(
    st.sampled_from(sorted(NAMED)),
    st.lists(commands(), max_size=8),
    st.sampled_from([TurnDetection(), MANUAL]),
)
def test_whatever_is_asked_the_types_read_it(name: str, asked: list[Command], turns: TurnDetection) -> None:
    made = Writer(NAMED[name], turn_detection=turns)
    made.hears(setupComplete={})
    made.hears(serverContent=spoken())
    made.hears(toolCall={"functionCalls": [{"id": "fc_1", "name": "weather"}]})
    made.says(*asked, SendToolResult("fc_1", "rain"))
    made.moves()
    for each in made.sent:
        assert folded(json.loads(understood(each))) == folded(each)
