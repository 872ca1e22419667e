from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.nova_server import (
    PCM,
    PROMPT_END,
    SESSION_END,
    audio,
    audio_start,
    content,
    end,
    event,
    prompt_start,
    result_start,
    session_start,
    text_block,
    text_start,
)

from s2s.items import JSON
from s2s.wire.nova import messages as m
from s2s.wire.nova.contents import MOST_BYTES, Contents, Opened, Result, Said, Sound, Stage, Text
from s2s.wire.nova.judging import EARLY_AUDIO, INVALID, Reason, Refused, no_content, not_closed

BEGUN = (session_start(), prompt_start())
TALKING = (*BEGUN, audio_start())


def said(*messages: bytes, generation: int = 2) -> list[Said]:
    """Return what comes of messages, those left out that are only parts of something."""
    contents = Contents(generation)
    made = [contents.take(each) for each in messages]
    return [each for each in made if each is not None]


def refused(*messages: bytes, generation: int = 2) -> Reason:
    """Return why the last of these messages is refused, and none before it."""
    contents = Contents(generation)
    for each in messages[:-1]:
        contents.take(each)
    with pytest.raises(Refused) as refusal:
        contents.take(messages[-1])
    return refusal.value.reason


def test_a_conversation_goes_from_its_settings_to_its_end() -> None:
    made = said(
        *BEGUN,
        *text_block("SYSTEM", "Be brief.", "s"),
        audio_start(),
        audio(),
        *text_block("USER", "Hi.", "t", interactive=True),
        result_start("c1", "r"),
        content("toolResult", "{}", "r"),
        end("r"),
        end("a"),
        PROMPT_END,
        SESSION_END,
    )
    assert isinstance(made[0], m.SessionStart)
    assert isinstance(made[1], m.PromptStart)
    assert made[2:] == [
        Text("SYSTEM", "Be brief.", interactive=False),
        Opened("AUDIO"),
        Sound(PCM, 16_000),
        Opened("TEXT"),
        Text("USER", "Hi.", interactive=True),
        Result("c1", "{}"),
        m.PromptEnd(prompt_name="p"),
        m.Empty(),
    ]


def test_a_block_may_come_in_many_pieces() -> None:
    pieces = [content("textInput", each, "s") for each in ("Be", " brief", ".")]
    assert said(*BEGUN, text_start("SYSTEM", "s", interactive=False), *pieces, end("s"))[-1] == Text(
        "SYSTEM", "Be brief.", interactive=False
    )


@pytest.mark.parametrize(
    "messages",
    [
        (prompt_start(),),
        (session_start(), session_start()),
        (*BEGUN, prompt_start()),
        (session_start(), audio_start()),
        (audio_start(),),
        (SESSION_END,),
        (session_start(), PROMPT_END),
        (*BEGUN, PROMPT_END, audio_start()),
        (*BEGUN, PROMPT_END, PROMPT_END),
        (*BEGUN, PROMPT_END, SESSION_END, SESSION_END),
        (*BEGUN, event("contentEnd", {"promptName": "another", "contentName": "a"})),
        (*BEGUN, event("promptEnd", {"promptName": "another"})),
        (session_start(), event("promptStart", {"promptName": ""})),
    ],
)
def test_everything_has_its_place(messages: tuple[bytes, ...]) -> None:
    assert refused(*messages) == INVALID


@pytest.mark.parametrize(
    "messages",
    [
        (*TALKING, audio_start()),
        (*TALKING, audio_start("b")),
        (*TALKING, end("a"), audio_start()),
        (
            *BEGUN,
            text_start(name=""),
        ),
        (*BEGUN, text_start(name="x" * 513)),
        (*BEGUN, text_start(name="t"), text_start(name="u")),
        (*BEGUN, result_start("c1", "r")),
        (*TALKING, PROMPT_END),
        (*TALKING, content("textInput", "Hi.", "a")),
        (*TALKING, content("toolResult", "{}", "a")),
        (*TALKING, result_start("c1", "r"), content("audioInput", "", "r")),
    ],
)
def test_blocks_do_not_mix(messages: tuple[bytes, ...]) -> None:
    assert refused(*messages) == INVALID


