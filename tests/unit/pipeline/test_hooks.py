from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.config import Config
from s2s.errors import ConfigError, HookError, ProviderError, S2SError
from s2s.events import Error, ResponseDone
from s2s.hooks import Hooks
from s2s.items import JSON
from s2s.pipeline import (
    AudioFrame,
    ControlFrame,
    EventFrame,
    Frame,
    Frames,
    Outlet,
    TextFrame,
    chain,
    concurrently,
)
from s2s.pipeline.answers import Response
from s2s.pipeline.hooks import PipelineHooks, compose_pipeline_hooks, watch
from s2s.pipeline.running import STOP
from s2s.pipeline.speaking import as_frame_processor
from s2s.providers.script import Reply, ScriptEngine
from s2s.testing.clock import run
from tests.support.frames import Source, collected, others, texts, through
from tests.support.stages import speech

BEGAN = ControlFrame("start_of_utterance", item_id="u", position_ms=40.0)
ENDED = ControlFrame("end_of_utterance", item_id="u", position_ms=900.0)
ASKED = TextFrame("What time is it?", item_id="u")
SAID = TextFrame("Noon.", "assistant", item_id="a", response_id="r")
DONE = EventFrame(ResponseDone("r"))
SAID_ALL = ControlFrame("end_of_utterance", "assistant")
TURN: list[Frame] = [BEGAN, AudioFrame(bytes(960)), ENDED, ASKED, SAID, DONE, SAID_ALL]
TROUBLE = ProviderError("it broke")


def seen_by(seen: list[object], **more: Any) -> PipelineHooks:  # noqa: ANN401
    return PipelineHooks(
        on_speech_start=seen.append,
        on_speech_end=seen.append,
        on_transcript=seen.append,
        on_response=seen.append,
        **more,
    )


def watched(hooks: PipelineHooks, frames: Iterable[Frame], **options: Any) -> list[Frame]:  # noqa: ANN401
    return run(through(watch(hooks, **options), frames))


def shown(frames: Iterable[Frame]) -> list[str]:
    """Return what errors say that came."""
    errors = [
        each.event.error for each in frames if isinstance(each, EventFrame) and isinstance(each.event, Error)
    ]
    return [f"{type(each).__name__}: {each}" for each in errors]


def test_every_hook_gets_its_own_in_the_order_of_what_happens_and_the_frames_stay_as_they_are() -> None:
    seen: list[object] = []
    assert watched(seen_by(seen), [*TURN, *TURN, STOP]) == [*TURN, *TURN, STOP]
    assert seen == [BEGAN, ENDED, ASKED, Response("Noon.", "completed", "r")] * 2


def test_what_is_not_meant_by_a_hook_is_not_told_to_it() -> None:
    seen: list[object] = []
    frames: list[Frame] = [
        TextFrame("What", final=False),
        TextFrame(""),
        TextFrame(" "),
        TextFrame("Be brief.", "system"),
        ControlFrame("start_of_utterance", "assistant"),
        ControlFrame("interrupt"),
    ]
    assert watched(seen_by(seen), frames) == frames
    assert seen == []


def test_coroutine_functions_are_called_one_after_the_other_while_frames_go_on() -> None:
    heard: list[tuple[float, str]] = []

    async def slow(frame: ControlFrame) -> None:
        heard.append((now(), f"{frame.signal} begins"))
        await asyncio.sleep(1)
        heard.append((now(), f"{frame.signal} ends"))

    def now() -> float:
        return asyncio.get_running_loop().time()

    async def main() -> None:
        out: list[tuple[float, Frame]] = []
        hooks = PipelineHooks(on_speech_start=slow, on_speech_end=slow)
        async with aclosing(
            chain(watch(hooks)).process(Source([BEGAN, ENDED, ASKED, STOP]).frames())
        ) as stream:
            async for frame in stream:
                out.append((now(), frame))
        assert out == [(0, BEGAN), (0, ENDED), (0, ASKED), (2, STOP)]
        assert heard == [
            (0, "start_of_utterance begins"),
            (1, "start_of_utterance ends"),
            (1, "end_of_utterance begins"),
            (2, "end_of_utterance ends"),
        ]

    run(main())


