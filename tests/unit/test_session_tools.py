"""Tools, run here or answered by the application."""

import asyncio
import threading

import pytest

from s2s.commands import Cancel, SendToolResult
from s2s.errors import LocalProtocolError, ToolError
from s2s.events import Error, Interrupted, ResponseDone, ResponseStarted, ToolCall, ToolCallCancelled, TurnEnd
from s2s.items import Call, ToolResult
from s2s.providers.script import Reply
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from s2s.tools import Tool, tool
from tests.support.links import types
from tests.support.sessions import CALL, able, finished, loud, script


def look_up(city: str) -> str:
    """Look a city up."""
    return f"{city} has rain"


def test_a_function_is_called_and_the_model_goes_on() -> None:
    async def main() -> None:
        engine = script(Reply(says="Wait.", calls=(CALL,)), Reply(says="Rain."), tools=[look_up])
        async with engine.start() as session:
            talk = Talk(session)
            await session.send_text("Weather?")
            turn = await talk.until(TurnEnd)
            assert (turn.agent_text, turn.tool_calls) == ("Wait. Rain.", (CALL,))
            assert session.history[2:4] == (CALL, ToolResult("c", "Bonn has rain"))
            assert [each.origin for each in talk.events if isinstance(each, ResponseStarted)] == [
                "application",
                "tool_result",
            ]
            await finished(session, talk.events)

    run(main())


def test_the_application_answers_what_has_no_function() -> None:
    async def main() -> None:
        engine = script(Reply(calls=(CALL,)), tools=[Tool(name="look_up")])
        async with engine.start() as session:
            talk = Talk(session)
            await session.send_text("Weather?")
            called = await talk.until(ToolCall)
            assert (called.call, called.runs_here) == (CALL, False)
            await session.send_tool_result(ToolResult("c", "sun"))
            with pytest.raises(LocalProtocolError, match="already settled"):
                await session.send_tool_result(ToolResult("c", "rain"))
            with pytest.raises(LocalProtocolError, match="never made"):
                await session.send_tool_result(ToolResult("d", "rain"))
            assert (await talk.until(TurnEnd)).agent_text == "You said: sun"
            await finished(session, talk.events)

    run(main())


def test_parallel_calls_are_answered_by_one_response() -> None:
    async def main() -> None:
        async def slow(seconds: float) -> float:
            await asyncio.sleep(seconds)
            return seconds

        calls = tuple(Call(f"c{n}", "slow", {"seconds": n}) for n in (3, 1, 2))
        engine, link = able(tools=[slow])
        async with engine.start():
            link.tell(ResponseStarted("r"), *(ToolCall(each, "r") for each in calls), ResponseDone("r"))
            await asyncio.sleep(5)
        assert link.sent == [
            SendToolResult("c1", "1.0", respond=False),
            SendToolResult("c2", "2.0", respond=False),
            SendToolResult("c3", "3.0", respond=True),
        ]

    run(main())


def test_a_tool_that_fails_is_told_to_both_and_the_session_goes_on() -> None:
    async def main() -> None:
        def look_up(city: str) -> str:
            raise ValueError(f"no such city: {city}")

        engine = script(Reply(calls=(CALL,)), Reply(says="Sorry."), tools=[look_up])
        async with engine.start() as session:
            talk = Talk(session)
            await session.send_text("Weather?")
            error = (await talk.until(Error)).error
            assert isinstance(error, ToolError)
            assert str(error) == "look_up failed: ValueError: no such city: Bonn"
            assert (await talk.until(TurnEnd)).agent_text == "Sorry."
            assert session.history[2] == ToolResult("c", str(error), is_error=True)
            await finished(session, talk.events)

    run(main())


