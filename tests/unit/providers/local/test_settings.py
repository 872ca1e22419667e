from msgspec import UNSET
from msgspec.structs import fields

from s2s.commands import UpdateSession
from s2s.config import Config, TurnDetection
from s2s.items import Message
from s2s.providers.local.settings import settings_of
from s2s.tools import Tool, ToolSpec

CONFIG = Config(instructions="Be brief.", tools=[Tool(name="light")], temperature=0.5, max_output_tokens=9)


def test_a_session_begins_as_it_was_configured() -> None:
    history = (Message("user", "hello"),)
    prompt = settings_of(CONFIG).prompt(history, None)
    assert (prompt.history, prompt.instructions) == (history, "Be brief.")
    assert prompt.tools == (ToolSpec("light"),)
    assert (prompt.temperature, prompt.max_output_tokens) == (0.5, 9)


def test_instructions_for_once_replace_the_others_even_with_none_at_all() -> None:
    settings = settings_of(CONFIG)
    assert settings.prompt((), "").instructions == ""
    assert settings.prompt((), None).instructions == "Be brief."


def test_every_change_that_a_session_may_ask_for_is_taken() -> None:
    settings = settings_of(CONFIG)
    changes = UpdateSession(
        instructions="Be rude.",
        voice="tenor",
        tools=(),
        turn_detection=TurnDetection(silence_ms=300),
        transcription=False,
        language="en",
        output_modalities=("text",),
        temperature=None,
        max_output_tokens=None,
    )
    assert all(getattr(changes, each.name) is not UNSET for each in fields(UpdateSession))
    settings.update(changes)
    assert all(getattr(settings, each.name) == getattr(changes, each.name) for each in fields(UpdateSession))
    assert settings.endpointing.complete_ms == 300


def test_what_is_not_asked_for_stays() -> None:
    settings = settings_of(CONFIG)
    settings.update(UpdateSession(voice="tenor"))
    assert settings.voice == "tenor"
    settings.voice = None
    assert settings == settings_of(CONFIG)
