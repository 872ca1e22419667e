from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.errors import AudioFormatError
from s2s.pipeline import AudioFrame
from s2s.pipeline.pace import Pace
from s2s.testing.clock import run

SECOND = AudioFrame(bytes(48_000))


def test_audio_leaves_as_far_ahead_as_it_may_and_then_in_real_time() -> None:
    async def main() -> list[float]:
        loop, pace, left = asyncio.get_running_loop(), Pace(1000), []
        for _ in range(4):
            await pace.in_time(500)
            left.append(loop.time())
        return left

    assert run(main()) == pytest.approx([0.0, 0.0, 0.5, 1.0])


def test_after_a_pause_it_may_be_as_far_ahead_as_before() -> None:
    async def main() -> float:
        loop, pace = asyncio.get_running_loop(), Pace(1000)
        await pace.in_time(1000)
        await asyncio.sleep(60)
        await pace.in_time(1000)
        return loop.time()

    assert run(main()) == pytest.approx(60)


def test_when_silence_has_fallen_the_pace_starts_anew() -> None:
    async def main() -> float:
        loop, pace = asyncio.get_running_loop(), Pace(100)
        await pace.in_time(100)
        pace.anew()
        await pace.in_time(100)
        return loop.time()

    assert run(main()) == 0


def test_who_waits_does_so_no_longer_than_until_silence_falls() -> None:
    async def main() -> float:
        loop, pace = asyncio.get_running_loop(), Pace(100)
        waiting = asyncio.create_task(pace.in_time(5_000))
        await asyncio.sleep(1)
        pace.anew()
        await waiting
        return loop.time()

    assert run(main()) == 1


def test_without_a_bound_nothing_waits_and_nothing_is_cut() -> None:
    async def main() -> float:
        pace = Pace(None)
        assert [*pace.pieces(SECOND)] == [SECOND]
        await pace.in_time(1e9)
        return asyncio.get_running_loop().time()

    assert run(main()) == 0


@given(st.integers(0, 3_000), st.sampled_from([8_000, 16_000, 22_050, 24_000, 48_000]), st.integers(1, 3))
def test_pieces_are_all_of_the_frame_each_where_it_stands(samples: int, rate: int, channels: int) -> None:
    sound = [n.to_bytes(2, "little") for n in range(samples)]
    whole = b"".join(each * channels for each in sound)
    pieces = [*Pace(0).pieces(AudioFrame(whole, rate, channels, 500.0, "item", "response"))]
    assert b"".join(each.audio for each in pieces) == b"".join(sound)
    assert all(each.duration_ms <= 20 and each.channels == 1 for each in pieces)
    ends_ms = 500.0
    for each in pieces:
        assert each.position_ms == pytest.approx(ends_ms)
        assert (each.item_id, each.response_id) == ("item", "response")
        ends_ms += each.duration_ms


def test_channels_become_one() -> None:
    stereo = (100).to_bytes(2, "little") + (300).to_bytes(2, "little")
    (mono,) = Pace(None).pieces(AudioFrame(stereo, 16_000, 2))
    assert mono == AudioFrame((200).to_bytes(2, "little"), 16_000)


def test_half_a_sample_is_no_audio() -> None:
    with pytest.raises(AudioFormatError, match="end within a frame"):
        next(Pace(None).pieces(AudioFrame(b"odd")))
