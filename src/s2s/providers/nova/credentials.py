"""Who signs, which is asked anew for every stream: one is signed with the same credentials to its end.

What this machine holds, in its environment or for botocore, is for AWS alone. The secret never leaves, but a
signature names its owner and carries the session token: neither goes to any other host that somebody named,
nor in the clear. What stands in `Config.extra`, a profile too, is for whatever host stands beside it.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Awaitable
from importlib.util import find_spec
from typing import Literal, TypeAlias

from s2s.errors import AuthError, ConfigError, MissingKeyError, S2SError
from s2s.foreign import Late, contained, in_thread
from s2s.items import JSON
from s2s.providers.addresses import LOOPBACK
from s2s.providers.nova.options import NAME, Options
from s2s.providers.nova.reading import read_credentials
from s2s.transports.bedrock.signing import EXAMPLE, Credentials

Kind: TypeAlias = Literal["keys", "credentials", "profile", "environment", "machine", "example"]

_KEY, _SECRET, _EXPIRY = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CREDENTIAL_EXPIRATION"
_TOKENS = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN")
_BEARER = "AWS_BEARER_TOKEN_BEDROCK"
_GIVEN = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_INSTALL = "pip install 'voice-s2s[nova]'"
_WITHIN_S = 10.0
_WHY_CHARS = 300
_LOG_IN = "run `aws sso login` or `aws configure`, or set extra={'credentials': ...}"
_CORRECT = "correct it, or try again"
_TRANSIENT = {"ConnectionError", "HTTPClientError", "MetadataRetrievalError", "CredentialRetrievalError"}
"""Errors of botocore after which it may succeed."""


class Machine:
    """What botocore finds on this machine; kept where it renews itself, else looked for again."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str | None, str], JSON] = {}

    async def find(self, profile: str | None, region: str) -> Credentials | None:
        """Return what signs now, None where there is nothing."""
        found = self._kept.pop((profile, region), None)
        if found is None:
            found = await in_thread(lambda: _searched(profile, region), "s2s-credentials")
        if found is None:
            return None
        made = await _frozen(found, "botocore")
        if hasattr(found, "refresh_needed"):
            self._kept[profile, region] = found
        return made


def require_proof(options: Options) -> None:
    """Raise MissingKeyError where there can be no credentials, and ConfigError where botocore is missing.

    What takes I/O to know, such as the role of a machine, is not looked for.
    """
    if _kind(options) == "profile" and not _installed():
        raise ConfigError(f"a profile of AWS needs botocore: {_INSTALL}", provider=NAME)


async def proof(options: Options, machine: Machine) -> Credentials:
    """Return what signs the next stream. Raises MissingKeyError, and AuthError where it cannot be had."""
    match _kind(options):
        case "keys":
            found = await _sought(_keys(options), "extra['aws_access_key_id']")
        case "credentials":
            who = "extra['credentials']"
            found = await _sought(_frozen(options.credentials, who), who)
        case "profile" | "machine":
            found = await _sought(machine.find(options.profile, options.where), "botocore")
        case "environment":
            found = _environment()
        case "example":
            return EXAMPLE
    if found is None:
        raise _missing(options)
    if found.expires_at is not None and found.expires_at <= time.time():
        raise AuthError("the credentials of AWS have expired: renew them", provider=NAME)
    return found


def _kind(options: Options) -> Kind:
    """Return where credentials come from. Raises MissingKeyError."""
    if options.aws_access_key_id:
        return "keys"
    if options.credentials is not None:
        return "credentials"
    if options.profile is not None:
        return "profile"
    if options.connect is not None or options.address.hostname in LOOPBACK:
        return "example"
    if options.own and os.environ.get(_KEY) and os.environ.get(_SECRET):
        return "environment"
    if options.own and _installed():
        return "machine"
    raise _missing(options)


def _missing(options: Options) -> MissingKeyError:
    wanted = "set extra={'aws_access_key_id': ..., 'aws_secret_access_key': ...}"
    if options.own:
        wanted += f" or the environment variables {_KEY} and {_SECRET}"
        wanted += ", or run `aws configure`" if _installed() else f"; for profiles and roles {_INSTALL}"
    else:
        wanted = f"what this machine holds is only sent to AWS, over https://: {wanted}"
    if os.environ.get(_BEARER):
        wanted += f" ({_BEARER} does not serve: this operation takes no API key)"
    return MissingKeyError(f"{options.address.hostname} needs credentials of AWS: {wanted}", provider=NAME)


def _environment() -> Credentials:
    token = next((each for name in _TOKENS if (each := os.environ.get(name))), None)
    found = {"access_key": os.environ[_KEY], "secret_key": os.environ[_SECRET], "token": token}
    return read_credentials(found, "the environment", os.environ.get(_EXPIRY))


async def _keys(options: Options) -> Credentials:
    found = {name: await _made(getattr(options, name)) for name in _GIVEN}
    return read_credentials(found, "extra['aws_access_key_id']")


async def _frozen(given: JSON, who: str) -> Credentials:
    """Read what was given or a function returns; credentials of botocore renew themselves now if need be."""
    made = await _made(given)
    freeze = getattr(made, "get_frozen_credentials", None)
    found = made if freeze is None else await _made(freeze)
    return read_credentials(found, who, getattr(made, "_expiry_time", None))


async def _made(given: JSON) -> JSON:
    """Return what was given, or what a function makes of it: one that does not await may block."""
    if not callable(given):
        return given
    awaits = inspect.iscoroutinefunction(given)
    made = given() if awaits else await in_thread(given, "s2s-credentials")
    return await made if inspect.isawaitable(made) else made


async def _sought(work: Awaitable[Credentials | None], who: str) -> Credentials | None:
    """Wait for it, not for too long. Raises AuthError, which quotes nobody but botocore."""
    cure = _LOG_IN if who == "botocore" else _CORRECT
    try:
        return await contained(work, _WITHIN_S)
    except S2SError:
        raise
    except Late:
        why, retryable = f"nothing within {_WITHIN_S:g} s", True
    except Exception as failed:  # noqa: BLE001  foreign code, whose words may hold what nobody shall see
        kinds = {each.__name__ for each in type(failed).__mro__ if each.__module__.startswith("botocore.")}
        why = (str(failed) if kinds else type(failed).__name__)[:_WHY_CHARS].rstrip(".\n")
        retryable = not kinds or not kinds.isdisjoint(_TRANSIENT)
    raise AuthError(f"{who} has no credentials ({why}): {cure}", retryable=retryable, provider=NAME)


def _searched(profile: str | None, region: str) -> JSON:
    """Return what botocore finds, which it may ask services for; in the region where nothing names one."""
    from botocore.session import Session

    session = Session(profile=profile)
    if session.get_config_variable("region") is None:
        session.set_config_variable("region", region)
    return session.get_credentials()


def _installed() -> bool:
    try:
        return find_spec("botocore") is not None
    except ModuleNotFoundError:
        return False
