import pytest
from tests.support.stages import speech

from s2s.cli.asking.loudness import Loudness
from s2s.cli.asking.nothing import nothing_heard

LOUD, QUIET = speech("a"), bytes(640)


@pytest.mark.parametrize(
    ("sounds", "spoken", "why"),
    [
        ([], False, "no sound"),
        ([QUIET], False, "only silence"),
        ([LOUD, QUIET], False, "only noise"),
        ([LOUD], True, "no words"),
    ],
    ids=["empty", "silence", "noise", "mumbling"],
)
def test_it_says_why_and_what_to_do(sounds: list[bytes], spoken: bool, why: str) -> None:
    loudness = Loudness()
    for each in sounds:
        loudness.is_voice(each, 20)
    assert str(nothing_heard("question.wav", loudness, spoken=spoken)).startswith("question.wav: ")
    assert why in str(nothing_heard("question.wav", loudness, spoken=spoken))
