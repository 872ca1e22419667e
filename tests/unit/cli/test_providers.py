import json

import pytest

import s2s
from s2s.cli import main
from s2s.cli.providers import provider
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import MissingKeyError
from s2s.registry import providers


def test_every_engine_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["providers"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in s2s.list_providers())


def test_programs_get_an_object_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["providers", "--json"]) == 0
    found = {each["name"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())}
    assert found["script"]["capabilities"]["interrupt"] == "server_confirmed"
    assert found["script"]["problem"] == ""


def test_an_engine_that_lacks_something_says_what(monkeypatch: pytest.MonkeyPatch) -> None:
    def keyless(config: Config) -> Engine:
        raise MissingKeyError("no key: set SOME_KEY")

    monkeypatch.setitem(providers._factories, "keyless", keyless)
    found = provider("keyless")
    assert (found.capabilities, found.problem) == (None, "no key: set SOME_KEY")
