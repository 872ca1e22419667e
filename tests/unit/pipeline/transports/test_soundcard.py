from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from s2s.config import Config
from s2s.errors import ConfigError, SessionClosedError
from s2s.pipeline import AudioFrame, ControlFrame, Frame, Frames
from s2s.pipeline.running import STOP, run
from s2s.pipeline.speaking import as_frame_processor
from s2s.pipeline.transports import SoundCard
from s2s.providers.script import Reply, ScriptEngine
from s2s.testing import clock
from tests.support.frames import others
from tests.support.stages import speech

RATE = 24_000
BLOCK = RATE // 50 * 2
CUT = ControlFrame("interrupt")


class Stream:
    """A stream that calls back every 20 ms, on the clock of the loop."""

    def __init__(self, room: Room, turn: Callable[[Callable[..., None]], None], **options: object) -> None:
        self._room = room
        self._turn = turn
        self._callback = options["callback"]
        self._timer: asyncio.TimerHandle | None = None
        room.open += 1

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(0.02, self._tick)

    def stop(self) -> None:
        assert self._timer is not None
        self._timer.cancel()

    def close(self) -> None:
        self._room.open -= 1

    def _tick(self) -> None:
        assert callable(self._callback)
        self._turn(self._callback)
        self.start()


class Room:
    """What a microphone hears and a loudspeaker plays, both at `rate` only."""

    def __init__(self, heard: bytes = b"", rate: int = RATE) -> None:
        self.heard = heard
        self.rate = rate
        self.played = bytearray()
        self.open = 0
        self.broken: set[str] = set()
        self.card = SoundCard(microphone=self._microphone, speaker=self._speaker)

    def _microphone(self, samplerate: int, **options: object) -> Stream:
        return self._stream("microphone", self._hear, samplerate, options)

    def _speaker(self, samplerate: int, **options: object) -> Stream:
        return self._stream("speaker", self._play, samplerate, options)

    def _stream(
        self, name: str, turn: Callable[[Callable[..., None]], None], rate: int, options: dict[str, object]
    ) -> Stream:
        if name in self.broken or rate != self.rate:
            raise ConfigError(f"there is no {name} of {rate} Hz")
        return Stream(self, turn, **options)

    @property
    def _block(self) -> int:
        return self.rate // 50 * 2

    def _hear(self, callback: Callable[..., None]) -> None:
        size = self._block
        block, self.heard = self.heard[:size].ljust(size, b"\0"), self.heard[size:]
        callback(bytearray(block), size // 2, None, None)

    def _play(self, callback: Callable[..., None]) -> None:
        buffer = bytearray(self._block)
        callback(buffer, self._block // 2, None, None)
        self.played += buffer

    @property
    def sounded_ms(self) -> float:
        return sum(map(bool, memoryview(self.played).cast("h"))) * 1000 / self.rate


def said(ms: float, item_id: str = "a", rate: int = RATE) -> AudioFrame:
    return AudioFrame(b"\5\0" * int(ms * rate / 1000), rate, item_id=item_id)


async def heard_of(card: SoundCard, ms: float) -> list[Frame]:
    """Take frames for so long."""
    out: list[Frame] = []
    loop = asyncio.get_running_loop()
    until = loop.time() + ms / 1000
    async for frame in card.frames():
        out.append(frame)
        if loop.time() >= until - 1e-6:
            card.stop()
    return out


def test_the_microphone_is_heard_in_order_until_it_is_stopped() -> None:
    room = Room(b"".join(bytes([n]) * BLOCK for n in range(1, 5)))

    async def main() -> None:
        *blocks, last = await heard_of(room.card, 80)
        assert last == STOP
        assert blocks == [AudioFrame(bytes([n]) * BLOCK, RATE, 1, (n - 1) * 20.0) for n in range(1, 5)]
        await room.card.close()
        assert room.open == 0

    clock.run(main())


def test_devices_open_with_the_first_frame_at_a_rate_that_they_have() -> None:
    async def main() -> None:
        room = Room(rate=48_000)
        assert room.open == 0
        frame = await anext(room.card.frames())
        assert isinstance(frame, AudioFrame)
        assert (room.open, frame.sample_rate, frame.duration_ms) == (2, 48_000, 20)
        await room.card.close()
        await room.card.close()
        assert room.open == 0
        with pytest.raises(SessionClosedError):
            await room.card.send(said(20))

    clock.run(main())


def test_a_speaker_that_is_full_waits_for_as_long_as_a_frame_sounds() -> None:
    async def main() -> None:
        room, loop = Room(), asyncio.get_running_loop()
        took: list[float] = []
        for _ in range(15):
            before = loop.time()
            await room.card.send(said(20))
            took.append(round(loop.time() - before, 3))
        assert took == [0] * 10 + [0.02] * 5
        await room.card.send(STOP)
        assert loop.time() == pytest.approx(0.3)
        assert room.sounded_ms == 300
        await room.card.close()

    clock.run(main())


def test_an_interrupt_silences_the_speaker_and_is_told_how_much_was_played() -> None:
    async def main() -> None:
        room = Room()
        hearing = asyncio.create_task(heard_of(room.card, 200))
        await room.card.send(said(150))
        await asyncio.sleep(0.101)
        await room.card.send(CUT)
        assert room.sounded_ms == 100
        heard = await hearing
        assert room.sounded_ms == 100
        told = [each for each in heard if isinstance(each, ControlFrame) and each.signal == "played"]
        assert [(each.item_id, each.position_ms) for each in told] == [("a", 20), ("a", 100)]
        at = [n for n, each in enumerate(heard) if isinstance(each, AudioFrame)]
        assert heard.index(told[-1]) < at[6]  # with the first block after the interrupt
        await room.card.close()

    clock.run(main())


def test_what_was_played_is_told_ten_times_a_second_and_to_the_end_of_each_item() -> None:
    async def main() -> None:
        room = Room()
        hearing = asyncio.create_task(heard_of(room.card, 1200))
        for item_id in ("a", "b"):
            for _ in range(10):
                await room.card.send(said(30.0, item_id, 16_000))
            await room.card.send(ControlFrame("end_of_utterance", "assistant"))
        heard = await hearing
        told = [each for each in heard if isinstance(each, ControlFrame) and each.signal == "played"]
        last = {each.item_id: each.position_ms for each in told}
        assert last == {"a": 300, "b": 300}
        assert 6 <= len(told) <= 10
        await room.card.close()

    clock.run(main())


def test_items_without_a_name_are_not_told_of() -> None:
    async def main() -> None:
        room = Room()
        await room.card.send(said(100, ""))
        assert all(isinstance(each, AudioFrame) or each == STOP for each in await heard_of(room.card, 300))
        await room.card.close()

    clock.run(main())


def test_blocks_that_nobody_took_in_time_leave_a_gap() -> None:
    async def main() -> None:
        room = Room()
        frames = room.card.frames()
        first = await anext(frames)
        await asyncio.sleep(11)
        second = await anext(frames)
        assert isinstance(first, AudioFrame)
        assert isinstance(second, AudioFrame)
        assert room.card.lost_ms == pytest.approx(1000, abs=21)
        assert second.position_ms == 20 + room.card.lost_ms
        await frames.aclose()
        await room.card.close()

    clock.run(main())


@pytest.mark.parametrize("broken", ["microphone", "speaker"])
def test_a_device_that_is_missing_ends_the_run_and_lets_go_of_the_other(broken: str) -> None:
    room = Room()
    room.broken = {broken}
    with pytest.raises(ConfigError, match=f"there is no {broken}"):
        clock.run(run(room.card))
    assert room.open == 0


@pytest.mark.parametrize("after_s", [0.001, 0.05, 0.5])
def test_a_run_that_is_cancelled_lets_go_of_the_devices(after_s: float) -> None:
    async def main() -> None:
        room = Room()
        running = asyncio.create_task(run(room.card, echo))
        await asyncio.sleep(after_s)
        assert room.open == 2
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert room.open == 0
        assert others() == set()

    async def echo(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            yield frame

    clock.run(main())


def test_a_conversation_with_an_engine() -> None:
    room = Room(speech("hello", word_ms=300))
    engine = ScriptEngine(Config(extra={"script": [Reply(hears="hello", says="good day")], "pace": 1}))

    async def main() -> None:
        asyncio.get_running_loop().call_later(3, room.card.stop)
        await run(room.card, as_frame_processor(engine))

    clock.run(main(), at_most_s=60)
    assert room.sounded_ms == pytest.approx(400, abs=40)
    assert room.open == 0
