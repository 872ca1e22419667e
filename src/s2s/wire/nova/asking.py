"""What an application asks, as messages."""

from __future__ import annotations

from collections.abc import Sequence

from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    RemoveItem,
    SendToolResult,
    Truncate,
    UpdateSession,
)
from s2s.config import TurnDetection
from s2s.errors import BacklogError, LocalProtocolError
from s2s.events import Error, Event
from s2s.items import Item, Message
from s2s.wire import Reopen, Send
from s2s.wire.nova.asks import Ask
from s2s.wire.nova.opening import begin, changed
from s2s.wire.nova.results import Results
from s2s.wire.nova.stream import Phase, Stream
from s2s.wire.nova.wording import NUDGE, words_of

Told = Sequence[Send | Event | Reopen]
_FINDS_TURNS = "the service finds the user's turns itself and answers every one of them"
_KEEPS_AUDIO = "the service keeps the audio that it has heard: send only what is meant for it"
_KEEPS_ITEMS = "the service keeps what was said: start another session without it"
_SEES_NOTHING = "the service sees no images: describe what there is to see"
_NO_ASIDE = "the service has no responses beside the conversation"
_ONE_WAY = "the service answers in the way that the session was started with"
_NO_TEXT = "this model takes no text while it talks: use amazon.nova-2-5-sonic, or say it aloud"
_TOO_MANY = "too many questions wait for their answers: ask the next one when one was answered"


class Asking:
    """Spells commands. What the service cannot do is an Error at once."""

    def __init__(self, stream: Stream, results: Results) -> None:
        self._on = stream
        self._results = results

    def append(self, audio: bytes) -> bytes | None:
        """Spell audio; None where it has to be split, or there is nobody to hear it yet."""
        on = self._on
        passes = on.phase is Phase.READY and 0 < len(audio) <= on.uplink.most_bytes
        return on.uplink.append(audio) if passes else None

    def send(self, command: Command) -> Told:
        """Spell a command."""
        match command:
            case AppendAudio(audio=audio):
                return self._audio(audio)
            case AddItem(item=item):
                return self._add(item)
            case CreateResponse():
                return self._respond(command)
            case SendToolResult():
                return [*self._results.answer(command), *self._on.due()]
            case Cancel():
                return self._cancel(command)
            case Truncate(item_id=item_id, heard_ms=heard_ms):
                self._on.memory.truncate(item_id, heard_ms)
                return ()
            case UpdateSession():
                return self._update(command)
            case CommitAudio():
                return (_refused(_FINDS_TURNS),)
            case ClearAudio():
                return (_refused(_KEEPS_AUDIO),)
            case RemoveItem(item_id=item_id):
                return () if self._on.memory.unheard(item_id) else (_refused(_KEEPS_ITEMS),)
            case AppendImage():
                return (_refused(_SEES_NOTHING),)

    def _audio(self, audio: bytes) -> Told:
        if self._on.phase is Phase.READY:
            return self._on.uplink.split(audio)
        self._on.uplink.keep(audio)
        return ()

    def _add(self, item: Item) -> Told:
        if self._on.opening.generation == 1:
            return (_refused(_NO_TEXT),)
        if not isinstance(item, Message) or item.role != "user":
            item = Message("user", words_of(item))
        self._on.held.append(item)
        return ()

    def _respond(self, command: CreateResponse) -> Told:
        on, told = self._on, list[Send | Event | Reopen]()
        if on.opening.generation == 1:
            return (_refused(_NO_TEXT),)
        if command.out_of_band or command.context is not None:
            return (_refused(_NO_ASIDE),)
        wanted = command.output_modalities
        if wanted is not None and ("audio" not in wanted) is not on.settings.written:
            told.append(_refused(_ONE_WAY))
        if command.instructions:
            on.held.append(Message("user", command.instructions))
        if not on.held and self._results.waiting:
            return [*told, *self._results.follow(command.metadata)]
        if on.asks.full:
            return [*told, Error(BacklogError(_TOO_MANY))]
        told += self._results.release()
        on.asks.write(Ask("application", command.metadata, tuple(on.taken()) or (Message("user", NUDGE),)))
        return [*told, *on.due()]

    def _cancel(self, command: Cancel) -> Told:
        on, reply, told = self._on, self._on.replies.reply, list[Send | Event | Reopen]()
        if command.response_id in (None, "" if reply is None else reply.response_id):
            on.held = [*on.asks.unwant(), *on.held]
            told += on.replies.mute()
        if command.mode == "reset" and on.phase is Phase.READY:
            on.give_up()
            told.append(Reopen("the answer was reset"))
        return told

    def _update(self, command: UpdateSession) -> Told:
        on, before = self._on, self._on.settings
        turns = command.turn_detection
        on.settings = changed(before, command)
        on.speech.told = on.settings.transcription
        told: list[Send | Event | Reopen] = []
        if isinstance(turns, TurnDetection) and not _found_there(turns):
            told.append(_refused(f"{_FINDS_TURNS}: leave turn_detection as it is"))
        if begin(on.opening, before) != begin(on.opening, on.settings):
            told.append(Reopen("the settings changed"))
        else:
            on.replies.written = on.settings.written
        return told


def _found_there(turns: TurnDetection) -> bool:
    return turns.mode in ("server", "semantic") and turns.create_response and turns.interrupt_response


def _refused(why: str) -> Error:
    return Error(LocalProtocolError(why))
