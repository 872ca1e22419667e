"""Addresses of services, as somebody wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from s2s.errors import ConfigError

WEBSOCKET = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
"""The scheme to connect with, by the one that was written."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def host_of(url: str) -> str:
    """Return the host that a URL names; nothing where it is no URL."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def parts_of(setting: str, url: str, schemes: Sequence[str] = ("wss", "ws", "https", "http")) -> SplitResult:
    """Take the URL of a setting apart. Raises ConfigError, which shows no URL that may hold a secret."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        *others, last = (f"{each}://" for each in schemes)
        told = f"must begin with {', '.join(others)} or {last} and name a host"
        shown = "" if "@" in url or "?" in url else f", not {url!r}"
        raise ConfigError(f"extra[{setting!r}] {told}{shown}")
    if parts.username is not None:
        raise ConfigError(f"extra[{setting!r}] holds a user: leave it out of the URL, and pass it in headers")
    return parts
