from __future__ import annotations

import pytest
from pybase64 import b64decode, b64encode
from tests.support.gemini_server import BLOCKS, BONN, MANUAL, PCM, TEA, WORKS_ON, Made, Server, brief, spoken

from s2s.capabilities import Capabilities
from s2s.commands import Cancel, SendToolResult, Truncate
from s2s.errors import AuthError, ConnectError, LocalProtocolError, ProviderError, RateLimitError
from s2s.events import (
    AudioOutput,
    Error,
    GoingAway,
    IdleTimeout,
    Interrupted,
    RateLimits,
    Reconnected,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionEnded,
    SpeechStarted,
    TextOutput,
    Tokens,
    ToolCall,
    ToolCallCancelled,
    Usage,
    UsageUpdate,
)
from s2s.items import JSON
from s2s.wire import Close
from s2s.wire.gemini.failures import BAD_KEY, ERROR, QUOTA, UNAVAILABLE, closing
from s2s.wire.gemini.profiles import HALF_CASCADE, LIVE_38, LIVE_38_VERTEX, NATIVE_25, Profile

INTERRUPTED: JSON = {"serverContent": {"interrupted": True}}
GENERATED: JSON = {"serverContent": {"generationComplete": True}}
OVER: JSON = {"serverContent": {"turnComplete": True}}
BEGUN = ResponseStarted("r1")
CUT = Interrupted("r1", "i1", 80.0, "user_speech", "server_confirmed")
NO_INTERRUPTION = {"activityHandling": "NO_INTERRUPTION"}
WRITTEN = {"responseModalities": ["TEXT"]}
TIRED = Capabilities(barge_in=False)


def words(text: str) -> JSON:
    return {"serverContent": {"outputTranscription": {"text": text}}}


def heard(made: Made) -> bytes:
    """Return all audio of these messages."""
    contents = (each.get("serverContent", {}) for each in made if isinstance(each, dict))
    parts = (part for each in contents for part in each.get("modelTurn", {}).get("parts", ()))
    return b"".join(b64decode(each["inlineData"]["data"]) for each in parts if "inlineData" in each)


# Audio.


def test_audio_says_what_it_is_in_the_manner_of_the_surface() -> None:
    data = b64encode(PCM).decode()
    for profile, mime_type, role in (
        (NATIVE_25, "audio/pcm;rate=24000", {}),
        (HALF_CASCADE, "audio/pcm", {"role": "model"}),
    ):
        server = Server(profile)
        part = {"inlineData": {"mimeType": mime_type, "data": data}}
        assert server.tells(BEGUN, AudioOutput(PCM, 24_000, "r1", "i1")) == [
            {"serverContent": {"modelTurn": {**role, "parts": [part]}}}
        ]


def test_audio_of_another_rate_is_converted_and_told_to_its_end() -> None:
    server = Server(NATIVE_25)
    audio = [AudioOutput(bytes(320), 8_000, "r1", "i1", 20.0 * n) for n in range(10)]
    made = server.tells(BEGUN, *audio)
    assert len(heard(made)) < 9600
    assert len(heard([*made, *server.tells(ResponseDone("r1"))])) == 9600


def test_what_a_filter_holds_back_of_an_answer_that_is_cut_off_is_never_heard() -> None:
    server = Server(NATIVE_25)
    server.tells(BEGUN, AudioOutput(bytes(320), 8_000, "r1", "i1"))
    assert brief(server.tells(ResponseDone("r1", "interrupted"))) == ["interrupted", "over"]
    made = server.tells(ResponseStarted("r2"), AudioOutput(PCM, 24_000, "r2", "i2"))
    assert heard(made) == PCM


def test_long_audio_comes_in_pieces_and_its_words_with_the_first() -> None:
    audio = bytes(range(250)) * 200
    made = Server(LIVE_38).tells(
        BEGUN, TextOutput("A long one.", "r1", "i1"), AudioOutput(audio, 24_000, "r1", "i1")
    )
    assert brief(made) == ["audio+words", "audio", "audio", "audio", "audio"]
    assert heard(made) == audio
    assert len(heard(made[:1])) == 24 * 2 * 240


def test_what_stands_beside_the_conversation_is_not_told() -> None:
    server = Server()
    assert server.tells(ResponseStarted("r9", "out_of_band"), *spoken("r9"), ResponseDone("r9")) == []
    assert server.tells(BEGUN, *spoken("r9"), ToolCall(BONN, "r9"), ResponseGenerated("r9")) == []


