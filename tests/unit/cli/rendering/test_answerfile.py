from pathlib import Path

import pytest

from s2s.audio.wav import read_wav
from s2s.cli.asking.playback import Piece
from s2s.cli.rendering.answerfile import AnswerFile

RATE = 8_000
SOUND = b"\1\2" * 800


def test_answers_are_joined_with_a_short_silence(tmp_path: Path) -> None:
    with AnswerFile(tmp_path / "a.wav") as answer:
        for start_ms in (500, 600, 5000):
            answer.write(Piece(SOUND, RATE, start_ms, "i", 0))
    assert read_wav(tmp_path / "a.wav").pcm == SOUND * 2 + bytes(400 * RATE // 1000 * 2) + SOUND


@pytest.mark.parametrize("pcm", [None, b""])
def test_there_is_no_file_until_something_was_heard(tmp_path: Path, pcm: bytes | None) -> None:
    with AnswerFile(tmp_path / "a.wav") as answer:
        if pcm is not None:
            answer.write(Piece(pcm, RATE, 0, "i", 0))
    assert list(tmp_path.iterdir()) == []


def test_nobody_has_to_want_it() -> None:
    with AnswerFile(None) as answer:
        answer.write(Piece(SOUND, RATE, 0, "i", 0))
