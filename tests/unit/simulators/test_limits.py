import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from s2s.errors import ConnectionLostError
from s2s.items import JSON
from s2s.simulators.limits import Hourglass, Limited
from s2s.simulators.temper import NovaTemper
from s2s.testing.clock import run
from s2s.transports.memory import MemoryTransport, pair
from s2s.wire import Close

AUDIO: JSON = {"audioInput": {"promptName": "p", "contentName": "a", "content": "AAAA"}}
OPENS_AUDIO: JSON = {"contentStart": {"contentName": "a", "type": "AUDIO", "interactive": True}}
ASKS: JSON = {"contentStart": {"contentName": "t", "type": "TEXT", "interactive": True}}
RESULT: JSON = {"contentStart": {"contentName": "r", "type": "TOOL", "interactive": False}}
HISTORY: JSON = {"contentStart": {"contentName": "h", "type": "TEXT", "interactive": False}}
PROMPT: JSON = {"promptStart": {"promptName": "p"}}
NOTHING = Close(400, "RequestId=r : Timed out waiting for input events")
IDLE = "RequestId=r : Timed out waiting for audio bytes or interactive content."
FULL = Close(408, "RequestId=r : Model has timed out in processing the request. Try your request again.")


def spelled(event: JSON) -> bytes:
    return msgspec.json.encode({"event": event})


def ends(*said: tuple[float, JSON], **knobs: JSON) -> tuple[float, Close]:
    """Return when and how a stream ends on which this is said, each at its time."""
    hourglass = Hourglass(NovaTemper(**knobs), "r", 0.0)
    for at, event in said:
        hourglass.hear(spelled(event), at)
    return hourglass.due_at, hourglass.ending()


@pytest.mark.parametrize("said", [[], [(0.0, PROMPT)], [(0.0, HISTORY)]])
def test_who_says_nothing_is_waited_for_as_long_as_told(said: Sequence[tuple[float, JSON]]) -> None:
    assert ends(*said, input_s=30) == (30.0, NOTHING)


def test_each_message_is_waited_for_anew_before_there_is_audio() -> None:
    assert ends((20.0, PROMPT), (25.0, HISTORY), input_s=30) == (55.0, NOTHING)


@pytest.mark.parametrize("alive", [AUDIO, OPENS_AUDIO, ASKS])
def test_from_the_first_audio_on_there_must_be_more_of_it_or_interactive_text(alive: JSON) -> None:
    at, close = ends((3.0, alive), (30.0, RESULT), (31.0, HISTORY), (32.0, PROMPT))
    assert (at, close.code) == (58.0, 400)
    assert close.reason.startswith(IDLE)
    assert close.reason.endswith("less than 55 seconds.")


@pytest.mark.parametrize("alive", [AUDIO, OPENS_AUDIO, ASKS])
def test_audio_or_a_question_keeps_it_alive(alive: JSON) -> None:
    assert ends((0.0, OPENS_AUDIO), (50.0, alive))[0] == 105.0


def test_idleness_may_end_in_a_reset() -> None:
    assert ends((0.0, AUDIO), idle_s=175, idle_ends="reset") == (175.0, Close(1006, "RST_STREAM NO_ERROR"))


def test_a_stream_lasts_eight_minutes_however_lively() -> None:
    assert ends((479.0, AUDIO)) == (480.0, FULL)


@pytest.mark.parametrize("nonsense", [b"", b"}", b"\xff", b"[]", b'{"event":1}', b"[" * 100_000])
def test_what_cannot_be_read_is_no_sign_of_life(nonsense: bytes) -> None:
    hourglass = Hourglass(NovaTemper(), "r", 0.0)
    hourglass.hear(spelled(AUDIO), 0.0)
    hourglass.hear(nonsense, 30.0)
    assert hourglass.due_at == 55.0


async def heard(limited: Limited) -> list[bytes]:
    return [message async for message in limited]


def test_what_comes_in_time_passes_and_what_comes_too_late_does_not() -> None:
    async def main() -> None:
        near, far = pair()
        hearing = asyncio.create_task(heard(Limited(far, NovaTemper(idle_s=10), "r")))
        for pause_s in (1, 9, 9.9):
            await asyncio.sleep(pause_s)
            await near.send(spelled(AUDIO))
        with pytest.raises(ConnectionLostError) as lost:
            await anext(aiter(near))
        assert asyncio.get_running_loop().time() == pytest.approx(29.9)
        assert (lost.value.code, lost.value.reason[: len(IDLE)]) == (400, IDLE)
        assert await hearing == [spelled(AUDIO)] * 3

    run(main())


def test_what_is_told_meanwhile_and_an_end_in_order_pass() -> None:
    async def main() -> None:
        near, far = pair()
        limited = Limited(far, NovaTemper(), "r")
        await limited.send(b"told")
        assert await anext(aiter(near)) == b"told"
        await limited.close(500, "oops")
        with pytest.raises(ConnectionLostError, match="oops"):
            await anext(aiter(near))
        assert await heard(limited) == []
        lost = Limited(far, NovaTemper(), "r")
        with pytest.raises(ConnectionLostError, match="oops"):
            await heard(lost)

    run(main())


class Broken(MemoryTransport):
    """Times out for a reason of its own."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"said"
        raise TimeoutError("of the system")


def test_a_timeout_of_the_system_is_none_of_these() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError, match="of the system"):
            await heard(Limited(Broken(), NovaTemper(), "r"))

    run(main())


def test_who_ends_is_taken_to_say_so_and_told_what_is_left_to_be_told() -> None:
    async def main() -> None:
        near, far = pair()
        limited = Limited(far, NovaTemper(), "r")
        hearing = asyncio.create_task(heard(limited))
        await near.send(spelled(PROMPT))
        await near.close()
        await asyncio.sleep(1)
        assert not hearing.done()
        await limited.close()
        assert await hearing == [spelled(PROMPT), spelled({"sessionEnd": {}})]

    run(main())


@pytest.mark.parametrize(("after_s", "left"), [(0, []), (1, [spelled({"sessionEnd": {}})])])
def test_who_does_not_hear_what_is_left_to_be_told_is_gone(after_s: float, left: list[bytes]) -> None:
    async def main() -> None:
        near, far = pair()
        limited = Limited(far, NovaTemper(), "r")
        hearing = asyncio.create_task(heard(limited))
        await near.close()
        if after_s:
            await asyncio.sleep(after_s)
        with pytest.raises(ConnectionLostError):
            await limited.send(b"told")
        assert await hearing == left

    run(main())
