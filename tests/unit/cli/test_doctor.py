import json
from pathlib import Path

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


@pytest.mark.parametrize(
    ("written", "state", "told"),
    [
        ("[default]\naws_access_key_id = canary\n[work]\n", "ok", "default, work"),
        ("", "missing", "none: `aws configure` makes one"),
        ("canary\n", "missing", "Unable to parse config file"),
    ],
)
def test_the_profiles_of_aws_are_told_and_nothing_that_is_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, state: str, told: str
) -> None:
    place = tmp_path / "credentials"
    place.write_text(written)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(place))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    (found,) = [each for each in findings() if each.name == "profiles of AWS"]
    assert (found.state, found.text[: len(told)]) == (state, told)
    assert "canary" not in found.text


def test_an_extra_that_is_missing_names_its_remedy() -> None:
    for finding in findings():
        if finding.topic == "extras" and finding.state == "missing":
            assert f"pip install 'voice-s2s[{finding.name}]'" in finding.text
    assert {"audio", "local", "cli", "mic"} <= {each.name for each in findings() if each.topic == "extras"}