def test_no_audio_is_no_message() -> None:
    assert Server().tells(BEGUN, AudioOutput(b"", 24_000, "r1", "i1")) == []


# Words.


def test_words_wait_for_their_audio_and_for_nothing_else() -> None:
    server = Server(LIVE_38)
    assert server.tells(BEGUN, TextOutput("Good", "r1", "i1"), TextOutput(" day.", "r1", "i1")) == []
    (told,) = server.tells(AudioOutput(PCM, 24_000, "r1", "i1"))
    assert isinstance(told, dict)
    assert told["serverContent"]["outputTranscription"] == {"text": "Good day."}
    server.tells(TextOutput(" Bye.", "r1", "i1"))
    assert server.tells(TextOutput("", "r1", "i1", final=True)) == [words(" Bye.")]
    server.tells(TextOutput(" So long.", "r1", "i1"))
    assert server.tells(ResponseGenerated("r1")) == [words(" So long."), GENERATED]


def test_words_of_audio_that_was_cut_off_are_told_before_that() -> None:
    server = Server(LIVE_38)
    server.tells(BEGUN, TextOutput("Good", "r1", "i1"))
    assert server.tells(CUT)[:2] == [words("Good"), INTERRUPTED]


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("profile", [NATIVE_25, LIVE_38])
def test_words_are_told_where_the_client_asks_or_unasked(profile: Profile, asked: bool) -> None:
    server = Server(profile, outputAudioTranscription={} if asked else None)
    told = "+".join(brief(server.tells(BEGUN, *spoken())))
    assert ("words" in told) is (asked or profile is LIVE_38)


def test_what_is_written_is_told_as_text() -> None:
    server = Server(LIVE_38_VERTEX)
    assert server.tells(BEGUN, TextOutput("Good", "r1", "i1", form="written")) == [
        {"serverContent": {"modelTurn": {"role": "model", "parts": [{"text": "Good"}]}}}
    ]
    assert server.tells(TextOutput("", "r1", "i1", final=True, form="written")) == []


def test_who_wants_it_in_writing_gets_no_audio_from_an_engine_that_only_speaks() -> None:
    server = Server(HALF_CASCADE, generationConfig=WRITTEN)
    assert brief(server.tells(BEGUN, *spoken())) == ["text"]


def test_items_of_an_answer_are_marked_one_by_one_where_they_are_marked() -> None:
    server = Server(HALF_CASCADE, outputAudioTranscription={})
    told = server.tells(BEGUN, *spoken(item_id="i1"), *spoken(item_id="i2"), ResponseGenerated("r1"))
    item = ["words-begin", "words", "audio", "words-end"]
    assert brief(told) == [*item, *item, "generated"]


def test_long_words_come_in_pieces() -> None:
    text = "x" * 250_000
    server = Server(NATIVE_25, outputAudioTranscription={})
    made = server.tells(BEGUN, TextOutput(text, "r1", "i1"))
    assert brief(made) == ["words"] * 3
    bundled = Server(LIVE_38).tells(BEGUN, TextOutput(text, "r1", "i1"), AudioOutput(PCM, 24_000, "r1", "i1"))
    assert brief(bundled) == ["words", "words", "audio+words"]
    assert brief(server.tells(TextOutput(text, "r1", "i1", form="written"))) == ["text"] * 3


# Ends.


def test_the_end_of_a_turn_tells_what_it_cost_in_the_words_of_the_surface() -> None:
    usage = Usage(Tokens(10, text=4, audio=6, cached=2), Tokens(7, audio=7))
    for profile, said in ((LIVE_38, "response"), (LIVE_38_VERTEX, "candidates")):
        over = Server(profile).tells(BEGUN, ResponseDone("r1", usage=usage))[-1]
        audio = [{"modality": "AUDIO", "tokenCount": 7}]
        assert over == {
            "serverContent": {"turnComplete": True},
            "usageMetadata": {
                "promptTokenCount": 10,
                "cachedContentTokenCount": 2,
                f"{said}TokenCount": 7,
                "totalTokenCount": 17,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 4},
                    {"modality": "AUDIO", "tokenCount": 6},
                ],
                f"{said}TokensDetails": audio,
            },
        }


def test_nothing_spent_is_nothing_told() -> None:
    assert Server().tells(BEGUN, ResponseDone("r1", usage=Usage())) == [GENERATED, OVER]
    assert Server().tells(UsageUpdate(Usage())) == []


