"""Decides that the user's turn is over: how much silence it takes after what was said."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from s2s.config import TurnDetection

# A sentence that ends in one of these has not ended: the speaker looks for the next word.
_ARTICLES = "a an the my your his her its our their this that these those some any every each"
_PREPOSITIONS = "of to for from with without in on at by into about over under between like as than"
_CONJUNCTIONS = "and or but nor so because if when while where which who whose whether until unless although though"
_AUXILIARIES = "is are was were be been am do does did can could will would shall should may might must"
_STARTERS = "i you he she we they it's i'm let's please maybe also just very really"
_FILLERS = "um uh er hmm erm well"
_DANGLING: Final = frozenset(
    f"{_ARTICLES} {_PREPOSITIONS} {_CONJUNCTIONS} {_AUXILIARIES} {_STARTERS} {_FILLERS}".split()
)
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
    if not words or stripped.endswith(("...", "…", ",", "-", ":", ";")):
        return False
    return stripped.endswith("?") or (stripped.endswith((".", "!")) and words[-1] not in _DANGLING)
