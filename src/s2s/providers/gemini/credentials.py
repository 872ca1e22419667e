"""Who we are, as a service of Google is told at every connection.

What this machine holds, in its environment or for google-auth, is for Google alone: it is not sent to any
other host that somebody named, nor in the clear.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from functools import partial
from importlib.util import find_spec
from typing import Literal, TypeAlias

from s2s.errors import AuthError, ConfigError, MissingKeyError, S2SError
from s2s.items import JSON
from s2s.providers.addresses import LOOPBACK, WEBSOCKET
from s2s.providers.gemini.options import NAME, Options

Kind: TypeAlias = Literal["api_key", "access_token", "credentials", "none"]

VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_GOOGLE = ".googleapis.com"
_EPHEMERAL = "auth_tokens/"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_TELLING = ("authorization", "x-goog-api-key")
_TOKEN_S = 10.0
_WHY_CHARS = 300
_LOG_IN = "run `gcloud auth application-default login`, or give an access_token"


def require_proof(options: Options) -> None:
    """Raise MissingKeyError where a key is missing, and ConfigError where google-auth is."""
    kind, _ = _proof(options)
    if kind == "credentials" and not (_installed("google.auth") and _installed("requests")):
        told = "Vertex AI needs google-auth: pip install 'voice-s2s[vertex]', or give an access_token"
        raise ConfigError(told, provider=NAME)


async def approach(options: Options, model: str) -> tuple[str, dict[str, str]]:
    """Return where to connect to, and with which headers.

    Raises MissingKeyError, and AuthError where a token cannot be had.
    """
    kind, given = _proof(options)
    named: dict[str, str] = {}
    ephemeral = False
    match kind:
        case "api_key":
            key = await _asked(kind, given)
            ephemeral = key.startswith(_EPHEMERAL)
            named = {"Authorization": f"Token {key}"} if ephemeral else {"x-goog-api-key": key}
        case "access_token":
            named = {"Authorization": f"Bearer {await _asked(kind, given)}"}
        case "credentials":
            named = await _refreshed(given)
        case "none":
            pass
    return options.url(model, ephemeral=ephemeral), {**named, **options.headers}


def _proof(options: Options) -> tuple[Kind, JSON]:
    """Return what shows who we are, and what was given of it. Raises MissingKeyError."""
    if options.api_key:
        return "api_key", options.api_key
    if options.access_token:
        return "access_token", options.access_token
    if options.credentials is not None:
        return "credentials", options.credentials
    if any(each.lower() in _TELLING for each in options.headers):
        return "none", None
    host, encrypted = options.address.hostname or "", WEBSOCKET[options.address.scheme] == "wss"
    google, vertex = host.endswith(_GOOGLE), options.where == "vertex"
    found = next((value for name in VARIABLES if (value := os.environ.get(name))), None)
    if found and google and encrypted and not vertex:
        return "api_key", found
    if options.connect is not None or host in LOOPBACK:
        return "none", None
    if vertex and google and encrypted:
        return "credentials", None
    wanted = f"set extra={{{'access_token' if vertex else 'api_key'!r}: ...}}"
    if google and not encrypted:
        wanted = f"what this machine holds is only sent over wss://: correct the URL, or {wanted}"
    elif google:
        wanted = f"{wanted} or the environment variable {' or '.join(VARIABLES)}"
    raise MissingKeyError(f"{host} needs {'a token' if vertex else 'an API key'}: {wanted}", provider=NAME)


async def _asked(name: str, given: JSON) -> str:
    """Return a key or token; a function makes it anew."""
    try:
        made = given() if callable(given) else given
        made = await made if inspect.isawaitable(made) else made
    except S2SError:
        raise
    except Exception as failed:  # noqa: BLE001  foreign code, whose words may hold what nobody shall see
        told = f"the function in extra[{name!r}] failed ({type(failed).__name__}): correct it, or try again"
        raise AuthError(told, retryable=True, provider=NAME) from None
    if not isinstance(made, str) or not made.strip():
        told = f"the function in extra[{name!r}] returned no text ({type(made).__name__}): return a token"
        raise AuthError(told, provider=NAME)
    return made.strip()


async def _refreshed(given: JSON) -> dict[str, str]:
    """Return what google-auth finds or refreshes, which it does with a thread and requests of its own."""
    from google.auth.exceptions import GoogleAuthError, TransportError

    try:
        return await asyncio.to_thread(_google, given)
    except Exception as failed:  # noqa: BLE001  credentials may be of any class
        why, retryable = type(failed).__name__, False
        if isinstance(failed, GoogleAuthError):
            why = next((each for each in failed.args if isinstance(each, str)), why)[:_WHY_CHARS]
            retryable = failed.retryable or isinstance(failed, TransportError)
        told = f"google-auth has no token ({why.rstrip('.')}): {_LOG_IN}"
        raise AuthError(told, retryable=retryable, provider=NAME) from None


def _google(given: JSON) -> dict[str, str]:
    import google.auth
    from google.auth.transport.requests import Request

    credentials: JSON = google.auth.default(scopes=_SCOPES)[0] if given is None else given
    if getattr(credentials, "requires_scopes", False):
        credentials = credentials.with_scopes(_SCOPES)
    if not credentials.valid:
        credentials.refresh(partial(Request(), timeout=_TOKEN_S))
    named: dict[str, str] = {}
    credentials.apply(named)
    return named


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
