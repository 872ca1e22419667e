from __future__ import annotations

import pytest
from tests.support.nova_server import (
    LOOK_UP,
    PROMPT_END,
    SESSION_END,
    audio,
    audio_start,
    event,
    prompt_start,
    session_start,
    setup_of,
    text_block,
    text_start,
)

from s2s.items import JSON, Message
from s2s.tools import Tool
from s2s.wire import Close
from s2s.wire.nova import messages as m
from s2s.wire.nova.judging import EARLY_AUDIO, INVALID, LONG_HISTORY, Reason, no_content, not_closed
from s2s.wire.nova.setups import Setting

BEGUN = (session_start(), prompt_start())
KIB = 1024


def ended(*messages: bytes, generation: int = 2) -> Close | None:
    """Return how a stream ends with the last of these messages, and with none before it."""
    setting = Setting(request_id="r-1", generation=generation)
    for each in messages[:-1]:
        assert setting.receive(each) is None
    return setting.receive(messages[-1])


def history(*turns: tuple[str, str]) -> list[bytes]:
    return [each for at, turn in enumerate(turns) for each in text_block(*turn, f"h{at}")]


def test_all_that_was_set_up_is_there_once_the_audio_is_opened() -> None:
    setup = setup_of(
        session_start(turnDetectionConfiguration={"endpointingSensitivity": "LOW"}),
        prompt_start(tools=[LOOK_UP], rate_hz=8_000),
        *text_block("SYSTEM", "Be brief.", "s"),
        *history(("USER", "Hi."), ("ASSISTANT", "Hello."), ("USER", "And?")),
        request_id="r-1",
    )
    assert setup.inference == m.InferenceConfiguration(max_tokens=1024)
    assert (setup.generation, setup.sensitivity, setup.prompt_name) == (2, "LOW", "p")
    assert (setup.voice, setup.output_rate_hz, setup.request_id) == ("tiffany", 8_000, "r-1")
    assert setup.instructions == "Be brief."
    assert setup.history == (Message("user", "Hi."), Message("assistant", "Hello."), Message("user", "And?"))
    assert setup.tools == (
        Tool(name="look_up", description="Looks it up.", parameters={"type": "object"}, policy="background"),
    )


def test_a_setup_may_be_next_to_nothing() -> None:
    setup = setup_of(event("sessionStart", {}), event("promptStart", {"promptName": "p"}))
    assert (setup.voice, setup.output_rate_hz, setup.tools) == (None, 24_000, ())
    assert (setup.instructions, setup.history, setup.sensitivity) == ("", (), None)


def test_text_that_asks_for_an_answer_begins_the_conversation_too() -> None:
    setting = Setting()
    for each in BEGUN:
        assert setting.receive(each) is None
        assert setting.complete is None
    assert setting.receive(text_start()) is None
    assert setting.complete is not None


def test_the_first_generation_waits_for_its_tools_and_has_the_sensitivity_elsewhere() -> None:
    setup = setup_of(
        session_start(endpointingSensitivity="HIGH"), prompt_start(tools=[LOOK_UP]), generation=1
    )
    assert setup.sensitivity == "HIGH"
    assert [each.policy for each in setup.tools] == ["blocking"]


def test_the_instructions_may_be_marked_interactive_as_samples_have_it() -> None:
    setup = setup_of(*BEGUN, *text_block("SYSTEM", "Be brief.", "s", interactive=True))
    assert setup.instructions == "Be brief."


def test_a_history_may_have_a_message_for_every_sentence_as_samples_have_it() -> None:
    said = [("USER", "Hi."), ("USER", "There?"), ("ASSISTANT", "Hello."), ("ASSISTANT", "I am.")]
    setup = setup_of(*BEGUN, *history(*said))
    assert [(each.role.upper(), each.text) for each in setup.history] == said


def test_a_script_for_the_speech_is_no_instruction() -> None:
    setup = setup_of(
        *BEGUN, *text_block("SYSTEM", "Be brief.", "s"), *text_block("SYSTEM_SPEECH", "Rolling r.", "v")
    )
    assert setup.instructions == "Be brief."


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ((prompt_start(),), INVALID),
        ((*BEGUN, *text_block("SYSTEM", "A", "s"), *text_block("SYSTEM", "B", "u")), INVALID),
        ((*BEGUN, *history(("USER", "Hi.")), *text_block("SYSTEM", "A", "s")), INVALID),
        ((*BEGUN, *history(("ASSISTANT", "Hi."))), INVALID),
        ((*BEGUN, text_start("SYSTEM", "s"), audio(name="s")), EARLY_AUDIO),
        ((*BEGUN, audio()), no_content("a")),
        ((*BEGUN, SESSION_END), not_closed("p")),
        ((session_start(), prompt_start(tools=[{**LOOK_UP, "name": "look up"}])), INVALID),
        ((session_start(), prompt_start(tools=[LOOK_UP, LOOK_UP])), INVALID),
        ((session_start(), prompt_start(tools=[{**LOOK_UP, "inputSchema": {"json": {}}}])), INVALID),
        ((session_start(), prompt_start(tools=[{**LOOK_UP, "inputSchema": {"json": "object"}}])), INVALID),
        ((session_start(endpointingSensitivity="HIGH"),), INVALID),
    ],
)
def test_what_the_service_does_not_take_ends_the_stream(messages: tuple[bytes, ...], reason: Reason) -> None:
    assert ended(*messages) == reason.closing("r-1")


@pytest.mark.parametrize(
    ("generation", "turns", "reason"),
    [
        (2, [50 * KIB], None),
        (2, [50 * KIB + 1], LONG_HISTORY),
        (2, [50 * KIB] * 4, None),
        (2, [*[50 * KIB] * 4, 1], LONG_HISTORY),
        (1, [KIB], None),
        (1, [KIB + 1], LONG_HISTORY),
        (1, [1] * 40, None),
        (1, [1] * 41, LONG_HISTORY),
    ],
)
def test_a_history_is_bounded(generation: int, turns: list[int], reason: Reason | None) -> None:
    said = history(*(("ASSISTANT" if at % 2 else "USER", "x" * size) for at, size in enumerate(turns)))
    close = None if reason is None else reason.closing("r-1")
    assert ended(*BEGUN, *said, generation=generation) == close


def test_sizes_are_those_of_bytes() -> None:
    assert ended(*BEGUN, *history(("USER", "\u00e9" * (25 * KIB)))) is None
    assert ended(*BEGUN, *history(("USER", "\u00e9" * (25 * KIB + 1)))) == LONG_HISTORY.closing("r-1")


def test_a_stream_may_end_in_order_before_anything_was_said() -> None:
    assert ended(*BEGUN, PROMPT_END, SESSION_END) == Close(1000)


def test_what_was_refused_sets_nothing_up() -> None:
    setting = Setting()
    wrong: JSON = {"sampleRateHertz": 48_000}
    for each in BEGUN:
        setting.receive(each)
    assert setting.receive(audio_start(**wrong)) == INVALID.closing("")
    assert setting.complete is None
