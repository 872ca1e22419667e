"""What an application asks, as messages."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from msgspec import UNSET

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
from s2s.events import Error, Event, Origin
from s2s.items import JSON
from s2s.wire import Send
from s2s.wire.openai import messages as m
from s2s.wire.openai.connection import Connection
from s2s.wire.openai.gate import Ask
from s2s.wire.openai.items import short, spelled
from s2s.wire.openai.settings import changed, difference, modalities
from s2s.wire.openai.uplink import SHORTEST_MS
from s2s.wire.openai.variants import Variant

Told = Sequence[Send | Event]
_LOCKED = "the voice cannot change once it was heard: start another session with it"


class Asking:
    """Spells commands. What the service would refuse is an Error at once, and is not sent."""

    def __init__(self, connection: Connection) -> None:
        self._on = connection

    def send(self, command: Command) -> Told:
        """Spell a command."""
        on = self._on
        match command:
            case AppendAudio(audio=audio):
                return (Send(on.uplink.append(audio)),)
            case CommitAudio():
                return self._commit()
            case ClearAudio():
                again = [Send(each) for each in on.uplink.again()]
                owed = on.say_gated(on.gate.user_ended())
                return (on.say(m.InputAudioBufferClear(), "clear"), *again, *owed)
            case AddItem(item=item):
                return (on.put(item),)
            case AppendImage():
                return (on.say(m.ItemCreate(item=_picture(command)), "item"),)
            case RemoveItem(item_id=item_id):
                return (on.say(m.ItemDelete(item_id=short(item_id)), "delete"),)
            case CreateResponse():
                wishes = _wishes(command, on.opening.variant)
                return self._want(wishes, "out_of_band" if command.out_of_band else "application")
            case SendToolResult():
                told = [on.put(each) for each in on.answers.answer(command)]
                return [*told, *self._want(m.ResponseWishes(), "tool_result")] if command.respond else told
            case Cancel(response_id=response_id):
                return on.say_gated(on.gate.cancel(response_id, on.outputs.open))
            case Truncate(item_id=item_id, heard_ms=heard_ms):
                return self._truncate(item_id, heard_ms)
            case UpdateSession():
                return self._update(command)

    def _want(self, wishes: m.ResponseWishes, origin: Origin) -> list[Send]:
        return self._on.say_gated(self._on.gate.want(Ask(wishes, origin)))

    def _commit(self) -> Told:
        on = self._on
        waiting_ms = on.uplink.waiting_ms
        if waiting_ms < SHORTEST_MS:
            told = f"only {waiting_ms:.0f} ms of audio wait for a turn: send {SHORTEST_MS} ms, then commit"
            return (Error(LocalProtocolError(told)),)
        on.uplink.taken()
        commit = on.say(m.InputAudioBufferCommit(), "commit")
        if not on.turns.create_response:
            return (commit,)
        ask = Ask(m.ResponseWishes(), "user_turn", repeats=on.turns.mode == "manual")
        return (commit, *on.say_gated(on.gate.want(ask)))

    def _truncate(self, item_id: str, heard_ms: float) -> Told:
        track = self._on.outputs.tracks.get(item_id)
        if track is None or not track.in_conversation or not track.named:
            return ()
        end_ms = int(min(heard_ms, track.received_ms))
        if end_ms <= 0:
            return (self._on.say(m.ItemDelete(item_id=track.named), "truncate"),)
        cut = m.ItemTruncate(item_id=track.named, audio_end_ms=end_ms, content_index=track.content_index)
        return (self._on.say(cut, "truncate"),)

    def _update(self, command: UpdateSession) -> Told:
        on, opening = self._on, self._on.opening
        told: list[Send | Event] = []
        if isinstance(command.turn_detection, TurnDetection):
            on.turns = command.turn_detection
            on.keep_recent()
            told += on.say_gated(on.gate.user_ended())
        model = opening.wishes.transcription_model or opening.variant.transcribes_with
        asked = changed(command, model, opening.config.language)
        session = on.agreed.session
        if command.voice is not UNSET and on.outputs.spoken_ms and _voice(session) != command.voice:
            del asked["audio"]["output"]["voice"]
            told.append(Error(LocalProtocolError(_LOCKED)))
        wanted = difference(asked, session)
        if wanted:
            told.append(on.update({"type": "realtime", **wanted}, "update"))
        return told


def _voice(session: dict[str, JSON]) -> JSON:
    return session.get("audio", {}).get("output", {}).get("voice")


def _picture(command: AppendImage) -> m.WireItem:
    url = f"data:{command.mime_type};base64,{base64.b64encode(command.image).decode()}"
    return m.WireItem(role="user", content=[m.Content(type="input_image", image_url=url)])


def _wishes(command: CreateResponse, variant: Variant) -> m.ResponseWishes:
    context, wanted = command.context, command.output_modalities
    spoken = None if wanted is None else modalities(wanted)
    return m.ResponseWishes(
        conversation="none" if command.out_of_band else None,
        input=None if context is None else [spelled(each) for each in context],
        instructions=command.instructions,
        output_modalities=None if variant.names_modalities else spoken,
        modalities=spoken if variant.names_modalities else None,
        metadata=command.metadata or None,
    )
