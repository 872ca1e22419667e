"""Where an HTTP endpoint is, what is sent along, and our names for what goes wrong there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from s2s import errors
from s2s.items import JSON

_LONGEST_REASON = 300
_SHORTEST_SECRET = 4
_URL = re.compile(r"https?://(?:[\w.-]+|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?(?:/[^\s?#@]*)?")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\x20-\x7e]*")
_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]+)?")


class Endpoint(msgspec.Struct, frozen=True):
    """An address and the headers for it, which may hold secrets. Raises ConfigError."""

    url: str
    headers: dict[str, str] = {}
    start: str = "start a server there, or set base_url"
    """What to do where nobody answers."""
    late: str = "ask again, or raise timeout_s"
    """What to do where an answer takes too long."""

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            raise errors.ConfigError("base_url must be like http://127.0.0.1:11434/v1, without a query")
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(f"{name}: {value}"):
                raise errors.ConfigError(f"the header {name!r} cannot be sent: check it")

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r})"

    def shown(self, text: str) -> str:
        """Return what the endpoint said in one short line, without the secrets that it may repeat."""
        words = {word for value in self.headers.values() for word in value.split()}
        for word in sorted(words, key=len, reverse=True):
            text = text.replace(word, "***") if len(word) >= _SHORTEST_SECRET else text
        return " ".join(text.split())[:_LONGEST_REASON]

    def nonsense(self, what: str, received: str = "") -> errors.RemoteProtocolError:
        """Return the error for an answer that is none."""
        said = self.shown(received).encode()
        return errors.RemoteProtocolError(f"{self.url} {what}: ask again, or check base_url", received=said)

    def refusal(
        self, status: int, body: bytes, retry_after: str = "", *, wanted: str = "answer"
    ) -> errors.S2SError:
        """Return the error for an answer of this HTTP status that is not what was wanted."""
        said = f"({status}): {self.shown(reason_in(body))}"
        match status:
            case 200:
                return self.nonsense(f"sent no {wanted} but {said}")
            case 401 | 403:
                return errors.AuthError(f"{self.url} refused the credential {said}; set api_key")
            case 429:
                rest_s = float(retry_after) if _SECONDS.fullmatch(retry_after) else None
                return errors.RateLimitError(
                    f"{self.url} asks for a pause {said}; wait", retry_after_s=rest_s
                )
            case _:
                advice = "check base_url and model" if status < 500 else "ask again later"
                message, again = f"{self.url} refused {said}; {advice}", status >= 500 or status == 408
                return errors.ProviderError(message, code=str(status), retryable=again)


def keyed(api_key: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers that these options ask for."""
    key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return {**key, **(headers or {})}


def merged(fields: Mapping[str, JSON], body: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the fields of a request; those of `body` come last, and None takes one out."""
    return {name: value for name, value in {**fields, **body}.items() if value is not None}


def reason_in(body: bytes) -> str:
    """Find the message in the ways that servers spell an error; else return all of it."""
    refusal: JSON = None
    with suppress(msgspec.DecodeError, RecursionError):
        refusal = msgspec.json.decode(body)
    match refusal:
        case {"error": {"message": str(text)}} | [{"error": {"message": str(text)}}, *_]:
            return text
        case {"error": str(text)} | {"message": str(text)} | {"detail": str(text)}:
            return text
        case _:
            return body.decode(errors="replace")
