"""What a gateway passes on: every kind of command and event is sent through both ends of each protocol."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from math import inf
from typing import TypeAlias, get_args

from msgspec import Struct

from s2s import commands as c
from s2s import events as e
from s2s.capabilities import Capabilities
from s2s.config import Config, TurnDetection
from s2s.errors import ProviderError
from s2s.items import Call, Message
from s2s.testing.pairlaw import Pair
from s2s.tools import Tool
from s2s.wire import Send
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.client import GeminiClient
from s2s.wire.gemini.client import Opening as GeminiOpening
from s2s.wire.gemini.profiles import LIVE_38
from s2s.wire.gemini.reading import read
from s2s.wire.gemini.server import GeminiServer
from s2s.wire.nova.client import NovaClient
from s2s.wire.nova.client import Opening as NovaOpening
from s2s.wire.nova.server import NovaServer
from s2s.wire.nova.setups import Setting
from s2s.wire.openai.client import OpenAIClient, Opening
from s2s.wire.openai.server import OpenAIServer

Said: TypeAlias = c.Command | e.Event

_CAN = Capabilities(truncate=True, images=True, updates=True, out_of_band=True)
_STARTED = e.SessionStarted("session", "engine", "model", _CAN)
_TOOL = Tool(name="look_up")
_MANUAL = TurnDetection(mode="manual")
_AUDIO = bytes(9600)
_WAIT_S = 10.0
_NOT_OF_LINKS = {e.SessionStarted, e.TurnEnd, e.SessionEnded}
"""What begins every pair, and what only a session tells."""


class Row(Struct, frozen=True):
    """Something that is said, after something else, and why it may not arrive."""

    said: tuple[Said, ...]
    note: str = ""
    before: tuple[Said, ...] = ()
    label: str = ""
    turns: TurnDetection = TurnDetection()


_BEGUN = (
    e.ResponseStarted("r1"),
    e.TextOutput("Hello.", "r1", "i1"),
    e.AudioOutput(_AUDIO, 24_000, "r1", "i1"),
)
_CALL = (e.ResponseStarted("r1"), e.ToolCall(Call("call_1", "look_up"), "r1"), e.ResponseDone("r1"))
_SPOKEN = (*_BEGUN, e.ResponseDone("r1"))
_SPEECH = (e.SpeechStarted("u1", 1.0), e.SpeechStopped("u1", 2.0))
_UNTOLD = "Nova does not tell when the user speaks, only what was said, and that it was stopped by it"
_NO_OTHER_END = "Nova has no ends of an answer but the two above: this one is complete"
_QUESTION = (c.AddItem(Message("user", "Hello?", "item_1")), c.CreateResponse())

ROWS = (
    Row((c.AppendAudio(_AUDIO),)),
    Row((c.AppendImage(b"jpeg"),), "an engine that cannot see gets none"),
    Row(
        (c.AppendAudio(_AUDIO), c.CommitAudio()),
        "Nova finds the turns itself; an Error says so",
        label="CommitAudio, manual turns",
        turns=_MANUAL,
    ),
    Row(
        (c.ClearAudio(),),
        "Gemini and Nova keep all audio; where speech may be in it an Error says so",
        (c.AppendAudio(_AUDIO),),
    ),
    Row(_QUESTION, label="AddItem, CreateResponse"),
    Row(
        (c.CreateResponse(instructions="Say it in French."),),
        "Gemini and Nova have no instructions for one response: they become words of the user",
        label="CreateResponse, instructions",
    ),
    Row(
        (c.CreateResponse(out_of_band=True),),
        "Gemini and Nova have none beside the conversation; an Error says so",
        label="CreateResponse, out of band",
    ),
    Row((c.RemoveItem("i1"),), "Gemini and Nova keep what was said; an Error says so", _SPOKEN),
    Row((c.SendToolResult("call_1", "Nice."),), before=_CALL),
    Row(
        (c.SendToolResult("call_1", "Nice.", respond=False), c.CreateResponse()),
        "Gemini and Nova speak of every result: a quiet one waits for a question; what they answer is both",
        _CALL,
        "SendToolResult, quiet, and CreateResponse",
    ),
    Row(
        (c.Cancel(),),
        "Gemini, while it finds the turns, and Nova cannot be stopped: the answer is silenced on our side, "
        "and over",
        _BEGUN,
        "Cancel, server turns",
    ),
    Row((c.Cancel(),), "Nova has no manual turns", _BEGUN, "Cancel, manual turns", _MANUAL),
    Row(
        (c.Truncate("i1", 100.0),),
        "no client of Gemini can say what was heard: the gateway estimates it, and truncates for it; "
        "Nova learns it with the next stream",
        _SPOKEN,
    ),
    Row(
        (c.UpdateSession(instructions="Be brief."),),
        "Gemini: over another connection, with its handle; Nova: over another stream, told what was said",
    ),
    Row((e.SpeechStarted("u1", 100.0),), _UNTOLD),
    Row((e.SpeechStopped("u1", 900.0),), _UNTOLD, (e.SpeechStarted("u1", 100.0),)),
    Row((e.Transcript("Hello.", "u1", "Hello.", True),), before=_SPEECH),
    Row(_BEGUN),
    Row((e.TextOutput("More.", "r1", "i1"), e.AudioOutput(_AUDIO, 24_000, "r1", "i1", 200.0)), before=_BEGUN),
    Row(
        (e.ToolCall(Call("call_1", "look_up"), "r1"), e.ResponseDone("r1")),
        before=(e.ResponseStarted("r1"),),
        label="ToolCall, ResponseDone",
    ),
    Row(
        (e.ToolCallCancelled(("call_1",)),),
        "OpenAI has no word for it: a result that still comes is told in words, with the next question; "
        "nor has Nova, to which every call is answered",
        _CALL,
    ),
    Row(
        (e.Interrupted("r1", "i1", 100.0, "user_speech", "server_confirmed"),),
        "OpenAI: as the speech for which the engine has stopped, unless that was told",
        _BEGUN,
    ),
    Row(
        (e.ResponseGenerated("r1"),),
        "OpenAI: its items are over, and the next question need not wait",
        _BEGUN,
    ),
    Row((e.ResponseDone("r1", "completed", e.Usage(e.Tokens(5), e.Tokens(7))),), "with its usage", _BEGUN),
    Row(
        (e.ResponseDone("r1", "interrupted"),),
        "Gemini says that it was interrupted, and then that it is over",
        _BEGUN,
        "ResponseDone, interrupted",
    ),
    Row((e.ResponseDone("r1", "failed"),), _NO_OTHER_END, _BEGUN, "ResponseDone, failed"),
    Row((e.ResponseDone("r1", "incomplete"),), _NO_OTHER_END, _BEGUN, "ResponseDone, incomplete"),
    Row((e.UsageUpdate(e.Usage(e.Tokens(5))),), "OpenAI: with the next response"),
    Row(
        (e.Reconnecting("the cable", 1), e.Reconnected("full")),
        "the engine's connection is none of the client's",
        label="Reconnecting, Reconnected",
    ),
    Row((e.Unrecognized("provider", {"type": "news"}),), "what only the provider knows"),
    Row((e.RateLimits((e.RateLimit("tokens", 9, 8, 1.0),)),), "Gemini and Nova have none"),
    Row((e.IdleTimeout(5.0),), "Gemini and Nova have none"),
    Row((e.GoingAway(30.0),), "OpenAI and Nova have no warning before the end"),
    Row(
        (e.Error(ProviderError("no", code="server_error")),),
        "Gemini and Nova have no word for it, and go on",
    ),
    Row(
        (e.Error(ProviderError("no", code="server_error"), fatal=True),),
        "Gemini: the close code and its reason; Nova: an exception",
        label="Error, fatal",
    ),
)


def crossing() -> Iterator[str]:
    """Yield the table: whether it arrives, whatever comes with it, and by name what comes in its place."""
    said = {type(each) for row in ROWS for each in row.said}
    if unsaid := {*get_args(c.Command), *get_args(e.Event)} - said - _NOT_OF_LINKS:
        raise LookupError(f"no row says {', '.join(sorted(each.__name__ for each in unsaid))}")
    yield "| what is said | over OpenAI Realtime | over Gemini Live | over Nova Sonic | |"
    yield "|---|---|---|---|---|"
    for row in ROWS:
        label = row.label or ", ".join(dict.fromkeys(type(each).__name__ for each in row.said))
        found = [_cell(row, pair(row.turns)) for pair in (openai, gemini, nova)]
        if {*found} != {"yes"} and not row.note:
            raise LookupError(f"nothing says why {label} does not arrive")
        yield f"| {label} | {' | '.join(found)} | {row.note} |"


def openai(turns: TurnDetection) -> Pair:
    """Return both ends of OpenAI Realtime, ready."""
    config = Config(tools=[_TOOL], turn_detection=turns)
    client = OpenAIClient(Opening(config=config, capabilities=_CAN))
    pair = Pair(client, OpenAIServer(input_rate=client.input_rate))
    pair.tell(_STARTED)
    return pair


def gemini(turns: TurnDetection) -> Pair:
    """Return both ends of Gemini Live, ready."""
    opening = GeminiOpening(config=Config(tools=[_TOOL], turn_detection=turns), capabilities=_CAN)
    client = GeminiClient(opening)
    setup = read(client.open()[0].data, m.ClientMessage)[0].setup or m.Setup()
    pair = Pair(client, GeminiServer(setup, LIVE_38, input_rate=client.input_rate))
    pair.tell(_STARTED)
    return pair


class Unhurried(Pair):
    """Both ends of a protocol that says of some ends only that nothing more comes: seconds pass."""

    def __init__(self, client: NovaClient, server: NovaServer) -> None:
        super().__init__(client, server)
        self._settling = client

    def tell(self, event: e.Event) -> list[e.Event]:
        """Have the server send this, and return what the client has heard a few seconds later."""
        told = super().tell(event)
        if (self._settling.patience_s or inf) < _WAIT_S:
            told += self._carry(self._settling.settle(), [])[1]
        return told


def nova(turns: TurnDetection) -> Pair:
    """Return both ends of Nova Sonic, ready."""
    client = NovaClient(
        NovaOpening(config=Config(tools=[_TOOL], turn_detection=turns), capabilities=_CAN, input_rate=24_000)
    )
    setting, ids = Setting(), itertools.count(1)
    for each in (*client.open(), *client.receive(b'{"response":{"requestId":"1"}}')):
        if isinstance(each, Send):
            setting.receive(each.data)
    if setting.complete is None:
        raise LookupError("our own setup is refused")
    server = NovaServer(
        setting.complete, session_id="session", input_rate=24_000, new_id=lambda: f"id-{next(ids)}"
    )
    pair = Unhurried(client, server)
    pair.tell(_STARTED)
    return pair


def _cell(row: Row, pair: Pair) -> str:
    for each in row.before:
        _through(pair, each)
    heard = [_name(found) for each in row.said for found in _through(pair, each)]
    rest = iter(heard)
    if all(_name(each) in rest for each in row.said):
        return "yes"
    if pair.reopens is not None:
        return "yes, elsewhere"
    return "a close" if pair.closed is not None else ", ".join(dict.fromkeys(heard)) or "-"


def _name(said: Said) -> str:
    """Return what something is called, with the one thing of it that not every protocol has a word for."""
    name = type(said).__name__
    if isinstance(said, e.ResponseDone) and said.status != "completed":
        return f"{name}, {said.status}"
    return name


def _through(pair: Pair, said: Said) -> Sequence[Said]:
    match said:
        case (
            c.AppendAudio()
            | c.AppendImage()
            | c.CommitAudio()
            | c.ClearAudio()
            | c.AddItem()
            | c.RemoveItem()
            | c.CreateResponse()
            | c.SendToolResult()
            | c.Cancel()
            | c.Truncate()
            | c.UpdateSession()
        ):
            return pair.say(said)
        case _:
            return pair.tell(said)