@pytest.mark.parametrize("message", [audio(name="x"), content("textInput", "Hi.", "x"), end("x")])
def test_a_block_that_is_not_open_cannot_be_filled_or_closed(message: bytes) -> None:
    assert refused(*BEGUN, message) == no_content("x")
    assert refused(*BEGUN, audio_start("x"), end("x"), message) == no_content("x")


@pytest.mark.parametrize(
    "messages",
    [
        (*BEGUN, text_start("SYSTEM", "s", interactive=False), audio(name="s")),
        (*BEGUN, text_start("USER", "t", interactive=False), audio_start()),
        (*TALKING, text_start(), audio()),
        (*TALKING, text_start("USER", "t", interactive=False)),
        (*TALKING, text_start("ASSISTANT", "t", interactive=False)),
    ],
)
def test_no_history_meets_audio(messages: tuple[bytes, ...]) -> None:
    assert refused(*messages) == EARLY_AUDIO


def test_a_session_cannot_end_before_its_prompt() -> None:
    assert refused(*TALKING, SESSION_END) == not_closed("p")
    assert refused(*BEGUN, SESSION_END) == not_closed("p")
    assert said(session_start(), SESSION_END)[-1] == m.Empty()


def test_text_may_open_a_conversation_but_not_of_the_first_generation() -> None:
    assert said(*BEGUN, text_start())[-1] == Opened("TEXT")
    assert refused(*BEGUN, text_start(), generation=1) == INVALID
    assert said(*BEGUN, *text_block("USER", "Hi.", "t"), generation=1)[-1] == Text("USER", "Hi.", False)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"event":{}}',
        b'{"event":[]}',
        b'{"event":{"audioOutput":{}}}',
        b'{"event":{"sessionEnd":{},"promptEnd":{}}}',
        b'{"event":{"sessionEnd":null}}',
        b'{"event":{"textInput":{"promptName":17}}}',
        b'{"event":{"textInput":{"promptName":"p","contentName":"t","content":"\\ud800"}}}',
        b'{"event":{"textInput":{"promptName":"p","contentName":"t","content":"\xff"}}}',
        b'{"event":{"textInput":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"event":{"sessionStart":{"inferenceConfiguration":{"temperature":1e999}}}}',
        b'{"event":{"sessionStart":{"inferenceConfiguration":{"maxTokens":' + b"9" * 5000 + b"}}}}",
        b"\x00" * 10,
    ],
)
def test_what_is_no_message_is_refused(message: bytes) -> None:
    assert refused(*BEGUN, text_start("USER", "t"), message) == INVALID


@pytest.mark.parametrize("data", ["AAA", "AAAA===", "AA-_", "\u00e9", "AA AA"])
def test_what_is_no_base64_is_refused(data: str) -> None:
    assert refused(*TALKING, content("audioInput", data, "a")) == INVALID


def test_what_is_too_long_is_refused() -> None:
    message = content("textInput", "x" * MOST_BYTES, "t")
    assert refused(*BEGUN, text_start(), message) == INVALID
    half = content("textInput", "x" * (MOST_BYTES // 2 + 1), "t")
    assert refused(*BEGUN, text_start(), half, half) == INVALID


def test_what_is_too_much_is_refused() -> None:
    results = [result_start("c", f"r{number}") for number in range(64)]
    assert refused(*TALKING, *results) == INVALID
    closed = [
        each for number in range(9_999) for each in (result_start("c", f"r{number}"), end(f"r{number}"))
    ]
    assert refused(*TALKING, *closed, result_start("c", "last")) == INVALID


@given(
    st.binary(max_size=40)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda each: (
            st.lists(each, max_size=2)
            | st.dictionaries(
                st.sampled_from(["event", "contentStart", "textInput", "promptName", "content", "type"]),
                each,
                max_size=2,
            )
        ),
        max_leaves=6,
    ).map(msgspec.json.encode)
)
def test_nothing_but_a_refusal_comes_of_nonsense(message: bytes) -> None:
    contents = Contents(2)
    for each in TALKING:
        contents.take(each)
    with pytest.raises(Refused):
        contents.take(message)
    assert contents.stage is Stage.TALKING


def test_fields_that_nobody_knows_are_left_out() -> None:
    known: JSON = {"promptName": "p", "contentName": "a", "novelty": {"deep": [1]}}
    assert said(*TALKING, event("contentEnd", known))[-1] == Opened("AUDIO")
