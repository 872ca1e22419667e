import asyncio
import os
import re
import sys
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import aioice.ice
import pytest
from tests.support.webrtc import LOOPBACK, FarEnd, StockCaller, sine, tone_of

from s2s.errors import AuthError, ConfigError, ConnectError, ConnectionLostError, LocalProtocolError
from s2s.transports.webrtc import Exchange, Peer, PeerOptions, Sound, require_aiortc
from s2s.transports.webrtc.backlog import INPUT_HZ
from s2s.transports.webrtc.inbox import OUTPUT_HZ

HERE = PeerOptions(candidates=[LOOPBACK])
SEVERAL = PeerOptions(candidates=[LOOPBACK, "127.0.0.2", "127.0.0.3"])


def run(main: Coroutine[object, object, None], at_most_s: float = 10.0) -> None:
    """Run on a real loop, with a bound, and see that nothing is left behind."""

    async def bounded() -> None:
        async with asyncio.timeout(at_most_s):
            await main
        await nothing_left()

    asyncio.run(bounded())


async def nothing_left() -> None:
    for _ in range(3):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left
    assert not [thread.name for thread in threading.enumerate() if "decoder" in thread.name]


def sockets() -> int:
    links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
    return sum(1 for link in links if os.path.islink(link) and os.readlink(link).startswith("socket:"))


@asynccontextmanager
async def call(far: FarEnd, options: PeerOptions = HERE) -> AsyncIterator[Peer]:
    peer = await Peer.open(far.answer, options)
    try:
        yield peer
    finally:
        await peer.close()
        await far.close()


async def sounds(peer: Peer, count: int) -> list[Sound]:
    heard: list[Sound] = []
    async for each in peer:
        if isinstance(each, Sound):
            heard.append(each)
        if len(heard) == count:
            break
    return heard


async def message(peer: Peer) -> bytes:
    async for each in peer:
        if isinstance(each, bytes):
            return each
    raise AssertionError("the call ended")


def test_the_far_ends_voice_is_heard_at_its_pitch_and_level() -> None:
    async def main() -> None:
        async with call(FarEnd(tone_hz=440, pace=4)) as peer:
            heard = await sounds(peer, 100)
        pcm = b"".join(each.pcm for each in heard[20:])
        frequency_hz, level_dbfs = tone_of(pcm, OUTPUT_HZ)
        assert frequency_hz == pytest.approx(440, abs=2)
        assert level_dbfs == pytest.approx(-9.0, abs=1)
        assert not any(each.concealed for each in heard)

    run(main())


