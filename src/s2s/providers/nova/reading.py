"""Credentials of AWS in the many forms in which libraries and services hand them out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite

from s2s.errors import AuthError
from s2s.items import JSON
from s2s.providers.nova.options import NAME
from s2s.transports.bedrock.signing import Credentials

_KEY = ("access_key", "access_key_id", "aws_access_key_id", "AccessKeyId")
_SECRET = ("secret_key", "secret_access_key", "aws_secret_access_key", "SecretAccessKey")
_TOKEN = ("session_token", "token", "aws_session_token", "SessionToken")
_EXPIRY = ("expires_at", "expiry_time", "expiration", "Expiration")


def read_credentials(given: JSON, who: str, expires: JSON = None) -> Credentials:
    """Read an object or a mapping, where it names an expiry by that. Raises AuthError, which quotes nothing.

    An expiry is a time with a zone, else of UTC, text in ISO 8601, or s since 1970.
    """
    key, secret = _text(given, _KEY), _text(given, _SECRET)
    if not key or not secret:
        told = f"{who} gave no access key and secret ({type(given).__name__}): give both, in ASCII"
        raise AuthError(told, provider=NAME)
    token = _text(given, _TOKEN)
    if not token and not _blank(_found(given, _TOKEN)):
        raise AuthError(f"{who} gave a session token that is no text in ASCII: correct it", provider=NAME)
    try:
        expires_at = _seconds(_found(given, _EXPIRY) or expires)
    except (ValueError, OverflowError):
        told = f"{who} gave an expiry that is no time: use ISO 8601, or leave it out"
        raise AuthError(told, provider=NAME) from None
    return Credentials(key, secret, token, expires_at)


def _found(given: JSON, names: tuple[str, ...]) -> JSON:
    if isinstance(given, Mapping):
        return next((value for name in names if (value := given.get(name)) is not None), None)
    return next((value for name in names if (value := getattr(given, name, None)) is not None), None)


def _blank(found: JSON) -> bool:
    return found is None or (isinstance(found, str) and not found.strip())


def _text(given: JSON, names: tuple[str, ...]) -> str:
    """Return what has one of these names, nothing where it cannot stand in a header."""
    found = _found(given, names)
    text = found.strip() if isinstance(found, str) else ""
    return text if text.isascii() and text.isprintable() else ""


def _seconds(expiry: JSON) -> float | None:
    match expiry:
        case None | "":
            return None
        case str():
            return _seconds(datetime.fromisoformat(expiry.strip()))
        case datetime():
            return (expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)).timestamp()
        case int() | float() if isfinite(expiry):
            return float(expiry)
        case _:
            raise ValueError
