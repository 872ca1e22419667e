import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.commands import UpdateSession
from s2s.config import Config, TurnDetection
from s2s.errors import ConfigError
from s2s.formats import AudioFormat
from s2s.items import JSON
from s2s.tools import ToolSpec
from s2s.wire.openai.settings import (
    DEFAULTS,
    Wishes,
    changed,
    completed,
    difference,
    format_of,
    merged,
    opening,
    read_changes,
    read_format,
    read_turns,
    spelled_format,
    spelled_turns,
)

NOTHING: Wishes = Wishes()

_LEAVES: st.SearchStrategy[JSON] = st.none() | st.booleans() | st.integers(0, 3) | st.just([1])
_NAMES = st.sampled_from(["a", "b", "c"])
OBJECTS = st.dictionaries(
    _NAMES, st.recursive(_LEAVES, lambda inner: st.dictionaries(_NAMES, inner, max_size=3)), max_size=3
)


@given(OBJECTS, OBJECTS)
def test_a_difference_brings_a_session_to_where_the_whole_update_would(session: JSON, update: JSON) -> None:
    assert merged(session, difference(update, session)) == merged(session, update)


@given(OBJECTS, OBJECTS)
def test_nothing_differs_after_an_update(session: JSON, update: JSON) -> None:
    after = merged(session, update)
    assert merged(after, difference(update, after)) == after


@given(OBJECTS, OBJECTS)
def test_merging_leaves_both_sides_as_they_were(session: JSON, update: JSON) -> None:
    before = repr((session, update))
    merged(session, update)["new"] = 1
    assert repr((session, update)) == before


def test_null_switches_off_and_lists_replace() -> None:
    session = {"tools": [1, 2], "audio": {"input": {"transcription": {"model": "x"}, "format": 1}}}
    update = {"tools": [], "audio": {"input": {"transcription": None}}}
    assert merged(session, update) == {"tools": [], "audio": {"input": {"transcription": None, "format": 1}}}


def test_another_kind_of_turn_detection_replaces_all_of_the_one_before() -> None:
    before = {"turn_detection": {"type": "server_vad", "threshold": 0.7}}
    semantic = {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}
    assert merged(before, semantic) == semantic
    assert merged({"turn_detection": None}, semantic) == semantic
    more = {"turn_detection": {"type": "server_vad", "silence_duration_ms": 700}}
    assert merged(before, more)["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.7,
        "silence_duration_ms": 700,
    }


def test_turn_detection_is_told_with_all_of_its_settings() -> None:
    semantic = merged(DEFAULTS, {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}})
    assert completed(semantic)["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    off = merged(DEFAULTS, {"audio": {"input": {"turn_detection": None}}})
    assert completed(off) == off
    server = merged(off, {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}})
    told = completed(server)["audio"]["input"]["turn_detection"]
    assert (told["threshold"], told["silence_duration_ms"]) == (0.7, 200)


@pytest.mark.parametrize(
    "turns",
    [
        TurnDetection(),
        TurnDetection(threshold=0.6, silence_ms=300, prefix_ms=200),
        TurnDetection(create_response=False, interrupt_response=False),
        TurnDetection(mode="semantic", eagerness="high"),
        TurnDetection(mode="manual", create_response=False, interrupt_response=False),
    ],
)
def test_turn_detection_is_read_as_it_was_spelled(turns: TurnDetection) -> None:
    assert read_turns(spelled_turns(turns)) == turns


def test_turn_detection_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="threshold"):
        read_turns({"type": "server_vad", "threshold": 7})


@pytest.mark.parametrize(
    ("ours", "wire"),
    [
        (AudioFormat(), {"type": "audio/pcm", "rate": 24000}),
        (AudioFormat(sample_rate=16_000), {"type": "audio/pcm", "rate": 24000}),
        (AudioFormat("g711_ulaw", 8_000), {"type": "audio/pcmu"}),
        (AudioFormat("g711_alaw", 8_000), {"type": "audio/pcma"}),
    ],
)
def test_formats_of_the_wire_are_the_ones_it_has(ours: AudioFormat, wire: JSON) -> None:
    assert spelled_format(format_of(ours)) == wire
    assert read_format(wire) == format_of(ours)


def test_a_format_that_nobody_knows_is_the_usual_one() -> None:
    assert read_format(None) == read_format({"type": "audio/opus"}) == AudioFormat()


def test_only_what_was_asked_for_is_spelled_at_the_opening() -> None:
    session = opening(Config(), None, NOTHING)
    assert set(session) == {"type", "audio", "output_modalities"}
    assert set(session["audio"]["output"]) == {"format"}


def test_everything_that_was_asked_for_is_spelled_at_the_opening() -> None:
    config = Config(
        voice="marin",
        instructions="Be brief.",
        language="de",
        output_modalities=("text",),
        max_output_tokens=99,
        temperature=0.5,
        turn_detection="semantic",
    )
    wishes = Wishes(
        "gpt-transcribe", "far_field", {"reasoning": {"effort": "low"}, "audio": {"output": {"speed": 1.1}}}
    )
    session = opening(config, "gpt-live-transcribe", wishes)
    hears, speaks = session["audio"]["input"], session["audio"]["output"]
    assert (speaks["voice"], speaks["speed"]) == ("marin", 1.1)
    assert hears["transcription"] == {"model": "gpt-transcribe", "language": "de"}
    assert hears["noise_reduction"] == {"type": "far_field"}
    assert hears["turn_detection"]["type"] == "semantic_vad"
    assert session["output_modalities"] == ["text"]
    assert (session["max_output_tokens"], session["temperature"]) == (99, 0.5)
    assert session["reasoning"] == {"effort": "low"}


def test_without_transcription_none_is_asked_for() -> None:
    session = opening(Config(transcription=False), "gpt-live-transcribe", NOTHING)
    assert session["audio"]["input"]["transcription"] is None


@pytest.mark.parametrize(
    "command",
    [
        UpdateSession(instructions="Be brief."),
        UpdateSession(voice="cedar"),
        UpdateSession(tools=(ToolSpec("look_up", "Look up.", {"type": "object"}),)),
        UpdateSession(tools=()),
        UpdateSession(output_modalities=("text",)),
        UpdateSession(max_output_tokens=10),
        UpdateSession(turn_detection=TurnDetection(silence_ms=700)),
        UpdateSession(turn_detection=TurnDetection(mode="semantic")),
        UpdateSession(transcription=True, language="fr"),
        UpdateSession(instructions="x", voice="y", output_modalities=("text",)),
    ],
)
def test_a_change_is_read_as_it_was_spelled(command: UpdateSession) -> None:
    before = {"tools": [{"type": "function", "name": "old"}]}
    assert read_changes(before, merged(before, changed(command, None, None))) == command


def test_what_is_the_same_as_before_is_no_change() -> None:
    session = changed(UpdateSession(instructions="x", voice="y", transcription=True), "m", None)
    assert read_changes(session, session) == UpdateSession()


def test_switching_transcription_off_and_bounds_away_is_read() -> None:
    before: JSON = {"max_output_tokens": 5, "audio": {"input": {"transcription": {"model": "m"}}}}
    update: JSON = {"max_output_tokens": "inf", "audio": {"input": {"transcription": None}}}
    after = merged(before, update)
    assert read_changes(before, after) == UpdateSession(max_output_tokens=None, transcription=False)


def test_a_voice_of_ones_own_is_read_by_its_id() -> None:
    session: JSON = {"audio": {"output": {"voice": {"id": "voice_1"}}}}
    assert read_changes({}, session) == UpdateSession(voice="voice_1")
