"""What every engine owes whoever talks to it: the table. `checks` holds a check for every row."""

from __future__ import annotations

from msgspec import Struct


class Requirement(Struct, frozen=True):
    """One thing that has to be so."""

    id: str
    source: str
    """The section of the design that asks for it."""
    sentence: str
    needs: str = ""
    """What an engine must have for it to apply: a capability, or something that a Subject brings."""
    divergence: str = ""
    """How an engine may differ without being at fault."""


_SESSION, _RESPONSE = "1 session", "4 response"
_TURN, _SPEECH, _CUT, _TOOL = "4 turn", "4 speech", "4 interruption", "4 tools"

REQUIREMENTS = (
    Requirement("session.begins", _SESSION, "The first event says who speaks and what was declared before."),
    Requirement("session.ends", _SESSION, "SessionEnded comes last, once, and the iteration ends after it."),
    Requirement("session.closes-once", _SESSION, "Closing twice is closing once."),
    Requirement("session.refuses", _SESSION, "After the end every send raises SessionClosedError."),
    Requirement("session.leaves-nothing", _SESSION, "After the end no task of the session is left."),
    Requirement("session.apart", _SESSION, "Sessions of one engine do not hear each other."),
    Requirement("session.overrides", _SESSION, "Overrides of `start` hold for one session."),
    Requirement("session.comes-back", _SESSION, "Leaving the loop and coming back loses nothing."),
    Requirement("session.one-reader", _SESSION, "A second reader is refused and the first loses nothing."),
    Requirement("response.frame", _RESPONSE, "One start, one end, content in between, ids everywhere."),
    Requirement("response.speaks", _RESPONSE, "An answer is audio, and the words of it."),
    Requirement("response.final", _RESPONSE, "The last text of every item is marked as final, once."),
    Requirement("response.rate", _RESPONSE, "Audio comes at the rate that was asked for, as long as before."),
    Requirement("response.telephone", _RESPONSE, "Audio comes as G.711 where that was asked for."),
    Requirement("response.in-writing", _RESPONSE, "With text alone asked for, there is text and no audio."),
    Requirement("response.asked-for", _RESPONSE, "`respond` has the engine speak though nobody said a word."),
    Requirement(
        "response.in-turn", _RESPONSE, "Two questions are answered one after the other.", "text_input"
    ),
    Requirement("response.closed", _RESPONSE, "A session closed amid a response ends it, and its turn."),
    Requirement(
        "response.lost", _RESPONSE, "A lost connection ends response, turn and session, in order.", "lose"
    ),
    Requirement("turn.once", _TURN, "A turn ends once, after its last response.", "turns"),
    Requirement("turn.tells", _TURN, "TurnEnd tells what was asked, said and heard.", "turns"),
    Requirement(
        "turn.timed", _TURN, "TurnEnd tells when the first audio came, and never a negative time.", "turns"
    ),
    Requirement(
        "turn.counted",
        _TURN,
        "The usage of a turn is that of its responses, and adds up in the session.",
        "turns",
        "an engine that costs nothing, or does not say what, tells none",
    ),
    Requirement("turn.spans-tools", _TURN, "A call and the answer to its result are one turn.", "tools"),
    Requirement(
        "speech.noticed",
        _SPEECH,
        "Speech starts and stops, as one item, in this order.",
        "speech",
        "an engine without voice activity detection of its own tells neither",
    ),
    Requirement("speech.transcribed", _SPEECH, "The words of the user come with their item.", "transcripts"),
    Requirement("speech.answered", _SPEECH, "Speech and then silence are answered.", "speech"),
    Requirement("speech.silence", _SPEECH, "Silence alone brings nothing."),
    Requirement("speech.committed", _SPEECH, "Without turn detection only a commit is answered.", "manual"),
    Requirement("speech.unanswered", _SPEECH, "Without `create_response` speech is not answered.", "speech"),
    Requirement("speech.untranscribed", _SPEECH, "Without `transcription` there is no transcript.", "speech"),
    Requirement("interruption.silences", _CUT, "After `interrupt` nothing of that response is delivered."),
    Requirement(
        "interruption.told",
        _CUT,
        "`interrupt` returns the one event that it delivers, as honest as the capabilities.",
    ),
    Requirement(
        "interruption.ends",
        _CUT,
        "Response and turn end as interrupted.",
        divergence="an engine that cannot stop ends them when it is through",
    ),
    Requirement(
        "interruption.heard", _CUT, "What was heard is what the sink says, in event, turn and history."
    ),
    Requirement(
        "interruption.nothing", _CUT, "With nothing to interrupt, `interrupt` says None and no event comes."
    ),
    Requirement("interruption.goes-on", _CUT, "The next question is answered in full."),
    Requirement("interruption.by-voice", _CUT, "Who speaks over an answer cuts it off.", "speech"),
    Requirement("interruption.along", _CUT, "Without `interrupt_response` the answer goes on.", "speech"),
    Requirement(
        "interruption.tools", _CUT, "Blocking calls are settled, and an answer to them is refused.", "tools"
    ),
    Requirement("tool.called", _TOOL, "A call names a tool and carries arguments that fit it.", "tools"),
    Requirement("tool.runs", _TOOL, "A function is run, and its result answered.", "tools"),
    Requirement("tool.answered", _TOOL, "The application answers what has no function.", "tools"),
    Requirement("tool.once", _TOOL, "A second answer, or one to no call, is refused.", "tools"),
    Requirement("tool.quiet", _TOOL, "A result that wants no response gets none.", "tools"),
    Requirement(
        "tool.parallel", _TOOL, "Several calls of a response are answered by one response.", "two_calls"
    ),
    Requirement(
        "tool.fails", _TOOL, "A tool that fails is an error, is told to the engine, and no more.", "tools"
    ),
    Requirement("history.order", "4 history", "The history holds what both sides said, in order."),
    Requirement("history.seed", "4 history", "The history begins with what the config seeds it with."),
    Requirement("update.tools", "1 update", "Tools given during the session are called.", "updates"),
)
