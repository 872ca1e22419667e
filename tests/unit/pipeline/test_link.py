"""Processors behind a link: what goes in, what comes out and when, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from s2s.commands import AddItem, AppendAudio, Cancel, Command, CreateResponse, Truncate, UpdateSession
from s2s.config import Config, Limits
from s2s.errors import AuthError, ConnectionLostError, ProviderError, S2SError
from s2s.events import (
    AudioOutput,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SessionStarted,
    TextOutput,
    Transcript,
)
from s2s.items import Message
from s2s.links import Told
from s2s.pipeline import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    Frames,
    Outlet,
    Processor,
    TextFrame,
    chain,
    concurrently,
)
from s2s.pipeline.engine import USUAL, opened
from s2s.pipeline.link import PipeLink
from s2s.testing.clock import run
from s2s.wire import Send
from tests.support.frames import others

SECOND = bytes(48_000)
QUESTION = (AddItem(Message("user", "Why?", "q")), CreateResponse())
CUT = ControlFrame("interrupt")


class Kept:
    """Hands everything on, and keeps it."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    async def process(self, frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            self.frames.append(frame)
            yield frame


async def parrot(frames: Frames) -> AsyncGenerator[Frame, None]:
    """Answers in writing, and hands nothing on."""
    async for frame in frames:
        if isinstance(frame, TextFrame):
            yield TextFrame(f"You said {frame.text}", "assistant")


