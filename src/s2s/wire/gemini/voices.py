"""The voices that Gemini Live has ready-made.

Source: docs.cloud.google.com, "Configure language and voice" of the Live API (2026-11); firebase.google.com
for the first, which speaks where none is named. Other names go around.
"""

from __future__ import annotations

VOICES = (
    *("Puck", "Zephyr", "Kore", "Orus", "Autonoe", "Umbriel", "Erinome", "Laomedeia", "Schedar", "Achird"),
    *("Sadachbia", "Fenrir", "Aoede", "Enceladus", "Algieba", "Algenib", "Achernar", "Gacrux", "Sadaltager"),
    *("Zubenelgenubi", "Charon", "Leda", "Callirrhoe", "Iapetus", "Despina", "Rasalgethi", "Alnilam"),
    *("Pulcherrima", "Vindemiatrix", "Sulafat"),
)
_FOLDED = frozenset(each.casefold() for each in VOICES)


def known(name: str) -> bool:
    """Tell whether this is a voice of Gemini."""
    return name.casefold() in _FOLDED
