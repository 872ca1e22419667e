import argparse
import sys
from pathlib import Path

import pytest

from s2s.cli.options import add_engine, config_of, function, loaded, seconds, setting
from s2s.errors import ConfigError

TOOLS = '''
def double(number: int) -> int:
    """Double a number."""
    return 2 * number

def think(history: object) -> str:
    return "hm"

LEVEL = 3
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_tools.py").write_text(TOOLS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "own_tools", raising=False)
    return tmp_path


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_engine(parser)
    return parser.parse_args(arguments)


def test_options_become_a_config(here: Path) -> None:
    config = config_of(
        parsed(
            *("--voice", "heart", "--model", "m", "--instructions", "Be brief."),
            *("--tool", "own_tools:double", "--brain", "own_tools:think"),
            *("--extra", "pace=2", "--extra", "base_url=http://localhost"),
        )
    )
    assert (config.voice, config.model, config.instructions) == ("heart", "m", "Be brief.")
    assert [each.name for each in config.toolset] == ["double"]
    assert config.extra["pace"] == 2
    assert config.extra["base_url"] == "http://localhost"
    assert config.extra["brain"](()) == "hm"


def test_a_brain_can_be_a_name() -> None:
    assert config_of(parsed("--brain", "chat")).extra == {"brain": "chat"}


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("own_tools", "write MODULE:FUNCTION"),
        ("own_tools:", "write MODULE:FUNCTION"),
        ("no_such_module:f", "cannot be imported"),
        ("own_tools:halve", "own_tools has no halve"),
        ("own_tools:LEVEL", "is no function"),
    ],
)
def test_a_tool_that_is_none_is_explained(here: Path, place: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        function(place)


def test_names_may_lie_deep() -> None:
    assert loaded("s2s.items:Call.__name__") == "Call"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", ("a", 1)),
        ("a=true", ("a", True)),
        ("a=b=c", ("a", "b=c")),
        ('a={"b": [1]}', ("a", {"b": [1]})),
        ("a=", ("a", "")),
    ],
)
def test_settings_are_json_or_text(text: str, value: tuple[str, object]) -> None:
    assert setting(text) == value


@pytest.mark.parametrize("text", ["a", "=1", ""])
def test_a_setting_has_a_key_and_a_value(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="KEY=VALUE"):
        setting(text)


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "soon"])
def test_a_time_is_above_zero(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="seconds"):
        seconds(text)
