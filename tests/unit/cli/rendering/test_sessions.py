import io

from s2s.capabilities import Capabilities
from s2s.cli.rendering.screen import PlainPen, Screen
from s2s.cli.rendering.sessions import Sessions
from s2s.errors import S2SError
from s2s.events import (
    AudioOutput,
    Error,
    ResponseDone,
    SessionStarted,
    SpeechStarted,
    TextOutput,
    ToolCall,
    Transcript,
)
from s2s.items import Call


def test_sessions_are_told_apart_and_each_thing_said_is_a_line() -> None:
    file = io.StringIO()
    sessions = Sessions(Screen(PlainPen(file)))
    sessions(1, SessionStarted("s", "local", "cascade", Capabilities()))
    sessions(2, SpeechStarted("u", 0))
    sessions(1, Transcript("Go for", "u"))
    sessions(1, Transcript("Go forward.", "u", final=True))
    sessions(1, ToolCall(Call("c", "move", {}, '{"m":1}'), "r"))
    sessions(1, TextOutput("Moving", "r", "i"))
    sessions(2, TextOutput("Hello.", "r", "i"))
    sessions(1, AudioOutput(b"..", 24_000, "r", "i"))
    sessions(1, TextOutput(" on.", "r", "i"))
    sessions(1, ResponseDone("r"))
    sessions(2, ResponseDone("r", "interrupted"))
    sessions(2, ResponseDone("r"))  # it only made a call
    sessions(1, Error(S2SError("oops")))
    assert [line.split(maxsplit=1) for line in file.getvalue().splitlines()] == [
        ["#1", "connected, cascade answers"],
        ["#2", "the user speaks"],
        ["#1", "user   Go forward."],
        ["#1", 'calls  move {"m":1}'],
        ["#1", "agent  Moving on."],
        ["#2", "agent  Hello. (interrupted)"],
        ["#1", "error  oops"],
    ]
