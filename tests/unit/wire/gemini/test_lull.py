"""When the user is taken to be silent, by the audio alone."""

import pytest

from s2s.wire.gemini.lull import LULL_S, Lull

LOUD, QUIET = b"\xff\x1f" * 160, b"\x10\0" * 160
ENOUGH = int(LULL_S * 100)


def hearing(*, waits: bool = True) -> Lull:
    lull = Lull()
    lull.hear(LOUD, 10.0)
    if waits:
        lull.wait()
    return lull


def test_until_somebody_waits_for_a_lull_there_is_one() -> None:
    assert hearing(waits=False).here
    silent = Lull()
    silent.wait()
    assert silent.here


def test_so_much_quiet_audio_in_a_row_is_one() -> None:
    lull = hearing()
    for _ in range(ENOUGH - 1):
        lull.hear(QUIET, 10.0)
    lull.hear(LOUD, 10.0)
    for _ in range(ENOUGH - 1):
        lull.hear(QUIET, 10.0)
    before = lull.here
    lull.hear(QUIET, 10.0)
    assert (before, lull.here) == (False, True)


@pytest.mark.parametrize("chunk", [LOUD, QUIET])
def test_a_microphone_that_is_closed_is_one(chunk: bytes) -> None:
    lull = hearing()
    lull.hear(chunk, 10.0)
    lull.look()
    before = lull.here
    lull.look()
    assert (before, lull.here) == (False, True)


def test_where_nobody_was_found_to_speak_there_is_one_until_somebody_does() -> None:
    lull = hearing()
    lull.begin()
    before = lull.here
    lull.hear(LOUD, 10.0)
    assert (before, lull.here) == (True, False)
    lull.end()
    lull.hear(LOUD, 10.0)
    assert lull.here
    assert lull.passed_ms == 30.0
