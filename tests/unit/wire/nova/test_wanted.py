from __future__ import annotations

import pytest
from tests.support.nova_server import LOOK_UP, event, prompt_start, session_start, setup_of, text_block

from s2s.config import Config, TurnDetection
from s2s.items import JSON, Message
from s2s.wire.nova.wanted import wanted


def test_a_config_is_made_of_what_is_wanted() -> None:
    inference = {"maxTokens": 500, "temperature": 0.5, "topP": 0.9}
    setup = setup_of(
        event("sessionStart", {"inferenceConfiguration": inference}),
        prompt_start(tools=[LOOK_UP]),
        *text_block("SYSTEM", "Be brief.", "s"),
        *text_block("USER", "Hi.", "h0"),
    )
    fields: JSON = wanted(setup)
    config = Config(**fields)
    assert (config.instructions, config.voice) == ("Be brief.", "tiffany")
    assert (config.temperature, config.max_output_tokens) == (0.5, 500)
    assert config.history == (Message("user", "Hi."),)
    assert config.transcription is True
    assert [each.name for each in config.toolset] == ["look_up"]


def test_what_is_left_to_the_service_is_left_to_the_engine() -> None:
    setup = setup_of(event("sessionStart", {}), event("promptStart", {"promptName": "p"}))
    assert wanted(setup) == {"tools": (), "transcription": True}


@pytest.mark.parametrize(
    ("sensitivity", "eagerness"), [("HIGH", "high"), ("MEDIUM", "medium"), ("LOW", "low")]
)
def test_a_sensitive_service_is_an_eager_engine(sensitivity: str, eagerness: JSON) -> None:
    setup = setup_of(
        session_start(turnDetectionConfiguration={"endpointingSensitivity": sensitivity}), prompt_start()
    )
    assert wanted(setup)["turn_detection"] == TurnDetection(eagerness=eagerness)


def test_turns_of_a_history_in_which_nothing_was_said_are_no_entries() -> None:
    setup = setup_of(session_start(), prompt_start(), *text_block("USER", " ", "h0"))
    assert "history" not in wanted(setup)
