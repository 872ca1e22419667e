"""Who has the floor: listens to the user, takes turns, and lets the engine answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from s2s.commands import PLAIN_RESPONSE, CreateResponse, UpdateSession
from s2s.config import Config
from s2s.errors import LocalProtocolError, UnsupportedError
from s2s.events import Error, Event, SpeechStarted, SpeechStopped
from s2s.items import Item, Message
from s2s.providers.local.answer import Piece, Speaker
from s2s.providers.local.ear import Ear, Sound, Utterance
from s2s.providers.local.mouth import Answer, Form, Mouth, Origin
from s2s.providers.local.scribe import Reading, Scribe
from s2s.providers.local.seats import Seats
from s2s.providers.local.settings import form_of, settings_of
from s2s.providers.local.tempo import tempo_of
from s2s.state.conversation import Conversation

_PARTIAL_MS: Final = 1500
_SETTLE_MS: Final = 8_000
_LONGEST_MS: Final = 120_000
_INPUT_GONE_S: Final = 1.2


class Guess(Struct):
    """What the user may have said by now, and an answer to it that nobody hears yet."""

    stages: dict[str, float] = {}
    reading: Reading | None = None
    answer: Answer | None = None
    task: asyncio.Task[None] | None = None

    def drop(self) -> None:
        """Forget it: the user goes on."""
        if self.task is not None:
            self.task.cancel()
        self.drop_answer()

    def drop_answer(self) -> None:
        """Forget the answer alone: it is not wanted, or would not be the same now."""
        if self.answer is not None:
            self.answer.stop()
            self.answer = None


class Taken(Struct, frozen=True):
    """The turn that was taken last, and when, by the clock of the audio and by that of the loop."""

    utterance: Utterance
    answer: Answer | None
    at_ms: float
    at_s: float


class Floor:
    """Listens with an ear, answers with a mouth, and decides by the silence and the words in between.

    At every pause it guesses: it transcribes and begins to answer while it still listens. The guess
    becomes the turn when the silence is long enough for its words, and is dropped when the user goes
    on. A user who goes on right after the turn reopens it.

    Where only the words can decide, hearing waits for them. So audio that comes faster than life takes
    the turns that it would take in life, and no turn is taken while the next one is heard.
    """

    def __init__(
        self, seats: Seats, config: Config, group: asyncio.TaskGroup, tell: Callable[[Event], None]
    ) -> None:
        self.conversation = Conversation(config.history)
        self._tempo = tempo_of(config.extra)
        self._settings = settings_of(config)
        rate, lead_ms = seats.tts.sample_rate, self._tempo.lead_ms
        self.mouth = Mouth(self.conversation, rate, self._settings.form, lead_ms, tell, group)
        vad, hearing = seats.vad, self._settings.hearing
        self._ear = Ear(vad.open(), vad.sample_rate, vad.window_ms, hearing)
        self._scribe = Scribe(seats.stt, tell, shows=config.transcription)
        self._seats = seats
        self._tell = tell
        self._one_at_a_time = asyncio.Lock()
        self._guess: Guess | None = None
        self._preview: asyncio.Task[None] | None = None
        self._previewed_ms = 0.0
        self._last: Taken | None = None
        self._owed: Origin | None = None

    async def hear(self, audio: bytes) -> None:
        """Take input audio: PCM16 mono at the detector's rate."""
        async with self._one_at_a_time:
            for sound in self._ear.push(audio, self._new_item):
                match sound, self._ear.utterance:
                    case Sound.ONSET, Utterance() as utterance:
                        self._user_began(utterance)
                    case Sound.SPEECH, Utterance() as utterance:
                        self._user_goes_on(utterance)
                    case Sound.PAUSE, Utterance() as utterance:
                        self._user_pauses(utterance)
                    case _:
                        pass
                await self._keep_up()

    async def commit(self) -> None:
        """Take the user's turn now, however short the silence."""
        async with self._one_at_a_time:
            if self._ear.utterance is None:
                wrong = "no speech was heard since the last turn: there is nothing to commit"
                self._tell(Error(LocalProtocolError(wrong)))
            await self._commit()
            self._last = None

    def clear(self) -> None:
        """Forget speech that no turn has taken."""
        self._forget_guesses()
        cleared = self._ear.clear()
        if cleared is not None:
            self.conversation.drop(cleared.item_id)
            self._tell(SpeechStopped(cleared.item_id, cleared.ended_ms))
            self._scribe.show(cleared, "", final=True)
        if self._owed is not None:
            self.respond(self._owed)
            self._owed = None

    def add(self, item: Item) -> None:
        """Put an entry into the conversation."""
        self.conversation.add(item)
        if self._guess is not None:
            self._guess.drop_answer()

    def respond(self, origin: Origin, wanted: CreateResponse = PLAIN_RESPONSE) -> None:
        """Answer the conversation as it is when the answer begins.

        A tool's result that comes while the user speaks is left to the answer that the user will get.
        """
        if origin == "tool_result" and self._ear.utterance is not None:
            self._owed = origin
            return
        answer = self._answer({}, wanted=wanted)
        answer.metadata = wanted.metadata
        self.mouth.give(answer, origin)

    def update(self, changes: UpdateSession) -> None:
        """Change settings from the next answer on."""
        try:
            self._seats.require(voice=changes.voice or None, language=changes.language or None)
        except UnsupportedError as wrong:
            self._tell(Error(wrong))
            changes = replace(changes, voice=UNSET, language=UNSET)
        self._settings.update(changes)
        self.mouth.form, self._scribe.shows = self._settings.form, self._settings.transcription
        self._ear.tune(self._settings.hearing)
        self._forget_guesses()

    async def watch(self) -> None:
        """Take the turn of a user whose microphone stopped; runs as long as the conversation."""
        while True:
            before_ms = self._ear.position_ms
            await asyncio.sleep(_INPUT_GONE_S)
            async with self._one_at_a_time:
                if self._ear.position_ms == before_ms and self._settings.turn_detection.mode != "manual":
                    await self._commit()

    def _user_began(self, utterance: Utterance) -> None:
        before = self._reopened(utterance)
        if before is not None:
            self._ear.reopen(before.utterance)
        self._last = None
        self._tell(SpeechStarted(utterance.item_id, utterance.began_ms))
        if self._settings.turn_detection.interrupt_response:
            self.mouth.stop()
        if before is not None and before.answer is not None:
            self.conversation.drop(before.answer.item_id)
        self._previewed_ms = self._ear.position_ms

    def _reopened(self, utterance: Utterance) -> Taken | None:
        """Return the turn that this speech still belongs to."""
        last, reopen_ms = self._last, self._settings.endpointing.reopen_ms
        if last is None or not self._settings.turn_detection.interrupt_response:
            return None
        if last.answer is not None and last.answer.made_calls:
            return None
        # A microphone that is closed in silence stops the clock of the audio, and not that of the user.
        present = self.mouth.now - last.at_s < reopen_ms / 1000 + _INPUT_GONE_S
        return last if present and utterance.began_ms - last.at_ms < reopen_ms else None

    def _user_goes_on(self, utterance: Utterance) -> None:
        if self._guess is not None:
            reading = self._guess.reading
            long = utterance.unsettled_bytes > _SETTLE_MS * self._ear.bytes_per_ms
            if long and reading is not None and reading.text:
                utterance.settle(reading.text, reading.covered_bytes)
            self._forget_guesses()
        due = self._ear.position_ms - self._previewed_ms >= _PARTIAL_MS
        if due and self._scribe.shows and (self._preview is None or self._preview.done()):
            self._previewed_ms = self._ear.position_ms
            self._preview = self.mouth.spawn(self._scribe.preview(utterance))

    def _user_pauses(self, utterance: Utterance) -> None:
        if self._settings.turn_detection.mode == "manual":
            return
        if self._guess is None and self._ear.silence_ms >= self._settings.endpointing.guess_ms:
            self._forget_guesses()
            self._guess = Guess()
            self._guess.task = self.mouth.spawn(self._make_guess(utterance, self._guess))
        self._consider()

    def _consider(self) -> None:
        guess, utterance = self._guess, self._ear.utterance
        if guess is None or guess.reading is None or utterance is None:
            return
        if self._ear.silence_ms >= self._settings.endpointing.hold_ms(guess.reading.text):
            guess.stages["endpointing"] = round(self._ear.silence_ms, 3)
            self._ear.close()
            self._take(utterance, guess, guess.reading)

    async def _keep_up(self) -> None:
        guess, utterance = self._guess, self._ear.utterance
        if utterance is not None and len(utterance.audio) >= _LONGEST_MS * self._ear.bytes_per_ms:
            await self._commit()
            self._last = None
        late = self._ear.silence_ms >= self._settings.endpointing.complete_ms
        if late and guess is not None and guess.task is not None and guess.reading is None:
            await asyncio.wait([guess.task])

    async def _commit(self) -> None:
        ended = self._ear.close()
        if ended is not None:
            self._forget_guesses()
            self._take(ended, Guess(), await self._scribe.read(ended))

    def _take(self, utterance: Utterance, guess: Guess, reading: Reading) -> None:
        guess.stages["stt"] = reading.took_ms
        self._guess = None
        self._forget_guesses()
        self._tell(SpeechStopped(utterance.item_id, utterance.ended_ms))
        self._scribe.show(utterance, reading.text, final=True)
        if reading.text:
            self.conversation.heard_user(utterance.item_id, reading.text)
        wanted = bool(reading.text) and self._settings.turn_detection.create_response
        if not wanted or self.mouth.active is not None:
            guess.drop_answer()
        answer = guess.answer or self._answer(guess.stages) if wanted else None
        if answer is not None:
            self.mouth.give(answer, "user_turn")
        elif self._owed is not None:
            self.respond(self._owed)
        self._owed = None
        self._last = Taken(utterance, answer, self._ear.position_ms, self.mouth.now)

    async def _make_guess(self, utterance: Utterance, guess: Guess) -> None:
        guess.reading = await self._scribe.read(utterance)
        text = guess.reading.text
        self._scribe.show(utterance, text)
        if text and self._seats.brain.speculative and self._settings.turn_detection.create_response:
            said = Message("user", text, utterance.item_id)
            guess.answer = self._answer(guess.stages, said).prepare()
        self._consider()

    def _answer(
        self,
        stages: dict[str, float],
        guess: Message | None = None,
        wanted: CreateResponse = PLAIN_RESPONSE,
    ) -> Answer:
        def pieces(form: Form) -> AsyncGenerator[Piece, None]:
            heard = self.conversation.items if wanted.context is None else wanted.context
            history = heard if guess is None else (*(e for e in heard if _id(e) != guess.item_id), guess)
            tts = self._seats.tts if form == "spoken" else None
            speaker = Speaker(self._seats.brain, tts, self._settings.voice, self._tempo.brain_s)
            return speaker.answer(self._settings.prompt(history, wanted.instructions), stages)

        form = None if wanted.output_modalities is None else form_of(wanted.output_modalities)
        return Answer(pieces, stages, self.mouth, form)

    def _forget_guesses(self) -> None:
        if self._guess is not None:
            self._guess.drop()
        if self._preview is not None:
            self._preview.cancel()
        self._guess = self._preview = None

    def _new_item(self) -> str:
        return f"user_{self.mouth.next_id()}"


def _id(item: Item) -> str:
    return item.item_id if isinstance(item, Message) else ""
