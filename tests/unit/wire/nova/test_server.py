from __future__ import annotations

import msgspec
from tests.support.nova_server import (
    PROMPT_END,
    SESSION_END,
    Server,
    answer,
    audio,
    audio_start,
    brief,
    end,
    session_start,
)

from s2s.commands import AppendAudio
from s2s.errors import S2SError
from s2s.events import Error
from s2s.wire import Close, Send
from s2s.wire.nova import messages as m
from s2s.wire.nova.judging import INVALID, not_closed


def test_what_is_wrong_with_a_message_ends_the_stream_and_nothing_follows() -> None:
    server = Server(request_id="r-1")
    assert server.hears(session_start()) == [INVALID.closing("r-1")]
    assert server.hears(audio()) == []
    assert server.tells(*answer("Good day.")) == []


def test_after_the_end_nothing_is_said_or_heard() -> None:
    server = Server()
    assert server.hears(end("a"), PROMPT_END, SESSION_END) == [Close(1000)]
    assert server.hears(SESSION_END) == []
    assert server.tells(Error(S2SError("oops"), fatal=True)) == []


def test_a_session_that_ends_before_its_prompt_ends_the_stream() -> None:
    assert Server(request_id="r-1").hears(SESSION_END) == [not_closed("p").closing("r-1")]


def test_a_client_need_not_wait_for_the_engine() -> None:
    server = Server(can=None)
    assert server.hears(audio(b"ab")) == [AppendAudio(b"ab")]
    assert brief(server.writes()) == ["AddItem", "CreateResponse"]


def test_the_audio_may_be_opened_again() -> None:
    server = Server()
    assert server.hears(end("a"), audio_start("b"), audio(b"ab", "b")) == [AppendAudio(b"ab")]


def test_everything_that_is_said_is_of_the_protocol() -> None:
    decoder = msgspec.json.Decoder(m.ServerMessage)
    for each in (made for event in answer("One.", " Two.") for made in Server().wire.send(event)):
        if isinstance(each, Send):
            told = decoder.decode(each.data).event
            assert told is not None
            assert sum(getattr(told, name) is not None for name in told.__struct_fields__) == 1
