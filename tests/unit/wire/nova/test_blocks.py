"""What a stream is told, block by block."""

import json

from hypothesis import given
from hypothesis import strategies as st
from pybase64 import b64decode
from tests.support.nova import Rules

from s2s.wire import Send
from s2s.wire.nova import blocks
from s2s.wire.nova import messages as m


def events(told: list[Send] | tuple[Send, ...]) -> list[dict[str, dict[str, object]]]:
    return [json.loads(each.data)["event"] for each in told]


def test_a_text_is_opened_filled_and_closed() -> None:
    assert events(blocks.text("t1", "USER", "Hello.", interactive=True)) == [
        {
            "contentStart": {
                "promptName": "prompt",
                "contentName": "t1",
                "type": "TEXT",
                "interactive": True,
                "role": "USER",
                "textInputConfiguration": {"mediaType": "text/plain"},
            }
        },
        {"textInput": {"promptName": "prompt", "contentName": "t1", "content": "Hello."}},
        {"contentEnd": {"promptName": "prompt", "contentName": "t1"}},
    ]


@given(st.text(st.characters(), min_size=1, max_size=200), st.integers(1, 100))
def test_a_long_text_takes_several_pieces_and_loses_nothing(text: str, times: int) -> None:
    told = events(blocks.text("t1", "SYSTEM", text * times, interactive=False))
    pieces = [str(each["textInput"]["content"]) for each in told[1:-1]]
    assert "".join(pieces) == text * times
    assert all(0 < len(each) <= 4000 for each in pieces)


def test_half_of_a_character_is_sent_as_a_question_mark() -> None:
    assert events(blocks.text("t1", "USER", "a\ud800", interactive=True))[1]["textInput"]["content"] == "a?"


def test_a_result_names_its_call() -> None:
    start, filled, end = events(blocks.result("t1", "call", '{"a":1}'))
    assert start["contentStart"]["toolResultInputConfiguration"] == {
        "toolUseId": "call",
        "type": "TEXT",
        "textInputConfiguration": {"mediaType": "text/plain"},
    }
    assert filled["toolResult"]["content"] == '{"a":1}'
    assert end == {"contentEnd": {"promptName": "prompt", "contentName": "t1"}}


def test_the_audio_of_the_user_is_declared_once() -> None:
    (start,) = events([blocks.audio(8_000)])
    assert start["contentStart"]["audioInputConfiguration"] == {
        "mediaType": "audio/lpcm",
        "sampleRateHertz": 8_000,
        "sampleSizeBits": 16,
        "channelCount": 1,
        "encoding": "base64",
        "audioType": "SPEECH",
    }


def test_what_stands_around_audio_makes_an_event_of_it() -> None:
    before, after = blocks.around_audio()
    said = json.loads(before + b"AAEC" + after)["event"]["audioInput"]
    assert (said["contentName"], b64decode(said["content"])) == ("audio", b"\0\1\2")


def test_a_stream_ends_after_all_that_is_open_in_it() -> None:
    rules = Rules()
    told = [
        blocks.say(m.Asked(session_start=m.SessionStart())),
        blocks.say(m.Asked(prompt_start=m.PromptStart(prompt_name="prompt"))),
        *blocks.text("system", "SYSTEM", "Be kind.", interactive=False),
        blocks.audio(16_000),
        *blocks.ending("audio"),
    ]
    for each in told:
        rules.hear(each.data)
    assert (rules.broken, rules.stage) == ([], "over")
