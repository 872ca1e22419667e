"""Why a connection could not be opened: foreign exceptions become ours here and nowhere else."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import msgspec
from picows import WSError, WSHandshakeError, WSInvalidStatusError, WSInvalidURL
from python_socks import ProxyError

from s2s.errors import AuthError, ConfigError, ConnectError, S2SError

Hide: TypeAlias = Callable[[str], str]

_TELLING = re.compile(r'"(?:message|detail|error)"\s*:\s*("(?:[^"\\]|\\.)+")')
_TEXT_CHARS = 300
_EXPECTED = (S2SError, OSError, WSError, ProxyError, ValueError)
_WHAT_TO_DO = {
    401: "check the key",
    403: "check the key and what it may do",
    404: "check the URL and the model",
    407: "check the proxy's credentials",
    408: "try again",
    429: "try again later, or raise the quota",
}


@contextmanager
def explained(where: str, provider: str, open_s: float, hide: Hide) -> Iterator[None]:
    """Raise ours for whatever goes wrong on the way to `where`; foreign words go through `hide`."""
    try:
        yield
    except _EXPECTED as error:
        ours = _explain(error, where, open_s, hide)
        ours.provider = provider
        # What picows says may quote the server, and the server us.
        raise ours from (error if isinstance(error, OSError) else None)


def _explain(error: Exception, where: str, open_s: float, hide: Hide) -> S2SError:
    match error:
        case ConnectError() | ConfigError():
            return error
        case WSInvalidStatusError():
            return _refused(error, where, hide)
        case WSHandshakeError():
            return ConnectError(
                f"{where} does not answer as a WebSocket server ({hide(str(error))}): check the URL"
            )
        case ProxyError():
            return ConnectError(
                f"the proxy on the way to {where} refused ({hide(str(error))}): check it", retryable=True
            )
        case ssl.SSLCertVerificationError():
            return ConnectError(
                f"the certificate of {where} is not trusted ({error.verify_message}): "
                "give the file of the CA that signed it as ca=, or check the host name"
            )
        case ssl.SSLError():
            said = error.reason or "the peer broke off"
            return ConnectError(f"TLS with {where} failed ({said}): check the port", retryable=True)
        case socket.gaierror():
            known_unknown = error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)}
            return ConnectError(
                f"the host of {where} was not found: check the name and the network",
                retryable=not known_unknown,
            )
        case TimeoutError():
            return ConnectError(f"{where} did not answer within {open_s:g} s: try again", retryable=True)
        case OSError():
            said = os.strerror(error.errno) if error.errno else type(error).__name__
            return ConnectError(f"{where} cannot be reached ({said}): try again", retryable=True)
        case WSInvalidURL():
            return ConfigError("the URL or the proxy's is not valid: give wss://host/path, http://host:port")
        case _:
            return ConnectError(f"{where} cannot be reached ({type(error).__name__}): check the URL")


def _refused(error: WSInvalidStatusError, where: str, hide: Hide) -> ConnectError:
    response = error.response
    return refused(where, 0 if response is None else int(response.status), error.raw_body or b"", hide)


def refused(where: str, status: int, body: bytes, hide: Hide) -> ConnectError:
    """Return the error that an HTTP answer is, with what its body says."""
    told = hide(_told(body))
    message = f"{where} refused with HTTP {status}{f' ({told})' if told else ''}"
    retryable = status in {408, 425, 429} or status >= 500
    if 300 <= status < 400:
        what = "redirects are not followed, for they would take the key along: give the final URL"
    else:
        what = _WHAT_TO_DO.get(status, "try again" if retryable else "check the URL and the settings")
    kind = AuthError if status in {401, 403} else ConnectError
    return kind(f"{message}: {what}", retryable=retryable)


def _told(body: bytes) -> str:
    """Pick the message out of a JSON body, which may be cut off or in HTTP chunks, if there is one."""
    text = body.decode(errors="replace")
    if telling := _TELLING.search(text):
        try:
            text = msgspec.json.decode(telling[1], type=str)
        except msgspec.DecodeError:
            text = telling[1]
    return text


def hiding(secrets: Iterable[str]) -> Hide:
    """Return what puts foreign text on one line, not too long, and without our secrets."""
    longest_first = sorted(secrets, key=len, reverse=True)

    def hide(text: str) -> str:
        return _shown(longest_first, text)

    return hide  # and no partial, which shows what it holds


def _shown(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= _TEXT_CHARS else line[:_TEXT_CHARS] + "..."
