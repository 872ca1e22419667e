"""The error tree: every message ends with what to do.

S2SError
  ConfigError            before any I/O: UnknownProviderError, UnsupportedError, MissingKeyError
  AudioFormatError       audio that cannot be read as what it claims to be
  ProtocolError          LocalProtocolError (the application), RemoteProtocolError (the provider)
  ConnectError           could not open: AuthError
  ConnectionLostError    was open
  ProviderError          they said no: RateLimitError
  BacklogError           somebody is too slow for a bounded queue
  ToolError, HookError   the application's own code failed
  SessionClosedError     used after close
"""

from __future__ import annotations


class S2SError(Exception):
    """Everything that this library raises on purpose."""

    def __init__(self, message: str, *, provider: str = "", session_id: str = "") -> None:
        super().__init__(message)
        self.provider = provider
        self.session_id = session_id


class ConfigError(S2SError, ValueError):
    """What was asked for cannot be started; raised before any I/O."""


class UnknownProviderError(ConfigError, LookupError):
    """No engine is registered under this name."""


class UnsupportedError(ConfigError):
    """This engine cannot do what was asked of it."""


class MissingKeyError(ConfigError):
    """A credential is missing."""


class AudioFormatError(S2SError, ValueError):
    """Audio that cannot be read as what it claims to be."""


class ProtocolError(S2SError):
    """Somebody broke the rules of the conversation."""


class LocalProtocolError(ProtocolError):
    """The application asked for something that is not possible now."""


class RemoteProtocolError(ProtocolError):
    """The provider sent something that its protocol does not allow."""

    def __init__(
        self, message: str, *, received: bytes = b"", provider: str = "", session_id: str = ""
    ) -> None:
        super().__init__(message, provider=provider, session_id=session_id)
        self.received = received[:500]


class ConnectError(S2SError, ConnectionError):
    """The connection could not be opened."""

    def __init__(
        self, message: str, *, retryable: bool = False, provider: str = "", session_id: str = ""
    ) -> None:
        super().__init__(message, provider=provider, session_id=session_id)
        self.retryable = retryable


class AuthError(ConnectError):
    """The provider refused the credential."""


class ConnectionLostError(S2SError, ConnectionError):
    """The connection was open and ended before the session did."""

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        reason: str = "",
        resumable: bool = False,
        provider: str = "",
        session_id: str = "",
    ) -> None:
        super().__init__(message, provider=provider, session_id=session_id)
        self.code = code
        self.reason = reason
        self.resumable = resumable


class ProviderError(S2SError):
    """The engine answered with an error of its own."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        retryable: bool = False,
        provider: str = "",
        session_id: str = "",
    ) -> None:
        super().__init__(message, provider=provider, session_id=session_id)
        self.code = code
        self.retryable = retryable


class RateLimitError(ProviderError):
    """The provider asks for a pause."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float | None = None,
        code: str = "rate_limit",
        provider: str = "",
        session_id: str = "",
    ) -> None:
        super().__init__(message, code=code, retryable=True, provider=provider, session_id=session_id)
        self.retry_after_s = retry_after_s


class BacklogError(S2SError):
    """A bounded queue is full because somebody does not keep up; `lost_ms` of audio did not get through."""

    def __init__(
        self, message: str, *, lost_ms: float = 0.0, provider: str = "", session_id: str = ""
    ) -> None:
        super().__init__(message, provider=provider, session_id=session_id)
        self.lost_ms = lost_ms


class ToolError(S2SError):
    """A tool function failed; the model was told."""


class HookError(S2SError):
    """A hook raised or took too long; the conversation went on without it."""


class SessionClosedError(S2SError):
    """The session has ended; start another one. `__cause__` is what ended it."""
