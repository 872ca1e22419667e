"""The engine's own settings, read and checked before anything is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from s2s.errors import ConfigError, MissingKeyError, UnsupportedError
from s2s.items import JSON
from s2s.providers.addresses import LOOPBACK, WEBSOCKET, host_of, parts_of
from s2s.wire.gemini.messages import Scheduling
from s2s.wire.gemini.opening import Wishes
from s2s.wire.gemini.profiles import NAMED, Profile, Surface, bare, profile_of

PUBLIC = "wss://generativelanguage.googleapis.com"
_GOOGLE = ".googleapis.com"
_METHOD = "BidiGenerateContent"
_DEVELOPER = "/ws/google.ai.generativelanguage.{version}.GenerativeService." + _METHOD
_VERTEX = "/ws/google.cloud.aiplatform.{version}.LlmBidiService/" + _METHOD
_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_EPHEMERAL = "auth_tokens/"
_WHOLE_REGIONS = ("us", "eu")


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `Config.extra` may hold."""

    api_key: JSON = None
    """Else GEMINI_API_KEY or GOOGLE_API_KEY; an ephemeral token too, or a function that returns or awaits a
    fresh one for every connection. None is needed on the loopback."""
    base_url: str | None = None
    """ws, wss, http or https; the path of the method is added where it is missing."""
    api_version: str | None = None
    """Else v1beta, v1alpha where a setting needs it, and v1beta1 for Vertex AI."""
    project: str | None = None
    """A project of Google Cloud: the engine talks to Vertex AI then. Else its own `surface` says so."""
    location: str = "global"
    surface: Surface | None = None
    access_token: JSON = None
    """For Vertex AI: an OAuth token, or a function that returns or awaits one; else google-auth finds it."""
    credentials: JSON = None
    """For Vertex AI: credentials of google-auth, in place of those of this machine."""
    headers: dict[str, str] = {}
    profile: str | None = None
    """What the model is like, where its name does not tell."""
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH"] | None = None
    thinking_budget: int | None = None
    affective_dialog: bool = False
    proactive_audio: bool = False
    tool_scheduling: Scheduling = "INTERRUPT"
    """When the result of a background tool is spoken of; WHEN_IDLE lets the model finish first."""
    resumption: bool = True
    compression: bool = True
    setup: dict[str, JSON] = {}
    """Merged last into the setup, as it is."""
    ca: str | None = None
    """A PEM file of certificates to trust besides the system's."""
    proxy: str | None = None
    vad: JSON = "silero"
    """Who finds the user's speech where turn_detection is local."""
    connect: JSON = None
    """Opens the connection in place of the network: takes URL and headers, awaits a Transport."""

    @property
    def where(self) -> Surface:
        """Whose service is spoken to."""
        return self.surface or ("vertex" if self.project else "developer")

    @property
    def own(self) -> bool:
        """Whether the models are those of the provider's own table."""
        return self.base_url is None and self.connect is None

    @property
    def wishes(self) -> Wishes:
        """The settings that only this protocol has."""
        return Wishes(
            thinking_level=self.thinking_level,
            thinking_budget=self.thinking_budget,
            affective_dialog=self.affective_dialog,
            proactive_audio=self.proactive_audio,
            scheduling=self.tool_scheduling,
            resumption=self.resumption,
            compression=self.compression,
            setup=self.setup,
        )

    def profile_for(self, model: str) -> Profile:
        """Return what a model is like. Raises ConfigError for a profile that is none."""
        if self.profile is None:
            return profile_of(model, self.where)
        if self.profile not in NAMED:
            raise ConfigError(f"extra['profile'] is {self.profile!r}: use {', '.join(NAMED)}")
        return NAMED[self.profile]

    def require(self, profile: Profile, model: str) -> None:
        """Raise UnsupportedError for a wish that this model would refuse."""
        levels, budget = ("level", "level_required"), profile.thinking == "budget"
        refused = {
            "thinking_level": self.thinking_level is not None and profile.thinking not in levels,
            "thinking_budget": self.thinking_budget is not None and not budget,
            "affective_dialog": self.affective_dialog and not profile.affective,
            "proactive_audio": self.proactive_audio and profile.proactive == "no",
        }
        for name in (each for each, wrong in refused.items() if wrong):
            raise UnsupportedError(f"{model} takes no {name}: leave it out of extra", provider="gemini_live")
        if profile.thinking == "level_required" and self.thinking_level == "MINIMAL":
            raise UnsupportedError(f"{model} thinks at LOW, MEDIUM or HIGH", provider="gemini_live")

    def model_path(self, model: str) -> str:
        """Return the name of a model as the setup has it."""
        if "/" in model:
            return model
        if self.where == "developer":
            return f"models/{model}"
        owner = f"projects/{self.project}/locations/{self.location}/" if self.project else ""
        return f"{owner}publishers/google/models/{model}"

    @property
    def url(self) -> str:
        """Return where to connect to; no key is ever in it. Raises ConfigError for what is no URL."""
        parts = parts_of("base_url", self.base_url or self._service)
        path = parts.path.rstrip("/")
        if _METHOD not in path:
            path += (_VERTEX if self.where == "vertex" else _DEVELOPER).format(version=self._version)
        if self._ephemeral and not path.endswith("Constrained"):
            path += "Constrained"
        query = urlencode(parse_qsl(parts.query))
        return urlunsplit((WEBSOCKET[parts.scheme], parts.netloc, path, query, ""))

    def key(self) -> JSON:
        """Return the key, the token, or what returns one; None where none is needed. Raises MissingKeyError.

        A key in the environment is for its provider: it is not sent to any other host that somebody named,
        nor in the clear.
        """
        url = self.url
        host = host_of(url)
        google, encrypted = host.endswith(_GOOGLE), urlsplit(url).scheme == "wss"
        if self.api_key:
            return self.api_key
        found = next((value for name in _VARIABLES if (value := os.environ.get(name))), None)
        if found and google and encrypted and self.where == "developer":
            return found
        named = any(each.lower() in ("authorization", "x-goog-api-key") for each in self.headers)
        vertex = self.where == "vertex" and (google or self.access_token or self.credentials)
        if named or vertex or self.connect or host in LOOPBACK:
            return None
        wanted = "set extra={'api_key': ...}"
        if google and encrypted:
            wanted = f"{wanted} or the environment variable {' or '.join(_VARIABLES)}"
        elif google:
            wanted = f"keys are only sent over wss://: correct the URL, or {wanted}"
        raise MissingKeyError(f"{host} needs an API key: {wanted}", provider="gemini_live")

    @property
    def _ephemeral(self) -> bool:
        return callable(self.api_key) or str(self.api_key or "").startswith(_EPHEMERAL)

    @property
    def _version(self) -> str:
        if self.api_version is not None:
            return self.api_version
        if self.where == "vertex":
            return "v1beta1"
        return "v1alpha" if self._ephemeral or self.affective_dialog or self.proactive_audio else "v1beta"

    @property
    def _service(self) -> str:
        if self.where == "developer":
            return PUBLIC
        if self.location == "global":
            return "wss://aiplatform.googleapis.com"
        if self.location in _WHOLE_REGIONS:
            return f"wss://aiplatform.{self.location}.rep.googleapis.com"
        return f"wss://{self.location}-aiplatform.googleapis.com"


def options_of(extra: Mapping[str, JSON]) -> Options:
    """Read `Config.extra`. Raises ConfigError that names what is wrong, and never a value."""
    try:
        return msgspec.convert(dict(extra), Options)
    except msgspec.ValidationError as wrong:
        known = ", ".join(Options.__struct_fields__)
        raise ConfigError(f"extra: {wrong}; use {known}") from None


__all__ = ["Options", "bare", "options_of"]
