"""What the agent says in a turn, put together from frames."""

from __future__ import annotations

from msgspec import Struct

from s2s.events import ResponseDone, ResponseStarted, ResponseStatus, TurnEnd
from s2s.pipeline.frames import ControlFrame, EventFrame, Frame, TextFrame


class Response(Struct, frozen=True):
    """What the agent said in one turn, and how that ended."""

    text: str
    status: ResponseStatus = "completed"
    response_id: str = ""
    """Of the last one, where tools were asked in between."""
    heard_text: str | None = None
    """What the user heard of it, where somebody knows."""


class Answers:
    """Collects the words of a turn. It is over where the frames say that the agent has said all.

    That is the ControlFrame("end_of_utterance", "assistant"), which engines and stages have in common. A
    TurnEnd before it, which only engines tell, knows better what was said and heard.
    """

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._done: ResponseDone | None = None
        self._turn: TurnEnd | None = None
        self._aside: set[str] = set()
        """Responses beside the conversation, which belong to no turn."""

    def take(self, frame: Frame) -> Response | None:
        """Take what comes next, and return the turn that ends with it."""
        match frame:
            case TextFrame(role="assistant") if frame.response_id not in self._aside:
                self._words[frame.item_id] = self._words.get(frame.item_id, "") + frame.text
                self._done = self._done or ResponseDone(frame.response_id)
            case EventFrame(event=ResponseStarted(origin="out_of_band", response_id=response_id)):
                self._aside.add(response_id)
            case EventFrame(event=ResponseDone() as done) if done.response_id in self._aside:
                self._aside.remove(done.response_id)
            case EventFrame(event=ResponseDone() as done):
                self._done = done
            case EventFrame(event=TurnEnd() as turn):
                self._turn = turn
            case ControlFrame(signal="end_of_utterance", role="assistant"):
                return self.end()
            case _:
                pass
        return None

    def end(self) -> Response | None:
        """Return the turn that is under way, if there is one, for nothing more comes of it."""
        done, turn, words = self._done, self._turn, self._words
        self._done, self._turn, self._words = None, None, {}
        response_id = "" if done is None else done.response_id
        if turn is not None:
            return Response(turn.agent_text, turn.status, response_id, turn.heard_text)
        if done is None:
            return None
        text = " ".join(filter(None, (each.strip() for each in words.values())))
        return Response(text, done.status, response_id)
