import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from s2s.errors import ToolError
from s2s.items import JSON, Call, ToolResult
from s2s.testing.clock import run
from s2s.toolbox import Toolbox
from s2s.tools import Tool, tool


def use(made: Tool, raw: str = "{}") -> ToolResult:
    return run(Toolbox(1).run(made, Call("c1", made.name, raw=raw)))


def failure(made: Tool, raw: str = "{}") -> str:
    with pytest.raises(ToolError) as failed:
        use(made, raw)
    return str(failed.value)


def a_tool(function: Callable[..., Any], **options: JSON) -> Tool:
    return tool(function, name="fetch", **options)


def test_a_coroutine_function_runs_on_the_loop_with_checked_arguments() -> None:
    async def add(a: int, b: int = 2) -> int:
        assert threading.current_thread() is threading.main_thread()
        return a + b

    assert use(tool(add), '{"a": "40"}') == ToolResult("c1", "42")


def test_a_plain_function_runs_beside_the_loop() -> None:
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert use(tool(where)) == ToolResult("c1", "false")


def test_what_a_plain_function_leaves_to_wait_for_is_waited_for() -> None:
    async def later() -> str:
        await asyncio.sleep(1)
        return "rain"

    assert use(a_tool(lambda: later())) == ToolResult("c1", "rain")


def test_a_tool_may_answer_in_full() -> None:
    assert use(a_tool(lambda: ToolResult("", "no", is_error=True))) == ToolResult("c1", "no", is_error=True)


def raises(error: BaseException) -> Callable[[], Any]:
    def plain() -> None:
        raise error

    return plain


def raises_later(error: BaseException) -> Callable[[], Any]:
    async def coroutine() -> None:
        raise error

    return coroutine


@pytest.mark.parametrize("how", [raises, raises_later])
@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("no such city"), "fetch failed: ValueError: no such city"),
        (ToolError("ask for a city"), "ask for a city"),
        (TimeoutError("the socket"), "fetch failed: TimeoutError: the socket"),
        (StopIteration(), "fetch failed: "),
        (asyncio.CancelledError(), "fetch failed: "),
    ],
)
def test_what_a_tool_raises_is_told_to_the_model(
    how: Callable[[BaseException], Callable[[], Any]], error: BaseException, says: str
) -> None:
    assert failure(a_tool(how(error))).startswith(says)


def test_a_plain_tool_that_leaves_the_program_leaves_only_itself() -> None:
    assert failure(a_tool(lambda: sys.exit(3))) == "fetch failed: RuntimeError: it raised SystemExit(3)"


def test_the_cause_is_kept_for_people() -> None:
    error = ValueError("no such city")
    with pytest.raises(ToolError) as failed:
        use(a_tool(raises(error)))
    assert failed.value.__cause__ is error


def test_bytes_are_refused() -> None:
    assert failure(a_tool(lambda: b"RIFF")) == ("fetch returned bytes: return text or JSON-able data instead")


def test_wrong_arguments_never_reach_the_function() -> None:
    def fetch(city: str) -> None:
        raise AssertionError("it was called")

    assert "missing required field `city`" in failure(tool(fetch))


def test_a_tool_without_a_function_is_for_the_application() -> None:
    assert failure(Tool(name="fetch")) == "fetch has no function here; answer it with send_tool_result"


def test_a_coroutine_that_hangs_is_cancelled_when_its_time_is_up() -> None:
    seen: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    assert failure(a_tool(hang, timeout_s=5)) == "fetch took longer than 5 s and was given up"
    assert seen == ["cancelled"]


def test_a_plain_function_that_hangs_is_left_behind() -> None:
    done = threading.Event()
    assert failure(a_tool(done.wait, timeout_s=0.05)) == "fetch took longer than 0.05 s and was given up"
    done.set()


def test_an_answer_that_comes_after_the_loop_is_closed_disturbs_nobody() -> None:
    done, left = threading.Event(), list[threading.Thread]()

    def slow() -> str:
        left.append(threading.current_thread())
        done.wait(5)
        return "too late"

    failure(a_tool(slow, timeout_s=0.05))
    done.set()
    left[0].join(5)
    assert not left[0].is_alive()


def test_no_more_tools_run_at_once_than_there_are_places() -> None:
    running, most = set[int](), list[int]()

    async def work(n: int) -> int:
        running.add(n)
        most.append(len(running))
        await asyncio.sleep(1)
        running.remove(n)
        return n

    async def main() -> list[ToolResult]:
        box, made = Toolbox(2), tool(work)
        calls = [Call(f"c{n}", "work", {"n": n}) for n in range(5)]
        return list(await asyncio.gather(*(box.run(made, each) for each in calls)))

    assert run(main()) == [ToolResult(f"c{n}", str(n)) for n in range(5)]
    assert max(most) == 2


def test_waiting_for_a_place_counts_against_a_tools_time() -> None:
    async def work() -> str:
        await asyncio.sleep(3)
        return "done"

    async def main() -> list[ToolResult | BaseException]:
        box, made = Toolbox(1), tool(work, timeout_s=5.0)
        calls = [Call(f"c{n}", "work") for n in range(2)]
        return await asyncio.gather(*(box.run(made, each) for each in calls), return_exceptions=True)

    first, second = run(main())
    assert first == ToolResult("c0", "done")
    assert str(second) == "work took longer than 5 s and was given up"


def test_whoever_cancels_the_call_cancels_the_tool() -> None:
    async def main() -> None:
        async def hang() -> None:
            await asyncio.Event().wait()

        running = asyncio.ensure_future(Toolbox(1).run(a_tool(hang), Call("c", "fetch")))
        await asyncio.sleep(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    run(main())
