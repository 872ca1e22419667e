"""Google's own SDK reads every message that our server makes, and drops nothing of it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from pybase64 import b64decode, urlsafe_b64decode

pytest.importorskip("google.genai", reason="the SDKs are in the dependency group `sdk`")

from google import genai
from google.genai import types
from google.genai.live import AsyncSession

from s2s.capabilities import Capabilities
from s2s.events import (
    GoingAway,
    ResponseDone,
    ResponseStarted,
    SessionStarted,
    TextOutput,
    Tokens,
    Transcript,
    Usage,
    UsageUpdate,
)
from s2s.wire.gemini.profiles import PROFILES, Profile
from tests.support.gemini_server import (
    BLOCKS,
    BONN,
    CONVERSATIONS,
    ROME,
    WORKS_ON,
    Made,
    Server,
    brief,
    parallel_calls,
    text_turn,
)

SPENT = Usage(Tokens(20, text=5, audio=10, image=5, cached=3), Tokens(9, text=2, audio=7))
PROFILE = pytest.mark.parametrize("profile", PROFILES, ids=lambda each: each.name)


class Line:
    """What the SDK takes for a WebSocket: it yields what a server has said."""

    def __init__(self, messages: list[bytes]) -> None:
        self._messages = deque(messages)

    async def recv(self, decode: bool = False) -> bytes:
        """Return the next message."""
        return self._messages.popleft()


def session(profile: Profile, messages: list[bytes]) -> AsyncSession:
    """Return a session of the SDK in which these messages arrive."""
    line: Any = Line(messages)
    return AsyncSession(api_client=client(profile.surface)._api_client, websocket=line)


@cache
def client(surface: str) -> genai.Client:
    return genai.Client(api_key="key", vertexai=surface == "vertex")


async def read(profile: Profile, messages: list[bytes]) -> list[types.LiveServerMessage]:
    """Return what the SDK makes of messages, one by one."""
    reading = session(profile, messages)
    return [await reading._receive() for _ in messages]


def all_else(server: Server) -> Made:
    """Tell what no conversation does."""
    return server.tells(
        SessionStarted("session-1", "plain", "plain-1", Capabilities()),
        Transcript("Hallo.", "u1", final=True, language="de-DE"),
        UsageUpdate(SPENT),
        GoingAway(57.5),
        ResponseStarted("r1"),
        TextOutput("In writing.", "r1", "i1", form="written"),
        ResponseDone("r1", "failed", SPENT),
        ResponseStarted("r2"),
        ResponseDone("r2", "incomplete", SPENT),
    )


def server_like(profile: Profile, *, pretty: bool = True) -> Server:
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
@pytest.mark.parametrize("pretty", [True, False])
@pytest.mark.parametrize("conversation", [*CONVERSATIONS, all_else], ids=lambda each: each.__name__)
def test_the_sdk_reads_all_that_is_said(
    conversation: Callable[[Server], Made], pretty: bool, profile: Profile
) -> None:
    server = server_like(profile, pretty=pretty)
    conversation(server)
    for said, heard in zip(server.said, asyncio.run(read(profile, server.said)), strict=True):
        dumped = heard.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert _plain(dumped, urlsafe_b64decode) == _plain(_renamed(json.loads(said)), b64decode)


def _renamed(said: Any) -> Any:  # noqa: ANN401
    """Return a message with the names that the SDK gives to fields of the wire."""
    if "voiceActivity" in said:
        activity = dict(said["voiceActivity"])
        return {**said, "voiceActivity": {"voiceActivityType": activity.pop("type"), **activity}}
    if "usageMetadata" in said:
        usage = {name.replace("candidates", "response"): each for name, each in said["usageMetadata"].items()}
        return {**said, "usageMetadata": usage}
    return said


def _plain(value: Any, decode: Callable[[str], bytes]) -> Any:  # noqa: ANN401
    """Return a message with its audio as bytes, for the two ends write them in different alphabets."""
    match value:
        case {"mimeType": str(mime_type), "data": str(data)}:
            return mime_type, decode(data)
        case dict():
            return {name: _plain(each, decode) for name, each in value.items()}
        case list():
            return [_plain(each, decode) for each in value]
        case _:
            return value


def test_the_sdk_would_drop_what_it_does_not_know() -> None:
    said = [b'{"serverContent":{"turnComplete":true,"mood":"good"}}']
    (heard,) = asyncio.run(read(PROFILES[0], said))
    assert heard.model_dump(by_alias=True, exclude_unset=True) == {"serverContent": {"turnComplete": True}}


@PROFILE
def test_the_sdk_finds_the_end_of_a_turn_where_it_is(profile: Profile) -> None:
    server = server_like(profile)
    text_turn(server)
    *whole, handle = server.said
    assert brief([json.loads(handle)]) == ["handle"]

    async def turn() -> list[types.LiveServerMessage]:
        return [each async for each in session(profile, server.said).receive()]

    assert len(asyncio.run(turn())) == len(whole)


@PROFILE
def test_the_sdk_hears_words_audio_calls_and_what_they_cost(profile: Profile) -> None:
    server = server_like(profile)
    parallel_calls(server)
    heard = asyncio.run(read(profile, server.said))
    audio = b"".join(each.data or b"" for each in heard)
    (called,) = [each.tool_call for each in heard if each.tool_call]
    costs = [each.usage_metadata for each in heard if each.usage_metadata]
    words = [each.server_content.output_transcription for each in heard if each.server_content]
    assert len(audio) == 9600
    assert [each.id for each in called.function_calls or ()] == [BONN.id, ROME.id]
    assert [each.args for each in called.function_calls or ()] == [BONN.arguments, ROME.arguments]
    assert sum(each.total_token_count or 0 for each in costs) == 34
    assert sum(each.response_token_count or 0 for each in costs) == 14
    assert "".join(each.text or "" for each in words if each) == "Good day."
