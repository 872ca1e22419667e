from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s2s.config import TurnDetection
from s2s.pipeline import AudioFrame
from s2s.pipeline.stages.tape import Tape
from tests.support.stages import RATE


def ms(from_ms: int, until_ms: int) -> bytes:
    """Return audio of which each millisecond is known by its value."""
    return b"".join((n % 30_000).to_bytes(2, "little") * (RATE // 1000) for n in range(from_ms, until_ms))


def tape(until_ms: int, step_ms: int = 20, turns: TurnDetection = TurnDetection()) -> Tape:  # noqa: B008
    made = Tape(RATE)
    made.tune(turns)
    for at_ms in range(0, until_ms, step_ms):
        made.push(AudioFrame(ms(at_ms, at_ms + step_ms), RATE))
        made.shorten()
    return made


def test_it_keeps_some_audio_from_before_and_no_more() -> None:
    assert tape(3000).take() == ms(3000 - 20 - 600, 3000)
    assert tape(3000, 1000).take() == ms(2000 - 600, 3000)
    assert tape(3000, turns=TurnDetection(prefix_ms=0)).take() == ms(3000 - 20 - 200, 3000)
    assert tape(3000, turns=TurnDetection("manual")).take() == ms(0, 3000)


def test_an_utterance_is_cut_out_where_it_begins_and_ends() -> None:
    made = tape(3000, 3000)
    made.begin(1000)
    assert made.take(2000) == ms(600, 2096)
    assert made.take() == ms(2096, 3000)
    assert made.take() == b""


def test_what_was_taken_belongs_to_no_other_utterance() -> None:
    made = tape(3000, 3000)
    made.begin(1000)
    made.take(2000)
    made.begin(2100)
    assert made.take(2500) == ms(2096, 2596)


def test_positions_that_cannot_be_are_taken_for_now() -> None:
    made = tape(3000)
    made.begin(9000)
    assert made.take(9000) == ms(2600, 3000)
    made = tape(3000)
    made.begin(0)
    assert made.take(0) == ms(2380, 3000)


def test_it_can_be_cleared() -> None:
    made = tape(3000)
    made.clear()
    assert (made.kept_ms, made.take()) == (0, b"")


@given(st.lists(st.tuples(st.sampled_from(["begin", "take", "shorten"]), st.integers(0, 4000)), max_size=8))
def test_what_is_kept_is_always_the_end(steps: list[tuple[str, int]]) -> None:
    made = Tape(RATE)
    made.push(AudioFrame(ms(0, 3000), RATE))
    for step, position_ms in steps:
        match step:
            case "begin":
                made.begin(position_ms)
            case "take":
                made.take(position_ms)
            case _:
                made.shorten()
    kept_ms = made.kept_ms
    assert made.take() == ms(3000 - round(kept_ms), 3000)
