"""The `audio` extra, numpy: loaded where it is asked for, never behind the back of a running call."""

from __future__ import annotations

import sys
from importlib import import_module

from s2s.errors import ConfigError


def numpy_is_loaded() -> bool:
    """Tell whether this process has numpy in memory, without importing it.

    The import takes a quarter of a second, too long for an event loop: what can do without numpy asks here.
    """
    return sys.modules.get("numpy") is not None


def prefer_numpy() -> None:
    """Import numpy if it is installed: for work on whole files, never in a stream."""
    try:
        import_module("numpy")
    except ImportError:
        return


def require_numpy(purpose: str) -> None:
    """Import numpy or raise a ConfigError that says what needs it and how to install it."""
    try:
        import_module("numpy")
    except ImportError as missing:
        raise ConfigError(f"{purpose} needs numpy: pip install 'voice-s2s[audio]'") from missing
