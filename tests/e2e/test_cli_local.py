"""The command line with the models of the local engine: spoken English in, spoken English out."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.stages import RATE, silence

from s2s.audio.resample import Resampler
from s2s.audio.wav import read_wav, write_wav
from s2s.cli import demo

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]

QUESTION = Path(demo.__file__).parent / "go_forward_ten_meters.wav"
COMMAND = [sys.executable, "-m", "s2s.cli"]


def s2s(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=90, cwd=cwd, check=False
    )


def summary(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def words_in(place: Path) -> str:
    """Return what our own transcriber hears in a WAV file."""
    from s2s.providers.local.moonshine import MoonshineSTT
    from s2s.providers.local.pool import Pool

    sound = read_wav(place)
    resampler = Resampler(sound.format.sample_rate, RATE)
    pcm = resampler.push(sound.pcm) + resampler.flush()
    return asyncio.run(asyncio.wait_for(MoonshineSTT(Pool(1)).transcribe(pcm), 60)).lower()


def test_the_demo_leaves_three_files_and_the_answer_speaks_of_the_question(tmp_path: Path) -> None:
    done = s2s("demo", "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r'move\(.*direction="forward".*\)', done.stdout)
    assert "Moving forward 10 meters." in done.stdout
    assert "84" in done.stdout
    answer, timeline, transcript = sorted((tmp_path / "out").iterdir())
    assert [each.name for each in (answer, timeline, transcript)] == [
        "answer.wav",
        "timeline.png",
        "transcript.txt",
    ]
    heard = words_in(answer)
    assert "moving forward" in heard
    assert re.search(r"\b(ten|10)\b", heard)
    assert re.search(r"\b(84|eighty[- ]four)\b", heard)
    assert timeline.stat().st_size > 10_000
    assert transcript.read_text().splitlines()[0].lower().startswith("you: go forward")


def test_a_question_is_answered_fast(tmp_path: Path) -> None:
    done = s2s("ask", QUESTION, "--fast", "--json", "--tool", "s2s.cli.demo.robot:move", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (turn,) = summary(done)["turns"]
    assert "forward" in turn["user"].lower()
    assert turn["tool_calls"][0]["name"] == "move"
    assert turn["tool_calls"][0]["arguments"]["direction"] == "forward"
    assert turn["tool_calls"][0]["arguments"]["distance"] == 10
    assert {"endpointing", "stt", "tts"} <= set(turn["timings"]["stages"])
    assert turn["voice_to_voice_ms"] > 0


def test_every_question_in_a_file_is_answered(tmp_path: Path) -> None:
    pcm = read_wav(QUESTION).pcm
    write_wav(tmp_path / "twice.wav", pcm + silence(1500) + pcm, RATE)
    done = s2s("ask", "twice.wav", "--fast", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [each["status"] for each in summary(done)["turns"]] == ["completed", "completed"]
    assert all("forward" in each["user"].lower() for each in summary(done)["turns"])


def test_noise_is_no_question(tmp_path: Path) -> None:
    import numpy as np

    noise = np.random.default_rng(1).normal(0, 800, 3 * RATE).astype("<i2").tobytes()
    write_wav(tmp_path / "noise.wav", noise, RATE)
    done = s2s("ask", "noise.wav", "--fast", cwd=tmp_path)
    assert done.returncode == 1
    assert "noise.wav: no speech was found, only noise" in done.stderr


def test_what_is_said_is_heard(tmp_path: Path) -> None:
    done = s2s(
        "say", "The weather is nice today. Let us go outside.", "-o", "said.wav", "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert summary(done)["file"] == "said.wav"
    assert words_in(tmp_path / "said.wav").startswith("the weather is nice today")


def test_a_voice_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    done = s2s("say", "Hello.", "-o", "said.wav", "--voice", "nobody", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no voice 'nobody': use heart" in done.stderr
