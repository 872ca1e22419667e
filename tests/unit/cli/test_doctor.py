import json

import pytest

from s2s.cli import main
from s2s.cli.doctor import findings


def test_it_looks_at_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    told = capsys.readouterr().out
    for topic in ("system", "extras", "models", "keys", "sound", "python", "OPENAI_API_KEY", "silero-vad"):
        assert topic in told


def test_it_never_tells_a_key(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    assert main(["doctor", "--json"]) == 0
    told = capsys.readouterr().out
    found = {each["name"]: each for each in map(json.loads, told.splitlines())}
    assert "canary" not in told
    assert found["OPENAI_API_KEY"]["state"] == "ok"


def test_an_extra_that_is_missing_names_its_remedy() -> None:
    for finding in findings():
        if finding.topic == "extras" and finding.state == "missing":
            assert f"pip install 'voice-s2s[{finding.name}]'" in finding.text
    assert {"audio", "local", "cli", "mic"} <= {each.name for each in findings() if each.topic == "extras"}
