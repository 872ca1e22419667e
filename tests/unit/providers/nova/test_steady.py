import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.commands import PLAIN_RESPONSE, AppendAudio, Command, SendToolResult
from s2s.errors import ConnectionLostError
from s2s.events import Event, Usage, UsageUpdate
from s2s.links import Direct, Told
from s2s.providers.nova.steady import Steady
from s2s.testing.clock import JumpingLoop, run
from s2s.wire import Send

HZ = 16_000
S = 2 * HZ
"""Bytes of a second."""
GRACE_S = 0.25
PIECE_S = 0.064
TOLD = UsageUpdate(Usage())
BEGIN = Send(b"begin")


class Ear:
    """A link that notes what it hears and when, and takes audio at once while it has room."""

    input_rate = HZ

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self.room = True
        self.writes_s = 0.0
        self.asked: list[Command | Send] = []
        self.closed = 0

    @property
    def silence(self) -> list[float]:
        """When silence came; what an application sends here is never silent."""
        return [at for at, audio in self.heard if not any(audio)]

    @property
    def silence_s(self) -> float:
        return sum(len(audio) / S for _, audio in self.heard if not any(audio))

    def append(self, audio: bytes) -> Command | Send | None:
        if not self.room:
            return AppendAudio(audio)
        self.heard.append((now(), audio))
        return None

    async def send(self, command: Command | Send) -> Sequence[Event]:
        self.asked.append(command)
        await asyncio.sleep(self.writes_s)
        if isinstance(command, AppendAudio):
            self.heard.append((now(), command.audio))
        return (TOLD,)

    async def listen(self, hear: Callable[[Told], None]) -> None:
        hear(TOLD)

    async def __aiter__(self) -> AsyncIterator[Told]:
        yield TOLD

    async def close(self) -> None:
        self.closed += 1


def now() -> float:
    return asyncio.get_running_loop().time()


def speech(seconds: float) -> bytes:
    return bytes([1, 1]) * round(seconds * HZ)


async def begun(ear: Ear) -> Steady:
    """Return a link that may hear audio."""
    steady = Steady(ear)
    await steady.send(BEGIN)
    ear.asked.clear()
    return steady


def heard(application: Callable[[Steady, Ear], Awaitable[None]], ear: Ear | None = None) -> Ear:
    """Return what was heard until the application was through."""
    ear = ear or Ear()

    async def main() -> None:
        steady = await begun(ear)
        await application(steady, ear)
        await steady.close()

    run(main())
    return ear


async def streams(steady: Steady, seconds: float, chunk_s: float = 0.02) -> None:
    """Speak like a microphone."""
    for _ in range(round(seconds / chunk_s)):
        await asyncio.sleep(chunk_s)
        assert steady.append(speech(chunk_s)) is None


def test_it_is_a_link_with_a_short_way() -> None:
    async def is_one(steady: Steady, _: Ear) -> None:
        assert isinstance(steady, Direct)
        assert steady.input_rate == HZ

    heard(is_one)


def test_who_says_nothing_is_silent_in_real_time() -> None:
    async def mute(_: Steady, ear: Ear) -> None:
        await asyncio.sleep(60)
        assert 60 - PIECE_S <= ear.silence_s <= 60
        await asyncio.sleep(60)

    ear = heard(mute)
    assert ear.silence[0] == pytest.approx(GRACE_S)
    assert 120 - PIECE_S <= ear.silence_s <= 120
    assert {len(audio) for _, audio in ear.heard} == {2048}


@pytest.mark.parametrize("chunk_s", [0.01, 0.02, 0.032, 0.1, 0.2])
def test_a_live_stream_stays_as_it_is(chunk_s: float) -> None:
    async def talks(steady: Steady, _: Ear) -> None:
        await streams(steady, 30, chunk_s)

    assert heard(talks).silence == []


@pytest.mark.parametrize("slower", [1.001, 1.03, 1.3])
def test_a_stream_that_is_slower_than_the_clock_stays_whole(slower: float) -> None:
    async def drifts(steady: Steady, _: Ear) -> None:
        for _number in range(2000):
            await asyncio.sleep(0.064 * slower)
            steady.append(speech(0.064))

    assert heard(drifts).silence == []