def test_composed_hooks_run_in_order() -> None:
    seen: list[str] = []
    first = PipelineHooks(on_transcript=(lambda _: seen.append("a"), lambda _: seen.append("b")))
    both = compose_pipeline_hooks(
        first, PipelineHooks(), PipelineHooks(on_transcript=lambda _: seen.append("c"))
    )
    watched(both, [ASKED, ASKED])
    assert seen == ["a", "b", "c"] * 2
    assert compose_pipeline_hooks() == PipelineHooks()


def test_what_cannot_be_called_is_no_hook() -> None:
    with pytest.raises(TypeError, match="hook on_response must be callable, not str"):
        PipelineHooks(on_response="print")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="hook on_error"):
        PipelineHooks(on_error=(lambda error: error, None))  # type: ignore[arg-type]


def test_without_hooks_there_is_nothing_in_the_way() -> None:
    assert chain(watch(PipelineHooks()))._transforms == ()
    assert len(chain(watch(PipelineHooks(on_error=lambda error: error)))._transforms) == 1


# Hooks that fail.


def broken(_: object) -> None:
    raise ValueError("oops")


async def hangs(_: object) -> None:
    await asyncio.Event().wait()


async def waits_for_what_is_cancelled(_: object) -> None:
    gone = asyncio.ensure_future(asyncio.sleep(9))
    gone.cancel()
    await gone


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        (broken, "hook broken raised ValueError: oops"),
        (hangs, "hook hangs took longer than 2 s"),
        (waits_for_what_is_cancelled, "raised RuntimeError: something that it waited for was cancelled"),
    ],
)
def test_a_hook_that_fails_becomes_a_frame_and_the_rest_goes_on(hook: JSON, says: str) -> None:
    seen: list[object] = []

    async def main() -> list[Frame]:
        async def slowly() -> AsyncGenerator[Frame, None]:
            for frame in [*TURN, STOP]:
                yield frame
                await asyncio.sleep(3)

        return await collected(chain(watch(hooks, longest_s=2)).process(slowly()))

    hooks = PipelineHooks(on_transcript=(hook, seen.append), on_response=seen.append)
    got = run(main())
    (error,) = shown(got)
    assert says in error
    assert error.startswith("HookError: ")
    assert [each for each in got if each in TURN or each == STOP] == [*TURN, STOP]
    assert seen == [ASKED, Response("Noon.", "completed", "r")]
    assert got.index(ASKED) < next(n for n, each in enumerate(got) if shown([each]))
    assert got[-1] == STOP


def test_the_trouble_of_a_hook_comes_at_once_and_not_with_the_next_frame() -> None:
    async def main() -> None:
        async def silent() -> AsyncGenerator[Frame, None]:
            yield ASKED
            await asyncio.sleep(60)

        async with aclosing(chain(watch(PipelineHooks(on_transcript=broken))).process(silent())) as stream:
            assert await anext(stream) == ASKED
            assert shown([await anext(stream)])
            assert asyncio.get_running_loop().time() == 0

    run(main())


def test_hooks_that_are_far_behind_are_left_out_and_it_is_said() -> None:
    got = watched(PipelineHooks(on_transcript=hangs), [ASKED] * 1002, longest_s=2)
    errors = shown(got)
    assert len([each for each in got if each == ASKED]) == 1002
    assert errors[:2] == ["HookError: hooks are 1000 frames behind: one was not hooked"] * 2
    assert "did not return within 2 s after the end" in errors[-1]


# Errors.


def same(error: S2SError) -> S2SError:
    return error


async def reworded(error: S2SError) -> S2SError:
    await asyncio.sleep(1)
    return S2SError(f"{error}, sorry")


def nothing(error: S2SError) -> None: ...


def wrong(error: S2SError) -> JSON:
    return True


CHAINS = [
    ((same,), ["ProviderError: it broke"]),
    ((reworded, same, reworded), ["S2SError: it broke, sorry, sorry"]),
    ((nothing,), []),
    ((same, nothing, broken), []),
    (
        (broken, reworded),
        [
            "HookError: hook broken raised ValueError: oops; the conversation goes on without it",
            "S2SError: it broke, sorry",
        ],
    ),
    (
        (wrong, reworded),
        [
            "HookError: on_error returned bool: return the error, another S2SError or None",
            "S2SError: it broke, sorry",
        ],
    ),
]


