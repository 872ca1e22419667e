"""Which voices a client may ask an engine for."""

from typing import ClassVar

import pytest
from tests.support.links import PlainEngine

from s2s.config import Config
from s2s.gateway.voices import takes, voices_of
from s2s.providers.gemini import GeminiEngine
from s2s.providers.openai import OpenAIEngine
from s2s.wire.gemini import voices as gemini
from s2s.wire.openai import voices as openai


class Choir(PlainEngine):
    """Has voices of its own."""

    voices: ClassVar[tuple[str, ...]] = ("alto", "tenor")


GEMINI, OPENAI = GeminiEngine(), OpenAIEngine()
XAI = OpenAIEngine(Config(extra={"dialect": "xai"}))


@pytest.mark.parametrize("voice", gemini.VOICES)
def test_a_voice_of_gemini_reaches_gemini_alone(voice: str) -> None:
    assert (takes(GEMINI, voice), takes(OPENAI, voice), takes(Choir(), voice)) == (True, False, False)


@pytest.mark.parametrize("voice", [*openai.VOICES, "voice_7f3a"])
def test_a_voice_of_openai_reaches_openai_alone(voice: str) -> None:
    assert (takes(GEMINI, voice), takes(OPENAI, voice), takes(Choir(), voice)) == (False, True, False)


def test_a_service_is_asked_for_a_voice_that_nobody_knows() -> None:
    assert takes(GEMINI, "my-own")
    assert takes(OPENAI, "my-own")


def test_an_engine_that_names_all_of_its_voices_is_asked_for_no_other() -> None:
    assert takes(Choir(), "alto")
    assert not takes(Choir(), "my-own")


@pytest.mark.parametrize("engine", [PlainEngine(), XAI])
def test_an_engine_that_names_none_is_asked_for_any(engine: PlainEngine) -> None:
    assert voices_of(engine) == ()
    assert takes(engine, "Puck")
    assert takes(engine, "marin")


def test_names_are_known_in_any_case() -> None:
    assert gemini.known("puck")
    assert not takes(OPENAI, "puck")


def test_no_voice_is_of_both() -> None:
    assert not any(map(gemini.known, openai.VOICES))
    assert not any(map(openai.known, gemini.VOICES))
    assert len(set(gemini.VOICES)) == 30
