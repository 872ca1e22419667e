from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pybase64 import b64decode

from s2s.wire.gemini import messages as m
from s2s.wire.gemini.spelling import Spelling, dump, pieces

MOST_BYTES = 11_520


def test_the_service_writes_with_much_white_space() -> None:
    ready = m.ServerMessage(setup_complete=m.SetupComplete())
    assert dump(ready) == b'{"setupComplete":{}}'
    assert dump(ready, pretty=True) == b'{\n  "setupComplete": {}\n}\n'


@pytest.mark.parametrize("vertex", [True, False])
@given(pcm=st.binary(max_size=200), words=st.text(max_size=20), pretty=st.booleans())
def test_audio_is_spelled_as_any_other_message(vertex: bool, pcm: bytes, words: str, pretty: bool) -> None:
    (made,) = Spelling(vertex=vertex, pretty=pretty).audio(pcm, words)
    content = json.loads(made.data)["serverContent"]
    (part,) = content["modelTurn"]["parts"]
    assert b64decode(part["inlineData"]["data"], None, True) == pcm
    assert content.get("outputTranscription", {}).get("text", "") == words
    assert part["inlineData"]["mimeType"] == ("audio/pcm" if vertex else "audio/pcm;rate=24000")
    assert content["modelTurn"].get("role") == ("model" if vertex else None)
    if pretty:
        assert made.data == json.dumps(json.loads(made.data), indent=2, ensure_ascii=False).encode() + b"\n"


@pytest.mark.parametrize("length", [0, 2, MOST_BYTES, MOST_BYTES + 1, MOST_BYTES * 3])
def test_no_piece_of_audio_is_longer_than_240_ms(length: int) -> None:
    made = Spelling(vertex=False, pretty=False).audio(bytes(length))
    parts = [json.loads(each.data)["serverContent"]["modelTurn"]["parts"][0]["inlineData"] for each in made]
    sizes = [len(b64decode(each["data"])) for each in parts]
    assert sum(sizes) == length
    assert max(sizes) <= MOST_BYTES


@given(st.integers(0, 350_000))
def test_pieces_of_text_are_all_of_it(length: int) -> None:
    parts = [*pieces("x" * length)]
    assert "".join(parts) == "x" * length
    assert all(parts[:-1])
    assert max(map(len, parts)) <= 100_000
