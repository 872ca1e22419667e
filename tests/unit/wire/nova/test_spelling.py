from __future__ import annotations

import itertools

import msgspec
import pytest
from pybase64 import b64decode

from s2s.items import JSON, Call
from s2s.wire import Send
from s2s.wire.nova import messages as m
from s2s.wire.nova.spelling import Spelling

IDS: JSON = {"sessionId": "s", "promptName": "p", "completionId": "id-1"}


def spelling(prompt_name: str = "p", rate_hz: int = 24_000) -> Spelling:
    ids = itertools.count(1)
    return Spelling("s", prompt_name, rate_hz, lambda: f"id-{next(ids)}")


def plain(*sent: Send) -> list[JSON]:
    return [msgspec.json.decode(each.data)["event"] for each in sent]


def test_a_block_of_text_is_told_whole() -> None:
    assert plain(*spelling().text("Good day.", "ASSISTANT", "SPECULATIVE")) == [
        {
            "contentStart": {
                **IDS,
                "contentId": "id-2",
                "type": "TEXT",
                "role": "ASSISTANT",
                "additionalModelFields": '{"generationStage":"SPECULATIVE"}',
                "textOutputConfiguration": {"mediaType": "text/plain"},
            }
        },
        {"textOutput": {**IDS, "contentId": "id-2", "content": "Good day.", "role": "ASSISTANT"}},
        {"contentEnd": {**IDS, "contentId": "id-2", "type": "TEXT", "stopReason": "PARTIAL_TURN"}},
    ]


def test_a_call_is_told_whole() -> None:
    start, use, end = plain(*spelling().call(Call("c1", "look_up", {"a": 1}, '{"a": 1}')))
    assert start["contentStart"] == {
        **IDS,
        "contentId": "id-2",
        "type": "TOOL",
        "role": "TOOL",
        "toolUseOutputConfiguration": {"mediaType": "application/json"},
    }
    assert use["toolUse"] == {
        **IDS,
        "contentId": "id-2",
        "toolName": "look_up",
        "toolUseId": "c1",
        "content": '{"a": 1}',
        "role": "TOOL",
    }
    assert end["contentEnd"]["stopReason"] == "TOOL_USE"


@pytest.mark.parametrize(
    ("call", "content"),
    [
        (Call("c", "f", {"a": 1}), '{"a":1}'),
        (Call("c", "f", {}, ""), "{}"),
        (Call("c", "f", {}, "not json"), "not json"),
    ],
)
def test_arguments_are_told_as_the_model_wrote_them(call: Call, content: str) -> None:
    assert plain(*spelling().call(call))[1]["toolUse"]["content"] == content


def test_audio_is_told_as_it_comes_in_pieces_that_are_not_too_long() -> None:
    spell, pcm = spelling(), bytes(range(256)) * 100
    speech, opened = spell.begin_speech()
    told = plain(
        opened, *spell.audio(speech, pcm), *spell.audio(speech, b"ab"), spell.end_speech(speech, "END_TURN")
    )
    assert told[0]["contentStart"]["audioOutputConfiguration"] == {
        "mediaType": "audio/lpcm",
        "sampleRateHertz": 24_000,
        "sampleSizeBits": 16,
        "channelCount": 1,
        "encoding": "base64",
    }
    pieces = [b64decode(each["audioOutput"].pop("content")) for each in told[1:-1]]
    assert [len(each) for each in pieces] == [11_520, 11_520, 2560, 2]
    assert b"".join(pieces) == pcm + b"ab"
    assert told[1] == {"audioOutput": {**IDS, "contentId": "id-2", "role": "ASSISTANT"}}
    assert told[-1] == {"contentEnd": {**IDS, "contentId": "id-2", "type": "AUDIO", "stopReason": "END_TURN"}}


@pytest.mark.parametrize("name", ["@", '"content":"@"', "\u00e9@\\"])
def test_no_name_of_a_client_is_taken_for_audio(name: str) -> None:
    spell = spelling(name)
    speech, _ = spell.begin_speech()
    (told,) = plain(*spell.audio(speech, b"abcd"))
    assert told["audioOutput"]["promptName"] == name
    assert b64decode(told["audioOutput"]["content"]) == b"abcd"


def test_answers_begin_and_end_once_for_a_prompt() -> None:
    spell = spelling()
    assert plain(spell.begin(), spell.finish()) == [
        {"completionStart": IDS},
        {"completionEnd": {**IDS, "stopReason": "END_TURN"}},
    ]


def test_what_was_spent_belongs_to_the_answers_too() -> None:
    assert plain(spelling().usage(m.UsageEvent(total_tokens=0))) == [
        {"usageEvent": {**IDS, "totalTokens": 0}}
    ]


def test_half_a_character_can_be_told() -> None:
    told = plain(
        *spelling().text("\ud800", "USER", "FINAL"), *spelling().call(Call("\ud800", "f", {}, "\ud800"))
    )
    assert told[1]["textOutput"]["content"] == "?"
    assert told[4]["toolUse"]["toolUseId"] == "?"
