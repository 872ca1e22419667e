"""Interruptions, by the application and by the user's voice."""

from __future__ import annotations

import asyncio

from s2s.config import TurnDetection
from s2s.errors import LocalProtocolError
from s2s.events import (
    AudioOutput,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    SpeechStarted,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    TurnEnd,
)
from s2s.items import Message, ToolResult
from s2s.testing.conformance.checks.check import Checks
from s2s.testing.conformance.subject import Ask, Subject, equal, holds

CHECKS = Checks()


@CHECKS.of("interruption.silences")
async def _silences(subject: Subject) -> None:
    async with subject.talk(Ask.LONG) as talk:
        await talk.ask()
        await talk.until(AudioOutput)
        await asyncio.sleep(0.3)  # unread audio gathers
        await talk.session.interrupt()
        later = await talk.listen(0.5)
        equal([each for each in later if isinstance(each, AudioOutput)], [])
        after = later[[each.type for each in later].index("interrupted") :]
        equal([each for each in after if isinstance(each, TextOutput | ToolCall)], [])


@CHECKS.of("interruption.told")
async def _told(subject: Subject) -> None:
    async with subject.talk(Ask.LONG) as talk:
        await talk.ask()
        audio = await talk.until(AudioOutput)
        cut = await talk.session.interrupt()
        await talk.until(TurnEnd)
        equal(talk.all(Interrupted), [cut])
        if cut is not None:
            equal(
                (cut.response_id, cut.item_id, cut.cause), (audio.response_id, audio.item_id, "application")
            )
            equal(cut.confirmation, subject.capabilities.interrupt)


@CHECKS.of("interruption.ends")
async def _ends(subject: Subject) -> None:
    async with subject.talk(Ask.LONG) as talk:
        await talk.ask()
        await talk.until(AudioOutput)
        await talk.session.interrupt()
        done, turn = await talk.until(ResponseDone), await talk.until(TurnEnd)
        equal((done.status, turn.status), ("interrupted", "interrupted"))


@CHECKS.of("interruption.heard")
async def _heard(subject: Subject) -> None:
    async with subject.talk(Ask.LONG) as talk:
        await talk.ask()
        received_ms = 0.0
        while received_ms < 1000:
            audio = await talk.until(AudioOutput)
            received_ms = audio.position_ms + talk.session.config.spoken.duration_ms(len(audio.audio))
        talk.session.playhead.played(600)
        cut = await talk.session.interrupt()
        turn = await talk.until(TurnEnd)
        equal(None if cut is None else cut.heard_ms, 600.0)
        last = talk.session.history[-1]
        holds(isinstance(last, Message) and last.heard_text is not None, f"{last} says not what was heard")
        holds(turn.agent_text.startswith(turn.heard_text), f"{turn} heard something else")
        holds(len(turn.heard_text) < len(turn.agent_text), f"{turn} was heard to its end")
        if isinstance(last, Message):
            equal((last.text.strip(), (last.heard_text or "").strip()), (turn.agent_text, turn.heard_text))


@CHECKS.of("interruption.nothing")
async def _nothing(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        equal(await talk.session.interrupt(), None)
        await talk.turn()
        talk.session.playhead.played(1e9)
        equal(await talk.session.interrupt(), None)
        equal([each.type for each in await talk.listen(0.2)], [])


@CHECKS.of("interruption.goes-on")
async def _goes_on(subject: Subject) -> None:
    async with subject.talk(Ask.LONG, Ask.SHORT) as talk:
        await talk.ask()
        await talk.until(AudioOutput)
        await talk.session.interrupt()
        await talk.until(TurnEnd)
        before = len(talk.text)
        text = await talk.ask()
        turn = await talk.until(TurnEnd)
        equal((turn.user_text, turn.agent_text, turn.status), (text, talk.text[before:].strip(), "completed"))


@CHECKS.of("interruption.by-voice")
async def _by_voice(subject: Subject) -> None:
    async with subject.talk(Ask.LONG, Ask.SHORT) as talk:
        await talk.ask()
        await talk.until(AudioOutput)
        await talk.speak()
        await talk.until(SpeechStarted)
        equal((await talk.until(Interrupted)).cause, "user_speech")
        equal((await talk.until(TurnEnd)).status, "interrupted")
        equal(((await talk.until(TurnEnd)).status, len(talk.all(Interrupted))), ("completed", 1))


@CHECKS.of("interruption.along")
async def _along(subject: Subject) -> None:
    together = TurnDetection(interrupt_response=False, create_response=False)
    async with subject.talk(Ask.LONG, turn_detection=together) as talk:
        await talk.ask()
        started = await talk.until(ResponseStarted)
        await talk.until(AudioOutput)
        await talk.speak()
        await talk.until(SpeechStarted)
        await talk.until(AudioOutput, lambda each: each.response_id == started.response_id)
        equal(talk.all(Interrupted), [])


@CHECKS.of("interruption.tools")
async def _tools(subject: Subject) -> None:
    async with subject.talk(Ask.CALL) as talk:
        await talk.ask()
        call_id = (await talk.until(ToolCall)).call.id
        await talk.session.interrupt()
        equal((await talk.until(ToolCallCancelled)).call_ids, (call_id,))
        try:
            await talk.session.send_tool_result(ToolResult(call_id, "too late"))
        except LocalProtocolError:
            pass
        else:
            raise AssertionError("a cancelled call was answered")
        results = [each for each in talk.session.history if isinstance(each, ToolResult)]
        equal([(each.call_id, each.is_error) for each in results], [(call_id, True)])
        equal((await talk.until(TurnEnd)).status, "interrupted")
