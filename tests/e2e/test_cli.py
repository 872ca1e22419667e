"""The command line as a user runs it: a process of its own, with the script engine."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.stages import RATE, silence, speech

from s2s.audio.wav import read_wav, write_wav

COMMAND = [sys.executable, "-W", "error", "-m", "s2s.cli"]


def s2s(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=45,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def question(tmp_path: Path) -> Path:
    place = tmp_path / "question.wav"
    write_wav(place, silence(400) + speech("hello") + silence(300), RATE)
    return place


def test_a_spoken_question_leaves_answer_transcript_and_picture(tmp_path: Path, question: Path) -> None:
    answer, transcript, timeline = (tmp_path / each for each in ("a.wav", "t.txt", "t.png"))
    done = s2s(
        *("ask", question, "--engine", "script", "-o", answer),
        *("--transcript", transcript, "--timeline", timeline),
    )
    assert done.returncode == 0, done.stderr
    assert "you         something" in done.stdout
    assert "agent       You said: something" in done.stdout
    assert "voice to voice" in done.stdout
    assert all(str(each) in done.stdout for each in (answer, transcript, timeline))
    assert read_wav(answer).format.sample_rate == 24_000
    assert len(read_wav(answer).pcm) == 3 * 9_600
    assert transcript.read_text() == "you: something\nagent: You said: something\n"
    assert timeline.read_bytes().startswith(b"\x89PNG")


def test_programs_read_json_and_nothing_else(question: Path) -> None:
    done = s2s("ask", question, "--engine", "script", "--fast", "--json")
    assert done.returncode == 0, done.stderr
    told = lines(done)
    kinds = [each["type"] for each in told]
    assert kinds[0] == "session_started" or kinds[0] == "question"
    assert {"speech_started", "speech_stopped", "transcript", "text_output", "turn_end"} <= set(kinds)
    assert sum(each["audio_bytes"] for each in told if each["type"] == "audio_output") == 3 * 9_600
    assert kinds[-1] == "summary"
    assert told[-1]["turns"][0]["agent"] == "You said: something"
    assert told[-1]["turns"][0]["voice_to_voice_ms"] > 200
    assert told[-1]["error"] is None


def test_a_typed_question_needs_no_file() -> None:
    done = s2s("ask", "--text", "good morning", "--engine", "script")
    assert done.returncode == 0, done.stderr
    assert "agent       You said: good morning" in done.stdout


def test_several_files_are_asked_in_order(tmp_path: Path, question: Path) -> None:
    done = s2s("ask", question, question, "--engine", "script", "--fast", "--json")
    assert done.returncode == 0, done.stderr
    assert len(lines(done)[-1]["turns"]) == 2


@pytest.mark.parametrize(
    ("content", "code", "why"),
    [
        (b"", 2, "the file is empty: give a WAV file"),
        (b"ID3 something", 2, "this is an MP3 file, not a WAV file: convert it"),
        (None, 2, "there is no file"),
    ],
    ids=["empty", "mp3", "missing"],
)
def test_what_cannot_be_asked_is_said(tmp_path: Path, content: bytes | None, code: int, why: str) -> None:
    if content is not None:
        (tmp_path / "q.wav").write_bytes(content)
    done = s2s("ask", "q.wav", "--engine", "script", cwd=tmp_path)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
def test_silence_is_code_1_and_says_so(tmp_path: Path, as_json: list[str]) -> None:
    write_wav(tmp_path / "q.wav", silence(1000), RATE)
    done = s2s("ask", "q.wav", "--engine", "script", "--fast", "-o", "a.wav", *as_json, cwd=tmp_path)
    assert done.returncode == 1
    assert "error: q.wav: no speech was found, only silence" in done.stderr
    assert not (tmp_path / "a.wav").exists()
    if as_json:
        assert "only silence" in lines(done)[-1]["error"]


def test_tools_come_from_the_folder_that_one_is_in(tmp_path: Path, question: Path) -> None:
    (tmp_path / "mytools.py").write_text("def ring() -> str:\n    'Ring the bell.'\n    return 'ding'\n")
    done = s2s("ask", question, "--engine", "script", "--tool", "mytools:ring", "--fast", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    wrong = s2s("ask", question, "--engine", "script", "--tool", "mytools:sing", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "mytools has no sing" in wrong.stderr


def test_ctrl_c_ends_in_order(tmp_path: Path) -> None:
    write_wav(tmp_path / "q.wav", speech("hello") + silence(60_000), RATE)
    with subprocess.Popen(
        [*COMMAND, "ask", "q.wav", "--engine", "script", "--json", "-o", "a.wav"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if '"turn_end"' in line:
                break
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert told.strip() == "stopped"


def test_a_reader_that_leaves_is_no_traceback(question: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "ask", str(question), "--engine", "script", "--fast", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        told = process.stderr.read()
        assert process.wait(timeout=30) == 1
    assert "Traceback" not in told
    assert "BrokenPipe" not in told


def test_colours_can_be_forced(question: Path) -> None:
    pytest.importorskip("rich")
    done = s2s("ask", question, "--engine", "script", "--fast", FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b[" in done.stdout


def test_help_loads_nothing_heavy() -> None:
    check = (
        "import sys, s2s.cli\n"
        "try: s2s.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'rich', 'PIL', 'onnxruntime', 'sounddevice', 's2s.providers'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_script_is_installed() -> None:
    program = Path(sys.executable).with_name("s2s")
    if not program.exists():
        pytest.skip("the package is not installed beside this interpreter")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.startswith("voice-s2s ")


def hide(missing: str, place: Path) -> None:
    """Have a process that looks there first find no such package."""
    (place / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "found = util.find_spec\n"
        f"util.find_spec = lambda name, *rest: None if name == '{missing}' else found(name, *rest)\n"
        f"import sys; sys.modules['{missing}'] = None\n"
    )


@pytest.mark.parametrize("missing", ["h2", "numpy", "aiohttp"])
def test_who_simulates_nova_sonic_without_the_extra_is_told_which(tmp_path: Path, missing: str) -> None:
    hide(missing, tmp_path)
    done = s2s("simulate", "nova", "--port", "0", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert missing in done.stderr
    assert "pip install 'voice-s2s[gateway" in done.stderr


@pytest.mark.parametrize("missing", ["rich", "PIL"])
def test_without_the_extra_it_still_works(tmp_path: Path, question: Path, missing: str) -> None:
    hide(missing, tmp_path)
    done = s2s(
        *("ask", question, "--engine", "script", "--fast", "--timeline", tmp_path / "t.png"),
        PYTHONPATH=str(tmp_path),
        FORCE_COLOR="1",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t.png").exists() == (missing != "PIL")
    assert ("pip install 'voice-s2s[cli]'" in done.stderr) == (missing == "PIL")
