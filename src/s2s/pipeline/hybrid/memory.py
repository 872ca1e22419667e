"""What passed between a session and its sides, by the names that the session knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from s2s.commands import AddItem, Cancel, Command, RemoveItem, SendToolResult, Truncate, UpdateSession
from s2s.config import Config, TurnDetection
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
)
from s2s.items import Call, Item, Message, ToolResult
from s2s.pipeline.hybrid.course import Course
from s2s.pipeline.hybrid.owed import Asked
from s2s.pipeline.hybrid.repeating import Repeated
from s2s.pipeline.hybrid.unanswered import Unanswered
from s2s.state.conversation import Conversation

_WORDS_S: Final = 3.0
"""How long a side may take to tell what the user has said, after it was said."""


class Passed(Struct, frozen=True):
    """What another side shall know: a conversation, and what it is told once more after that."""

    history: tuple[Item, ...]
    repeated: Repeated


class Memory:
    """Hears and tells along, and knows at any time what another side has to be told."""

    def __init__(self, config: Config, rate: int) -> None:
        self.conversation = Conversation(config.history)
        self.course = Course()
        self.unanswered = Unanswered(rate, answers_speech=config.turns.create_response)
        self.settings = UpdateSession()
        """All that changed since the session began."""
        self.voiced = 0
        """The number of the link for which the voice was chosen last."""
        self._interrupts = config.turns.interrupt_response
        """Whether the user cuts an answer off by speaking."""
        self._transcribes = config.transcription
        self._wordless: dict[str, float] = {}
        """Items of the user whose words are to come, and when they were over."""
        self._received_ms: dict[str, float] = {}
        self._cut: set[str] = set()
        """Responses that are under way and of which the session hears no more."""

    def idle(self, now: float) -> bool:
        """Tell whether nothing is under way or due, and the user is not known to speak."""
        due = any(now - at < _WORDS_S for at in self._wordless.values())
        return self.course.idle and not self.unanswered.owing.waiting and not due

    def look(self) -> None:
        """See whether the turn has ended by now."""
        asked = self.unanswered.owing.all(Asked)
        self.course.look(owed=any(each.origin == "tool_result" for each in asked))

    def hear(self, event: Event, link: int, now: float) -> None:
        """Note what an engine tells over this link."""
        unanswered, course = self.unanswered, self.course
        match event:
            case AudioOutput() | TextOutput():
                self._said(event)
            case SpeechStarted(item_id=item_id, position_ms=at_ms):
                self.conversation.heard_user(item_id, self.conversation.text_of(item_id))
                unanswered.began(item_id, unanswered.sound.bytes_of(at_ms))
                self._cut_off(course.answers if self._interrupts else ())
            case SpeechStopped(item_id=item_id, position_ms=at_ms):
                self.conversation.heard_user(item_id, self.conversation.text_of(item_id))
                unanswered.stopped(item_id, unanswered.sound.bytes_of(at_ms), now)
                if self._transcribes:
                    self._wordless[item_id] = now
            case Transcript(item_id=item_id, text=text, final=final):
                self.conversation.heard_user(item_id, text)
                if final:
                    self._wordless.pop(item_id, None)
                    course.user_text = text
                    unanswered.understood(item_id, text, now)
            case ResponseStarted(response_id=response_id, origin=origin):
                course.begun(response_id, origin)
                unanswered.begun(response_id, origin)
            case ToolCall(call=call, response_id=response_id):
                unanswered.said(response_id)
                course.called(call, response_id, link)
                if call.id in course.calls:
                    self.conversation.add(call)
            case ToolCallCancelled(call_ids=call_ids):
                course.cancelled(call_ids)
            case ResponseDone(response_id=response_id):
                self._cut.discard(response_id)
                unanswered.ended(response_id)
                course.done(event)
            case Interrupted():
                self._cut_off(course.answers)
            case Error():
                course.errors += 1
            case _:
                pass

    def tell(self, command: Command, link: int, now: float) -> Sequence[Command | Asked]:
        """Note what the engine behind this link is asked, and return what it is to be asked for that."""
        match command:
            case SendToolResult():
                return self._result(command, link, now)
            case AddItem(item=item):
                self.conversation.add(item)
                if isinstance(item, Message) and item.role == "user":
                    self.course.user_text = item.text
            case RemoveItem(item_id=item_id):
                self.conversation.drop(item_id)
            case Truncate(item_id=item_id, heard_ms=heard_ms):
                self.conversation.heard_until(item_id, heard_ms, self._received_ms.get(item_id, 0.0))
            case Cancel(response_id=str(response_id)):
                self._cut_off((response_id,))
            case UpdateSession():
                self._update(command, link)
            case _:
                pass
        self.unanswered.tell(command, now)
        return (command,)

    def part(self, status: ResponseStatus) -> Sequence[Event]:
        """The side is left: return what ends whatever it has begun."""
        self.unanswered.part()
        self._cut.clear()
        self._wordless.clear()
        return self.course.cut(status)

    def passed(self, *, quiet: bool) -> Passed:
        """Return what another side shall know; with `quiet` also audio in which nobody was noticed."""
        repeated = self.unanswered.repeated(quiet=quiet)
        unfinished = {item for each in self.course.open.values() for item in each.items}
        return Passed(_whole(self.conversation.items, repeated.apart | unfinished), repeated)

    def _said(self, event: AudioOutput | TextOutput) -> None:
        response_id, item_id = event.response_id, event.item_id
        self.unanswered.said(response_id)
        self.course.said(response_id, item_id)
        received_ms = self._received_ms.get(item_id, 0.0)
        if isinstance(event, AudioOutput):
            self._received_ms[item_id] = received_ms + len(event.audio) * 500 / event.sample_rate
        elif event.text and response_id not in self._cut and not self._aside(response_id):
            self.conversation.said(item_id, event.text, received_ms)

    def _cut_off(self, responses: Iterable[str]) -> None:
        for each in responses:
            self._cut.add(each)
            self.unanswered.said(each)

    def _aside(self, response_id: str) -> bool:
        response = self.course.open.get(response_id)
        return response is not None and response.aside

    def _result(self, command: SendToolResult, link: int, now: float) -> Sequence[Command | Asked]:
        made = self.course.settled(command.call_id)
        if made is None:
            return (command,)
        respond = command.respond or self.course.owes_answer(made.response_id)
        command = replace(command, respond=respond)
        result = ToolResult(command.call_id, command.output, command.is_error, respond)
        self.conversation.add(result)
        self.unanswered.tell(command, now)
        if made.link == link:
            return (command,)
        return AddItem(made.call), AddItem(result), *([Asked("tool_result")] if respond else [])

    def _update(self, command: UpdateSession, link: int) -> None:
        changes = {n: v for n in command.__struct_fields__ if (v := getattr(command, n)) is not UNSET}
        self.settings = replace(self.settings, **changes)
        if command.voice is not UNSET:
            self.voiced = link
        if command.transcription is not UNSET:
            self._transcribes = command.transcription
        if isinstance(command.turn_detection, TurnDetection):
            self.unanswered.answers_speech = command.turn_detection.create_response
            self._interrupts = command.turn_detection.interrupt_response


def _whole(items: Sequence[Item], apart: frozenset[str] | set[str]) -> tuple[Item, ...]:
    """Return what an engine can begin with: calls with their results, messages that were heard."""
    answered = {each.call_id for each in items if isinstance(each, ToolResult)}
    called = {each.id for each in items if isinstance(each, Call)}
    found = list[Item]()
    for each in items:
        match each:
            case Message(item_id=item_id, heard_text=heard):
                fits = item_id not in apart and heard != ""
            case Call(id=call_id):
                fits = call_id in answered
            case ToolResult(call_id=call_id):
                fits = call_id in called
        if fits:
            found.append(each)
    return tuple(found)
