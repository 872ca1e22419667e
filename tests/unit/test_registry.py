import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

import s2s
from s2s.config import Config
from s2s.errors import ConfigError, UnknownProviderError
from s2s.registry import Registry
from tests.support.links import PlainEngine


class Named(Registry[Any]):
    """A registry whose entry points are given."""

    def __init__(self, **points: str) -> None:
        super().__init__("s2s.test", "engine", {"local": "local"})
        self._given = [EntryPoint(name, value, "s2s.test") for name, value in points.items()]

    def _points(self) -> list[EntryPoint]:
        return self._given


@pytest.mark.parametrize("name", ["", " ", " plain", "plain\n"])
def test_a_name_is_not_empty(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name engine: use a non-empty name without outer spaces"):
        Named().register(name, PlainEngine)


@pytest.mark.parametrize("taken", ["script", "mine"])
def test_a_name_is_taken_once(taken: str) -> None:
    registry = Named(script="s2s.providers.script:ScriptEngine")
    registry.register("mine", PlainEngine)
    with pytest.raises(ConfigError, match=f"engine {taken} is already registered: choose another name"):
        registry.register(taken, PlainEngine)


def test_a_factory_can_be_called() -> None:
    with pytest.raises(ConfigError, match="engine mine needs a factory that can be called"):
        Named().register("mine", PlainEngine())


def test_names_are_sorted_and_known_before_anything_is_loaded() -> None:
    registry = Named(b="no.such.module:B", a="no.such.module:A")
    registry.register("aa", PlainEngine)
    assert registry.names() == ("a", "aa", "b")


def test_an_unknown_name_is_answered_with_those_that_exist_and_their_extras() -> None:
    registry = Named(script="s2s.providers.script:ScriptEngine", local="s2s.providers.local:LocalEngine")
    with pytest.raises(UnknownProviderError) as unknown:
        registry.find("lokal")
    assert str(unknown.value) == (
        "there is no engine named 'lokal'; known: local (pip install 'voice-s2s[local]'), script. "
        "Use one of these, or install or register the one you mean"
    )
    with pytest.raises(UnknownProviderError, match="known: none"):
        Named().find("local")


@pytest.mark.parametrize("value", ["no.such.module:Engine", "s2s.engine:NoSuchEngine"])
@pytest.mark.parametrize(
    ("name", "cure"), [("mine", "install what .* needs"), ("local", "pip install 'voice-s2s")]
)
def test_what_cannot_be_loaded_says_what_to_install(value: str, name: str, cure: str) -> None:
    with pytest.raises(ConfigError, match=rf"engine {name} cannot be loaded \(.*\): {cure}"):
        Named(**{name: value}).find(name)


def test_what_was_found_once_is_not_loaded_again() -> None:
    registry = Named(script="s2s.providers.script:ScriptEngine")
    found = registry.find("script")
    registry._given.clear()
    assert registry.find("script") is found


def test_the_front_door_registers_lists_and_makes_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s2s.registry.providers", Named(script="s2s.providers.script:ScriptEngine"))
    s2s.register("plain", lambda config: PlainEngine(config=config))
    assert s2s.list_providers() == ("plain", "script")
    engine = s2s.new("plain", Config(voice="a", instructions="Hi."), voice="b")
    assert engine.config == Config(voice="b", instructions="Hi.")


def test_a_field_that_does_not_exist_is_refused_before_the_engine_is_made() -> None:
    with pytest.raises(ConfigError, match="Config has no field voise"):
        s2s.new("script", voise="b")


def test_importing_and_listing_load_no_provider_and_touch_no_network() -> None:
    program = """
import socket, sys
def refuse(*_): raise AssertionError("the network was touched")
socket.socket.connect = socket.getaddrinfo = refuse
import s2s
assert "script" in s2s.list_providers()
s2s.Config(sample_rate=16000)
heavy = ("numpy", "onnxruntime", "httpx", "rich", "PIL", "hibari", "s2s.providers", "s2s.testing")
print([each for each in heavy if each in sys.modules])
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ran.stdout, ran.stderr) == ("[]\n", "")
