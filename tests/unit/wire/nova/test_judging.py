from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.errors import (
    AuthError,
    ConnectError,
    ConnectionLostError,
    ProviderError,
    RateLimitError,
    RemoteProtocolError,
    S2SError,
)
from s2s.items import JSON
from s2s.wire import Close
from s2s.wire.nova import messages as m
from s2s.wire.nova.judging import (
    INTERNAL,
    INVALID,
    NO_DOCUMENT,
    NO_MODEL,
    THROTTLED,
    Reason,
    Refused,
    document,
    idle,
    judge_prompt,
    judge_session,
    judge_start,
    no_content,
    not_closed,
    reason_of,
    schemas_of,
)

AUDIO: JSON = {
    "media_type": "audio/lpcm",
    "sample_rate_hertz": 16_000,
    "sample_size_bits": 16,
    "channel_count": 1,
    "encoding": "base64",
    "audio_type": "SPEECH",
}


def test_a_reason_names_the_request_that_it_is_for() -> None:
    assert INVALID.closing("r-1") == Close(
        400, "RequestId=r-1 : Invalid input request, please fix your input and try again."
    )
    assert INVALID.closing("").reason == INVALID.text


def test_reasons_say_what_they_are_about() -> None:
    assert idle(55).text.endswith("less than 55 seconds.")
    assert no_content("a").text == "No open content found for content name: a"
    assert not_closed("p").text == "Error(s): Error 1 : The following prompts were not closed: [p]"


def test_names_of_any_length_are_not_repeated_whole() -> None:
    assert len(no_content("x" * 100_000).text) < 300
    assert len(not_closed("x" * 100_000).text) < 300


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RateLimitError("slowly"), THROTTLED),
        (ProviderError("no"), NO_MODEL),
        (AuthError("no"), NO_MODEL),
        (ConnectError("no"), NO_MODEL),
        (ConnectionLostError("gone"), NO_MODEL),
        (RemoteProtocolError("what?"), INTERNAL),
        (S2SError("oops"), INTERNAL),
    ],
)
def test_trouble_of_the_engine_is_trouble_of_the_model(error: S2SError, reason: Reason) -> None:
    assert reason_of(error) == reason


@pytest.mark.parametrize(
    "inference",
    [
        {"max_tokens": 0},
        {"max_tokens": 10_001},
        {"top_p": 1.1},
        {"top_p": -0.1},
        {"temperature": 1.5},
        {"temperature": float("nan")},
    ],
)
def test_settings_out_of_range_are_refused(inference: JSON) -> None:
    with pytest.raises(Refused, match="Invalid input request"):
        judge_session(m.SessionStart(inference_configuration=m.InferenceConfiguration(**inference)), 2)


@pytest.mark.parametrize("generation", [1, 2])
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("value", ["HIGH", "MEDIUM", "LOW", "SOON"])
def test_each_generation_has_its_own_place_for_the_sensitivity(
    generation: int, nested: bool, value: str
) -> None:
    start = m.SessionStart(endpointing_sensitivity=None if nested else value)
    if nested:
        start.turn_detection_configuration = m.TurnDetectionConfiguration(endpointing_sensitivity=value)
    if nested is (generation > 1) and value != "SOON":
        judge_session(start, generation)
    else:
        with pytest.raises(Refused):
            judge_session(start, generation)


@pytest.mark.parametrize(
    "change",
    [
        {"media_type": "audio/opus"},
        {"sample_rate_hertz": 48_000},
        {"sample_rate_hertz": None},
        {"sample_size_bits": 24},
        {"channel_count": 2},
        {"encoding": "hex"},
        {"audio_type": "MUSIC"},
    ],
)
def test_other_audio_is_refused_both_ways(change: JSON) -> None:
    wrong = m.AudioConfiguration(**{**AUDIO, **change})
    with pytest.raises(Refused):
        judge_prompt(m.PromptStart(audio_output_configuration=wrong))
    with pytest.raises(Refused):
        judge_start(m.InputStart(type="AUDIO", role="USER", audio_input_configuration=wrong), 2)
    judge_prompt(m.PromptStart(audio_output_configuration=m.AudioConfiguration(**AUDIO)))


@pytest.mark.parametrize(
    "start",
    [
        m.InputStart(type="VIDEO", role="USER"),
        m.InputStart(type="TEXT", role="TOOL"),
        m.InputStart(type="TEXT"),
        m.InputStart(type="AUDIO", role="USER"),
        m.InputStart(type="AUDIO", role="ASSISTANT"),
        m.InputStart(
            type="TEXT", role="USER", text_input_configuration=m.MediaConfiguration(media_type="text/html")
        ),
        m.InputStart(type="TOOL", role="TOOL"),
        m.InputStart(
            type="TOOL",
            role="TOOL",
            tool_result_input_configuration=m.ToolResultInputConfiguration(tool_use_id="t", type="IMAGE"),
        ),
    ],
)
def test_blocks_that_there_are_not_are_refused(start: m.InputStart) -> None:
    with pytest.raises(Refused):
        judge_start(start, 2)


def test_the_first_generation_takes_no_text_during_the_conversation() -> None:
    text = m.InputStart(type="TEXT", role="USER", interactive=True)
    judge_start(text, 2)
    with pytest.raises(Refused):
        judge_start(text, 1)
    judge_start(m.InputStart(type="TEXT", role="SYSTEM", interactive=True), 1)


def tools(*schemas: str) -> list[m.ToolSpecification]:
    return [m.ToolSpecification(name="t", input_schema=m.InputSchema(json=each)) for each in schemas]


def test_schemas_are_json_in_text() -> None:
    assert schemas_of(tools('{"type":"object"}', "{}")) == [{"type": "object"}, {}]


@pytest.mark.parametrize(
    "schema", ["", "prose", "[]", '"x"', "{", '{"a":1e999}', '{"a":' + "[" * 20_000, '{"a":"\\ud800"}']
)
def test_other_schemas_are_refused(schema: str) -> None:
    with pytest.raises(Refused):
        schemas_of(tools(schema))


def test_what_would_take_too_much_memory_is_refused() -> None:
    with pytest.raises(Refused):
        schemas_of(tools('{"enum":[' + "[]," * 60_000 + "[]]}"))
    with pytest.raises(Refused):
        schemas_of(tools(*["{}"] * 1025))
    with pytest.raises(Refused):
        schemas_of([m.ToolSpecification(name="no_schema")])


@pytest.mark.parametrize(
    "content", ["It rains.", "", "{", "{'a': 1}", "[1", "nul", '{"a":1} x', "[" * 20_000]
)
def test_prose_is_no_document(content: str) -> None:
    with pytest.raises(Refused) as refused:
        document(content)
    assert refused.value.reason == NO_DOCUMENT


@pytest.mark.parametrize("content", ["[1,2]", '"It rains."', "17", "null", " [ ] "])
def test_every_json_is_a_document(content: str) -> None:
    assert document(content) is None


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), st.integers(), max_size=3))
def test_an_object_has_its_members(value: dict[str, int]) -> None:
    members = document(m.encode(value).decode())
    assert members is not None
    assert {name: int(bytes(raw)) for name, raw in members.items()} == value
