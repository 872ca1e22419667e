"""Responses and the turns that they make."""

from __future__ import annotations

from s2s.errors import ConnectionLostError
from s2s.events import (
    AudioOutput,
    Error,
    ResponseDone,
    ResponseStarted,
    SessionEnded,
    TextOutput,
    TurnEnd,
    Usage,
)
from s2s.formats import AudioFormat
from s2s.items import Message
from s2s.testing.conformance.checks.check import Checks
from s2s.testing.conformance.subject import Ask, Subject, equal, holds

CHECKS = Checks()


@CHECKS.of("response.frame")
async def _frame(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT, Ask.SHORT) as talk:
        await talk.turn()
        await talk.turn()
        started = [each.response_id for each in talk.all(ResponseStarted)]
        equal([each.response_id for each in talk.all(ResponseDone)], started)
        equal(([each.status for each in talk.all(ResponseDone)], len(set(started))), (["completed"] * 2, 2))


@CHECKS.of("response.speaks")
async def _speaks(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        await talk.turn()
        holds(bool(talk.text.strip()), "the answer has no words")
        holds(any(talk.audio), "the answer has no sound")
        equal({each.form for each in talk.all(TextOutput)}, {"spoken"})
        items = {each.item_id for each in talk.all(TextOutput) if each.text}
        equal({each.item_id for each in talk.all(AudioOutput)}, items)


@CHECKS.of("response.final")
async def _final(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        await talk.turn()
        for item_id in {each.item_id for each in talk.all(TextOutput)}:
            pieces = [each.final for each in talk.all(TextOutput) if each.item_id == item_id]
            equal(pieces, [*[False] * (len(pieces) - 1), True])


@CHECKS.of("response.rate")
async def _rate(subject: Subject) -> None:
    lasts = [await _spoken_ms(subject, AudioFormat(sample_rate=hz)) for hz in (24_000, 16_000)]
    holds(abs(lasts[0] - lasts[1]) < 0.05 * lasts[0], f"the same answer lasts {lasts} ms")


@CHECKS.of("response.telephone")
async def _telephone(subject: Subject) -> None:
    holds(await _spoken_ms(subject, AudioFormat("g711_ulaw", 8_000)) > 100, "the answer has no sound")


async def _spoken_ms(subject: Subject, spoken: AudioFormat) -> float:
    async with subject.talk(Ask.SHORT, output_format=spoken) as talk:
        await talk.turn()
        equal({each.sample_rate for each in talk.all(AudioOutput)}, {spoken.sample_rate})
        equal(len(talk.audio) % spoken.frame_bytes, 0)
        return spoken.duration_ms(len(talk.audio))


@CHECKS.of("response.in-writing")
async def _in_writing(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT, output_modalities=("text",)) as talk:
        turn = await talk.turn()
        equal((talk.audio, {each.form for each in talk.all(TextOutput)}), (b"", {"written"}))
        equal((turn.agent_text, bool(turn.agent_text)), (talk.text.strip(), True))


@CHECKS.of("response.asked-for")
async def _asked_for(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        await talk.session.respond()
        turn = await talk.until(TurnEnd)
        equal([each.origin for each in talk.all(ResponseStarted)], ["application"])
        equal((turn.user_text, bool(turn.agent_text)), ("", True))


@CHECKS.of("response.in-turn")
async def _in_turn(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT, Ask.SHORT) as talk:
        await talk.ask()
        await talk.ask()
        await talk.until(ResponseDone)
        await talk.until(ResponseDone)
        frame = [e.type for e in talk.events if isinstance(e, ResponseStarted | ResponseDone)]
        equal(frame, ["response_started", "response_done"] * 2)


@CHECKS.of("response.closed")
async def _closed(subject: Subject) -> None:
    async with subject.talk(Ask.LONG) as talk:
        await talk.ask()
        await talk.until(AudioOutput)
        await talk.session.close()
        *_, done, turn, ended = await talk.rest()
        holds(isinstance(done, ResponseDone) and done.status == "failed", f"{done} is not its end")
        holds(isinstance(turn, TurnEnd) and turn.status == "failed", f"{turn} is not its end")
        equal(ended, SessionEnded("closed"))


@CHECKS.of("response.lost")
async def _lost(subject: Subject) -> None:
    async with subject.talk(Ask.LONG) as talk:
        await talk.ask()
        await talk.until(AudioOutput)
        holds(subject.lose is not None, "there is nothing to lose")
        if subject.lose is not None:
            await subject.lose(talk.engine)
        *_, done, turn, error, ended = await talk.rest()
        holds(isinstance(done, ResponseDone) and done.status == "failed", f"{done} is not its end")
        holds(isinstance(turn, TurnEnd) and turn.status == "failed", f"{turn} is not its end")
        causes = (error.error, error.error.__cause__) if isinstance(error, Error) and error.fatal else ()
        told = any(isinstance(each, ConnectionLostError) for each in causes)
        holds(told, f"{error} does not tell of the loss")
        equal(ended, SessionEnded("failed"))


@CHECKS.of("turn.once")
async def _once(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT, Ask.SHORT) as talk:
        for _ in range(2):
            await talk.turn()
            equal(talk.events[-2].type, "response_done")
        await talk.session.close()
        await talk.rest()
        equal(len(talk.all(TurnEnd)), 2)


@CHECKS.of("turn.tells")
async def _tells(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        text = await talk.ask()
        turn = await talk.until(TurnEnd)
        equal(
            (turn.user_text, turn.agent_text, turn.heard_text), (text, talk.text.strip(), talk.text.strip())
        )
        equal((turn.status, turn.tool_calls), ("completed", ()))


@CHECKS.of("turn.timed")
async def _timed(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT) as talk:
        timings = (await talk.turn()).timings
        first, text, done = timings.first_audio_ms, timings.first_text_ms, timings.done_ms
        holds(first is not None and text is not None and done is not None, f"{timings} lacks a time")
        holds(
            0 <= (first or 0) <= (done or 0) and 0 <= (text or 0) <= (done or 0),
            f"{timings} are out of order",
        )


@CHECKS.of("turn.counted")
async def _counted(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT, Ask.SHORT) as talk:
        turns = [await talk.turn(), await talk.turn()]
        spent = [each.usage or Usage() for each in talk.all(ResponseDone)]
        equal([each.usage or Usage() for each in turns], spent)
        equal(talk.session.usage, sum(spent, Usage()))


@CHECKS.of("history.order")
async def _order(subject: Subject) -> None:
    async with subject.talk(Ask.SHORT, Ask.SHORT) as talk:
        said = []
        for _ in range(2):
            text = await talk.ask()
            said += [("user", text), ("assistant", (await talk.until(TurnEnd)).agent_text)]
        messages = [each for each in talk.session.history if isinstance(each, Message)]
        equal([(each.role, each.text.strip()) for each in messages], said)


@CHECKS.of("history.seed")
async def _seed(subject: Subject) -> None:
    before = (Message("user", "My name is Ada."), Message("assistant", "Hello, Ada."))
    async with subject.talk(Ask.SHORT, history=before) as talk:
        equal(talk.session.history, before)
        await talk.turn()
        equal((talk.session.history[:2], len(talk.session.history)), (before, 4))