@given(st.lists(st.floats(0, GRACE_S - 0.03), min_size=1, max_size=200))
def test_a_stream_that_merely_jitters_stays_whole(late_s: list[float]) -> None:
    async def jitters(steady: Steady, _: Ear) -> None:
        for number, late in enumerate(late_s, 1):
            await asyncio.sleep(max(0.0, number * 0.02 + late - now()))
            steady.append(speech(0.02))

    assert heard(jitters).silence == []


def test_a_microphone_that_falls_silent_is_followed_by_silence_at_once() -> None:
    async def stops(steady: Steady, _: Ear) -> None:
        await streams(steady, 3)
        await asyncio.sleep(2)

    ear = heard(stops)
    assert ear.silence[0] == pytest.approx(3 + GRACE_S)
    assert 2 - PIECE_S <= ear.silence_s <= 2


def test_a_microphone_that_comes_back_may_jitter_as_before() -> None:
    async def comes_back(steady: Steady, ear: Ear) -> None:
        await streams(steady, 1)
        await asyncio.sleep(1.5)
        steady.append(speech(0.02))
        before = len(ear.silence)
        for _ in range(20):
            await asyncio.sleep(GRACE_S - PIECE_S)
            for _ in range(9):
                steady.append(speech(0.0208))
        assert len(ear.silence) == before

    heard(comes_back)


def test_what_is_sent_faster_than_it_plays_is_over_when_it_would_have_been_played() -> None:
    async def sends_a_file(steady: Steady, _: Ear) -> None:
        steady.append(speech(5))
        await asyncio.sleep(6)

    assert heard(sends_a_file).silence[0] == pytest.approx(5 + GRACE_S)


def test_a_long_file_keeps_no_stream_without_audio_for_so_long_that_it_ends() -> None:
    async def sends_a_book(steady: Steady, ear: Ear) -> None:
        for _ in range(600):
            steady.append(speech(1))
        await asyncio.sleep(60)

    assert 29 < heard(sends_a_book).silence[0] < 32


def test_audio_that_had_to_wait_counts_once_it_is_written() -> None:
    async def waits(steady: Steady, ear: Ear) -> None:
        ear.room = False
        left = steady.append(speech(1))
        assert left == AppendAudio(speech(1))
        ear.room = True
        await steady.send(left)
        await asyncio.sleep(2)

    ear = heard(waits)
    assert ear.silence[0] == pytest.approx(1 + GRACE_S)
    assert ear.silence_s <= 1


def test_what_was_spelled_and_waits_counts_at_once() -> None:
    class Spells(Ear):
        def append(self, audio: bytes) -> Command | Send | None:
            return Send(audio) if any(audio) else super().append(audio)

    ear = Spells()

    async def main() -> None:
        steady = await begun(ear)
        assert steady.append(speech(1)) == Send(speech(1))
        await asyncio.sleep(2)
        await steady.close()

    run(main())
    assert ear.silence[0] == pytest.approx(1 + GRACE_S)


def test_silence_that_has_no_room_is_dropped_and_not_made_up_for() -> None:
    async def is_away(steady: Steady, ear: Ear) -> None:
        ear.room = False
        await asyncio.sleep(30)
        assert ear.heard == []
        ear.room = True
        await asyncio.sleep(1)

    ear = heard(is_away)
    assert ear.silence_s <= 1 + GRACE_S
    assert ear.silence[-1] == pytest.approx(31, abs=PIECE_S)


def test_what_waited_while_the_link_was_away_counts_for_that_time() -> None:
    async def is_away(steady: Steady, ear: Ear) -> None:
        await streams(steady, 1)
        ear.room = False
        waited = []
        for _ in range(100):
            await asyncio.sleep(0.05)
            waited.append(cast(AppendAudio, steady.append(speech(0.05))))
        ear.room = True
        for each in waited:
            await steady.send(each)
        await streams(steady, 1)
        await asyncio.sleep(1)

    ear = heard(is_away)
    assert ear.silence[0] == pytest.approx(7 + GRACE_S, abs=0.11)