def test_what_is_spent_beside_a_turn_is_told_at_once() -> None:
    (told,) = Server().tells(UsageUpdate(Usage(Tokens(3))))
    assert told == {"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}


def test_an_answer_that_failed_says_so_and_one_that_was_too_long_too() -> None:
    assert Server().tells(BEGUN, Error(ProviderError("no")), ResponseDone("r1", "failed")) == [
        {"serverContent": {"turnComplete": True, "turnCompleteReason": "RESPONSE_REJECTED"}}
    ]
    assert Server().tells(BEGUN, ResponseDone("r1", "incomplete")) == [
        GENERATED,
        {"serverContent": {"turnComplete": True, "turnCompleteReason": "MAX_REGENERATION_REACHED"}},
    ]


def test_calls_of_an_answer_that_failed_are_settled_though_nobody_hears_of_them() -> None:
    for status in ("failed", "interrupted"):
        made = Server().tells(BEGUN, ToolCall(BONN, "r1"), ResponseDone("r1", status))
        why = "The user interrupted before this tool had finished."
        assert [each for each in made if isinstance(each, SendToolResult)] == [
            SendToolResult("c1", why, is_error=True, respond=False)
        ]
        assert not any(isinstance(each, dict) and "toolCallCancellation" in each for each in made)


# Interruptions.


def test_an_interruption_is_told_once_and_what_was_heard_to_an_engine_that_wants_to_know() -> None:
    server = Server()
    server.tells(BEGUN, *spoken())
    assert server.tells(CUT) == [INTERRUPTED, Truncate("i1", 80.0)]
    assert server.tells(*spoken(), TextOutput("", "r1", "i1", final=True), ResponseGenerated("r1")) == []
    assert server.tells(ResponseDone("r1", "completed")) == [OVER]
    deaf = Server(can=Capabilities())
    assert deaf.tells(BEGUN, CUT) == [INTERRUPTED]
    assert Server().tells(BEGUN, Interrupted("r1", "", 0.0, "user_speech", "requested")) == [INTERRUPTED]


def test_an_engine_that_only_ends_its_answer_has_interrupted_it() -> None:
    assert Server().tells(BEGUN, ResponseDone("r1", "interrupted")) == [INTERRUPTED, OVER]


def test_an_interruption_of_what_was_all_told_is_followed_by_another_end() -> None:
    server = Server()
    server.answers()
    assert server.tells(CUT) == [INTERRUPTED, OVER, Truncate("i1", 80.0)]
    assert server.tells(Interrupted("r1", "", 0.0, "user_speech", "requested")) == []
    assert server.tells(Interrupted("r0", "", 0.0, "user_speech", "requested")) == []


def test_what_interrupts_takes_back_calls_that_block_and_leaves_those_that_do_not() -> None:
    server = Server(NATIVE_25, tools=[BLOCKS, WORKS_ON])
    server.calls(BONN, TEA)
    server.tells(ResponseStarted("r2"))
    told = server.tells(ResponseDone("r2", "interrupted"))
    assert brief(told) == ["interrupted", "1 cancelled", "SendToolResult", "over+usage"]
    assert told[1] == {"toolCallCancellation": {"ids": ["c1"]}}
    server.tells(ResponseStarted("r3"))
    assert brief(server.tells(ResponseDone("r3", "interrupted"))) == ["interrupted", "over"]


def test_an_engine_that_tells_of_an_interruption_after_calls_ends_that_turn() -> None:
    server = Server(NATIVE_25, tools=[BLOCKS])
    server.calls(BONN)
    told = server.tells(
        Interrupted("r1", "", 0.0, "user_speech", "server_confirmed"), ToolCallCancelled(("c1",))
    )
    assert brief(told) == ["interrupted", "1 cancelled", "SendToolResult", "over+usage"]


def test_speech_takes_back_calls_only_where_it_interrupts() -> None:
    server = Server(NATIVE_25, tools=[BLOCKS], realtimeInputConfig=NO_INTERRUPTION)
    server.calls(BONN)
    assert server.tells(SpeechStarted("u1", 0.0)) == []
    assert Server(NATIVE_25).tells(SpeechStarted("u1", 0.0)) == []


def test_a_tool_of_which_nothing_is_said_blocks_the_service_or_not_and_a_gateway_always() -> None:
    for profile, strict, blocks in ((LIVE_38, True, False), (NATIVE_25, True, True), (LIVE_38, False, True)):
        server = Server(profile, strict=strict, tools=[{"name": "look_up"}])
        server.calls(BONN)
        assert ("1 cancelled" in brief(server.tells(SpeechStarted("u1", 0.0)))) is blocks


def test_an_engine_that_does_not_stop_by_itself_is_stopped() -> None:
    server = Server(NATIVE_25, TIRED)
    assert server.tells(BEGUN, SpeechStarted("u1", 0.0)) == [Cancel("r1"), INTERRUPTED]
    assert Server(NATIVE_25).tells(BEGUN, SpeechStarted("u1", 0.0)) == []
    quiet = Server(NATIVE_25, TIRED, realtimeInputConfig=NO_INTERRUPTION)
    assert quiet.tells(BEGUN, SpeechStarted("u1", 0.0)) == []


# All else.


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AuthError("no key"), BAD_KEY),
        (RateLimitError("slow down"), QUOTA),
        (ConnectError("not there"), UNAVAILABLE),
        (ProviderError("no"), ERROR),
    ],
)
def test_only_what_is_fatal_ends_the_connection(error: ProviderError, reason: object) -> None:
    assert Server().tells(Error(error)) == []
    assert Server().tells(Error(error, fatal=True)) == [closing(reason)]  # type: ignore[arg-type]


