"""Who we are, as a service of Google is told in the headers of a connection."""

from __future__ import annotations

import asyncio
import inspect
from importlib.util import find_spec

from s2s.errors import AuthError, ConfigError
from s2s.items import JSON
from s2s.providers.addresses import LOOPBACK, host_of
from s2s.providers.gemini.options import Options

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def require_google_auth(options: Options) -> None:
    """Raise ConfigError where google-auth is needed and missing."""
    if _finds(options) and find_spec("google.auth") is None:
        raise ConfigError(
            "Vertex AI needs google-auth: pip install 'voice-s2s[vertex]', or give an access_token"
        )


async def headers(options: Options) -> dict[str, str]:
    """Return the headers of a connection. Raises MissingKeyError, and AuthError for credentials that fail."""
    return {**await _authorization(options), **options.headers}


async def _authorization(options: Options) -> dict[str, str]:
    key = await _asked(options.key())
    if key:
        ephemeral = str(key).startswith("auth_tokens/")
        return {"Authorization": f"Token {key}"} if ephemeral else {"x-goog-api-key": str(key)}
    if options.access_token:
        return {"Authorization": f"Bearer {await _asked(options.access_token)}"}
    if not _finds(options):
        return {}
    try:
        return await asyncio.to_thread(_google, options)
    except Exception as failed:
        told = f"no credentials for Vertex AI ({failed}): run `gcloud auth application-default login`"
        raise AuthError(told, provider="gemini_live") from failed


async def _asked(value: JSON) -> JSON:
    made = value() if callable(value) else value
    return await made if inspect.isawaitable(made) else made


def _finds(options: Options) -> bool:
    """Whether the credentials are those of google-auth."""
    if options.credentials is not None:
        return True
    named = any(each.lower() == "authorization" for each in options.headers)
    away = options.connect is None and host_of(options.url) not in LOOPBACK
    return options.where == "vertex" and away and not (named or options.access_token or options.api_key)


def _google(options: Options) -> dict[str, str]:
    import google.auth
    from google.auth.transport.requests import Request

    credentials = options.credentials
    if credentials is None:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    if not credentials.valid:
        credentials.refresh(Request())
    found = {"Authorization": f"Bearer {credentials.token}"}
    quota = getattr(credentials, "quota_project_id", None)
    return {**found, "x-goog-user-project": quota} if quota else found
