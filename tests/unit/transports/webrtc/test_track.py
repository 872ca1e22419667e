import asyncio
import time
from itertools import pairwise

import pytest
from aiortc.mediastreams import MediaStreamError
from tests.support.webrtc import sine

from s2s.audio import rms_dbfs
from s2s.testing.clock import run
from s2s.transports.webrtc.backlog import FRAME_BYTES, INPUT_HZ, Backlog
from s2s.transports.webrtc.opus import FRAME_TICKS, Decoder
from s2s.transports.webrtc.track import Track


async def taken(track: Track, count: int) -> list[tuple[float, int, bytes]]:
    """When each packet was given, its place on the clock of RTP, and its payload."""
    loop = asyncio.get_running_loop()
    got = []
    for _ in range(count):
        packet = await track.recv()
        assert packet.pts is not None
        got.append((loop.time(), packet.pts, bytes(packet)))
    return got


def test_a_packet_goes_out_every_20_ms_whether_there_is_speech_or_not() -> None:
    async def main() -> None:
        backlog = Backlog(10.0)
        backlog.push(sine(440, INPUT_HZ)[:9600])
        packets = await taken(Track(backlog), 30)
        assert [at for at, _, _ in packets] == pytest.approx([0.02 * n for n in range(30)])
        assert [place for _, place, _ in packets] == [FRAME_TICKS * n for n in range(30)]
        decoder = Decoder()
        levels = [rms_dbfs(decoder.decode(payload)) for _, _, payload in packets]
        assert min(levels[2:9]) > -12
        assert max(levels[15:]) < -60

    run(main())


def test_a_loop_that_stood_still_for_a_moment_is_caught_up_with() -> None:
    async def main() -> None:
        track = Track(Backlog(10.0))
        await taken(track, 5)
        await asyncio.sleep(0.11)
        packets = await taken(track, 10)
        assert packets[-1][0] == pytest.approx(0.02 * 14)
        assert {after[1] - before[1] for before, after in pairwise(packets)} == {FRAME_TICKS}

    run(main())


def test_time_in_which_the_machine_slept_is_skipped_on_the_clock_of_rtp_too() -> None:
    async def main() -> None:
        track = Track(Backlog(10.0))
        (before,) = (await taken(track, 5))[-1:]
        await asyncio.sleep(30)
        first, second = await taken(track, 2)
        assert (first[1] - before[1]) / 48_000 == pytest.approx(30, abs=0.02)
        assert second[0] - first[0] == pytest.approx(0.02, abs=0.01)

    run(main())


def test_a_stopped_track_gives_nothing() -> None:
    async def main() -> None:
        track = Track(Backlog(10.0))
        track.stop()
        with pytest.raises(MediaStreamError):
            await track.recv()

    run(main())


def test_a_speaker_held_up_by_the_same_stall_loses_no_place_to_silence() -> None:
    async def main() -> None:
        loop, backlog, speech = asyncio.get_running_loop(), Backlog(10.0), sine(440, INPUT_HZ)
        track, began = Track(backlog), loop.time()
        backlog.push(speech[: 2 * FRAME_BYTES])

        async def speak() -> None:
            for position in range(2, 30):
                await asyncio.sleep(began + (position - 1) * 0.02 - loop.time())
                backlog.push(speech[position * FRAME_BYTES :][:FRAME_BYTES])

        speaking = asyncio.create_task(speak())
        packets = await taken(track, 10)
        time.sleep(0.15)  # noqa: ASYNC251  the stall itself
        packets += await taken(track, 16)
        await speaking
        decoder = Decoder()
        levels = [rms_dbfs(decoder.decode(payload)) for _, _, payload in packets]
        assert min(levels[2:]) > -12

    asyncio.run(main())
