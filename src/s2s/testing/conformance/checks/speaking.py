"""The user's speech: noticed, transcribed, answered or not."""

from __future__ import annotations

from s2s.config import TurnDetection
from s2s.events import ResponseStarted, SpeechStarted, SpeechStopped, Transcript, TurnEnd
from s2s.items import Message
from s2s.testing.conformance.checks.check import Checks
from s2s.testing.conformance.subject import Ask, Subject, equal, holds

CHECKS = Checks()


@CHECKS.of("speech.noticed")
async def _noticed(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        await talk.speak()
        started = await talk.until(SpeechStarted)
        stopped = await talk.until(SpeechStopped)
        equal(stopped.item_id, started.item_id)
        holds(0 <= started.position_ms < stopped.position_ms, f"{started} and {stopped} are out of order")


@CHECKS.of("speech.transcribed")
async def _transcribed(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        await talk.speak()
        said = await talk.until(Transcript, lambda each: each.final)
        turn = await talk.until(TurnEnd)
        holds(bool(said.text.strip()), "nothing was understood")
        equal(talk.session.history[0], Message("user", said.text, said.item_id))
        equal(turn.user_text, said.text.strip())


@CHECKS.of("speech.answered")
async def _answered(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        await talk.speak()
        started = await talk.until(ResponseStarted)
        equal((started.origin, (await talk.until(TurnEnd)).status), ("user_turn", "completed"))


@CHECKS.of("speech.silence")
async def _silence(subject: Subject) -> None:
    async with subject.talk() as talk:
        for _ in range(100):
            await talk.session.send_audio(bytes(960))
        equal([each.type for each in await talk.listen(0.3)], ["session_started"])


@CHECKS.of("speech.committed")
async def _committed(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT, turn_detection="manual") as talk:
        await talk.speak()
        before = await talk.listen(0.3)
        equal([each for each in before if isinstance(each, ResponseStarted | SpeechStopped)], [])
        await talk.session.commit()
        equal((await talk.until(ResponseStarted)).origin, "user_turn")
        await talk.until(TurnEnd)


@CHECKS.of("speech.unanswered")
async def _unanswered(subject: Subject) -> None:
    quiet = TurnDetection(create_response=False)
    async with subject.talk(Ask.SHORT, turn_detection=quiet) as talk:
        await talk.speak()
        await talk.until(SpeechStopped)
        await talk.listen(0.5)
        equal(talk.all(ResponseStarted), [])
        await talk.session.respond()
        await talk.until(TurnEnd)


@CHECKS.of("speech.untranscribed")
async def _untranscribed(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT, transcription=False) as talk:
        await talk.speak()
        await talk.until(TurnEnd)
        equal(talk.all(Transcript), [])
