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
_FEW_WORDS: Final = 3
_WORD: Final = re.compile(r"[\w']+")


class Endpointing(Struct, frozen=True):
    """Milliseconds of silence, counted in input audio from the last window of speech."""

    guess_ms: float = 64.0
    """Begin to transcribe and to think, for the turn may be over."""
    complete_ms: float = 160.0
    """Ends a turn that sounds complete."""
    brief_ms: float = 320.0
    """Ends a complete turn of at most three words: they often only begin a sentence."""
    incomplete_ms: float = 800.0
    """Ends any turn."""
    reopen_ms: float = 640.0
    """Speech that resumes within this time of the decision still belongs to the turn."""

    def hold_ms(self, text: str) -> float:
        """Return the silence that ends a turn with these words."""
        words = _WORD.findall(text.lower())
        if not words or not _ends_well(text.rstrip("\"')"), words[-1]):
            return self.incomplete_ms
        return self.complete_ms if len(words) > _FEW_WORDS else self.brief_ms


PATIENCE: Final = {"high": 1.0, "auto": 1.0, "medium": 1.5, "low": 2.5}
"""How many times the usual silence it takes, by eagerness."""


def endpointing_for(turns: TurnDetection) -> Endpointing:
    """Return the policy for a session: a fixed silence where one is asked for, else adaptive ones."""
    fixed_ms = turns.silence_ms
    if fixed_ms is not None:
        return Endpointing(min(64.0, fixed_ms), fixed_ms, fixed_ms, fixed_ms, reopen_ms=0.0)
    patience, adaptive = PATIENCE[turns.eagerness], Endpointing()
    return Endpointing(
        complete_ms=adaptive.complete_ms * patience,
        brief_ms=adaptive.brief_ms * patience,
        incomplete_ms=adaptive.incomplete_ms * patience,
    )


def _ends_well(text: str, last_word: str) -> bool:
    match text[-2:], text[-1]:
        case "..", _:
            return False
        case _, "?":
            return last_word not in _UNASKED
        case _, ".":
            return last_word not in _UNSAID
        case _, end:
            return end == "!"
