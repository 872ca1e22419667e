"""The engine's own settings, read and checked before anything is opened."""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, TypeAlias, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from s2s.errors import ConfigError, MissingKeyError
from s2s.items import JSON
from s2s.providers.addresses import LOOPBACK, WEBSOCKET, host_of, parts_of
from s2s.providers.settings import Settings, settings_of
from s2s.transports import Transport
from s2s.wire.openai.settings import Wishes
from s2s.wire.openai.variants import VARIANTS, Variant

PUBLIC = "wss://api.openai.com/v1/realtime"
_OPENAI = (".openai.com",)
_AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_AZURE_PATH = "/openai/v1"

Token: TypeAlias = str | Callable[[], str | Awaitable[str]]
Connect: TypeAlias = Callable[[str, Mapping[str, str]], Awaitable[Transport]]


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `Config.extra` may hold."""

    api_key: str | None = None
    """Else OPENAI_API_KEY, or AZURE_OPENAI_API_KEY for Azure; none is needed on the loopback."""
    base_url: str | None = None
    """ws, wss, http or https; `/realtime` is added where it is missing."""
    organization: str | None = None
    project: str | None = None
    headers: dict[str, str] = {}
    azure_endpoint: str | None = None
    azure_deployment: str | None = None
    azure_ad_token: JSON = None
    """An Entra token, or a function that returns or awaits one; asked at every connection."""
    dialect: str | None = None
    """openai, azure, xai, or compatible for any other service that speaks this protocol."""
    transcription_model: str | None = None
    noise_reduction: Literal["near_field", "far_field"] | None = None
    session: dict[str, JSON] = {}
    """Merged last into the session object, as it is."""
    transport: Literal["websocket", "webrtc"] = "websocket"
    ca: str | None = None
    """A PEM file of certificates to trust besides the system's."""
    proxy: str | None = None
    addresses: list[str] | None = None
    """Of this machine, for a call over WebRTC; else all but the loopback."""
    connect: JSON = None
    """Opens the connection in place of the network: takes URL and headers, awaits a Transport."""

    @property
    def variant(self) -> Variant:
        """Who is spoken to, in which way."""
        azure = self.azure_endpoint is not None or host_of(self.base_url or "").endswith(_AZURE)
        return VARIANTS[self.dialect or ("azure" if azure else "openai")]

    @property
    def own(self) -> bool:
        """Whether the models are those of the provider's own table."""
        return self.variant.name == "openai" and self.base_url is None

    @property
    def wishes(self) -> Wishes:
        """The settings that only this protocol has."""
        return Wishes(self.transcription_model, self.noise_reduction, self.session)

    @property
    def calls_url(self) -> str:
        """Where a call over WebRTC is offered. Raises ConfigError for what is no URL."""
        parts = urlsplit(self.url(""))
        scheme = {"ws": "http", "wss": "https"}[parts.scheme]
        return urlunsplit((scheme, parts.netloc, f"{parts.path}/calls", "", ""))

    def url(self, model: str) -> str:
        """Return where to connect to. Raises ConfigError for what is no URL."""
        if self.azure_endpoint is not None:
            parts = parts_of("azure_endpoint", self.azure_endpoint)
            where = parts.path.rstrip("/").removesuffix("/realtime").removesuffix("/v1")
            where = where.removesuffix("/openai") + _AZURE_PATH
        else:
            parts = parts_of("base_url", self.base_url or PUBLIC)
            where = parts.path.rstrip("/") or (_AZURE_PATH if self.variant.name == "azure" else "/v1")
        path = f"{where.removesuffix('/realtime')}/realtime"
        query = {"model": model, **dict(parse_qsl(parts.query))}
        return urlunsplit((WEBSOCKET[parts.scheme], parts.netloc, path, urlencode(query), ""))

    async def request_headers(self, url: str) -> dict[str, str]:
        """Return the headers of a connection. Raises MissingKeyError."""
        found = {"OpenAI-Organization": self.organization, "OpenAI-Project": self.project}
        return {
            **await self._authorization(url),
            **{name: value for name, value in found.items() if value},
            **self.headers,
        }

    def key(self, url: str) -> str | None:
        """Return the API key; None where a token, or nothing at all, will do. Raises MissingKeyError.

        A key in the environment is for its provider: it is not sent to any other host that somebody named,
        nor in the clear.
        """
        host, variable = host_of(url), _variable(url)
        encrypted = urlsplit(url).scheme == "wss"
        key = self.api_key or (os.environ.get(variable) if variable and encrypted else None)
        named = any(name.lower() in ("authorization", "api-key") for name in self.headers)
        if key or named or self.azure_ad_token or self.connect or host in LOOPBACK:
            return key or None
        wanted = "set extra={'api_key': ...}"
        if variable and encrypted:
            wanted = f"{wanted} or the environment variable {variable}"
        elif variable:
            wanted = f"{variable} is only sent over wss://: correct the URL, or {wanted}"
        raise MissingKeyError(f"{host} needs an API key: {wanted}", provider="openai_realtime")

    async def _authorization(self, url: str) -> dict[str, str]:
        key = self.key(url)
        if self.azure_ad_token and not self.api_key:
            token = cast(Token, self.azure_ad_token)
            made = token() if callable(token) else token
            return {"Authorization": f"Bearer {await made if inspect.isawaitable(made) else made}"}
        if key is None:
            return {}
        return {"api-key": key} if self.variant.name == "azure" else {"Authorization": f"Bearer {key}"}


def _variable(url: str) -> str:
    """Return the environment variable whose key is for this host."""
    host = host_of(url)
    if host.endswith(_AZURE):
        return "AZURE_OPENAI_API_KEY"
    return "OPENAI_API_KEY" if host.endswith(_OPENAI) else ""


def options_of(extra: Mapping[str, JSON]) -> Options:
    """Read `Config.extra`. Raises ConfigError that names what is wrong, and never a value."""
    options = settings_of(extra, Options)
    if options.dialect is not None and options.dialect not in VARIANTS:
        raise ConfigError(f"extra['dialect'] is {options.dialect!r}: use {', '.join(VARIANTS)}")
    if (options.azure_endpoint is None) is not (options.azure_deployment is None):
        raise ConfigError("azure_endpoint and azure_deployment go together: set both in extra")
    return options
