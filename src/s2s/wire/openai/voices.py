"""The voices that OpenAI Realtime has ready-made, and how those of its customers are called.

Source: openai-python 3.57.0 `realtime_audio_config_output.py`.
"""

from __future__ import annotations

VOICES = ("marin", "cedar", "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse")
_CUSTOM = "voice_"


def known(name: str) -> bool:
    """Tell whether this is a voice of OpenAI."""
    return name in VOICES or name.startswith(_CUSTOM)