def says(*made: Frame) -> Processor:
    """Return what answers each text of the user with these frames."""

    async def answer(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            yield frame
            if isinstance(frame, TextFrame) and frame.role == "user":
                for each in made:
                    yield each

    return answer


def fails(error: BaseException, *before: Frame) -> Processor:
    """Return what answers a text of the user with these frames and then breaks."""

    async def answer(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, TextFrame):
                for each in before:
                    yield each
                raise error
            yield frame

    return answer


class Line:
    """A link under test, and what it tells and when, in ms."""

    def __init__(self, link: PipeLink) -> None:
        self.link = link
        self.told: list[tuple[float, Told]] = []
        self._reading = asyncio.create_task(self._read())

    async def ask(self, *commands: Command) -> None:
        for each in commands:
            assert await self.link.send(each) == ()

    async def ended(self) -> None:
        """Return when nothing more is told. Raises what the link failed with."""
        await self._reading

    @property
    def events(self) -> list[Told]:
        return [event for _, event in self.told[1:]]

    def when(self, kind: type[Event]) -> list[float]:
        return [at for at, event in self.told if isinstance(event, kind)]

    async def close(self) -> None:
        await self.link.close()
        await asyncio.wait([self._reading])
        if not self._reading.cancelled():
            self._reading.exception()

    async def _read(self) -> None:
        async for event in self.link:
            self.told.append((now_ms(), event))


def now_ms() -> float:
    return round(asyncio.get_running_loop().time() * 1000, 3)


@asynccontextmanager
async def on(*processors: Processor, config: Config | None = None) -> AsyncIterator[Line]:
    line = Line(await opened(chain(*processors), config or Config(), USUAL, "test"))
    try:
        yield line
    finally:
        await line.close()
        assert others() == set()


def types(events: Sequence[Told]) -> str:
    return " ".join("send" if isinstance(each, Send) else each.type for each in events)


# What goes in and what comes out.


def test_it_begins_with_who_speaks_and_the_chain_with_settings_and_history() -> None:
    async def main() -> None:
        kept, ada = Kept(), Message("user", "I am Ada.", "u")
        config = Config(instructions="Be brief.", history=(ada,), model="small")
        async with on(kept, config=config) as line:
            await asyncio.sleep(0)
            ((_, started),) = line.told
            assert isinstance(started, SessionStarted)
            assert (started.provider, started.model, started.capabilities) == ("test", "small", USUAL)
            assert started.session_id.startswith("test_")
            assert kept.frames == [
                ControlFrame("start"),
                CommandFrame(UpdateSession(instructions="Be brief.")),
                CommandFrame(AddItem(ada)),
            ]

    run(main())


def test_functions_that_know_nothing_of_responses_answer() -> None:
    async def main() -> None:
        async with on(parrot) as line:
            await line.ask(*QUESTION)
            await asyncio.sleep(1)
            started, text = line.events
            assert isinstance(started, ResponseStarted)
            assert isinstance(text, TextOutput)
            assert (started.origin, text.text, text.final) == ("application", "You said Why?", True)

    run(main())


def test_their_answer_ends_with_the_next_question_at_the_latest() -> None:
    async def main() -> None:
        async with on(parrot) as line:
            for _ in range(3):
                await line.ask(*QUESTION)
                await asyncio.sleep(1)
            answer = "response_started text_output"
            assert types(line.events) == f"{answer} response_done {answer} response_done {answer}"

    run(main())


def test_a_question_ends_no_answer_that_is_still_given() -> None:
    async def talks(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, TextFrame):
                for n in range(3):
                    await asyncio.sleep(1)
                    yield TextFrame(f"{n} ", "assistant", final=False)

    async def main() -> None:
        async with on(talks) as line:
            await line.ask(*QUESTION)
            await asyncio.sleep(1.5)
            await line.ask(*QUESTION)
            await asyncio.sleep(10)
            assert types(line.events) == "response_started" + " text_output" * 6

    run(main())


def test_frames_of_any_rate_and_number_of_channels_are_mono_at_their_own_rate() -> None:
    async def main() -> None:
        async with on(says(AudioFrame(bytes(320), 8_000, 2)), config=Config(extra={"lead_ms": None})) as line:
            await line.ask(*QUESTION)
            await asyncio.sleep(0.1)
            heard = line.events[-1]
            assert isinstance(heard, AudioOutput)
            assert (len(heard.audio), heard.sample_rate) == (160, 8_000)

    run(main())


def test_audio_goes_in_at_the_rate_that_is_declared() -> None:
    async def main() -> None:
        kept = Kept()
        async with on(kept) as line:
            await line.ask(AppendAudio(bytes(640)))
            await asyncio.sleep(0)
            assert line.link.input_rate == 16_000
            assert kept.frames[-1] == AudioFrame(bytes(640), 16_000)

    run(main())


@pytest.mark.parametrize(
    ("heard", "rate"), [(8_000, 8_000), (16_000, 24_000), (24_000, 24_000), (48_000, 24_000)]
)
def test_of_several_rates_the_nearest_is_taken_that_loses_nothing(heard: int, rate: int) -> None:
    async def main() -> None:
        can = type(USUAL)(input_rates=(8_000, 24_000))
        link = await opened(chain(parrot), Config(sample_rate=heard), can, "test")
        assert link.input_rate == rate
        await link.close()

    run(main())


def test_a_reply_to_a_peer_is_nobody_s_concern() -> None:
    async def main() -> None:
        kept = Kept()
        async with on(kept) as line:
            before = len(kept.frames)
            assert await line.link.send(Send(b"reply")) == ()
            await asyncio.sleep(0)
            assert len(kept.frames) == before

    run(main())


def test_settings_that_change_are_told_to_the_chain_and_heeded() -> None:
    async def main() -> None:
        kept = Kept()
        async with on(kept) as line:
            await line.ask(UpdateSession(transcription=False))
            await asyncio.sleep(0)
            assert kept.frames[-1] == CommandFrame(UpdateSession(transcription=False))

        async def hears(frames: Frames) -> AsyncGenerator[Frame, None]:
            async for frame in frames:
                if isinstance(frame, AudioFrame):
                    yield TextFrame("Hello.")

        async with on(hears) as line:
            await line.ask(AppendAudio(bytes(2)))
            await asyncio.sleep(1)
            await line.ask(UpdateSession(transcription=False), AppendAudio(bytes(2)))
            await asyncio.sleep(1)
            assert len(line.when(Transcript)) == 1

    run(main())


# When.


def test_audio_leaves_no_further_ahead_of_real_time_than_it_may() -> None:
    async def main() -> list[float]:
        async with on(says(AudioFrame(SECOND * 3)), config=Config(extra={"lead_ms": 500})) as line:
            await line.ask(*QUESTION)
            await asyncio.sleep(60)
            return line.when(AudioOutput)

    times_ms = run(main())
    assert len(times_ms) == 150
    for n, at_ms in enumerate(times_ms, 1):
        assert at_ms == pytest.approx(max(0.0, n * 20 - 500))


def test_without_a_bound_audio_leaves_at_once_and_whole() -> None:
    async def main() -> list[float]:
        async with on(says(AudioFrame(SECOND * 3)), config=Config(extra={"lead_ms": None})) as line:
            await line.ask(*QUESTION)
            await asyncio.sleep(60)
            return line.when(AudioOutput)

    assert run(main()) == [0.0]


def talker(voice: Callable[[Outlet], AsyncGenerator[None, None]]) -> Processor:
    """Return what talks from the first text of the user on, and stops when it is interrupted."""

    def process(frames: Frames) -> AsyncGenerator[Frame, None]:
        async def work(outlet: Outlet) -> None:
            async def talk() -> None:
                async for _ in voice(outlet):
                    pass

            async with asyncio.TaskGroup() as group:
                talking: asyncio.Task[None] | None = None
                async for frame in frames:
                    if isinstance(frame, ControlFrame) and frame.signal == "interrupt":
                        if talking is not None:
                            talking.cancel()
                        outlet.interrupt(frame)
                    elif isinstance(frame, TextFrame):
                        talking = group.create_task(talk())
                    else:
                        outlet.put_now(frame)

        return concurrently(work)

    return process


@pytest.mark.parametrize("frame_ms", [20, 100, 400])
def test_an_interrupt_is_no_more_than_a_frame_late(frame_ms: int) -> None:
    async def voice(outlet: Outlet) -> AsyncGenerator[None, None]:
        while True:
            await outlet.put(AudioFrame(bytes(48 * frame_ms)))
            yield

    async def interrupts(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            yield CUT if isinstance(frame, AudioFrame) else frame

    async def main() -> None:
        async with on(interrupts, talker(voice)) as line:
            await line.ask(*QUESTION)
            await asyncio.sleep(5)
            asked_ms = now_ms()
            await line.ask(AppendAudio(bytes(2)))
            await asyncio.sleep(5)
            assert line.when(AudioOutput)[-1] <= asked_ms + frame_ms
            (cut_ms,) = line.when(Interrupted)
            assert asked_ms <= cut_ms <= asked_ms + frame_ms
            assert line.events[-1] == ResponseDone(line.events[0].response_id, "interrupted")  # type: ignore[union-attr]
            await line.ask(*QUESTION)
            at_ms = now_ms()
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            # The lead is there anew, for what was to be heard of the answer before is not heard.
            ahead = [each for each in line.when(AudioOutput) if at_ms <= each < at_ms + 10]
            assert len(ahead) == 50

    run(main())


def test_what_is_cancelled_is_silent_at_once_though_the_chain_hears_of_it_late() -> None:
    async def main() -> None:
        async with on(
            says(*[AudioFrame(SECOND)] * 30, ControlFrame("end_of_utterance", "assistant"))
        ) as line:
            await line.ask(*QUESTION)
            await asyncio.sleep(3)
            before = len(line.events)
            await line.ask(Cancel(), *QUESTION)
            await asyncio.sleep(1)
            done, started, first, *_ = line.events[before:]
            assert isinstance(done, ResponseDone)
            assert (done.status, line.when(Interrupted)) == ("interrupted", [])
            assert isinstance(started, ResponseStarted)
            assert isinstance(first, AudioOutput)
            assert first.response_id == started.response_id != done.response_id

    run(main())


def test_processors_are_not_asked_to_stop_a_response_that_they_do_not_know() -> None:
    async def main() -> None:
        kept = Kept()
        async with on(kept, says(AudioFrame(SECOND))) as line:
            await line.ask(*QUESTION)
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)
            started = line.events[0]
            assert isinstance(started, ResponseStarted)
            await line.ask(Cancel(started.response_id), Cancel("known"))
            await asyncio.sleep(1)
            cuts = [
                each for each in kept.frames if isinstance(each, ControlFrame) and each.signal == "interrupt"
            ]
            assert [each.response_id for each in cuts] == ["", "known"]

    run(main())


def test_the_chain_learns_in_words_what_the_user_heard() -> None:
    async def main() -> None:
        kept = Kept()
        speech = TextFrame("One two.", "assistant", item_id="i"), AudioFrame(SECOND, item_id="i")
        async with on(kept, says(*speech)) as line:
            await line.ask(*QUESTION)
            await asyncio.sleep(2)
            await line.ask(Truncate("i", 500.0), Truncate("unknown", 500.0))
            await asyncio.sleep(0)
            heard = Message("assistant", "One two.", "i", "One")
            assert kept.frames[-1] == CommandFrame(AddItem(heard))

    run(main())


# How it fails and how it ends.


def test_an_error_of_ours_comes_out_as_it_is_and_ends_no_response() -> None:
    broken = ConnectionLostError("the cable")

    async def main() -> None:
        async with on(fails(broken, TextFrame("Well", "assistant", final=False))) as line:
            await line.ask(*QUESTION)
            with pytest.raises(ConnectionLostError) as raised:
                await line.ended()
            assert raised.value is broken
            assert not any(isinstance(each, ResponseDone) for each in line.events)

    run(main())


def test_a_foreign_error_is_told_as_a_provider_s_and_chained() -> None:
    async def main() -> None:
        async with on(fails(ExceptionGroup("several", [KeyError("key")]))) as line:
            await line.ask(*QUESTION)
            with pytest.raises(ProviderError, match="a processor of test failed: KeyError: 'key'") as raised:
                await line.ended()
            assert isinstance(raised.value.__cause__, KeyError)

    run(main())


def test_a_chain_that_cancels_itself_has_failed() -> None:
    async def main() -> None:
        async with on(fails(asyncio.CancelledError())) as line:
            await line.ask(*QUESTION)
            with pytest.raises(ProviderError, match="something that it waited for was cancelled"):
                await line.ended()

    run(main())


@pytest.mark.parametrize("announced", [True, False])
def test_a_chain_may_end_and_what_was_open_ends_with_it(announced: bool) -> None:
    async def once(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, TextFrame):
                if announced:
                    yield EventFrame(ResponseStarted("r"))
                yield AudioFrame(SECOND)
                return

    async def main() -> None:
        async with on(once) as line:
            await line.ask(*QUESTION)
            await line.ended()
            done = line.events[-1]
            assert isinstance(done, ResponseDone)
            assert done.status == ("incomplete" if announced else "completed")
            with pytest.raises(ConnectionLostError, match="start another session"):
                await line.ask(AppendAudio(bytes(2)))

    run(main())


async def deaf(frames: Frames) -> AsyncGenerator[Frame, None]:
    """Takes three frames, and asks for no more."""
    for _ in range(3):
        yield await anext(frames)
    await asyncio.sleep(60)


def test_what_the_chain_said_before_its_end_is_told_though_more_is_asked() -> None:
    async def goodbye(frames: Frames) -> AsyncGenerator[Frame, None]:
        async for frame in frames:
            if isinstance(frame, TextFrame):
                yield AudioFrame(SECOND * 3)
                return

    async def main() -> None:
        async with on(goodbye) as line:
            await line.ask(*QUESTION)
            for _ in range(10):
                await asyncio.sleep(0.1)
                await line.ask(AppendAudio(bytes(2)))
            await line.ended()
            assert now_ms() == pytest.approx(2_000)
            assert len(line.when(AudioOutput)) == 150

    run(main())


def test_who_sends_waits_where_the_chain_does_not_read_and_not_longer_than_it_lives() -> None:
    async def main() -> None:
        async with on(deaf) as line:
            sent: list[int] = []

            async def send() -> None:
                for n in range(100):
                    await line.ask(AppendAudio(bytes(2)))
                    sent.append(n)

            sending = asyncio.create_task(send())
            await asyncio.sleep(59)
            assert len(sent) == 17
            await sending
            assert now_ms() == pytest.approx(60_000)
            await line.ended()
            with pytest.raises(ConnectionLostError):
                await line.ask(AppendAudio(bytes(2)))

    run(main())


def test_it_is_open_when_the_chain_is_through_with_the_start() -> None:
    async def slow(frames: Frames) -> AsyncGenerator[Frame, None]:
        await asyncio.sleep(2)
        async for frame in frames:
            if frame == ControlFrame("start"):
                await asyncio.sleep(3)
            yield frame

    async def main() -> float:
        async with on(slow):
            return now_ms()

    assert run(main()) == 5_000


def test_who_greets_before_asking_for_anything_is_heard() -> None:
    async def greets(frames: Frames) -> AsyncGenerator[Frame, None]:
        for _ in range(50):
            yield AudioFrame(SECOND)
        async for frame in frames:
            yield frame

    async def main() -> None:
        async with on(greets) as line:
            await asyncio.sleep(60)
            assert len(line.when(AudioOutput)) == 2_500

    run(main())


def test_what_keeps_the_chain_from_starting_keeps_the_link_from_opening() -> None:
    refused = AuthError("no key")

    async def refuses() -> Frame:
        await asyncio.sleep(1)
        raise refused

    async def locked(frames: Frames) -> AsyncGenerator[Frame, None]:
        yield await refuses()

    async def main() -> None:
        with pytest.raises(AuthError) as raised:
            await opened(chain(locked), Config(), USUAL, "test")
        assert raised.value is refused
        assert others() == set()

    run(main())


def test_giving_up_waiting_for_it_closes_the_chain() -> None:
    closed: list[str] = []

    async def never(frames: Frames) -> AsyncGenerator[Frame, None]:
        try:
            await asyncio.Event().wait()
            yield CUT
        finally:
            closed.append("never")

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await opened(chain(never), Config(), USUAL, "test")
        assert closed == ["never"]

    run(main())


def test_closing_it_closes_every_processor_in_the_task_in_which_it_ran() -> None:
    tasks: list[tuple[str, asyncio.Task[object] | None]] = []

    def noted(name: str) -> Processor:
        async def process(frames: Frames) -> AsyncGenerator[Frame, None]:
            tasks.append((f"{name} begins", asyncio.current_task()))
            try:
                async for frame in frames:
                    yield frame
            finally:
                tasks.append((f"{name} ends", asyncio.current_task()))

        return process

    async def main() -> None:
        async with on(noted("first"), noted("last")) as line:
            await line.ask(*QUESTION)
            await line.link.close()
            await line.link.close()
            await line.ended()
        assert [name for name, _ in tasks[:2]] == ["last begins", "first begins"]
        assert {name for name, _ in tasks[2:]} == {"first ends", "last ends"}
        assert len({task for _, task in tasks}) == 1

    run(main())


def test_who_closes_it_while_it_closes_waits_for_the_same_end() -> None:
    async def listening(frames: Frames) -> AsyncGenerator[Frame, None]:
        try:
            async for frame in frames:
                yield frame
        finally:
            await asyncio.sleep(1)

    async def main() -> None:
        link = await opened(chain(listening), Config(), USUAL, "test")
        given_up = asyncio.create_task(link.close())
        await asyncio.sleep(0.2)
        given_up.cancel()
        await asyncio.gather(link.close(), link.close())
        assert now_ms() == pytest.approx(1_000)

    run(main())


def test_trouble_with_closing_is_told() -> None:
    async def clumsy(frames: Frames) -> AsyncGenerator[Frame, None]:
        try:
            async for frame in frames:
                yield frame
        finally:
            raise ValueError("slipped")

    async def main() -> None:
        link = await opened(chain(clumsy), Config(), USUAL, "test")
        with pytest.raises(ProviderError, match="slipped"):
            await link.close()
        await link.close()

    run(main())


def test_a_processor_that_does_not_let_go_is_left_behind_in_time() -> None:
    async def stubborn(frames: Frames) -> AsyncGenerator[Frame, None]:
        try:
            async for frame in frames:
                yield frame
        finally:
            await asyncio.sleep(60)

    async def main() -> None:
        link = await opened(chain(stubborn), Config(limits=Limits(close_s=2)), USUAL, "test")
        with pytest.raises(S2SError, match="went on for 2 s after it was closed"):
            await link.close()
        assert now_ms() == pytest.approx(2_000)
        await asyncio.sleep(60)

    run(main())
