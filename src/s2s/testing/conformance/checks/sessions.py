"""Sessions: how they begin, are read, are used at once, and end."""

from __future__ import annotations

import asyncio

from s2s.errors import LocalProtocolError, SessionClosedError
from s2s.events import SessionEnded, SessionStarted, TextOutput, TurnEnd
from s2s.items import Message, ToolResult
from s2s.testing.conformance.checks.check import Checks
from s2s.testing.conformance.subject import Ask, Subject, equal, holds

CHECKS = Checks()


@CHECKS.of("session.begins")
async def _begins(subject: Subject) -> None:
    async with subject.talk() as talk:
        started = await talk.until(SessionStarted)
        equal(talk.events, [started])
        holds(bool(started.session_id and started.provider and started.model), f"{started} says not who")
        equal(started.session_id, talk.session.id)
        equal(started.capabilities, subject.capabilities)


@CHECKS.of("session.ends")
async def _ends(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        await talk.turn()
        await talk.session.close()
        equal((await talk.rest())[-1], SessionEnded("closed"))
        equal([event async for event in talk.session], [])


@CHECKS.of("session.closes-once")
async def _closes_once(subject: Subject) -> None:
    async with subject.talk() as talk:
        await asyncio.gather(talk.session.close(), talk.session.close())
        await talk.session.close()
        equal(talk.session.closed, True)
        equal(len([each for each in await talk.rest() if isinstance(each, SessionEnded)]), 1)


@CHECKS.of("session.refuses")
async def _refuses(subject: Subject) -> None:
    async with subject.talk() as talk:
        session = talk.session
        await session.close()
        for send in (
            session.send_audio(bytes(480)),
            *([session.send_text("Hello")] if subject.has("text_input") else []),
            session.send_tool_result(ToolResult("none", "")),
            session.commit(),
            session.clear(),
            session.respond(),
        ):
            try:
                await send
            except SessionClosedError:
                continue
            raise AssertionError("a closed session took something")
        equal(await session.interrupt(), None)


@CHECKS.of("session.leaves-nothing")
async def _leaves_nothing(subject: Subject) -> None:
    async with subject.talk() as talk:
        pass
    before = asyncio.all_tasks()
    async with subject.talk(Ask.LONG) as talk:
        await talk.ask()
        await talk.until(TextOutput)
    for _ in range(10):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before
    equal(sorted(each.get_name() for each in left), [])


@CHECKS.of("session.apart")
async def _apart(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as one, subject.talk(Ask.SHORT) as two:
        text = await one.ask()
        await one.until(TurnEnd)
        equal(two.session.history, ())
        equal((await two.turn()).user_text, text)
        equal(len([each for each in two.session.history if isinstance(each, Message)]), 2)


@CHECKS.of("session.overrides")
async def _overrides(subject: Subject) -> None:
    async with subject.talk() as talk:
        async with talk.engine.start(instructions="Be brief.") as other:
            equal((other.config.instructions, talk.session.config.instructions), ("Be brief.", ""))
        equal(talk.engine.config.instructions, "")


@CHECKS.of("session.comes-back")
async def _comes_back(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        await talk.ask()
        while not isinstance(event := await anext(talk.session.recv()), TurnEnd):
            talk.events.append(event)
        talk.events.append(event)
        equal(event.agent_text, talk.text.strip())


@CHECKS.of("session.one-reader")
async def _one_reader(subject: Subject) -> None:
    async with subject.talk() as talk:
        await talk.until(SessionStarted)
        reading = asyncio.ensure_future(talk.rest())
        await asyncio.sleep(0.01)
        try:
            await anext(talk.session.recv())
        except LocalProtocolError:
            pass
        else:
            raise AssertionError("two readers read at the same time")
        await talk.session.close()
        await reading