@pytest.mark.parametrize(("hooks", "delivered"), CHAINS)
def test_on_error_passes_replaces_or_swallows_an_error_on_its_way(
    hooks: tuple[Any, ...], delivered: list[str]
) -> None:
    frame = EventFrame(Error(TROUBLE), {"mine": 1})
    got = watched(PipelineHooks(on_error=hooks), [ASKED, frame, SAID, STOP])
    assert shown(got) == delivered
    assert [each for each in got if not shown([each])] == [ASKED, SAID, STOP]
    assert got[-1] == STOP
    if hooks == (same,):
        assert frame in got
    if delivered:
        last = [each for each in got if shown([each])][-1]
        assert last.metadata == {"mine": 1}


def test_an_error_that_nobody_hooked_passes_at_once() -> None:
    frame = EventFrame(Error(TROUBLE))
    assert watched(PipelineHooks(on_transcript=hangs), [frame, SAID]) == [frame, SAID]


@pytest.mark.parametrize(("hooks", "delivered"), CHAINS)
@pytest.mark.parametrize("failure", [TROUBLE, LookupError("it broke")], ids=["ours", "foreign"])
def test_on_error_judges_what_ends_the_stream(
    hooks: tuple[Any, ...], delivered: list[str], failure: Exception
) -> None:
    got: list[Frame] = []

    async def main() -> None:
        stream = chain(watch(PipelineHooks(on_error=hooks))).process(Source([ASKED], then=failure).frames())
        async for frame in stream:
            got.append(frame)

    *told, last = [*delivered] or [""]
    if not last:
        run(main())
    else:
        with pytest.raises(Exception, match="it broke") as raised:
            run(main())
        if hooks == (same,):
            assert raised.value is failure
        else:
            assert isinstance(raised.value, S2SError)
            assert str(raised.value).endswith("it broke" + ", sorry" * last.count("sorry"))
    assert got[0] == ASKED
    assert shown(got) == told


def test_a_foreign_failure_comes_to_its_hook_as_one_of_ours() -> None:
    asked: list[S2SError] = []
    foreign = LookupError("gone")
    hooks = PipelineHooks(on_error=asked.append)
    assert run(collected(chain(watch(hooks)).process(Source([ASKED], then=foreign).frames()))) == [ASKED]
    (error,) = asked
    assert type(error) is S2SError
    assert str(error) == "the pipeline failed with LookupError: gone"
    assert error.__cause__ is foreign


def test_an_answer_under_way_is_told_before_what_ended_it() -> None:
    seen: list[object] = []
    hooks = seen_by(seen, on_error=lambda error: seen.append(error))
    run(collected(chain(watch(hooks)).process(Source([SAID], then=TROUBLE).frames())))
    assert seen == [Response("Noon.", "completed", "r"), TROUBLE]


# The end.


def test_hooks_that_are_owed_are_called_when_the_stream_has_ended() -> None:
    seen: list[object] = []

    async def slow(what: object) -> None:
        await asyncio.sleep(1)
        seen.append(what)

    hooks = PipelineHooks(on_transcript=slow, on_response=slow)
    assert watched(hooks, [ASKED, SAID]) == [ASKED, SAID]
    assert seen == [ASKED, Response("Noon.", "completed", "r")]


def test_what_is_owed_when_time_is_up_is_told_as_it_is() -> None:
    async def hangs_a_little(_: object) -> None:
        await asyncio.sleep(2)

    trouble = [EventFrame(Error(TROUBLE), {"n": n}) for n in range(2)]
    hooks = PipelineHooks(on_transcript=hangs_a_little, on_error=nothing)
    got = watched(hooks, [ASKED, ASKED, *trouble, STOP], longest_s=3)
    assert got[:4] == [ASKED, ASKED, *trouble]
    assert "hooks of 3 frames did not return within 3 s after the end" in shown(got)[-1]
    assert got[5:] == [STOP]


@pytest.mark.parametrize("most", range(1, 9))
def test_closing_at_any_point_closes_the_source_and_leaves_no_task(most: int) -> None:
    async def main() -> None:
        source = Source([*TURN, EventFrame(Error(TROUBLE)), STOP])
        hooks = PipelineHooks(on_speech_start=hangs, on_error=hangs, on_response=hangs)
        async with aclosing(chain(watch(hooks)).process(source.frames())) as stream:
            for _ in range(most):
                await anext(stream)
        assert source.closed
        assert others() == set()

    run(main())


