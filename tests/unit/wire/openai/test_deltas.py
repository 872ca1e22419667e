"""The short way and the long way give the same answer, whatever comes."""

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from s2s.wire.openai.deltas import Template
from s2s.wire.openai.messages import SERVER

LONG = SERVER["response.output_audio.delta"].decode
PLAIN = (
    b'{"type":"response.output_audio.delta","event_id":"event_1","response_id":"r","item_id":"i",'
    b'"output_index":0,"content_index":0,"delta":"AAAA"}'
)
SPACED = (
    b'{"event_id": "event_1", "type": "response.output_audio.delta", "response_id": "r", "item_id": "i",'
    b' "output_index": 0, "content_index": 0, "delta": "AAAA"}'
)
BETA = PLAIN.replace(b"output_audio", b"audio")


def learnt(message: bytes) -> Template[str]:
    template: Template[str] = Template()
    template.learn(message, "owner")
    return template


def test_the_next_message_of_the_same_form_is_recognised() -> None:
    for message in (PLAIN, SPACED, BETA):
        other = message.replace(b"event_1", b"event_999").replace(b"AAAA", b"/+8=")
        assert learnt(message).match(message) == ("owner", b"\0\0\0")
        assert learnt(message).match(other) == ("owner", b"\xff\xef")


def test_audio_of_another_item_or_place_takes_the_long_way() -> None:
    template = learnt(PLAIN)
    for old, new in ((b'"i"', b'"j"'), (b'"r"', b'"s"'), (b'_index":0', b'_index":1'), (b":", b": ")):
        assert template.match(PLAIN.replace(old, new)) is None


def test_nothing_matches_before_something_was_learnt_or_after_it_was_forgotten() -> None:
    assert Template[str]().match(PLAIN) is None
    template = learnt(PLAIN)
    template.forget()
    assert template.match(PLAIN) is None


def test_a_message_that_goes_on_after_its_audio_teaches_nothing() -> None:
    assert learnt(PLAIN[:-1] + b',"more":"AAAA"}').match(PLAIN) is None


def test_broken_base64_takes_the_long_way() -> None:
    for audio in (b"AAA", b"AA\\u0041A", b"AAAA=", b"A AA", b'AA","x":"', b"\xff\xff\xff\xff"):
        assert learnt(PLAIN).match(PLAIN.replace(b"AAAA", audio)) is None


_KEYS = ["type", "event_id", "response_id", "item_id", "output_index", "content_index", "delta", "delta", "x"]
_VALUES = st.sampled_from(
    ["response.output_audio.delta", "event_1", "r", "i", "AAAA", "AAAAAAAA", 'q"\\', "é", 0]
)

_AUDIO = st.from_regex(rb"[A-Za-z0-9+/=\\\"]{0,12}", fullmatch=True)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A message like those that are learnt, with keys moved, doubled or changed, or bytes altered."""
    message = draw(st.sampled_from([PLAIN, SPACED, BETA]))
    match draw(st.integers(0, 3)):
        case 0:
            pairs = list(json.loads(message).items())
            for _ in range(draw(st.integers(0, 3))):
                pair = (draw(st.sampled_from(_KEYS)), draw(_VALUES))
                pairs.insert(draw(st.integers(0, len(pairs))), pair)
            inner = ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs)
            message = f"{{{inner}}}".encode()
        case 1:
            place = draw(st.integers(0, len(message)))
            message = (
                message[:place] + draw(st.binary(max_size=3)) + message[place + draw(st.integers(0, 3)) :]
            )
        case 2:
            message = message.replace(b"event_1", draw(st.binary(max_size=8)))
        case _:
            message = message.replace(b"AAAA", draw(_AUDIO))
    return message


def _by_the_long_way(message: bytes) -> tuple[str, str, bytes] | None:
    try:
        read = SERVER[json.loads(message)["type"]].decode(message)
    except (ValueError, KeyError, TypeError, msgspec.MsgspecError):
        return None
    return read.response_id, read.item_id, read.delta


@given(mangled(), mangled())
def test_a_match_is_what_the_decoder_reads(first: bytes, second: bytes) -> None:
    learned = _by_the_long_way(first)
    if learned is None:
        return
    template: Template[tuple[str, str]] = Template()
    template.learn(first, learned[:2])
    for message in (first, second):
        matched = template.match(message)
        if matched is not None:
            assert _by_the_long_way(message) == (*matched[0], matched[1])


@given(st.binary(max_size=400))
def test_every_audio_survives_the_short_way(audio: bytes) -> None:
    import pybase64

    message = PLAIN.replace(b"AAAA", pybase64.b64encode(audio))
    assert learnt(PLAIN).match(message) == ("owner", audio)
    assert LONG(message).delta == audio
