import asyncio
import threading
from collections.abc import Callable

import pytest

from s2s.errors import ConfigError
from s2s.sound.devices import Microphone, Speaker


class FakeStream:
    """The part of a sounddevice stream that is used: it calls back from a thread of its own when told to."""

    def __init__(self, callback: Callable[..., None], **options: object) -> None:
        self.callback = callback
        self.options = options
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")

    def turn(self, buffer: bytearray) -> bytes:
        """Call back once, on another thread, and return what the buffer holds then."""
        thread = threading.Thread(target=self.callback, args=(buffer, len(buffer) // 2, None, None))
        thread.start()
        thread.join(5)
        return bytes(buffer)


class Factory:
    """Makes streams of the rates that its device has."""

    def __init__(self, *rates: int) -> None:
        self.rates = rates
        self.made: list[FakeStream] = []

    def __call__(self, samplerate: int, callback: Callable[..., None], **options: object) -> FakeStream:
        if samplerate not in self.rates:
            raise ConfigError("no such rate")
        self.made.append(FakeStream(callback, **options))
        return self.made[-1]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_microphone_gives_what_it_hears_in_order() -> None:
    async def listen() -> None:
        factory = Factory(16_000)
        with Microphone(factory, [16_000]) as microphone:
            (stream,) = factory.made
            for number in range(3):
                stream.turn(bytearray([number]) * 640)
            blocks = aiter(microphone)
            heard = [await asyncio.wait_for(anext(blocks), 5) for _ in range(3)]
            assert heard == [bytes([number]) * 640 for number in range(3)]
        assert stream.calls == ["start", "stop", "close"]
        assert stream.options["channels"] == 1
        assert stream.options["dtype"] == "int16"
        assert stream.options["blocksize"] == 320

    asyncio.run(listen())


def test_a_device_opens_at_the_first_rate_that_it_has() -> None:
    async def open_it() -> None:
        assert Microphone(Factory(44_100, 48_000), [16_000, 48_000, 44_100]).rate == 48_000
        with pytest.raises(ConfigError, match="no such rate"):
            Speaker(Factory(), [24_000, 48_000])

    asyncio.run(open_it())


def test_what_nobody_takes_is_dropped_and_counted() -> None:
    async def be_slow() -> None:
        factory = Factory(16_000)
        microphone = Microphone(factory, [16_000])
        for number in range(503):
            factory.made[0].callback(bytearray([number % 256, number // 256]), 1, None, None)
        await settled()
        assert microphone.lost_blocks == 3
        assert await anext(aiter(microphone)) == bytes([3, 0])

    asyncio.run(be_slow())


def test_a_speaker_plays_in_order_and_then_silence() -> None:
    async def play() -> None:
        factory = Factory(24_000)
        played: list[tuple[str, float]] = []
        with Speaker(factory, [24_000]) as speaker:
            speaker.played = lambda item_id, ms: played.append((item_id, ms))
            speaker.play("a", b"\1" * 96)
            speaker.play("b", b"\2" * 48)
            (stream,) = factory.made
            assert stream.turn(bytearray(b"\xff" * 120)) == b"\1" * 96 + b"\2" * 24
            await settled()
            assert played == [("a", 2.0), ("b", 0.5)]
            assert stream.turn(bytearray(b"\xff" * 120)) == b"\2" * 24 + bytes(96)
            await asyncio.wait_for(speaker.drained(), 5)
            assert played[-1] == ("b", 1.0)

    asyncio.run(play())


def test_a_flushed_speaker_is_silent() -> None:
    async def play() -> None:
        factory = Factory(24_000)
        speaker = Speaker(factory, [24_000])
        speaker.play("a", b"\1" * 96)
        speaker.flush()
        assert factory.made[0].turn(bytearray(b"\xff" * 96)) == bytes(96)
        await asyncio.wait_for(speaker.drained(), 5)

    asyncio.run(play())


class Broken(FakeStream):
    """Starts and stops only with trouble."""

    def start(self) -> None:
        raise ConfigError("no start")

    def stop(self) -> None:
        raise ConfigError("no stop")


def test_a_device_that_fails_is_let_go_of_all_the_same() -> None:
    made: list[FakeStream] = []

    def factory(samplerate: int, callback: Callable[..., None], **options: object) -> FakeStream:
        made.append(Broken(callback, **options))
        return made[-1]

    async def open_it() -> None:
        with pytest.raises(ConfigError, match="no start"):
            Microphone(factory, [16_000]).__enter__()
        with pytest.raises(ConfigError, match="no stop"):
            Speaker(factory, [16_000]).__exit__(None, None, None)

    asyncio.run(open_it())
    assert [each.calls for each in made] == [["close"], ["close"]]
