"""Puts questions to an engine and waits for the answers, as a polite caller would."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Final

from s2s.cli.asking.feed import Feed, Pace
from s2s.cli.asking.loudness import Loudness
from s2s.cli.asking.manner import Manner
from s2s.cli.asking.nothing import nothing_heard
from s2s.cli.asking.questions import Question, Sound
from s2s.cli.asking.recording import Recording
from s2s.cli.asking.standing import Floor, Standing
from s2s.cli.asking.tooluse import refuse
from s2s.cli.asking.watcher import Watcher
from s2s.errors import ProviderError, S2SError, SessionClosedError
from s2s.events import Error, Event, Interrupted, SessionEnded, ToolCall
from s2s.session import Session

_NOTICED_MS: Final = 3_000
_LULL_S: Final = 0.5
_OVER_MS: Final = 400
_BREATH_MS: Final = 700
_PAUSE_MS: Final = 1_000


class Asker:
    """One conversation in which the user's side is given."""

    def __init__(
        self, session: Session, manner: Manner, recording: Recording, watchers: Sequence[Watcher]
    ) -> None:
        self._session = session
        self._manner = manner
        self._recording = recording
        self._watchers = tuple(watchers)
        self._feed = Feed(session, recording)
        self._floor = Floor()
        self._loop = asyncio.get_running_loop()
        self._changed_at = self._loop.time()
        recording.playback.listeners.append(
            lambda piece: session.playhead.played(piece.heard_ms, piece.item_id)
        )

    async def ask(self, questions: Sequence[Question]) -> None:
        """Ask one question after the other, each once the answer before it was heard; close the session.

        Raises NothingHeardError, or the S2SError of the engine.
        """
        await self._while_listening(self._put(questions))

    async def type(self, text: str) -> None:
        """Ask a typed question, wait for the answer and close the session.

        Raises the S2SError of the engine.
        """
        await self._while_listening(self._write(text))

    async def _while_listening(self, work: Coroutine[object, object, None]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._listen())
                await work
                await self._session.close()
        except* (S2SError, OSError) as broken:
            raise origin(broken.exceptions[0]) from None

    async def _listen(self) -> None:
        async for event in self._session:
            at_ms = self._feed.position_ms
            self._recording.told(event, at_ms, self._loop.time())
            self._stands(self._floor.after(event))
            for watcher in self._watchers:
                watcher.told(event, at_ms)
            await self._follow(event)

    async def _follow(self, event: Event) -> None:
        for use in self._recording.tools.settled(self._session.history):
            for watcher in self._watchers:
                watcher.settled(use)
        match event:
            case ToolCall(call=call, runs_here=False):
                await refuse(self._session, call)
            case Interrupted():
                self._recording.cut(self._session.history)
            case Error(error=error, fatal=True):
                raise error
            case SessionEnded(reason="ended_by_engine"):
                raise ProviderError("the engine ended the session before all was answered: try again")
            case _:
                pass

    async def _put(self, questions: Sequence[Question]) -> None:
        for question in questions:
            turns, loudness = len(self._recording.turns), Loudness()
            self._begin(question.name)
            for sound in question.sounds(self._feed.rate, loudness):
                if self._must_wait(sound):
                    await self._hear_out()
                await self._feed.send(sound, self._pace_of(sound))
            await self._settle(turns)
            if len(self._recording.turns) == turns:
                raise nothing_heard(question.name, loudness, spoken=bool(self._recording.speech))
            if question is not questions[-1]:
                await self._hear_out()

    def _begin(self, name: str) -> None:
        self._recording.questions.append((self._feed.position_ms, name))
        for watcher in self._watchers:
            watcher.asked(name, self._feed.position_ms)

    async def _write(self, text: str) -> None:
        self._begin("typed question")
        self._recording.typed(text, self._feed.position_ms)
        await self._session.send_text(text)
        self._stands(Standing.AGENT)
        while self._floor.standing is not Standing.IDLE:
            self._lose_patience()
            await self._feed.pause()

    def _must_wait(self, sound: Sound) -> bool:
        speaks = self._floor.standing is Standing.AGENT or self._unheard
        return speaks and self._manner.lets_finish and sound.voice_ahead and self._feed.quiet_ms >= _BREATH_MS

    def _pace_of(self, sound: Sound) -> Pace:
        waits = not sound.voiced and self._floor.standing is not Standing.IDLE
        return Pace.REAL_TIME if waits else self._manner.pace

    async def _hear_out(self) -> None:
        """Be silent until the answer was heard, and long enough not to be taken for going on."""
        while self._floor.standing is not Standing.IDLE or self._unheard or self._feed.quiet_ms < _PAUSE_MS:
            idle = self._floor.standing is Standing.IDLE
            await self._be_silent(self._manner.pace if idle else Pace.REAL_TIME)

    async def _settle(self, turns: int) -> None:
        """Be silent until a turn after so many is complete, or until speech would have been noticed.

        Over another connection it is heard once more.
        """
        began_ms = self._feed.position_ms
        while True:
            if self._floor.standing is Standing.AWAY:
                began_ms = self._feed.position_ms
            answered = len(self._recording.turns) > turns
            missing_ms = (_OVER_MS if answered else _NOTICED_MS) - (self._feed.position_ms - began_ms)
            idle = self._floor.standing is Standing.IDLE
            lull = self._loop.time() - self._changed_at >= _LULL_S
            if idle and missing_ms <= 0 and (answered or lull):
                return
            await self._be_silent(self._manner.pace if idle and missing_ms > 0 else Pace.REAL_TIME)

    async def _be_silent(self, pace: Pace) -> None:
        self._lose_patience()
        await self._feed.send_silence(pace)

    @property
    def _unheard(self) -> bool:
        return self._recording.playback.until_ms > self._feed.position_ms

    def _stands(self, standing: Standing) -> None:
        if standing is not self._floor.standing:
            self._changed_at = self._loop.time()
        self._floor.standing = standing

    def _lose_patience(self) -> None:
        late = self._loop.time() - self._changed_at > self._manner.patience_s
        patience = f"after {self._manner.patience_s:g} s"
        match self._floor.standing:
            case Standing.USER if late and self._feed.quiet_ms > self._manner.patience_s * 1000:
                raise ProviderError(
                    f"{patience} of silence the engine still waits for the question to end: "
                    "check its turn detection"
                )
            case Standing.AGENT if late:
                raise ProviderError(
                    f"{patience} the answer is not complete: raise --timeout, or check the engine"
                )
            case _:
                pass


def origin(error: Exception) -> Exception:
    """Return what ended the session, where the error says no more than that it has ended."""
    match error:
        case SessionClosedError(__cause__=S2SError() as cause):
            return cause
        case _:
            return error