@pytest.mark.parametrize("after_s", [0.5, 1.5, 4.5])
def test_a_reader_that_is_cancelled_leaves_nothing(after_s: float) -> None:
    async def main() -> None:
        async def slowly() -> AsyncGenerator[Frame, None]:
            for frame in [ASKED, ASKED]:
                await asyncio.sleep(1)
                yield frame

        stream = chain(watch(PipelineHooks(on_transcript=hangs))).process(slowly())
        reading = asyncio.create_task(collected(stream))
        await asyncio.sleep(after_s)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert others() == set()

    run(main())


# Beside the frames, and never before them.


@given(st.lists(st.sampled_from([*TURN, *texts("a", "b")]), max_size=12))
def test_order_is_kept_and_nothing_is_lost_or_doubled(frames: list[Frame]) -> None:
    seen: list[object] = []
    assert watched(seen_by(seen, on_error=same), frames) == frames
    once = len(seen)
    seen.clear()
    run(through(chain(watch(seen_by(seen)), watch(seen_by([]))), frames))
    assert len(seen) == once


def test_no_frame_is_taken_before_somebody_asks_for_it() -> None:
    async def main() -> None:
        source = Source(TURN)
        stream = chain(watch(seen_by([]))).process(source.frames())
        for n in range(1, 5):
            await anext(stream)
            await asyncio.sleep(1)
            assert source.asked == n
        await stream.aclose()

    run(main())


def test_an_interrupt_overtakes_what_waits_before_it_as_if_nobody_watched() -> None:
    cut = ControlFrame("interrupt")

    def agent(frames: Frames) -> Frames:
        async def work(outlet: Outlet) -> None:
            async with asyncio.TaskGroup() as group:
                talking = group.create_task(talk(outlet))
                await asyncio.sleep(10.05)
                talking.cancel()
                outlet.interrupt(cut)

        async def talk(outlet: Outlet) -> None:
            while True:
                await outlet.put(AudioFrame(bytes(4800)))

        return concurrently(work)

    async def main() -> float:
        at, loop = 0.0, asyncio.get_running_loop()
        async with aclosing(chain(agent, watch(seen_by([]))).process(Source([]).frames())) as stream:
            async for frame in stream:
                if frame == cut:
                    at = loop.time()
                else:
                    assert not at
                    await asyncio.sleep(0.1)
        return at

    assert run(main()) == pytest.approx(10.1)


def test_an_engine_is_watched() -> None:
    seen: list[object] = []
    script = [Reply(hears="hello", says="good day"), Reply(says="bye")]
    engine = as_frame_processor(ScriptEngine(Config(extra={"script": script, "pace": 0})))
    sound = speech("hello", word_ms=600) + bytes(48_000)
    frames: list[Frame] = [AudioFrame(sound[at : at + 960]) for at in range(0, len(sound), 960)]
    run(through(chain(engine, watch(seen_by(seen))), [*frames, STOP]))
    began, ended, asked, answered = seen
    assert isinstance(began, ControlFrame)
    assert isinstance(ended, ControlFrame)
    assert isinstance(asked, TextFrame)
    assert isinstance(answered, Response)
    assert (began.signal, ended.signal, asked.text) == ("start_of_utterance", "end_of_utterance", "hello")
    assert (answered.text, answered.status, answered.heard_text) == ("good day", "completed", "good day")


def test_a_failing_hook_says_what_failed() -> None:
    got = watched(PipelineHooks(on_transcript=broken), [ASKED])
    (frame,) = [each for each in got if isinstance(each, EventFrame)]
    assert isinstance(frame.event, Error)
    assert isinstance(frame.event.error, HookError)
    assert isinstance(frame.event.error.__cause__, ValueError)
    assert not frame.event.fatal


@pytest.mark.parametrize("wrong", [None, PipelineHooks, Hooks(on_turn=print)])
def test_what_is_no_hooks_of_a_pipeline_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError, match="give PipelineHooks"):
        watch(wrong)  # type: ignore[arg-type]
