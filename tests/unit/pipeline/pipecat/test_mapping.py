from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

pytest.importorskip("pipecat.frames.frames")

from pipecat.frames import frames as pc
from pipecat.utils.errors import ErrorCategory

from s2s.commands import PLAIN_RESPONSE, AddItem, ClearAudio
from s2s.errors import ConnectionLostError, ProviderError, RateLimitError
from s2s.events import Error, IdleTimeout, ResponseStarted, ToolCallCancelled
from s2s.items import Call, Message, ToolResult
from s2s.pipeline.frames import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    ImageFrame,
    Metadata,
    Signal,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
)
from s2s.pipeline.pipecat.carried import S2SFrame, is_companion
from s2s.pipeline.pipecat.mapping import error_of, is_fatal, to_pipecat, to_s2s
from s2s.pipeline.pipecat.pictures import encoded

NOON = "2026-01-01T12:00:00.000+00:00"
PIXELS = bytes(range(48))

words = st.text(min_size=1, max_size=20)
names = st.text(alphabet="abc_0", max_size=6)
metadata: st.SearchStrategy[Metadata] = st.dictionaries(names, st.integers() | words, max_size=2)
arguments = st.dictionaries(words, st.none() | st.integers() | words, max_size=3)
calls = st.builds(Call, id=words, name=words, arguments=arguments).map(
    lambda call: replace(call, raw=msgspec.json.encode(call.arguments).decode())
)
positions = st.floats(0, 1e6)
sounds = st.builds(
    AudioFrame,
    audio=st.binary(max_size=8),
    sample_rate=st.sampled_from([8_000, 16_000, 24_000, 48_000]),
    channels=st.sampled_from([1, 2]),
    position_ms=positions,
    item_id=names,
    response_id=names,
    metadata=metadata,
)
texts = st.builds(
    TextFrame,
    text=words,
    role=st.sampled_from(["user", "assistant", "system"]),
    final=st.booleans(),
    item_id=names,
    response_id=names,
    form=st.sampled_from(["spoken", "written"]),
    language=st.sampled_from([None, "en", "de-CH", "en_US", "nobody speaks this"]),
    metadata=metadata,
)
controls = st.builds(
    ControlFrame,
    signal=st.sampled_from(get_args(Signal)),
    role=st.sampled_from(["user", "assistant"]),
    item_id=names,
    response_id=names,
    position_ms=positions,
    metadata=metadata,
)
events = st.sampled_from(
    [
        ResponseStarted("resp_1"),
        IdleTimeout(5.0),
        ToolCallCancelled(("call_1", "call_2")),
        Error(ProviderError("no")),
    ]
)
frames = st.one_of(
    sounds,
    texts,
    controls,
    st.builds(ToolCallFrame, call=calls, response_id=names, runs_here=st.booleans(), metadata=metadata),
    st.builds(ToolResultFrame, result=st.builds(ToolResult, words, words, st.booleans(), st.booleans())),
    st.builds(EventFrame, event=events, metadata=metadata),
    st.builds(CommandFrame, command=st.sampled_from([ClearAudio(), PLAIN_RESPONSE]), metadata=metadata),
    st.builds(ImageFrame, image=st.binary(max_size=8)),
)


def back(made: Iterable[pc.Frame]) -> list[Frame]:
    return [frame for each in made for frame in to_s2s(each) or ()]


def only(frame: pc.Frame) -> Frame:
    (ours,) = back([frame])
    return ours


def forgetting(made: Iterable[pc.Frame]) -> list[pc.Frame]:
    """What a processor would make that copies what it knows: what nobody but us knows is lost."""
    kept = [each for each in made if not is_companion(each)]
    for each in kept:
        each.metadata = {}
    return kept


def expressible(frame: Frame) -> Frame:
    """Return what Pipecat's own fields can say of a frame."""
    match frame:
        case AudioFrame():
            return AudioFrame(frame.audio, frame.sample_rate, frame.channels, response_id=frame.response_id)
        case TextFrame(role="system"):
            return TextFrame(frame.text, "system")
        case TextFrame(role="assistant", form="spoken"):
            return TextFrame(frame.text, "assistant", False, response_id=frame.response_id, form="spoken")
        case TextFrame(role="assistant"):
            return TextFrame(frame.text, "assistant", False)
        case TextFrame():
            known = frame.language if frame.language in ("en", "de-CH") else None
            told = {"timestamp": str(frame.metadata.get("timestamp", NOON))}
            return TextFrame(frame.text, "user", frame.final, language=known, metadata=told)
        case ToolCallFrame(call=call):
            return ToolCallFrame(call, runs_here=True)
        case ToolResultFrame(result=result):
            return ToolResultFrame(result)
        case ControlFrame(signal="interrupt"):
            return ControlFrame("interrupt")
        case ControlFrame(signal="start_of_utterance" | "end_of_utterance" as signal, role="user"):
            return ControlFrame(signal)
        case _:
            return frame