def test_what_is_said_arrives_at_the_far_end_at_its_pitch_and_level() -> None:
    async def main() -> None:
        far = FarEnd()
        async with call(far) as peer:
            said = sine(660, INPUT_HZ)
            for at in range(0, len(said), 1000):
                assert peer.say(said[at : at + 1000]) == 0
            assert 900 < peer.waiting_ms <= 1000
            await sounds(peer, 60)
        loud = far.heard[2 * 4 * 9600 : 8 * 4 * 9600 // 2]
        frequency_hz, level_dbfs = tone_of(bytes(loud), 48_000, channels=2)
        assert frequency_hz == pytest.approx(660, abs=4)
        assert level_dbfs == pytest.approx(-9.0, abs=1)

    run(main())


def test_messages_go_both_ways_as_text_and_in_order() -> None:
    async def main() -> None:
        far = FarEnd()
        async with call(far) as peer:
            for n in range(20):
                await peer.send(f'{{"n": {n}, "ä": "{"x" * 3000}"}}'.encode())
            echoes = [await message(peer) for _ in range(20)]
            assert far.channel is not None
            assert far.channel.label == "oai-events"
        assert [each.encode() for each in far.messages if isinstance(each, str)] == echoes
        assert [each[:9] for each in echoes[-2:]] == [b'{"n": 18,', b'{"n": 19,']

    run(main())


def test_more_messages_than_the_channel_holds_all_arrive() -> None:
    async def main() -> None:
        far = FarEnd()
        async with call(far) as peer:
            sending = asyncio.ensure_future(send_large(peer, 20))
            sizes = [len(await message(peer)) for _ in range(20)]
            await sending
            assert sizes == [60_000] * 20

    run(main())


def test_what_waits_to_be_said_is_bounded_and_can_be_taken_back() -> None:
    async def main() -> None:
        async with call(FarEnd(), PeerOptions(candidates=[LOOPBACK], said_s=1.0)) as peer:
            assert peer.say(bytes(3 * 48_000)) == 2000
            assert peer.dropped_ms == 2000
            assert peer.clear() == pytest.approx(1000, abs=40)
            assert peer.waiting_ms == 0

    run(main())


def test_of_lossy_sound_all_that_came_is_heard_and_the_rest_made_up_where_aiortc_alone_loses_much() -> None:
    async def main() -> None:
        stock_far, stock = FarEnd(pace=4, loss=0.05), StockCaller()
        await stock.call(stock_far.answer)
        far = FarEnd(pace=4, loss=0.05)
        async with call(far) as peer:
            heard = await sounds(peer, 400)
        await stock.close()
        await stock_far.close()
        last = round(heard[-1].position_ms / 20)
        whole = sum(not each.concealed for each in heard)
        assert [round(each.position_ms / 20) for each in heard] == list(range(400))
        assert last + 1 - whole <= far.lost
        assert whole > 365
        stock_sent = len(stock_far.tone.left)
        assert far.lost > 0
        assert len(stock.frames) / stock_sent < 0.85 < whole / 400

    run(main())


def test_the_loop_over_a_call_ends_when_it_is_closed_here() -> None:
    async def main() -> None:
        async with call(FarEnd()) as peer:
            reading = asyncio.ensure_future(sounds(peer, 10**6))
            await asyncio.sleep(0.1)
            await peer.close()
            await reading
            for verb in (peer.send(b"1"), asyncio.to_thread(peer.say, b"1")):
                with pytest.raises(ConnectionLostError, match="it was closed: open another one"):
                    await verb

    run(main())


def test_a_far_end_that_hangs_up_is_a_lost_connection() -> None:
    async def main() -> None:
        far = FarEnd()
        async with call(far) as peer:
            await peer.send(b"1")
            assert await message(peer) == b"1"
            await far.close()
            with pytest.raises(ConnectionLostError, match="open another one") as lost:
                await sounds(peer, 10**6)
            assert (lost.value.code, lost.value.resumable) == (None, True)
            with pytest.raises(ConnectionLostError):
                await peer.send(b"2")

    run(main())


def test_a_channel_that_the_far_end_closes_is_a_lost_connection() -> None:
    async def main() -> None:
        far = FarEnd()
        async with call(far) as peer:
            await peer.send(b"1")
            assert await message(peer) == b"1"
            assert far.channel is not None
            far.channel.close()
            with pytest.raises(ConnectionLostError, match="the far end closed the channel: open another one"):
                await sounds(peer, 10**6)
            for verb in (peer.send(b"1"), asyncio.to_thread(peer.say, b"1")):
                with pytest.raises(ConnectionLostError, match="the far end closed the channel"):
                    await verb

    run(main())


def test_a_far_end_that_vanishes_is_a_lost_connection_once_it_fails_to_consent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.02)
    monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 2)

    async def main() -> None:
        far = FarEnd()
        async with call(far) as peer:
            far.vanish()
            with pytest.raises(ConnectionLostError, match="cannot be reached any more: open another one"):
                await sounds(peer, 10**6)

    run(main())


def test_a_far_end_that_takes_no_message_any_more_is_a_lost_connection() -> None:
    async def main() -> None:
        far = FarEnd()
        async with call(far, PeerOptions(candidates=[LOOPBACK], send_s=0.2)) as peer:
            far.vanish()
            with pytest.raises(ConnectionLostError, match=r"took no message for 0\.2 s: open another one"):
                await send_large(peer, 100)
            with pytest.raises(ConnectionLostError):
                await sounds(peer, 10**6)

    run(main())


@pytest.mark.parametrize("unfit", [b"x" * 300_000, b"\xff\xfe"], ids=["too large", "no text"])
def test_a_message_that_does_not_fit_is_the_callers_mistake_and_the_call_goes_on(unfit: bytes) -> None:
    async def main() -> None:
        async with call(FarEnd()) as peer:
            with pytest.raises(LocalProtocolError, match="send text, in smaller messages"):
                await peer.send(unfit)
            await peer.send(b"1")
            assert await message(peer) == b"1"

    run(main())


