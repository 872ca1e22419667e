from pathlib import Path

import pytest

from s2s.cli import main
from s2s.cli.program import COMMANDS
from s2s.errors import ConfigError


def code_of(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--help") == 0
    told = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert name in told
        assert command.summary.split(":")[0].split(",")[0] in " ".join(told.split())


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert code_of(name, "--help") == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [(), ("sing",), ("ask", "--nonsense"), ("ask", "a.wav", "--timeout", "0"), ("say",)]
)
def test_wrong_usage_is_code_2(arguments: tuple[str, ...]) -> None:
    assert code_of(*arguments) == 2


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--version") == 0
    assert capsys.readouterr().out.startswith("voice-s2s ")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("ask", "nowhere.wav"), "there is no file nowhere.wav: check the path"),
        (("ask", "."), "is a folder: name a file"),
        (("ask",), "nothing to ask"),
        (("ask", "a.wav", "--text", "b"), "too much"),
        (("ask", "--text", "a", "--engine", "nobody"), "there is no engine named 'nobody'"),
        (("ask", "--text", "a", "--tool", "x"), "names no function"),
        (("ask", "--text", "a", "-o", "no/where.wav"), "there is no folder no"),
        (("say", "..."), "there is nothing to say"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith("error: ")
    assert why in line


def test_a_traceback_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S2S_DEBUG", "1")
    with pytest.raises(ConfigError):
        main(["ask"])
