"""Who has the floor: listens to the user, takes turns, and lets the engine answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import UNSET, Struct

from s2s.commands import UpdateSession
from s2s.config import Config, TurnDetection
from s2s.errors import LocalProtocolError, ProviderError, S2SError
from s2s.events import Error, Event, SpeechStarted, SpeechStopped, Transcript
from s2s.items import Item, Message
from s2s.providers.local.answer import Speaker
from s2s.providers.local.ear import Ear, Hearing, Sound, Utterance
from s2s.providers.local.endpointing import Endpointing, endpointing_for
from s2s.providers.local.mouth import Answer, Mouth, Origin
from s2s.providers.local.seats import Seats
from s2s.providers.local.stages import Prompt
from s2s.state.conversation import Conversation
from s2s.tools import ToolSpec

_TAIL_MS: Final = 96
_PARTIAL_MS: Final = 1500
_SETTLE_MS: Final = 8_000
_LONGEST_MS: Final = 120_000
_INPUT_GONE_S: Final = 1.2


class Guess(Struct):
    """What the user may have said by now, and an answer to it that nobody hears yet."""

    stages: dict[str, float] = {}
    text: str | None = None
    answer: Answer | None = None
    task: asyncio.Task[None] | None = None

    def drop(self) -> None:
        """Forget it: the user goes on."""
        if self.task is not None:
            self.task.cancel()
        if self.answer is not None:
            self.answer.stop()


class Taken(Struct, frozen=True):
    """The turn that was taken last."""

    utterance: Utterance
    answer: Answer | None
    at_ms: float


class Settings(Struct):
    """What can change during a session."""

    instructions: str
    tools: tuple[ToolSpec, ...]
    voice: str | None
    turns: TurnDetection
    endpointing: Endpointing


class Floor:
    """Listens with an ear, answers with a mouth, and decides by the silence and the words in between.

    At every pause it guesses: it transcribes and begins to answer while it still listens. The guess
    becomes the turn when the silence is long enough for its words, and is dropped when the user goes
    on. A user who goes on right after the turn reopens it.
    """

    def __init__(
        self, seats: Seats, config: Config, group: asyncio.TaskGroup, tell: Callable[[Event], None]
    ) -> None:
        self.conversation = Conversation(config.history)
        self.mouth = Mouth(self.conversation, seats.tts.sample_rate, config, tell, group)
        self._seats = seats
        self._config = config
        self._tell = tell
        self._settings = Settings(
            config.instructions,
            tuple(each.spec for each in config.toolset),
            config.voice,
            config.turns,
            endpointing_for(config.turns),
        )
        self._ear = Ear(seats.vad.open(), seats.vad.sample_rate, seats.vad.window_ms, Hearing())
        self._guess: Guess | None = None
        self._partial: asyncio.Task[None] | None = None
        self._transcribed_ms = 0.0
        self._shown = ""
        self._last: Taken | None = None

    def hear(self, audio: bytes) -> None:
        """Take input audio: PCM16 mono at the detector's rate."""
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

    def commit(self) -> None:
        """Take the user's turn now, however short the silence."""
        ended = self._ear.close()
        if ended is None:
            self._tell(
                Error(
                    LocalProtocolError("no speech was heard since the last turn: there is nothing to commit")
                )
            )
            return
        self._forget_guesses()
        self.mouth.spawn(self._take_late(ended))

    def clear(self) -> None:
        """Forget speech that no turn has taken."""
        self._forget_guesses()
        self._ear.close()

    def respond(self, origin: Origin, instructions: str | None = None) -> None:
        """Answer the conversation as it is."""
        self.mouth.give(lambda: self._prepare({}, instructions=instructions), origin)

    def update(self, changes: UpdateSession) -> None:
        """Change settings from the next answer on."""
        for name in ("instructions", "tools", "voice"):
            value = getattr(changes, name)
            if value is not UNSET:
                setattr(self._settings, name, value)
        if isinstance(changes.turn_detection, TurnDetection):
            self._settings.turns = changes.turn_detection
            self._settings.endpointing = endpointing_for(changes.turn_detection)

    async def watch(self) -> None:
        """Take the turn of a user whose microphone stopped; runs as long as the conversation."""
        while True:
            before_ms = self._ear.position_ms
            await asyncio.sleep(_INPUT_GONE_S)
            stopped = self._ear.position_ms == before_ms
            if stopped and self._ear.utterance is not None and self._settings.turns.mode != "manual":
                self.commit()

    def _user_began(self, utterance: Utterance) -> None:
        before = self._last if self._reopens(utterance) else None
        if before is not None:
            self._ear.reopen(before.utterance)
        self._tell(SpeechStarted(utterance.item_id, utterance.began_ms))
        if self._settings.turns.interrupt_response:
            self.mouth.stop()
        if before is not None and before.answer is not None:
            self.conversation.drop(before.answer.item_id)
        self._transcribed_ms = self._ear.position_ms

    def _reopens(self, utterance: Utterance) -> bool:
        last = self._last
        if last is None or not self._settings.turns.interrupt_response:
            return False
        if last.answer is not None and last.answer.made_calls:
            return False
        return utterance.began_ms - last.at_ms <= self._settings.endpointing.reopen_ms

    def _user_goes_on(self, utterance: Utterance) -> None:
        if self._guess is not None:
            if self._guess.text and utterance.unsettled_bytes > _SETTLE_MS * self._ear.bytes_per_ms:
                utterance.settle(self._guess.text)
            self._guess.drop()
            self._guess = None
        due = self._ear.position_ms - self._transcribed_ms >= _PARTIAL_MS
        if due and self._partial is None and self._config.transcription:
            self._transcribed_ms = self._ear.position_ms
            self._partial = self.mouth.spawn(self._show_partial(utterance))
        if len(utterance.audio) >= _LONGEST_MS * self._ear.bytes_per_ms:
            self.commit()

    def _user_pauses(self, utterance: Utterance) -> None:
        if self._settings.turns.mode == "manual":
            return
        if self._guess is None and self._ear.silence_ms >= self._settings.endpointing.guess_ms:
            self._guess = Guess()
            self._guess.task = self.mouth.spawn(self._make_guess(utterance, self._guess))
        self._consider()

    def _consider(self) -> None:
        guess, utterance = self._guess, self._ear.utterance
        if guess is None or guess.text is None or utterance is None:
            return
        if self._ear.silence_ms >= self._settings.endpointing.hold_ms(guess.text):
            guess.stages["endpointing"] = round(self._ear.silence_ms, 3)
            self._ear.close()
            self._take(utterance, guess)

    def _take(self, utterance: Utterance, guess: Guess) -> None:
        text = guess.text or ""
        self._forget_guesses(keep=guess)
        self._tell(SpeechStopped(utterance.item_id, utterance.ended_ms))
        self._show(utterance.item_id, text, final=True)
        answer = guess.answer
        if text:
            self.conversation.heard_user(utterance.item_id, text)
        if text and self._settings.turns.create_response:
            answer = answer or self._prepare(guess.stages)
            self.mouth.give(lambda: answer, "user_turn")
        self._last = Taken(utterance, answer, self._ear.position_ms)

    async def _take_late(self, utterance: Utterance) -> None:
        guess = Guess()
        guess.text = await self._text_of(utterance, guess.stages)
        self._take(utterance, guess)

    async def _make_guess(self, utterance: Utterance, guess: Guess) -> None:
        guess.text = await self._text_of(utterance, guess.stages)
        self._show(utterance.item_id, guess.text)
        if guess.text and self._seats.brain.speculative and self._settings.turns.create_response:
            guess.answer = self._prepare(guess.stages, Message("user", guess.text, utterance.item_id))
        self._consider()

    async def _show_partial(self, utterance: Utterance) -> None:
        try:
            self._show(utterance.item_id, await self._text_of(utterance, {}, urgent=False))
        finally:
            self._partial = None

    async def _text_of(self, utterance: Utterance, stages: dict[str, float], *, urgent: bool = True) -> str:
        began_at = self.mouth.now
        audio = utterance.unsettled(int(_TAIL_MS * self._ear.bytes_per_ms))
        try:
            text = await self._seats.stt.transcribe(audio, urgent=urgent)
        except Exception as failed:  # noqa: BLE001  a stage is foreign code
            self._tell(Error(_named(failed)))
            return ""
        stages["stt"] = round((self.mouth.now - began_at) * 1000, 3)
        return utterance.believed(text)

    def _show(self, item_id: str, text: str, *, final: bool = False) -> None:
        if self._config.transcription and (final or text != self._shown):
            delta = text.removeprefix(self._shown) if text.startswith(self._shown) else text
            self._tell(Transcript(text, item_id, delta, final))
        self._shown = "" if final else text

    def _prepare(
        self, stages: dict[str, float], guess: Message | None = None, instructions: str | None = None
    ) -> Answer:
        settings = self._settings
        heard: tuple[Item, ...] = self.conversation.items
        prompt = Prompt(
            history=heard if guess is None else (*(e for e in heard if _id(e) != guess.item_id), guess),
            instructions=settings.instructions if instructions is None else instructions,
            tools=settings.tools,
            temperature=self._config.temperature,
            max_output_tokens=self._config.max_output_tokens,
        )
        tts = self._seats.tts if "audio" in self._config.output_modalities else None
        brain_s = float(self._config.extra.get("brain_s", 20))
        speaker = Speaker(self._seats.brain, tts, settings.voice, brain_s)
        return self.mouth.prepare(speaker.answer(prompt, stages), stages)

    def _forget_guesses(self, keep: Guess | None = None) -> None:
        if self._guess is not None and self._guess is not keep:
            self._guess.drop()
        if self._partial is not None:
            self._partial.cancel()
        self._guess = self._partial = None

    def _new_item(self) -> str:
        return f"user_{self.mouth.next_id()}"


def _id(item: Item) -> str:
    return item.item_id if isinstance(item, Message) else ""


def _named(failed: Exception) -> S2SError:
    if isinstance(failed, S2SError):
        return failed
    error = ProviderError(
        f"the user could not be transcribed: {type(failed).__name__}: {failed}; check the STT stage"
    )
    error.__cause__ = failed
    return error
