"""Stock @openai/agents and @google/genai on Node, which we did not write: `make node` installs them."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.node import run

MISSING = run.missing()
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(find_spec("aiohttp") is None, reason="serving needs the gateway extra"),
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]
NO_MODELS = find_spec("onnxruntime") is None or find_spec("hibari") is None


def contented(facts: list[run.Fact]) -> bool:
    assert facts
    assert {each.name: each.wrong for each in facts if each.wrong} == {}
    return True


def test_it_reads_everything_that_we_can_say(tmp_path: Path) -> None:
    assert contented(run.said(tmp_path))


def test_it_is_let_in_with_a_header_and_like_a_browser(tmp_path: Path) -> None:
    assert contented(run.doors(tmp_path))


def test_it_talks_to_the_simulator(tmp_path: Path) -> None:
    assert contented(run.simulated(tmp_path))


@pytest.mark.local
@pytest.mark.skipif(NO_MODELS, reason="the models are in the local extra")
def test_it_talks_to_the_local_engine_and_the_answers_can_be_heard(tmp_path: Path) -> None:
    assert contented(run.local(tmp_path))


def test_google_is_let_in_by_key_and_token_and_like_a_browser(tmp_path: Path) -> None:
    assert contented(run.gemini_doors(tmp_path))


def test_google_talks_to_the_simulator(tmp_path: Path) -> None:
    assert contented(run.gemini(tmp_path))


def test_google_talks_to_every_generation_of_models(tmp_path: Path) -> None:
    assert contented(run.gemini_generations(tmp_path))


def test_google_goes_on_over_another_connection(tmp_path: Path) -> None:
    assert contented(run.gemini_resumed(tmp_path))


@pytest.mark.local
@pytest.mark.skipif(NO_MODELS, reason="the models are in the local extra")
def test_google_talks_to_the_local_engine_and_the_answers_can_be_heard(tmp_path: Path) -> None:
    assert contented(run.gemini_local(tmp_path))
