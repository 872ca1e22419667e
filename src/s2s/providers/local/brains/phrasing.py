"""Text as a voice should say it."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST_QUOTE = 300
_LONGEST_SENTENCE = 600


def plain(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ").replace("-", " ")


def listing(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def quoted(text: str) -> str:
    """Return what somebody said as it may stand between quotation marks, shortened."""
    return _shortened(text, _LONGEST_QUOTE, " and so on").rstrip(" .!?,").replace('"', "")


def sentence(text: str) -> str:
    """Return the text with a capital and a full stop, shortened."""
    text = _shortened(text.strip(), _LONGEST_SENTENCE, ", and there is more.")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def _shortened(text: str, longest: int, ending: str) -> str:
    return text if len(text) <= longest else text[:longest].rsplit(" ", 1)[0] + ending