def test_an_interruption_cancels_a_blocking_tool_and_not_one_in_the_background() -> None:
    seen: list[str] = []

    async def block() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def order() -> str:
        await asyncio.sleep(60)
        seen.append("ordered")
        return "ordered"

    async def main() -> None:
        engine, link = able(tools=[block, tool(order, policy="background", timeout_s=99)])
        async with engine.start() as session:
            talk = Talk(session, within_s=99)
            link.tell(
                ResponseStarted("r"), ToolCall(Call("b", "block"), "r"), ToolCall(Call("o", "order"), "r")
            )
            link.tell(ResponseDone("r"))
            await talk.listen(1)
            assert await session.interrupt() == Interrupted("r", "", 0.0, "application", "local_only")
            assert types(await talk.listen(61)) == ["interrupted", "tool_call_cancelled", "turn_end"]
            assert talk.events[-2] == ToolCallCancelled(("b",))
            await finished(session, talk.events)
        assert seen == ["cancelled", "ordered"]
        assert [each for each in link.sent if isinstance(each, SendToolResult)] == [
            SendToolResult("b", link.sent[0].output, is_error=True, respond=False),  # type: ignore[union-attr]
            SendToolResult("o", "ordered"),
        ]

    run(main())


def test_the_user_speaks_while_a_tool_is_at_work() -> None:
    async def main() -> None:
        async def look_up(city: str) -> str:
            await asyncio.sleep(60)
            return "too late"

        engine = script(
            Reply(says="Wait.", calls=(CALL,)), Reply(says="Yes?", hears="Stop!"), tools=[look_up]
        )
        async with engine.start() as session:
            talk = Talk(session)
            await session.send_text("Weather?")
            await talk.until(ResponseDone)
            await talk.listen(1)
            await session.send_audio(loud(20))
            await session.send_audio(bytes(48 * 400))
            turns = [await talk.until(TurnEnd), await talk.until(TurnEnd)]
            assert [(each.user_text, each.agent_text, each.status) for each in turns] == [
                ("Weather?", "Wait.", "interrupted"),
                ("Stop!", "Yes?", "completed"),
            ]
            await talk.listen(99)
            await finished(session, talk.events)

    run(main())


def test_calls_that_the_engine_takes_back_are_cancelled_and_not_answered() -> None:
    async def main() -> None:
        async def look_up(city: str) -> str:
            await asyncio.sleep(1)
            return "rain"

        engine, link = able(tools=[look_up])
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), ToolCall(CALL, "r"), ResponseDone("r"))
            await talk.until(ResponseDone)
            link.tell(ToolCallCancelled(("c",)))
            assert types(await talk.listen(5)) == ["tool_call_cancelled", "turn_end"]
            link.tell(ToolCallCancelled(("c",)))
            assert await talk.listen(1) == []
            await finished(session, talk.events)
        assert link.sent == []

    run(main())


def test_a_tool_that_hangs_in_its_thread_holds_nothing_up() -> None:
    async def main() -> None:
        done = threading.Event()

        def hang() -> None:
            done.wait(5)

        engine, link = able(tools=[tool(hang, timeout_s=0.05)])
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), ToolCall(Call("c", "hang"), "r"), ResponseDone("r"))
            await talk.until(Error)
            link.tell(ResponseStarted("s", "tool_result"), ResponseDone("s"))
            await talk.until(TurnEnd)
            done.set()
            await finished(session, talk.events)
        told = "hang took longer than 0.05 s and was given up"
        assert link.sent == [SendToolResult("c", told, is_error=True)]

    run(main())


def test_an_interrupted_model_that_still_calls_a_tool_is_told_at_once() -> None:
    async def main() -> None:
        engine, link = able(tools=[look_up])
        async with engine.start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"))
            await talk.until(ResponseStarted)
            await session.interrupt()
            link.tell(ToolCall(CALL, "r"), ResponseDone("r"))
            assert types(await talk.listen(1)) == ["interrupted", "response_done", "turn_end"]
            await finished(session, talk.events)
        assert [type(each) for each in link.sent] == [Cancel, SendToolResult]

    run(main())