async def send_large(peer: Peer, count: int) -> None:
    for _ in range(count):
        await peer.send(b"x" * 60_000)


async def silence(offer: str) -> str:
    await asyncio.sleep(60)
    return offer


async def refusal(offer: str) -> str:
    raise AuthError("the key is wrong: use another one")


async def nonsense(offer: str) -> str:
    return '{"error": "no"}'


async def nowhere(offer: str) -> str:
    far = FarEnd()
    answer = await far.answer(offer)
    await far.close()
    return answer


@pytest.mark.parametrize(
    ("exchange", "message"),
    [
        (silence, r"within 0\.3 s, for no answer came"),
        (nowhere, r"within 0\.3 s, for the far end could not be reached"),
    ],
)
def test_a_call_that_does_not_open_in_time_fails_and_says_how_far_it_came(
    exchange: Exchange, message: str
) -> None:
    async def main() -> None:
        with pytest.raises(ConnectError, match=message) as failed:
            await Peer.open(exchange, PeerOptions(candidates=[LOOPBACK], open_s=0.3))
        assert failed.value.retryable

    before = sockets()
    run(main())
    assert sockets() == before


def test_a_far_end_whose_certificate_is_not_that_of_its_answer_is_refused() -> None:
    async def main() -> None:
        far = FarEnd()

        async def forged(offer: str) -> str:
            return re.sub(r"(fingerprint:\S+ )..", r"\g<1>00", await far.answer(offer))

        with pytest.raises(ConnectError, match="the call failed while it was opened"):
            await Peer.open(forged, HERE)
        await far.close()

    run(main())


def test_a_refused_exchange_is_passed_on() -> None:
    async def main() -> None:
        with pytest.raises(AuthError, match="use another one"):
            await Peer.open(refusal, HERE)

    run(main())


def test_an_answer_that_makes_no_sense_is_not_worth_another_try() -> None:
    async def main() -> None:
        with pytest.raises(ConnectError, match="the answer cannot be used") as failed:
            await Peer.open(nonsense, HERE)
        assert not failed.value.retryable

    run(main())


def test_without_an_address_there_is_no_call() -> None:
    async def main() -> None:
        with pytest.raises(ConnectError, match="no address to call from"):
            await Peer.open(nonsense, PeerOptions(candidates=[]))

    run(main())


def test_opening_can_be_cancelled_at_any_moment_and_leaves_nothing() -> None:
    async def cancelled_after(delay_s: float) -> None:
        far = FarEnd()
        opening = asyncio.ensure_future(Peer.open(far.answer, SEVERAL))
        await asyncio.sleep(delay_s)
        opening.cancel()
        try:
            peer = await opening
        except asyncio.CancelledError:
            pass
        else:
            await peer.close()
        await far.close()

    async def main() -> None:
        for n in range(30):
            await cancelled_after(0.0025 * n)
            await nothing_left()

    before = sockets()
    run(main())
    assert sockets() == before


def test_opening_can_be_cancelled_at_any_step_of_gathering_and_leaves_no_socket() -> None:
    async def main() -> None:
        for steps in range(14):
            opening = asyncio.ensure_future(Peer.open(silence, SEVERAL))
            for _ in range(steps):
                await asyncio.sleep(0)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await nothing_left()

    before = sockets()
    run(main())
    assert sockets() == before


def test_thirty_calls_leave_no_task_no_thread_and_no_socket() -> None:
    async def one() -> None:
        far = FarEnd(pace=4)
        async with call(far) as peer:
            await peer.send(b"1")
            assert await message(peer) == b"1"
            await sounds(peer, 2)

    async def main() -> None:
        for _ in range(10):
            await asyncio.gather(one(), one(), one())
            await nothing_left()

    before = sockets()
    run(main())
    assert sockets() == before


def test_closing_goes_on_when_nobody_waits_for_it_any_more() -> None:
    async def main() -> None:
        far = FarEnd()
        async with call(far) as peer:
            closing = asyncio.ensure_future(peer.close())
            await asyncio.sleep(0)
            closing.cancel()
            await peer.close()
            await peer.close()

    run(main())


def test_without_aiortc_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s2s.transports.webrtc.stack", None)
    with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[webrtc\]'"):
        require_aiortc()
