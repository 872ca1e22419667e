"""Tools: called, run, answered, each call settled exactly once."""

from __future__ import annotations

import msgspec

from s2s.errors import LocalProtocolError, ToolError
from s2s.events import Error, ResponseDone, ResponseStarted, ToolCall, TurnEnd
from s2s.items import Call, ToolResult
from s2s.testing.conformance.checks.check import Checks
from s2s.testing.conformance.subject import Ask, Subject, equal, holds

CHECKS = Checks()


@CHECKS.of("tool.called")
async def _called(subject: Subject) -> None:
    async with subject.talk(Ask.CALL) as talk:
        await talk.ask()
        event = await talk.until(ToolCall)
        call = event.call
        equal((call.name, list(call.arguments), event.runs_here), ("look_up", ["city"], False))
        equal(msgspec.json.decode(call.raw), call.arguments)
        holds(bool(call.id), "the call has no id")
        equal(talk.session.history[-1], call)


@CHECKS.of("tool.runs")
async def _runs(subject: Subject) -> None:
    asked: list[str] = []

    def look_up(city: str) -> str:
        """Look up a city."""
        asked.append(city)
        return "It has many bridges."

    async with subject.talk(Ask.CALL, tools=[look_up]) as talk:
        turn = await talk.turn()
        (call,) = turn.tool_calls
        equal(asked, [call.arguments["city"]])
        equal([each.runs_here for each in talk.all(ToolCall)], [True])
        results = [each for each in talk.session.history if isinstance(each, ToolResult)]
        equal(results, [ToolResult(call.id, "It has many bridges.")])
        equal(talk.all(ResponseStarted)[-1].origin, "tool_result")
        holds(bool(turn.agent_text), "the result was not spoken of")


@CHECKS.of("tool.answered")
async def _answered(subject: Subject) -> None:
    async with subject.talk(Ask.CALL) as talk:
        await talk.ask()
        call = (await talk.until(ToolCall)).call
        await talk.session.send_tool_result(ToolResult(call.id, "It has many bridges."))
        equal((await talk.until(TurnEnd)).tool_calls, (call,))
        equal(len(talk.all(ToolCall)), 1)


@CHECKS.of("turn.spans-tools")
async def _spans_tools(subject: Subject) -> None:
    async with subject.talk(Ask.CALL) as talk:
        await talk.ask()
        call = (await talk.until(ToolCall)).call
        await talk.until(ResponseDone)
        await talk.listen(0.2)
        equal(talk.all(TurnEnd), [])
        await talk.session.send_tool_result(ToolResult(call.id, "It has many bridges."))
        await talk.until(TurnEnd)
        equal(len(talk.all(ResponseDone)), 2)


@CHECKS.of("tool.once")
async def _once(subject: Subject) -> None:
    async with subject.talk(Ask.CALL) as talk:
        await talk.ask()
        call = (await talk.until(ToolCall)).call
        await talk.session.send_tool_result(ToolResult(call.id, "It has many bridges."))
        for call_id in (call.id, "no such call"):
            try:
                await talk.session.send_tool_result(ToolResult(call_id, "again"))
            except LocalProtocolError:
                continue
            raise AssertionError(f"{call_id} was answered again")
        await talk.until(TurnEnd)


@CHECKS.of("tool.quiet")
async def _quiet(subject: Subject) -> None:
    async with subject.talk(Ask.CALL) as talk:
        await talk.ask()
        call = (await talk.until(ToolCall)).call
        await talk.until(ResponseDone)
        await talk.session.send_tool_result(ToolResult(call.id, "Nothing.", respond=False))
        await talk.listen(0.5)
        equal(len(talk.all(ResponseStarted)), 1)


@CHECKS.of("tool.parallel")
async def _parallel(subject: Subject) -> None:
    async with subject.talk(Ask.TWO_CALLS) as talk:
        await talk.ask()
        calls: list[Call] = [(await talk.until(ToolCall)).call for _ in range(2)]
        await talk.until(ResponseDone)
        await talk.session.send_tool_result(ToolResult(calls[1].id, "It has many bridges."))
        await talk.listen(0.2)
        equal(len(talk.all(ResponseStarted)), 1)
        await talk.session.send_tool_result(ToolResult(calls[0].id, "It has no bridge."))
        turn = await talk.until(TurnEnd)
        equal((turn.tool_calls, len(talk.all(ResponseStarted))), (tuple(calls), 2))


@CHECKS.of("tool.fails")
async def _fails(subject: Subject) -> None:
    def look_up(city: str) -> str:
        """Look up a city."""
        raise ValueError("no map")

    async with subject.talk(Ask.CALL, tools=[look_up]) as talk:
        await talk.ask()
        error = await talk.until(Error)
        holds(isinstance(error.error, ToolError) and not error.fatal, f"{error} is not the tool's")
        holds(bool((await talk.until(TurnEnd)).agent_text), "the failure was not spoken of")
        results = [each for each in talk.session.history if isinstance(each, ToolResult)]
        equal([(each.is_error, each.output) for each in results], [(True, str(error.error))])


@CHECKS.of("update.tools")
async def _update_tools(subject: Subject) -> None:
    def look_up(city: str) -> str:
        """Look up a city."""
        return "It has many bridges."

    async with subject.talk(Ask.CALL, tools=[]) as talk:
        await talk.session.update(tools=[look_up])
        equal([each.name for each in (await talk.turn()).tool_calls], ["look_up"])
        equal([each.runs_here for each in talk.all(ToolCall)], [True])