REJECTED = {"serverContent": {"turnComplete": True, "turnCompleteReason": "RESPONSE_REJECTED"}}


@pytest.mark.parametrize(
    "asked",
    [
        {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Hi."}]}], "turnComplete": True}},
        {"realtimeInput": {"text": "Hi."}},
    ],
    ids=lambda each: next(iter(each)),
)
def test_who_waits_for_an_answer_is_told_that_none_comes(asked: JSON) -> None:
    server = Server()
    server.hears(**asked)
    assert server.tells(Error(ProviderError("no"))) == [REJECTED]
    assert server.tells(Error(ProviderError("no"))) == []
    server.hears(**asked)
    server.tells(BEGUN)
    assert server.tells(Error(ProviderError("no"))) == []


def test_who_said_nothing_that_an_engine_takes_is_told_that_no_answer_comes() -> None:
    server = Server(realtimeInputConfig=MANUAL)
    server.hears(realtimeInput={"activityStart": {}})
    server.hears(realtimeInput={"activityEnd": {}})
    assert server.tells(Error(ProviderError("only 0 ms of audio"))) == [REJECTED]


def test_what_was_refused_of_before_is_no_answer_to_a_question() -> None:
    server = Server()
    server.hears(realtimeInput={"audioStreamEnd": True})
    server.hears(realtimeInput={"text": "Hi."})
    assert server.tells(Error(LocalProtocolError("nothing to commit"))) == []


def test_who_has_answered_all_calls_waits_for_an_answer() -> None:
    server = Server()
    server.tells(BEGUN, ToolCall(BONN, "r1"), ResponseDone("r1"))
    assert server.tells(Error(ProviderError("no"))) == []
    response = {"id": BONN.id, "name": BONN.name, "response": {"output": "Nice."}}
    server.hears(toolResponse={"functionResponses": [response]})
    assert server.tells(Error(ProviderError("no"))) == [REJECTED]
    assert isinstance(closing(ERROR), Close)


def test_a_connection_that_will_end_says_when() -> None:
    assert Server().tells(GoingAway(57.5)) == [{"goAway": {"timeLeft": "57.5s"}}]


def test_what_the_protocol_has_no_word_for_is_left_out() -> None:
    assert Server().tells(IdleTimeout(3.0), RateLimits(()), Reconnected("full"), SessionEnded("closed")) == []
    assert Server().tells(ToolCallCancelled(("c9",)), ResponseDone("r9"), CUT) == [Truncate("i1", 80.0)]


def test_who_works_strictly_says_what_the_service_says_beside() -> None:
    thought = {"text": "**Considering the request**\n\n", "thought": True}
    assert Server(NATIVE_25, strict=True, sessionResumption={}, handles=True).tells(BEGUN) == [
        {"sessionResumptionUpdate": {}},
        {"serverContent": {"modelTurn": {"parts": [thought]}}},
    ]
    assert brief(Server(NATIVE_25, strict=True).tells(BEGUN)) == ["thought"]
    assert Server(LIVE_38, strict=True).tells(BEGUN) == [{"serverContent": {}}]
    assert Server(LIVE_38).tells(BEGUN) == Server(NATIVE_25).tells(BEGUN) == []
