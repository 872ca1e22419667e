"""What an application asks, as messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from msgspec import UNSET
from msgspec.structs import replace
from pybase64 import b64encode_as_string

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
from s2s.errors import LocalProtocolError
from s2s.events import Error, Event
from s2s.items import Item, Message
from s2s.wire import Reopen, Send
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.asks import Ask
from s2s.wire.gemini.connection import Connection, say
from s2s.wire.gemini.opening import Settings, declared, instruction
from s2s.wire.gemini.replies import Stage
from s2s.wire.gemini.results import QUIET_S, Results
from s2s.wire.gemini.uplink import Window

Told = Sequence[Send | Event | Reopen]
_MOST_PICTURES = 4
_NO_AUDIO = "no audio came since the last turn: send some, then commit"
_KEEPS_AUDIO = "the service keeps the audio that it has heard: send only what is meant for it"
_KEEPS_ITEMS = "the service keeps what was said: start another session without it"
_ANSWERS_ALL = "the service answers every turn: use turn_detection='manual' to decide when one is over"
_NO_ASIDE = "the service has no responses beside the conversation"
_ONE_WAY = "the service answers in the way that the session was started with"


class Asking:
    """Spells commands. What the service cannot do is an Error at once."""

    def __init__(self, connection: Connection) -> None:
        self._on = connection
        self._held: list[Item] = []
        """Entries that go out with what is asked next."""
        self._results = Results(connection)
        self._pictures: deque[m.Part] = deque(maxlen=_MOST_PICTURES)
        """Shown since the last typed turn, which would not have seen them if they had not come with it."""

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be said."""
        return not self._held

    @property
    def patience_s(self) -> float | None:
        """How long a result may wait for the question that it belongs to."""
        return QUIET_S if self._results.waiting else None

    def settle(self) -> Sequence[Send]:
        """Go on without that question."""
        return self._results.release()

    def append(self, audio: bytes) -> bytes | None:
        """Spell audio; None where something has to be said before it."""
        uplink = self._on.uplink
        return uplink.append(audio) if uplink.passes and not self._held else None

    def send(self, command: Command) -> Told:
        """Spell a command."""
        match command:
            case AppendAudio(audio=audio):
                return self._audio(audio)
            case AddItem(item=item):
                self._held.append(item)
                return ()
            case CreateResponse():
                return self._respond(command)
            case SendToolResult():
                return [*self._release(), *self._results.answer(command)]
            case Cancel(response_id=response_id):
                return self._cancel(response_id)
            case CommitAudio():
                return [*self._results.release(), *self._release(), *self._commit()]
            case AppendImage():
                return [*self._release(), self._show(command)]
            case UpdateSession():
                return [*self._results.release(), *self._release(), *self._update(command)]
            case ClearAudio():
                return (_refused(_KEEPS_AUDIO),) if self._may_have_heard else ()
            case RemoveItem(item_id=item_id):
                return () if item_id in self._on.replies.cut else (_refused(_KEEPS_ITEMS),)
            case Truncate():
                return ()

    @property
    def _may_have_heard(self) -> bool:
        """Whether there may be speech that no turn has taken."""
        on = self._on
        if on.uplink.manual:
            return on.uplink.window is not Window.CLOSED
        return bool(on.speech.speaking) or not on.opening.profile.voice_activity

    def _audio(self, audio: bytes) -> Told:
        on, told = self._on, self._release()
        if on.uplink.manual:
            told += on.uplink.begin()
            told += on.speech.began(on.uplink.position_ms) if on.uplink.window is Window.OPEN else []
        return [*told, Send(on.uplink.append(audio))]

    def _commit(self) -> Told:
        on = self._on
        if not on.uplink.manual:
            return (on.uplink.end(),)
        if on.uplink.window not in (Window.OPEN, Window.TAKEN):
            return (_refused(_NO_AUDIO),)
        at_ms = on.uplink.position_ms
        stopped = [*on.speech.began(at_ms), *on.speech.stopped(at_ms)]
        if not on.settings.turns.create_response:
            on.uplink.window = Window.TAKEN  # the service answers whatever has ended
            return stopped
        told = [on.uplink.end(), *stopped, *on.replies.turned()]
        on.asks.put(Ask("user_turn", said=None))
        return told

    def _release(self) -> list[Send | Event | Reopen]:
        """Say what was held back for a question that does not come."""
        held = self._taken()
        return [self._on.content(held, complete=False)] if held else []

    def _taken(self) -> list[Item]:
        """Return what was held back, now that it is said."""
        held, self._held = self._held, []
        for each in held:
            self._on.memory.add(each)
        return held

    def _respond(self, command: CreateResponse) -> Told:
        on, told = self._on, list[Send | Event | Reopen]()
        if command.out_of_band or command.context is not None:
            return (_refused(_NO_ASIDE),)
        wanted = command.output_modalities
        if wanted is not None and ("audio" not in wanted) is not on.settings.written:
            told.append(_refused(_ONE_WAY))
        if command.instructions:
            self._held.append(Message("user", command.instructions))
        if not self._held and (answered := self._results.follow(command.metadata)):
            return [*told, *answered]
        told += self._results.release()
        self._held = [*self._results.late(), *self._held]
        if on.uplink.window is Window.TAKEN:
            told += [*self._release(), on.uplink.end(), *on.replies.turned()]
            on.asks.put(Ask("application", command.metadata, None))
            return told
        held, pictures = self._taken(), [*self._pictures]
        self._pictures.clear()
        on.asks.put(Ask("application", command.metadata, tuple(held)))
        return [*told, on.ask(held, pictures)]

    def _cancel(self, response_id: str | None) -> Told:
        on, reply = self._on, self._on.replies.reply
        if response_id is not None and (reply is None or reply.response_id != response_id):
            return ()
        if reply is None:
            on.asks.unwant()
            return ()
        if on.replies.stage is Stage.CUT:
            return ()
        stops = on.uplink.stop() if on.uplink.manual and on.settings.turns.interrupt_response else ()
        return stops or on.replies.mute()

    def _show(self, command: AppendImage) -> Send:
        blob = m.Blob(mime_type=command.mime_type, data=b64encode_as_string(command.image))
        self._pictures.append(m.Part(inline_data=blob))
        return say(m.ClientMessage(realtime_input=m.RealtimeInput(video=blob)))

    def _update(self, command: UpdateSession) -> Told:
        on, before = self._on, self._on.settings
        on.settings = changed(before, command)
        told: list[Send | Event | Reopen] = []
        turns = command.turn_detection
        if isinstance(turns, TurnDetection) and not (turns.create_response or on.settings.manual):
            told.append(_refused(_ANSWERS_ALL))
        if on.settings == before:
            return told
        only = replace(before, instructions=on.settings.instructions, tools=on.settings.tools)
        if on.settings != only or not on.opening.profile.updates:
            return [*told, Reopen("the settings changed")]
        update = m.ContextUpdate()
        if on.settings.instructions != before.instructions:
            update.system_instruction = instruction(on.settings.instructions)
        if on.settings.tools != before.tools:
            update.tools = m.UpdatedTools(tools=declared(on.settings.tools, on.opening.profile) or [])
        return [*told, say(m.ClientMessage(context_update=update))]


def changed(before: Settings, command: UpdateSession) -> Settings:
    """Return the settings with what a command changes."""
    found = {
        "instructions": command.instructions,
        "tools": command.tools,
        "voice": command.voice,
        "turns": command.turn_detection,
        "transcription": command.transcription,
        "language": command.language,
        "temperature": command.temperature,
        "max_output_tokens": command.max_output_tokens,
    }
    if command.output_modalities is not UNSET:
        found["written"] = "audio" not in command.output_modalities
    return replace(before, **{name: value for name, value in found.items() if value is not UNSET})


def _refused(why: str) -> Error:
    return Error(LocalProtocolError(why))
