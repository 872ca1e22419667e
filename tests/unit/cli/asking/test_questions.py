import struct
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest
from tests.support.stages import RATE, silence, speech

from s2s.audio.wav import write_wav
from s2s.cli.asking.loudness import Loudness
from s2s.cli.asking.questions import CHUNK_MS, LOOK_AHEAD_MS, Question
from s2s.errors import AudioFormatError


def question(tmp_path: Path, pcm: bytes, rate: int = RATE) -> Question:
    place = tmp_path / "question.wav"
    write_wav(place, pcm, rate)
    return Question("question.wav", place)


def two_hours(place: Path) -> Path:
    """Write the header of a WAV file of two hours and leave its sound to the file system's imagination."""
    n_bytes = 2 * 3600 * 48_000 * 2 * 2
    sound = struct.pack("<HHIIHH", 1, 2, 48_000, 48_000 * 4, 4, 16)
    head = b"RIFF" + struct.pack("<I", n_bytes + 36) + b"WAVEfmt \x10\0\0\0" + sound
    with place.open("wb") as file:
        file.write(head + b"data" + struct.pack("<I", n_bytes))
        file.truncate(44 + n_bytes)
    return place


def test_sound_comes_in_chunks_that_together_are_the_file(tmp_path: Path) -> None:
    pcm = speech("one two three") + bytes(200)
    sounds = list(question(tmp_path, pcm).sounds(RATE, Loudness()))
    assert b"".join(each.pcm for each in sounds) == pcm
    assert [each.ms for each in sounds[:-1]] == [CHUNK_MS] * (len(sounds) - 1)
    assert sounds[-1].ms == pytest.approx(200 / 32)


def test_voice_is_known_before_it_comes(tmp_path: Path) -> None:
    pcm = silence(1000) + speech("hello") + silence(1000)
    sounds = list(question(tmp_path, pcm).sounds(RATE, Loudness()))
    first = next(at for at, each in enumerate(sounds) if each.voiced)
    foreseen = next(at for at, each in enumerate(sounds) if each.voice_ahead)
    assert (first - foreseen) * CHUNK_MS == LOOK_AHEAD_MS
    assert not any(each.voiced or each.voice_ahead for each in sounds[first + 10 :])


def test_sound_of_another_rate_is_converted(tmp_path: Path) -> None:
    sounds = list(question(tmp_path, bytes(48_000 * 2), 48_000).sounds(RATE, Loudness()))
    assert sum(len(each.pcm) for each in sounds) == RATE * 2


def test_two_hours_are_read_as_they_are_needed(tmp_path: Path) -> None:
    long = Question("long.wav", two_hours(tmp_path / "long.wav"))
    assert next(iter(long.sounds(48_000, Loudness()))).ms == CHUNK_MS
    tracemalloc.start()
    try:
        for _ in islice(long.sounds(48_000, Loudness()), 2_000):
            pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000


def test_what_is_no_sound_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("not sound")
    with pytest.raises(AudioFormatError, match=r"notes\.wav: this is a file that begins with"):
        _ = Question("notes.wav", tmp_path / "notes.wav").format
