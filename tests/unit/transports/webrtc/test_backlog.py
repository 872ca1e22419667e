from hypothesis import given
from hypothesis import strategies as st

from s2s.transports.webrtc.backlog import FRAME_BYTES, Backlog

SILENCE = bytes(FRAME_BYTES)


def speech(n_bytes: int) -> bytes:
    return (b"\1\2\3\4\5\6\7" * n_bytes)[:n_bytes]


def test_where_nothing_waits_there_is_silence() -> None:
    backlog = Backlog(1.0)
    assert [backlog.take(), backlog.take()] == [SILENCE, SILENCE]


def test_pieces_of_any_size_become_the_same_frames() -> None:
    backlog = Backlog(1.0)
    said = speech(3 * FRAME_BYTES)
    for at in range(0, len(said), 137):
        backlog.push(said[at : at + 137])
    assert b"".join(backlog.take() for _ in range(3)) == said
    assert backlog.take() == SILENCE


def test_less_than_a_frame_waits_for_the_rest_of_it() -> None:
    backlog = Backlog(1.0)
    backlog.push(speech(FRAME_BYTES)[:500])
    assert backlog.take() == SILENCE
    backlog.push(speech(FRAME_BYTES)[500:])
    assert backlog.take() == speech(FRAME_BYTES)


def test_the_end_of_a_word_goes_out_with_silence_behind_it() -> None:
    backlog = Backlog(1.0)
    backlog.push(speech(500))
    assert [backlog.take(), backlog.take()] == [SILENCE, speech(500).ljust(FRAME_BYTES, b"\0")]
    assert backlog.waiting_ms == 0


def test_what_exceeds_the_bound_is_dropped_oldest_first_and_counted() -> None:
    backlog = Backlog(0.1)
    assert backlog.push(bytes(5 * FRAME_BYTES)) == 0
    assert backlog.push(speech(FRAME_BYTES)) == 20
    assert (backlog.waiting_ms, backlog.dropped_ms) == (100, 20)
    assert [backlog.take() for _ in range(5)][-1] == speech(FRAME_BYTES)


def test_a_push_larger_than_the_bound_leaves_its_end() -> None:
    backlog = Backlog(0.02)
    assert backlog.push(bytes(9 * FRAME_BYTES) + speech(FRAME_BYTES)) == 180
    assert backlog.take() == speech(FRAME_BYTES)


def test_clearing_gives_up_everything_but_never_half_a_sample() -> None:
    backlog = Backlog(1.0)
    backlog.push(speech(481))
    assert backlog.clear() == 10
    backlog.push(b"\x09" + speech(FRAME_BYTES - 2))
    assert backlog.take() == (speech(481)[-1:] + b"\x09" + speech(FRAME_BYTES - 2))[:FRAME_BYTES]


@given(st.lists(st.one_of(st.none(), st.integers(0, 5000)), max_size=60))
def test_everything_said_is_taken_or_dropped(steps: list[int | None]) -> None:
    backlog = Backlog(0.1)
    said = taken = dropped_ms = 0.0
    for n_bytes in steps:
        if n_bytes is None:
            taken += backlog.take().count(b"\1")
        else:
            dropped_ms += backlog.push(b"\1" * n_bytes)
            said += n_bytes
        assert backlog.waiting_ms <= 100
    assert dropped_ms == backlog.dropped_ms
    assert 0 <= said - taken - dropped_ms * 48 - backlog.waiting_ms * 48 <= 1
