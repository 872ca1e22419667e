"""Cuts an answer into pieces to be spoken, while it is still being written."""

from __future__ import annotations

import re

_LONGEST = 300
_FIRST_CLAUSE = 40

_CLOSERS = r"[\"'\u2019\u201d)\]*_`~]*"
# Each wants to see what follows: "3.14" and "U.S. Army" look like ends until then.
_BOUNDARY = re.compile(
    rf"""  (?P<line> [^\S\n]*\n\s*)(?=\S)
         | (?P<end> [.!?\u2026]+{_CLOSERS}\s+)(?=\S)
         | (?P<clause> [,;:]{_CLOSERS}\s+ | \s[-\u2013]\s+ | \s*\u2014\s*)(?=\S)""",
    re.VERBOSE,
)
_WORD_BEFORE = re.compile(r"[^\s(\[\"'\u2018\u201c*_`]*$")
_LETTERS = re.compile(r"(?:[A-Za-z]\.)*[A-Za-z]")
_ORDINAL = re.compile(r"(?:^|\n)\s*\d{1,3}$")
_ABBREVIATION = re.compile(
    "mrs?|ms|dr|prof|st|mt|rev|hon|gen|col|capt|lt|sgt|gov|sen|rep|vs|approx|ca|cf|incl"
    "|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_BEFORE_NUMBER = re.compile("nos?|vol|fig|pp?|ch|sec|art")
_WORD_ALL_THE_SAME = re.compile(r"i|[ap]\.m")

_MARKUP = (
    (re.compile(r"^\s*```.*$", re.MULTILINE), ""),
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"^\s*(?:[-+*\u2022>]\s+)+", re.MULTILINE), ""),
    (re.compile(r"(?<![\w&])#+(?!\d)\s*"), ""),
    # An asterisk between two numbers is a multiplication.
    (re.compile(r"\*(?!\s*\d)|(?<!\d)(?<!\d\s)\*"), ""),
    (re.compile(r"(?<!\w)_+|_+(?!\w)|`+|~~+"), ""),
    (re.compile(r"\|"), " "),
)


class Clauses:
    """Turns deltas of text into pieces: first a clause, for an early start, then sentences.

    A piece keeps the space that follows it, so joined pieces read as the text did, without its markup. Where
    the text is cut does not depend on how it was cut into deltas.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._shortest_clause = _FIRST_CLAUSE

    def push(self, delta: str) -> list[str]:
        """Return the pieces that are complete now, as they are to be spoken."""
        return [said for piece in self.cut(delta) if (said := speakable(piece))]

    def flush(self) -> list[str]:
        """Return what is left, for nothing follows it."""
        rest, self._pending = self._pending, ""
        return [said] if (said := speakable(rest)) else []

    def cut(self, delta: str) -> list[str]:
        """Return the pieces that are complete now as they were written, so that joined they are the text."""
        self._pending += delta
        pieces = []
        while end := _first_end(self._pending, self._shortest_clause):
            piece, self._pending = self._pending[:end], self._pending[end:]
            pieces.append(piece)
            if speakable(piece):
                self._shortest_clause = _LONGEST
        return pieces


def speakable(text: str) -> str:
    """Return the text without Markdown, or nothing if no letter or digit remains."""
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return text.lstrip() if any(map(str.isalnum, text)) else ""


def _first_end(text: str, shortest_clause: int) -> int:
    """Return where the first piece ends, 0 while that is open."""
    last_clause = 0
    for match in _BOUNDARY.finditer(text, 0, _LONGEST + 1):
        match match.lastgroup:
            case "clause":
                last_clause = match.end()
                if match.start() >= shortest_clause:
                    return last_clause
            case "end" if not _is_end(match):
                continue
            case _:
                return match.end()
    if len(text) <= _LONGEST:
        return 0
    return last_clause or text.rfind(" ", 0, _LONGEST) + 1 or _LONGEST


def _is_end(mark: re.Match[str]) -> bool:
    """Tell whether a sentence ends here, and not a number in a list, an abbreviation or a quotation."""
    if "\n" in mark[0]:
        return True
    text, following = mark.string, mark.string[mark.end()]
    if following.islower():
        return False
    if not re.fullmatch(rf"\.{_CLOSERS}\s+", mark[0]):
        return True
    if _ORDINAL.search(text, 0, mark.start()):
        return False
    found = _WORD_BEFORE.search(text, 0, mark.start())
    word = found[0].lower() if found else ""
    if _BEFORE_NUMBER.fullmatch(word):
        return not following.isdigit()
    if _WORD_ALL_THE_SAME.fullmatch(word):
        return True
    return not (_ABBREVIATION.fullmatch(word) or _LETTERS.fullmatch(word))
