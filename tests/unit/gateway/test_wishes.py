"""What a client of Gemini Live may have a say in, for whichever engine is there."""

import pytest

from s2s.commands import UpdateSession
from s2s.config import Config, TurnDetection
from s2s.errors import UnsupportedError
from s2s.gateway.wishes import changes, config_for
from s2s.items import JSON
from s2s.providers.gemini import GeminiEngine
from s2s.providers.openai import OpenAIEngine
from s2s.providers.script import ScriptEngine
from s2s.tools import Tool

CONNECT: dict[str, JSON] = {"connect": lambda url, headers: None}
OPENAI = OpenAIEngine(Config(voice="cedar", extra=CONNECT))
GEMINI = GeminiEngine(Config(temperature=0.3, extra=CONNECT))
LOOK_UP, MOVE = Tool(name="look_up"), Tool(name="move")


def test_what_a_client_asks_for_is_asked_for() -> None:
    config = config_for(OPENAI, {"instructions": "Be brief.", "tools": (LOOK_UP,), "voice": "ash"})
    assert (config.instructions, config.toolset, config.voice) == ("Be brief.", (LOOK_UP,), "ash")


def test_the_voice_of_another_service_is_left_aside() -> None:
    assert config_for(OPENAI, {"voice": "Puck"}).voice == "cedar"
    assert config_for(GEMINI, {"voice": "marin"}).voice is None
    assert config_for(GEMINI, {"voice": "Kore"}).voice == "Kore"


def test_an_engine_with_voices_of_its_own_need_not_be_asked_for_one() -> None:
    class Choir(ScriptEngine):
        voices = ("alto", "tenor")

    engine = Choir(Config(voice="tenor"))
    asked: tuple[dict[str, JSON], ...] = ({}, {"voice": "Puck"}, {"voice": "alto"})
    assert [config_for(engine, each).voice for each in asked] == ["tenor", "tenor", "alto"]


def test_a_temperature_is_left_aside_where_there_is_none() -> None:
    assert config_for(OPENAI, {"temperature": 0.5}).temperature is None
    assert config_for(GEMINI, {"temperature": 0.5}).temperature == 0.5


def test_what_an_engine_cannot_do_otherwise_is_refused() -> None:
    with pytest.raises(UnsupportedError):
        config_for(GEMINI, {"turn_detection": TurnDetection(create_response=False), "temperature": 0.5})


CHANGED: dict[str, JSON] = {
    "instructions": "Be brief.",
    "voice": "ash",
    "turn_detection": TurnDetection(silence_ms=300),
    "transcription": False,
    "language": "de",
    "output_modalities": ("text",),
    "temperature": 0.5,
    "max_output_tokens": 100,
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_differs_is_changed(name: str) -> None:
    before, after = Config(), config_for(ScriptEngine(), {name: CHANGED[name]})
    assert changes(before, after) == UpdateSession(**{name: CHANGED[name]})
    assert changes(after, after) == changes(before, before) == UpdateSession()


def test_tools_are_compared_by_what_the_engine_knows_of_them() -> None:
    before, after = Config(tools=[LOOK_UP]), Config(tools=[LOOK_UP, MOVE])
    assert changes(before, after) == UpdateSession(tools=(LOOK_UP.spec, MOVE.spec))
    assert changes(after, Config()) == UpdateSession(tools=())
    assert changes(before, Config(tools=[Tool(name="look_up")])) == UpdateSession()


def test_what_is_named_no_more_is_the_engines_own_again_but_for_the_voice() -> None:
    before = Config(**CHANGED)
    back = changes(before, Config())
    assert (back.instructions, back.temperature, back.max_output_tokens) == ("", None, None)
    assert back.voice == UpdateSession().voice
