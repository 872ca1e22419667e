"""Finds room for the words of one voice below its sound: each in its place, or as a block."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, pairwise
from typing import Final, NamedTuple

from s2s.cli.asking.recording import Caption
from s2s.cli.rendering.canvas import width_of

_GAP_PX: Final = 6.0
_PAUSE_MS: Final = 200.0
_LETTER_MS: Final = 65.0
_LEAST_PX: Final = 40.0
_SQUEEZE: Final = 1.1
_MORE: Final = "\u2026"


class Word(NamedTuple):
    """A word, or the rest of a block, and where it stands."""

    text: str
    x: float
    row: int
    """0 or 1; words that stand in their place and were not heard stand in the second."""
    heard: bool


class _Spoken(NamedTuple):
    text: str
    at_ms: float
    heard: bool

    @property
    def width(self) -> float:
        return width_of(self.text) + _GAP_PX


def lay_out(captions: Sequence[Caption], x_of: Callable[[float], float], right: float) -> Iterator[Word]:
    """Yield the words of these captions, `x_of` being where a position of the axis stands."""
    for group, following in pairwise([*_in_one_go(captions), None]):
        words = [word for caption in group or () for word in _spoken(caption)]
        if not group or not words:
            continue
        left = x_of(words[0].at_ms)
        room = (right if following is None else x_of(following[0].span.start_ms)) - left
        end_ms = group[-1].span.end_ms
        sounds = 0.0 if end_ms is None else x_of(end_ms) - left
        if sum(word.width for word in words) <= min(sounds * _SQUEEZE, room):
            yield from _each_in_place(words, x_of)
        else:
            yield from _block(words, left, room)


def _in_one_go(captions: Sequence[Caption]) -> Iterator[list[Caption]]:
    """Yield captions that follow one another without a pause together."""
    group: list[Caption] = []
    for caption in captions:
        end_ms = group[-1].span.end_ms if group else None
        if group and (end_ms is None or caption.span.start_ms - end_ms > _PAUSE_MS):
            yield group
            group = []
        group.append(caption)
    if group:
        yield group


def _spoken(caption: Caption) -> Iterator[_Spoken]:
    """Yield each word and when it is spoken, as if all letters took the same time."""
    span = caption.span
    letter_ms = 0.0 if span.end_ms is None else (span.end_ms - span.start_ms) / len(caption.text)
    if span.cut_ms is not None:
        letter_ms = max(letter_ms, _LETTER_MS)
    for word in re.finditer(r"\S+", caption.text):
        end_ms = span.start_ms + word.end() * letter_ms
        heard = span.cut_ms is None or end_ms <= span.cut_ms
        yield _Spoken(word[0], span.start_ms + word.start() * letter_ms, heard)


def _each_in_place(words: Sequence[_Spoken], x_of: Callable[[float], float]) -> Iterator[Word]:
    edge = 0.0
    for word in words:
        x = max(edge, x_of(word.at_ms))
        yield Word(word.text, x, 0 if word.heard else 1, word.heard)
        edge = x + word.width


def _block(words: Sequence[_Spoken], left: float, room: float) -> Iterator[Word]:
    """Yield two rows of words, and an ellipsis for what does not fit."""
    x, row = left, 0
    for word, following in pairwise(chain(words, [None])):
        if word is None or room < _LEAST_PX:
            return
        if row == 0 and x + word.width > left + room:
            x, row = left, 1
        spare = 0.0 if following is None else width_of(_MORE)
        if x + word.width + spare > left + room and x > left:
            yield Word(_MORE, x, row, word.heard)
            return
        yield Word(word.text, x, row, word.heard)
        x += word.width
