"""The short way and the long way give the same answer, whatever comes."""

import binascii
import json
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.events import AudioOutput, Event, TextOutput
from s2s.items import JSON
from s2s.wire import Send
from s2s.wire.gemini.client import GeminiClient, Opening
from s2s.wire.gemini.template import Bundle, Template, decoded

INDENTS = (None, 2)


def spoken(pcm: bytes, words: str | None = None, indent: int | None = 2, *, urlsafe: bool = False) -> bytes:
    data = (urlsafe_b64encode if urlsafe else b64encode)(pcm).decode()
    blob = {"mimeType": "audio/pcm;rate=24000", "data": data}
    content: dict[str, JSON] = {"modelTurn": {"parts": [{"inlineData": blob}]}}
    if words is not None:
        content["outputTranscription"] = {"text": words}
    return json.dumps({"serverContent": content}, indent=indent, ensure_ascii=False).encode() + b"\n"


def template(message: bytes) -> Template[int]:
    made: Template[int] = Template()
    made.learn(message, 24_000)
    return made


def bundle(message: bytes, words: str) -> Bundle[int]:
    made: Bundle[int] = Bundle()
    made.learn(message, 24_000, words)
    return made


def client(*heard: bytes) -> GeminiClient:
    made = GeminiClient(Opening(config=Config(), capabilities=Capabilities()))
    made.open()
    for message in (b'{"setupComplete":{}}', *heard):
        made.receive(message)
    return made


def kinds(told: object) -> list[type]:
    assert isinstance(told, list)
    return [type(each) for each in told]


@pytest.mark.parametrize("indent", INDENTS)
def test_audio_of_the_same_form_is_recognised_in_either_alphabet(indent: int | None) -> None:
    learnt = template(spoken(b"\0\0", indent=indent))
    for urlsafe in (False, True):
        other = spoken(b"\xfb\xff\xfe\xef", indent=indent, urlsafe=urlsafe)
        assert learnt.match(other) == (24_000, b"\xfb\xff\xfe\xef")


@pytest.mark.parametrize("indent", INDENTS)
@pytest.mark.parametrize("words", [" Hello", "", 'she said "no"\n', "\\", "ü 語", "<b> it's"])
def test_audio_and_words_of_the_same_form_are_recognised(indent: int | None, words: str) -> None:
    learnt = bundle(spoken(b"\0\0", "Well", indent), "Well")
    assert learnt.match(spoken(b"\1\2\3\4", words, indent)) == (24_000, b"\1\2\3\4", words)


def test_what_is_more_than_words_takes_the_long_way() -> None:
    learnt, message = bundle(spoken(b"\0\0", "Well"), "Well"), spoken(b"\0\0", "Well")
    assert learnt.match(message) is not None
    for wrong in (
        message.replace(b'"Well"', b'"Well", "finished": true'),
        message.replace(b'"Well"', b'"Well", "text": "No"'),
        message.replace(b'"Well"', b'"Well\\"'),
        message.replace(b'"Well"', b'"\xff"'),
        message.replace(b'"Well"', b"null"),
        message.replace(b'AAA="', b'AA!="'),
        message.replace(b'AAA="', b'AAA=", "displayName": "x"'),
        message.replace(b"rate=24000", b"rate=16000"),
        spoken(b"\0\0"),
        message[:-1],
        b"",
    ):
        assert learnt.match(wrong) is None, wrong


def test_nothing_is_learnt_where_the_audio_may_be_elsewhere() -> None:
    message = spoken(b"\0\0", "Well")
    doubled = message.replace(b'"parts"', b'"more": {"data": "AAAA"}, "parts"')
    assert template(doubled).match(doubled) is None
    assert bundle(doubled, "Well").match(doubled) is None
    behind = message.replace(b'"Well"', b'"Well"}, "more": {"text": "No"')
    assert bundle(behind, "Well").match(behind) is None


def test_a_name_that_nobody_knows_is_told_every_time() -> None:
    message = spoken(b"\0\0").replace(b"{", b'{"news": {}, ', 1)
    hearing = client(message)
    assert [kinds(hearing.receive(message)) for _ in range(2)] == [
        kinds(client(message).receive(message))
    ] * 2
    assert "Unrecognized" in str(hearing.receive(message))


def test_audio_beside_writing_is_told_as_the_long_way_tells_it() -> None:
    message = spoken(b"\0\0").replace(b'"inlineData"', b'"text": "No", "inlineData"')
    assert kinds(client(message).receive(message)) == [TextOutput]


def test_audio_and_words_of_an_answer_are_told_words_first() -> None:
    hearing = client(spoken(b"\0\0", "Well"), spoken(b"\0\0", ","))
    assert kinds(hearing.receive(spoken(b"\0\0", " yes"))) == [TextOutput, AudioOutput]


def test_words_that_are_silent_leave_the_audio() -> None:
    hearing = client(spoken(b"\0\0", "Well"), spoken(b"\0\0", ","))
    assert kinds(hearing.receive(spoken(b"\0\0", ""))) == [AudioOutput]


MESSAGES = st.builds(
    spoken,
    st.binary(max_size=12),
    st.none() | st.text(max_size=8),
    st.sampled_from(INDENTS),
    urlsafe=st.booleans(),
)


@given(st.lists(MESSAGES, max_size=4), MESSAGES, st.integers(0, 400), st.binary(max_size=3))
def test_both_ways_tell_the_same(heard: list[bytes], message: bytes, at: int, noise: bytes) -> None:
    if noise:
        message = message[:at] + noise + message[at + len(noise) :]
    told: list[list[Send | Event]] = []
    for spelling in (b"%b", b" %b"):
        learnt = client(*(spelling % each for each in [spoken(b"\0\0"), spoken(b"\0\0", "w"), *heard]))
        told.append(list(learnt.receive(message)))
    assert str(told[0]) == str(told[1])


@given(st.binary(), st.booleans(), st.booleans())
def test_base64_of_every_kind_is_decoded(pcm: bytes, urlsafe: bool, padded: bool) -> None:
    data = (urlsafe_b64encode if urlsafe else b64encode)(pcm).decode()
    assert decoded(data if padded else data.rstrip("=")) == pcm


@pytest.mark.parametrize("data", ["A", "AA!A", "AA A", "é", "A=AA"])
def test_what_is_no_base64_is_refused(data: str) -> None:
    with pytest.raises(binascii.Error):
        decoded(data)
