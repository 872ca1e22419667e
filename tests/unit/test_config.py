from typing import Any

import pytest
from msgspec.structs import replace

from s2s.config import Config, Limits, TurnDetection, override
from s2s.errors import ConfigError
from s2s.formats import AudioFormat
from s2s.hooks import Hooks
from s2s.items import Message
from s2s.tools import Tool


def weather(city: str) -> str:
    """Say the weather."""
    return city


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"sample_rate": 3}, "sample_rate of pcm16 cannot be 3: use a whole number from 4000 to 192000"),
        ({"sample_rate": 24_000.0}, "sample_rate of pcm16 cannot be 24000.0: use a whole number"),
        ({"turn_detection": "vad"}, "mode 'vad' is unknown: use server, semantic, local or manual"),
        ({"output_modalities": ()}, "output_modalities must be audio, text or both"),
        ({"output_modalities": "audio"}, "output_modalities must be audio, text or both"),
        ({"output_modalities": ("video",)}, "output_modalities must be audio, text or both"),
        ({"temperature": 2.1}, "temperature must lie between 0 and 2"),
        ({"temperature": -0.1}, "temperature must lie between 0 and 2"),
        ({"max_output_tokens": 0}, "max_output_tokens must be above 0"),
        ({"tools": [weather, weather]}, "two tools are named weather: rename one of them"),
        ({"tools": ["weather"]}, "tools are functions and s2s.Tool, not str"),
        ({"tools": weather}, "tools must be a list, not function: write tools=[...]"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config(**fields)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"mode": ""}, "turn detection mode '' is unknown"),
        ({"threshold": 0}, "turn_detection.threshold must lie between 0 and 1"),
        ({"threshold": 1}, "turn_detection.threshold must lie between 0 and 1"),
        ({"silence_ms": -1}, "turn_detection.silence_ms must be 0 to 10000 ms"),
        ({"prefix_ms": 10_001}, "turn_detection.prefix_ms must be 0 to 10000 ms"),
    ],
)
def test_turn_detection_that_cannot_be_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        TurnDetection(**fields)


@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_every_limit_is_above_zero(name: str) -> None:
    with pytest.raises(ConfigError, match=f"limits.{name} must be above 0"):
        Limits(**{name: 0})


def test_short_forms_become_the_long_ones() -> None:
    config = Config(tools=[weather], turn_detection="manual", sample_rate=16_000)
    assert [each.name for each in config.toolset] == ["weather"]
    assert config.turns == TurnDetection(mode="manual")
    assert config.heard == config.spoken == AudioFormat(sample_rate=16_000)


def test_a_format_says_otherwise_than_the_sample_rate() -> None:
    telephone = AudioFormat("g711_ulaw", 8_000)
    config = Config(output_format=telephone)
    assert (config.heard, config.spoken) == (AudioFormat(), telephone)


def test_lists_are_held_as_tuples() -> None:
    hello: Any = [Message("user", "hello")]
    modalities: Any = ["text"]
    config = Config(history=hello, output_modalities=modalities)
    assert (config.history, config.output_modalities) == ((Message("user", "hello"),), ("text",))


def test_a_config_that_is_replaced_keeps_its_tools() -> None:
    config = Config(tools=[Tool(name="one"), weather])
    assert replace(config, voice="x").toolset == config.toolset


def test_overrides_replace_fields_and_merge_extra() -> None:
    config = Config(voice="a", extra={"api_key": "k", "region": "x"})
    assert override(config, {"voice": "b", "extra": {"region": "y"}}) == Config(
        voice="b", extra={"api_key": "k", "region": "y"}
    )


def test_an_overridden_sample_rate_moves_plain_formats_and_leaves_chosen_ones() -> None:
    telephone = AudioFormat("g711_ulaw", 8_000)
    config = override(Config(output_format=telephone), {"sample_rate": 16_000})
    assert (config.heard, config.spoken) == (AudioFormat(sample_rate=16_000), telephone)


def test_an_unknown_field_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError) as refused:
        override(Config(), {"voise": "x", "modle": "y"})
    said = str(refused.value)
    assert said.startswith("Config has no field modle, voise: use extra, history, hooks")
    assert said.endswith("or extra={...} for an engine's own settings")


def test_no_secret_is_shown() -> None:
    config = Config(voice="marin", extra={"api_key": "sk-canary", "region": "eu"})
    assert repr(config) == "Config(voice='marin', extra=['api_key', 'region'])"
    assert config.__rich_repr__() == [("voice", "marin"), ("extra", ["api_key", "region"])]
    assert repr(Config()) == "Config()"
    assert repr(Config(hooks=Hooks())) == "Config()"
