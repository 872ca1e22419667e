"""The engine's own settings, read and checked before anything is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import SplitResult, quote, urlunsplit

import msgspec
from msgspec import Meta

from s2s.errors import ConfigError
from s2s.items import JSON
from s2s.providers.addresses import parts_of
from s2s.providers.settings import Settings, settings_of
from s2s.wire.nova.opening import Wishes

NAME = "nova"
LEAVE_S = 360.0
MOST_S = 460.0
"""How long a stream is used at most: the service ends it after 480 s."""
_METHOD = "invoke-with-bidirectional-stream"
_REGION, _NAMED = "us-east-1", "[a-z0-9-]+"
_ENDPOINT = "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_SERVICE = re.compile(
    r"(?:[\w-]+\.)?bedrock-runtime(?:-fips)?\.(?P<region>[a-z]+(?:-[a-z]+)+-\d+)\.(?:vpce\.)?"
    r"(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|api\.aws)"
)
_NO_KEYS = (
    "Amazon Bedrock takes no API key for this operation, which is signed event by event: "
    "set aws_access_key_id and aws_secret_access_key, credentials or profile in its place"
)


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `Config.extra` may hold."""

    aws_access_key_id: JSON = None
    """With aws_secret_access_key, each of them text or a function that returns or awaits it, asked for every
    stream. Else `credentials`, `profile`, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or whatever botocore
    finds: a profile, single sign-on, the role of the machine. None are needed on the loopback."""
    aws_secret_access_key: JSON = None
    aws_session_token: JSON = None
    credentials: JSON = None
    """Credentials of botocore, a mapping such as STS returns, or a function that returns or awaits either,
    asked for every stream."""
    profile: str | None = None
    """A profile of AWS on this machine; needs botocore."""
    region: str | None = None
    """Else that of base_url, AWS_REGION or AWS_DEFAULT_REGION, else us-east-1."""
    base_url: str | None = None
    """https or http; the path of the operation is added where it is missing. Else
    AWS_ENDPOINT_URL_BEDROCK_RUNTIME, else the service of AWS."""
    api_key: JSON = None
    """None: the service takes no API keys for this operation."""
    endpointing: Literal["HIGH", "MEDIUM", "LOW"] | None = None
    """How soon a pause ends the user's turn, HIGH the soonest; else from turn_detection.eagerness."""
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    leave_after_s: Annotated[float, Meta(gt=0, le=MOST_S)] = LEAVE_S
    """From then on a stream is left for another one at the first moment at which that loses nothing."""
    session_start: dict[str, JSON] = {}
    """Merged last into sessionStart, as it is: in camelCase."""
    prompt_start: dict[str, JSON] = {}
    """Merged last into promptStart, as it is: in camelCase."""
    headers: dict[str, str] = {}
    ca: str | None = None
    """A PEM file of certificates to trust besides the system's."""
    proxy: str | None = None
    connect: JSON = None
    """Opens the stream in place of the network: takes URL and headers, awaits a Transport. Over one that is
    not direct the service hears no silence while the application sends nothing."""

    @property
    def wishes(self) -> Wishes:
        """The settings that only this protocol has."""
        return Wishes(
            endpointing=self.endpointing,
            top_p=self.top_p,
            session_start=self.session_start,
            prompt_start=self.prompt_start,
        )

    @property
    def endpoint(self) -> str | None:
        """The URL that was given, here or in the environment as for the SDKs of AWS."""
        return self.base_url or os.environ.get(_ENDPOINT) or None

    @property
    def where(self) -> str:
        """The region that is spoken to, for which everything is signed."""
        named = None if self.endpoint is None else _SERVICE.fullmatch(self.address.hostname or "")
        return self.region or (named["region"] if named else _region())

    @property
    def own(self) -> bool:
        """Whether the service of AWS itself is spoken to, and not in the clear."""
        if self.endpoint is None:
            return True
        parts = self.address
        return parts.scheme == "https" and _SERVICE.fullmatch(parts.hostname or "") is not None

    @property
    def address(self) -> SplitResult:
        """Where the service is, without the path of its operation. Raises ConfigError for what is no URL."""
        endpoint = self.endpoint
        if endpoint is None:
            return parts_of("base_url", f"https://bedrock-runtime.{self.where}.amazonaws.com")
        if endpoint.lower().startswith(("ws://", "wss://")):
            told = "names a WebSocket, and the service has none: begin it with https://"
            raise ConfigError(f"extra['base_url'] {told}", provider=NAME)
        parts = parts_of("base_url", endpoint, ("https", "http"))
        if parts.query:
            raise ConfigError("extra['base_url'] has a query: leave it out, or use headers", provider=NAME)
        return parts

    def url(self, model: str) -> str:
        """Return where to connect to; names and ARNs of models are encoded whole. Raises ConfigError."""
        parts = self.address
        path = parts.path.rstrip("/")
        if not path.endswith(f"/{_METHOD}"):
            path += f"/model/{quote(model, safe='', errors='replace')}/{_METHOD}"
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def options_of(extra: Mapping[str, JSON]) -> Options:
    """Read `Config.extra`. Raises ConfigError that names what is wrong, and never a secret."""
    options = settings_of(extra, Options, hidden=("api_key",))
    if options.api_key is not None:
        raise ConfigError(f"extra['api_key']: {_NO_KEYS}", provider=NAME)
    if options.region is not None:
        _require_region("extra['region']", options.region)
    for name in ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"):
        given = getattr(options, name)
        if not (given is None or isinstance(given, str) or callable(given)):
            raise ConfigError(f"extra[{name!r}] must be text, or a function that returns or awaits it")
    for name in ("session_start", "prompt_start"):
        _require_json(name, getattr(options, name))
    pair = bool(options.aws_access_key_id), bool(options.aws_secret_access_key)
    if pair in ((True, False), (False, True)) or (options.aws_session_token and not all(pair)):
        told = "aws_access_key_id and aws_secret_access_key go together: set both in extra"
        raise ConfigError(told, provider=NAME)
    if not (options.connect is None or callable(options.connect)):
        raise ConfigError("extra['connect'] must be a function that takes URL and headers")
    return options


def _region() -> str:
    name, found = next(((name, each) for name in _REGIONS if (each := os.environ.get(name))), ("", _REGION))
    _require_region(name, found)
    return found


def _require_region(name: str, given: str) -> None:
    if re.fullmatch(_NAMED, given) is None:
        raise ConfigError(f"{name} is no region of AWS: give one like {_REGION}", provider=NAME)


def _require_json(name: str, given: dict[str, JSON]) -> None:
    try:
        msgspec.json.encode(given)
    except (TypeError, ValueError, OverflowError, RecursionError):
        told = f"extra[{name!r}] holds something that is not JSON: give text, numbers, lists and mappings"
        raise ConfigError(told, provider=NAME) from None


__all__ = ["LEAVE_S", "MOST_S", "NAME", "Options", "options_of"]
