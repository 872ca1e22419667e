"""Decides that the user's turn is over: how much silence it takes after what was said."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from s2s.config import TurnDetection

# A sentence that ends in one of these has not ended: the speaker looks for the next word. A question may
# well end in a preposition.
_ARTICLES = "a an the my your our their every each"
_PREPOSITIONS = "of to for from with without at into between like than"
_CONJUNCTIONS = (
    "and or but nor so because if when while where which who whose whether until unless although though"
)
_SUBJECTS = "i he she we they i'm let's"
_FILLERS = "um uh er hmm erm very really"
_UNASKED: Final = frozenset(f"{_ARTICLES} {_CONJUNCTIONS} {_FILLERS}".split()) - {
    "who",
    "when",
    "where",
    "which",
}
_UNSAID: Final = frozenset(f"{_PREPOSITIONS} {_SUBJECTS}".split()) | _UNASKED
_WORD: Final = re.compile(r"[\w']+")


class Endpointing(Struct, frozen=True):
    """Milliseconds of silence, counted in input audio from the last window of speech."""

    guess_ms: float = 64.0
    """Begin to transcribe and to think, for the turn may be over."""
    complete_ms: float = 160.0
    """Ends a turn that sounds complete."""
    incomplete_ms: float = 800.0
    """Ends any turn."""
    reopen_ms: float = 640.0
    """Speech that resumes within this time of the decision still belongs to the turn."""

    def hold_ms(self, text: str) -> float:
        """Return the silence that ends a turn with these words."""
        return self.complete_ms if sounds_complete(text) else self.incomplete_ms


_PATIENCE: Final = {"high": 1.0, "auto": 1.0, "medium": 1.5, "low": 2.5}


def endpointing_for(turns: TurnDetection) -> Endpointing:
    """Return the policy for a session: a fixed silence where one is asked for, else an adaptive one."""
    if turns.silence_ms is not None:
        return Endpointing(
            guess_ms=min(64.0, turns.silence_ms), complete_ms=turns.silence_ms, incomplete_ms=turns.silence_ms
        )
    patience = _PATIENCE[turns.eagerness]
    adaptive = Endpointing()
    return Endpointing(
        complete_ms=adaptive.complete_ms * patience, incomplete_ms=adaptive.incomplete_ms * patience
    )


def sounds_complete(text: str) -> bool:
    """Judge by its words and punctuation whether a speaker is done."""
    stripped = text.rstrip("\"')")
    words = _WORD.findall(stripped.lower())
    if not words:
        return False
    match stripped[-1], stripped[-2:]:
        case _, "..":
            return False
        case "?", _:
            return words[-1] not in _UNASKED
        case ".", _:
            return words[-1] not in _UNSAID
        case end, _:
            return end == "!"