@given(frames)
def test_nothing_is_lost_of_a_frame_that_pipecat_hands_on(frame: Frame) -> None:
    assert back(to_pipecat(frame, NOON)) == [frame]


@given(frames.filter(lambda each: not (isinstance(each, EventFrame) and isinstance(each.event, Error))))
def test_what_both_sides_can_express_survives_even_a_processor_that_makes_its_frames_anew(
    frame: Frame,
) -> None:
    made = forgetting(to_pipecat(frame, NOON))
    assert back(made) == [expressible(frame)]


@pytest.mark.parametrize(
    "frame",
    [
        pc.InputAudioRawFrame(b"\0\1", 16_000, 1),
        pc.TTSAudioRawFrame(b"\0\1", 24_000, 2, context_id="context"),
        pc.TranscriptionFrame("words", "somebody", NOON, finalized=True),
        pc.InterimTranscriptionFrame("wor", "somebody", NOON),
        pc.LLMTextFrame("words"),
        pc.LLMMessagesAppendFrame([{"role": "system", "content": "be kind"}], run_llm=False),
        pc.FunctionCallResultFrame("", "call_1", {}, "22 degrees", run_llm=True),
        pc.InterruptionFrame(),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_a_frame_of_pipecats_comes_back_as_it_was(frame: pc.Frame) -> None:
    (again,) = to_pipecat(only(frame))
    own = {"id", "name", "metadata"}
    assert type(again) is type(frame)
    assert {k: v for k, v in vars(again).items() if k not in own} == {
        k: v for k, v in vars(frame).items() if k not in own
    }


def test_what_a_processor_changes_in_a_frame_counts_and_the_rest_is_kept() -> None:
    sound = to_pipecat(AudioFrame(b"\0\1", 24_000, response_id="r", item_id="i", position_ms=40))
    text = to_pipecat(TextFrame("hush", "assistant", item_id="i", response_id="r"))
    assert isinstance(sound[0], pc.TTSAudioRawFrame)
    assert isinstance(text[0], pc.LLMTextFrame)
    sound[0].audio, sound[0].sample_rate, text[0].text = b"\2\3", 8_000, "HUSH"
    assert back(sound) == [AudioFrame(b"\2\3", 8_000, response_id="r", item_id="i", position_ms=40)]
    assert back(text) == [TextFrame("HUSH", "assistant", item_id="i", response_id="r")]


def test_the_audio_of_the_agent_is_known_by_its_response_or_its_item() -> None:
    said = [AudioFrame(b""), AudioFrame(b"", item_id="i"), AudioFrame(b"", response_id="r")]
    made = [each for frame in said for each in to_pipecat(frame)]
    assert [type(each) for each in made] == [
        pc.InputAudioRawFrame,
        pc.TTSAudioRawFrame,
        pc.TTSAudioRawFrame,
    ]


def test_a_turn_of_the_user_is_told_to_who_detects_speech_and_to_who_decides() -> None:
    began, ended = ControlFrame("start_of_utterance"), ControlFrame("end_of_utterance")
    assert [type(each) for frame in (began, ended) for each in to_pipecat(frame)] == [
        pc.VADUserStartedSpeakingFrame,
        pc.UserStartedSpeakingFrame,
        pc.VADUserStoppedSpeakingFrame,
        pc.UserStoppedSpeakingFrame,
    ]


def test_spoken_words_are_shown_and_not_spoken_again() -> None:
    shown, spoken = to_pipecat(TextFrame("Hello.", "assistant", False, response_id="r", form="spoken"))
    assert isinstance(shown, pc.LLMTextFrame)
    assert (shown.text, shown.skip_tts, shown.append_to_context) == ("Hello.", True, False)
    assert isinstance(spoken, pc.TTSTextFrame)
    assert (spoken.text, spoken.context_id, spoken.append_to_context) == ("Hello.", "r", True)


def test_a_call_that_pipecat_shall_answer_is_its_own_and_one_that_runs_with_us_is_external() -> None:
    call = Call("call_1", "weather", {"city": "Bern"}, '{"city":"Bern"}')
    theirs, ours = to_pipecat(ToolCallFrame(call)), to_pipecat(ToolCallFrame(call, runs_here=True))
    assert [type(each) for each in theirs] == [pc.FunctionCallsStartedFrame, pc.FunctionCallInProgressFrame]
    assert isinstance(ours[0], pc.ExternalFunctionCallsStartedFrame)
    assert isinstance(ours[1], pc.ExternalFunctionCallInProgressFrame)
    assert (ours[1].function_name, ours[1].tool_call_id, ours[1].arguments) == (
        "weather",
        "call_1",
        {"city": "Bern"},
    )


def test_calls_that_were_cancelled_are_cancelled_one_by_one() -> None:
    event = EventFrame(ToolCallCancelled(("call_1", "call_2")))
    carried, *cancelled = to_pipecat(event)
    assert isinstance(carried, S2SFrame)
    assert [each.tool_call_id for each in cancelled if isinstance(each, pc.FunctionCallCancelFrame)] == [
        "call_1",
        "call_2",
    ]


def test_a_result_of_any_kind_is_text_for_the_model_and_only_the_last_one_counts() -> None:
    made = pc.FunctionCallResultFrame("weather", "call_1", {}, {"degrees": 22}, run_llm=False)
    assert to_s2s(made) == [ToolResultFrame(ToolResult("call_1", '{"degrees":22}', respond=False))]
    failed = pc.FunctionCallResultFrame("weather", "call_1", {}, "no network", error="no network")
    assert to_s2s(failed) == [ToolResultFrame(ToolResult("call_1", "no network", is_error=True))]
    early = pc.FunctionCallResultProperties(is_final=False)
    assert to_s2s(pc.FunctionCallResultFrame("weather", "call_1", {}, "soon", properties=early)) is None


def test_messages_become_entries_of_the_conversation_and_are_answered_where_asked() -> None:
    told = pc.LLMMessagesAppendFrame(
        [
            {"role": "developer", "content": "be kind"},
            {"role": "user", "content": [{"type": "text", "text": each} for each in ("Hello", "there")]},
            {"role": "assistant", "content": ""},
        ],
        run_llm=True,
    )
    assert to_s2s(told) == [
        TextFrame("be kind", "system"),
        CommandFrame(AddItem(Message("user", "Hello there"))),
        CommandFrame(PLAIN_RESPONSE),
    ]
    assert to_s2s(pc.LLMRunFrame()) == [CommandFrame(PLAIN_RESPONSE)]


def test_what_the_user_types_is_answered() -> None:
    assert to_s2s(pc.InputTextRawFrame("Hello")) == [TextFrame("Hello")]


def test_the_agents_text_is_taken_once_of_all_that_tell_it() -> None:
    announced = pc.AggregatedTextFrame("Hello.", "sentence")
    announced.will_be_spoken = True
    assert to_s2s(announced) == []
    assert to_s2s(pc.TTSTextFrame("Hello.", "sentence", context_id="c")) == [
        TextFrame("Hello.", "assistant", False, response_id="c", form="spoken")
    ]


@pytest.mark.parametrize(
    "frame",
    [
        pc.TranslationFrame("mots", "", NOON),
        pc.TTSSpeakFrame("say"),
        pc.BotStartedSpeakingFrame(),
        pc.EndWorkerFrame(),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_other_frames_have_no_counterpart(frame: pc.Frame) -> None:
    assert to_s2s(frame) is None


def test_pixels_become_a_file_and_a_file_pixels() -> None:
    seen = only(pc.InputImageRawFrame(PIXELS, (4, 4), "RGB"))
    assert isinstance(seen, ImageFrame)
    assert seen.image.startswith(b"\xff\xd8")
    (made,) = to_pipecat(seen)
    assert isinstance(made, pc.InputImageRawFrame)
    assert (made.size, made.format, len(made.image)) == ((4, 4), "RGB", 48)
    assert back([made]) == [seen]
    made.image = bytes(48)
    assert back([made]) not in ([], [seen])


def test_what_is_no_image_is_carried_or_not_understood() -> None:
    assert isinstance(to_pipecat(ImageFrame(b"no image"))[0], S2SFrame)
    assert to_s2s(pc.InputImageRawFrame(b"too short", (4, 4), "RGB")) is None
    assert to_s2s(pc.InputImageRawFrame(b"what", (4, 4), None)) is None


def test_a_file_stays_a_file() -> None:
    assert encoded(b"file", (4, 4), "PNG") == (b"file", "image/png")
    assert encoded(b"file", (4, 4), "image/webp") == (b"file", "image/webp")


def test_errors_of_ours_come_back_as_the_same_object() -> None:
    lost = ConnectionLostError("gone")
    assert error_of(pc.ErrorFrame("gone", exception=lost)) is lost


def test_errors_of_pipecats_say_who_failed_and_whether_to_try_again() -> None:
    cause = ValueError("sideways")
    busy = error_of(pc.ErrorFrame("too much", category=ErrorCategory.RATE_LIMIT))
    refused = error_of(pc.ErrorFrame("no such key", exception=cause, category=ErrorCategory.AUTHENTICATION))
    assert isinstance(busy, RateLimitError)
    assert busy.retryable
    assert isinstance(refused, ProviderError)
    assert (refused.code, refused.retryable, refused.provider) == ("authentication", False, "pipecat")
    assert refused.__cause__ is cause
    assert "no such key" in str(refused)


def test_an_error_is_fatal_only_where_somebody_cannot_go_on() -> None:
    assert not is_fatal(pc.ErrorFrame("once"))
    fatal = pc.ErrorFrame("for ever")
    fatal.fatal = True
    assert is_fatal(fatal)
