"""The voices of Amazon Nova Sonic.

Source: AWS documentation, "Language support and voices" of Nova 2 Sonic and of Nova Sonic (2026-11). Both
polyglots come first; the others speak their own language and English. Other names go around.
"""

from __future__ import annotations

VOICES = (
    *("matthew", "tiffany", "amy", "olivia", "kiara", "arjun", "ambre", "florian", "beatrice", "lorenzo"),
    *("tina", "lennart", "lupe", "carlos", "carolina", "leo"),
)
FIRST_VOICES = (
    *("matthew", "tiffany", "amy", "ambre", "florian", "beatrice", "lorenzo", "greta", "lennart"),
    *("lupe", "carlos"),
)
"""Of the first generation."""
DEFAULT = "matthew"
_FOLDED = frozenset(VOICES + FIRST_VOICES)


def known(name: str) -> bool:
    """Tell whether this is a voice of Nova Sonic."""
    return name.casefold() in _FOLDED
