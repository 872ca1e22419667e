import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from s2s.capabilities import Capabilities
from s2s.errors import ProviderError, S2SError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Interrupted,
    SessionEnded,
    SessionStarted,
    ToolCall,
    TurnEnd,
)
from s2s.hooking import HookRunner
from s2s.hooks import Hooks, compose_hooks
from s2s.items import JSON, Call
from s2s.testing.clock import run

STARTED = SessionStarted("s", "p", "m", Capabilities())
CALLED = ToolCall(Call("c", "look_up"), "r")
CUT = Interrupted("r", "i", 10.0, "application", "requested")
TURN = TurnEnd("", "", "", "completed")
TROUBLE = ProviderError("it broke")
ENDED = SessionEnded("closed")
HOOKED: list[Event] = [STARTED, CALLED, CUT, TURN]


async def served(hooks: Hooks, events: Sequence[Event], hook_s: float = 5.0) -> list[Event]:
    """Return what is delivered of these events, all waiting at once, with a minute to serve them."""
    delivered: list[Event] = []
    runner = HookRunner(hooks, hook_s, delivered.append)
    task = asyncio.ensure_future(runner.run())
    for each in events:
        if not runner.put(each):
            delivered.append(each)
    await asyncio.sleep(60)
    task.cancel()
    await asyncio.wait([task])
    await runner.last([ENDED])
    return delivered


def shown(events: Sequence[Event]) -> list[str]:
    return [f"{type(e.error).__name__}: {e.error}" if isinstance(e, Error) else e.type for e in events]


def test_every_hook_gets_its_event_in_the_order_of_what_happens() -> None:
    seen: list[Event] = []

    async def later(event: Event) -> None:
        await asyncio.sleep(1)
        seen.append(event)

    hooks = Hooks(
        on_start=later, on_tool_call=seen.append, on_interrupt=later, on_turn=seen.append, on_end=later
    )
    assert run(served(hooks, HOOKED)) == HOOKED
    assert seen == [*HOOKED, ENDED]


def test_composed_hooks_run_one_after_the_other() -> None:
    seen: list[str] = []

    async def first(_: TurnEnd) -> None:
        seen.append("first begins")
        await asyncio.sleep(1)
        seen.append("first ends")

    hooks = compose_hooks(Hooks(on_turn=first), Hooks(on_turn=lambda _: seen.append("second")))
    run(served(hooks, [TURN, TURN]))
    assert seen == ["first begins", "first ends", "second"] * 2


def test_what_nobody_hooked_waits_for_nothing() -> None:
    runner = HookRunner(Hooks(on_turn=print), 5, print)
    audio = AudioOutput(b"", 24_000, "r", "i")
    assert [runner.put(each) for each in (audio, CALLED, Error(TROUBLE))] == [False, False, False]


def broken(_: object) -> None:
    raise ValueError("oops")


async def broken_later(_: object) -> None:
    raise ValueError("oops")


async def late_by_itself(_: object) -> None:
    raise TimeoutError("the database")


async def waits_for_what_is_cancelled(_: object) -> None:
    gone = asyncio.ensure_future(asyncio.sleep(9))
    gone.cancel()
    await gone


async def hangs(_: object) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        (broken, "hook broken raised ValueError: oops"),
        (broken_later, "hook broken_later raised ValueError: oops"),
        (late_by_itself, "hook late_by_itself raised TimeoutError: the database"),
        (waits_for_what_is_cancelled, "raised RuntimeError: something that it waited for was cancelled"),
        (hangs, "hook hangs took longer than 5 s"),
    ],
)
def test_a_hook_that_fails_is_an_event_and_the_rest_goes_on(hook: JSON, says: str) -> None:
    seen: list[TurnEnd] = []
    first, second, third, *others = run(served(Hooks(on_turn=(hook, seen.append)), [TURN, TURN]))
    assert [first, second] == [TURN, TURN]
    assert len(others) == 1
    assert isinstance(third, Error)
    assert says in str(third.error)
    assert str(third.error).endswith("; the conversation goes on without it")
    assert seen == [TURN, TURN]


def test_the_cause_is_kept() -> None:
    *_, last = run(served(Hooks(on_turn=broken), [TURN]))
    assert isinstance(last, Error)
    assert isinstance(last.error.__cause__, ValueError)
    assert last.fatal is False


def same(error: S2SError) -> S2SError:
    return error


async def reworded(error: S2SError) -> S2SError:
    await asyncio.sleep(1)
    return S2SError(f"{error}, sorry")


def nothing(error: S2SError) -> None: ...


def wrong(error: S2SError) -> JSON:
    return True


@pytest.mark.parametrize(
    ("chain", "delivered"),
    [
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
    ],
)
@pytest.mark.parametrize("fatal", [False, True])
def test_on_error_passes_replaces_or_swallows_an_error(
    chain: tuple[Any, ...], delivered: list[str], fatal: bool
) -> None:
    events = run(served(Hooks(on_error=chain), [Error(TROUBLE, fatal)]))
    assert shown(events) == delivered
    hook_errors = [False] * (len(delivered) - 1)
    assert [e.fatal for e in events if isinstance(e, Error)] == [*hook_errors, fatal][: len(delivered)]


def test_the_trouble_of_hooks_does_not_come_back_to_them() -> None:
    asked: list[S2SError] = []

    def ask(error: S2SError) -> S2SError:
        asked.append(error)
        return error

    run(served(Hooks(on_turn=broken, on_error=ask), [TURN, Error(TROUBLE)]))
    assert asked == [TROUBLE]


def test_an_error_under_way_is_delivered_as_it_was_when_time_is_up() -> None:
    async def main() -> list[Event]:
        delivered: list[Event] = []
        runner = HookRunner(Hooks(on_error=hangs, on_turn=hangs), 60, delivered.append)
        first, second, third = (Error(S2SError(name)) for name in ("one", "two", "three"))
        for each in (first, TURN, second):
            runner.put(each)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await runner.last([third, ENDED])
        assert delivered == [first, second, third]
        return delivered

    run(main())


def test_what_is_left_when_the_runner_is_cancelled_is_served_last() -> None:
    async def main() -> None:
        delivered: list[Event] = []
        seen: list[Event] = []

        async def slow(error: S2SError) -> S2SError:
            await asyncio.sleep(1)
            return error

        runner = HookRunner(Hooks(on_error=slow, on_end=seen.append), 5, delivered.append)
        task = asyncio.ensure_future(runner.run())
        first, second = Error(S2SError("one")), Error(S2SError("two"))
        runner.put(first)
        runner.put(second)
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.wait([task])
        assert delivered == [first]
        await runner.last([ENDED])
        assert (delivered, seen) == ([first, second], [ENDED])

    run(main())


def test_hooks_that_are_far_behind_are_left_out_and_it_is_said() -> None:
    async def main() -> None:
        delivered: list[Event] = []
        runner = HookRunner(Hooks(on_turn=hangs, on_error=same), 5, delivered.append)
        for _ in range(1000):
            assert runner.put(TURN) is False
        assert runner.put(Error(TROUBLE)) is False
        assert shown(delivered) == ["HookError: hooks are 1000 events behind: error was not hooked"]

    run(main())
