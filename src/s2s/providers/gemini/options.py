"""The engine's own settings, read and checked before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlunsplit

from msgspec import Meta

from s2s.errors import ConfigError, UnsupportedError
from s2s.items import JSON
from s2s.providers.addresses import WEBSOCKET, parts_of
from s2s.providers.settings import Settings, settings_of
from s2s.wire.gemini.opening import Scheduling, Wishes
from s2s.wire.gemini.profiles import NAMED, Profile, Surface, bare, profile_of

NAME = "gemini_live"
PUBLIC = "wss://generativelanguage.googleapis.com"
_METHOD = "BidiGenerateContent"
_PATHS: dict[Surface, str] = {
    "developer": "/ws/google.ai.generativelanguage.{version}.GenerativeService." + _METHOD,
    "vertex": "/ws/google.cloud.aiplatform.{version}.LlmBidiService/" + _METHOD,
}
_CONSTRAINED = "Constrained"
_CONTINENTS = ("us", "eu")
_NEEDS_PROJECT = "Vertex AI needs a project of Google Cloud: set extra={'project': ...}"


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `Config.extra` may hold."""

    api_key: JSON = None
    """Else GEMINI_API_KEY or GOOGLE_API_KEY; an ephemeral token too, or a function that returns or awaits
    either, asked at every connection. None is needed on the loopback."""
    base_url: str | None = None
    """ws, wss, http or https; the path of the method is added where it is missing."""
    api_version: Annotated[str, Meta(pattern=r"^v\w+$")] | None = None
    """Else v1beta, v1alpha where a setting needs it, and v1beta1 for Vertex AI."""
    project: Annotated[str, Meta(pattern=r"^[\w.:-]+$")] | None = None
    """A project of Google Cloud: the engine talks to Vertex AI then, unless `surface` says otherwise."""
    location: Annotated[str, Meta(pattern=r"^[a-z0-9-]+$")] = "global"
    surface: Surface | None = None
    access_token: JSON = None
    """An OAuth token, or a function that returns or awaits one, asked at every connection."""
    credentials: JSON = None
    """Credentials of google-auth; for Vertex AI else those of this machine."""
    headers: dict[str, str] = {}
    profile: str | None = None
    """What the model is like, where its name does not tell."""
    thinking_level: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH"] | None = None
    thinking_budget: int | None = None
    affective_dialog: bool = False
    proactive_audio: bool = False
    tool_scheduling: Scheduling = "INTERRUPT"
    """When the result of a background tool is spoken of; WHEN_IDLE lets the model finish first. One with
    `respond=False` is not."""
    resumption: bool = True
    compression: bool = True
    setup: dict[str, JSON] = {}
    """Merged last into the setup, as it is: in camelCase."""
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
        return self.base_url is None

    @property
    def wishes(self) -> Wishes:
        """The settings that only this protocol has."""
        return Wishes(
            thinking_level=self.thinking_level,
            thinking_budget=self.thinking_budget,
            affective_dialog=self.affective_dialog,
            proactive_audio=self.proactive_audio,
            scheduling=self.tool_scheduling,
            resumption=self.resumption and self.setup.get("sessionResumption", ...) is not None,
            compression=self.compression,
            setup=self.setup,
        )

    @property
    def address(self) -> SplitResult:
        """Where the service is, without the path of its method. Raises ConfigError for what is no URL."""
        return parts_of("base_url", self.base_url or self._service)

    def url(self, model: str, *, ephemeral: bool = False) -> str:
        """Return where to connect to; no key is ever in it. Raises ConfigError for what is no URL."""
        parts = self.address
        path = parts.path.rstrip("/")
        if _METHOD not in path:
            path += _PATHS[self.where].format(version=self._version(model, ephemeral=ephemeral))
        if ephemeral and not path.endswith(_CONSTRAINED):
            path += _CONSTRAINED
        return urlunsplit((WEBSOCKET[parts.scheme], parts.netloc, path, parts.query, ""))

    def model_path(self, model: str) -> str:
        """Return the name of a model as the setup has it. Raises ConfigError where a project is missing."""
        if self.where == "developer":
            return model if "/" in model else f"models/{model}"
        match model.split("/"):
            case [name] | ["models", name]:
                path = f"publishers/google/models/{name}"
            case ["publishers", publisher, "models", name] | [publisher, name]:
                path = f"publishers/{publisher}/models/{name}"
            case _:
                return model
        if self.project is not None:
            return f"projects/{self.project}/locations/{self.location}/{path}"
        if self.own and not (self.api_key or self.connect):
            raise ConfigError(_NEEDS_PROJECT, provider=NAME)
        return path

    def profile_for(self, model: str) -> Profile:
        """Return what a model is like. Raises ConfigError for a profile that is none."""
        if self.profile is None:
            return profile_of(model, self.where)
        if self.profile not in NAMED:
            raise ConfigError(f"extra['profile'] is {self.profile!r}: use {', '.join(NAMED)}")
        return NAMED[self.profile]

    def require(self, model: str) -> None:
        """Raise UnsupportedError for a wish that this model would refuse."""
        profile, level = self.profile_for(model), self.thinking_level
        refused = {
            "thinking_level": level is not None and profile.thinking not in ("level", "level_required"),
            "thinking_budget": self.thinking_budget is not None and profile.thinking != "budget",
            "affective_dialog": self.affective_dialog and not profile.affective,
            "proactive_audio": self.proactive_audio and profile.proactive == "no",
        }
        wrong = [name for name, is_so in refused.items() if is_so]
        if wrong:
            told = f"{model} takes no {' and no '.join(wrong)}: leave it out of extra"
            raise UnsupportedError(told, provider=NAME)
        if profile.thinking == "level_required" and level == "MINIMAL":
            told = f"{model} cannot think so little: set thinking_level to LOW, MEDIUM or HIGH"
            raise UnsupportedError(told, provider=NAME)

    def _version(self, model: str, *, ephemeral: bool) -> str:
        if self.api_version is not None:
            return self.api_version
        if self.where == "vertex":
            return "v1beta1"
        proactive = self.proactive_audio and self.profile_for(model).proactive == "opt_in"
        return "v1alpha" if ephemeral or self.affective_dialog or proactive else "v1beta"

    @property
    def _service(self) -> str:
        if self.where == "developer":
            return PUBLIC
        if self.location == "global":
            return "wss://aiplatform.googleapis.com"
        if self.location in _CONTINENTS:
            return f"wss://aiplatform.{self.location}.rep.googleapis.com"
        return f"wss://{self.location}-aiplatform.googleapis.com"


def options_of(extra: Mapping[str, JSON]) -> Options:
    """Read `Config.extra`. Raises ConfigError that names what is wrong, and never a secret."""
    options = settings_of(extra, Options)
    for name in ("api_key", "access_token"):
        given = getattr(options, name)
        if not (given is None or isinstance(given, str) or callable(given)):
            raise ConfigError(f"extra[{name!r}] must be text, or a function that returns or awaits it")
    if not (options.credentials is None or hasattr(options.credentials, "refresh")):
        raise ConfigError("extra['credentials'] must be credentials of google-auth, not a file or a token")
    if not (options.connect is None or callable(options.connect)):
        raise ConfigError("extra['connect'] must be a function that takes URL and headers")
    return options


__all__ = ["NAME", "Options", "bare", "options_of"]