def test_no_silence_comes_between_the_messages_of_a_command() -> None:
    async def asks(steady: Steady, ear: Ear) -> None:
        await asyncio.sleep(1)
        before = len(ear.silence)
        ear.writes_s = 2
        assert await steady.send(PLAIN_RESPONSE) == (TOLD,)
        assert len(ear.silence) == before
        await asyncio.sleep(1)
        assert len(ear.silence) - before <= (1 + GRACE_S) / PIECE_S

    assert heard(asks).asked == [PLAIN_RESPONSE]


def test_a_command_that_fails_ends_all_the_same() -> None:
    class Refuses(Ear):
        async def send(self, command: Command | Send) -> Sequence[Event]:
            if command is BEGIN:
                return ()
            raise ConnectionLostError("gone: open another one")

    async def fails(steady: Steady, ear: Ear) -> None:
        for _ in range(2):
            with pytest.raises(ConnectionLostError):
                await steady.send(SendToolResult("c", "1"))
        await asyncio.sleep(1)
        assert ear.silence_s > 0.9

    heard(fails, Refuses())


def test_nothing_is_heard_before_the_service_knows_that_there_is_audio() -> None:
    ear = Ear()

    async def main() -> None:
        steady = Steady(ear)
        await steady.send(PLAIN_RESPONSE)
        await steady.send(AppendAudio(speech(0.1)))
        await asyncio.sleep(3)
        assert ear.silence == []
        await steady.send(BEGIN)
        await asyncio.sleep(1)
        await steady.close()

    run(main())
    assert 0.9 < ear.silence_s <= 1


def test_an_end_may_come_before_the_beginning() -> None:
    async def main() -> None:
        await Steady(Ear()).close()

    run(main())


def test_a_machine_that_slept_makes_up_for_nothing() -> None:
    async def sleeps(_: Steady, ear: Ear) -> None:
        await asyncio.sleep(5)
        before = ear.silence_s
        cast(JumpingLoop, asyncio.get_running_loop())._clock.now += 600
        await asyncio.sleep(2)
        assert before + 1 < ear.silence_s <= before + 2

    heard(sleeps)


def test_audio_that_was_held_up_with_the_loop_comes_before_any_silence() -> None:
    async def stalls(steady: Steady, ear: Ear) -> None:
        await streams(steady, 1)
        cast(JumpingLoop, asyncio.get_running_loop())._clock.now += 3
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for _ in range(150):
            steady.append(speech(0.02))
        await streams(steady, 3)
        await asyncio.sleep(0.5)

    assert heard(stalls).silence[0] == pytest.approx(7 + GRACE_S, abs=0.11)


def test_a_loop_that_is_always_late_is_not_silent_for_ever() -> None:
    async def is_slow(steady: Steady, ear: Ear) -> None:
        for _ in range(100):
            await asyncio.sleep(0)
            cast(JumpingLoop, asyncio.get_running_loop())._clock.now += 0.5
        assert ear.silence_s > 4

    heard(is_slow)


def test_there_is_no_silence_after_the_end() -> None:
    ear = Ear()

    async def main() -> None:
        steady = await begun(ear)
        await asyncio.sleep(1)
        await steady.close()
        await steady.close()
        before = len(ear.heard)
        await asyncio.sleep(60)
        assert len(ear.heard) == before
        assert steady.append(speech(1)) is None

    run(main())
    assert ear.closed == 2


def test_what_the_engine_tells_passes() -> None:
    told: list[Told] = []

    async def listens(steady: Steady, _: Ear) -> None:
        await steady.listen(told.append)
        told.extend([each async for each in steady])

    heard(listens)
    assert told == [TOLD, TOLD]


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 0.5), st.booleans()), max_size=40))
def test_silence_never_makes_more_audio_than_there_was_time(moves: list[tuple[float, float, bool]]) -> None:
    async def anything(steady: Steady, ear: Ear) -> None:
        for wait_s, chunk_s, room in moves:
            await asyncio.sleep(wait_s)
            ear.room = room
            if isinstance(left := steady.append(speech(chunk_s)), AppendAudio):
                await steady.send(left)
        await asyncio.sleep(1)

    total_s = 0.0
    for at, audio in heard(anything).heard:
        total_s += len(audio) / S
        if audio and not any(audio):
            assert total_s <= at + 0.001
