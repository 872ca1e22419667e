"""One HTTP request with a small answer, such as the exchange that opens a call. Needs aiohttp."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import aiohttp

from s2s.errors import ConnectError
from s2s.transports.ws.opening import trust
from s2s.transports.ws.refusal import hiding, refused

Parts: TypeAlias = Mapping[str, tuple[str, bytes]]
"""Names of form fields, with content type and content."""

_MOST_BYTES = 256 * 1024


async def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes | Parts,
    content_type: str = "",
    *,
    ca: str | Path | None = None,
    within_s: float = 15.0,
    provider: str = "",
) -> str:
    """Return the text of the answer to a POST.

    Raises ConnectError, and AuthError for 401 and 403, with what the service says of it.
    """
    where = url.partition("?")[0]
    hide = hiding(list(headers.values()) + [each.removeprefix("Bearer ") for each in headers.values()])
    context = trust(None, ca) if url.startswith("https") else None
    try:
        async with asyncio.timeout(within_s), aiohttp.ClientSession() as session:
            content = {"Content-Type": content_type} if content_type else {}
            request = session.post(
                url,
                data=_form(body),
                headers={**headers, **content},
                ssl=context or True,
                allow_redirects=False,
            )
            async with request as response:
                answer = await _read(response.content)
                status = response.status
    except TimeoutError:
        told = f"{where} did not answer within {within_s:g} s: try again"
        raise ConnectError(told, retryable=True, provider=provider) from None
    except ssl.SSLError as error:
        raise ConnectError(f"TLS with {where} failed: check the port and ca=", provider=provider) from error
    except (aiohttp.ClientError, OSError) as error:
        told = f"{where} cannot be reached ({hide(str(error))}): check the URL, or try again"
        raise ConnectError(told, retryable=True, provider=provider) from None
    if status not in (200, 201):
        error_ = refused(where, status, answer, hide)
        error_.provider = provider
        raise error_
    if len(answer) > _MOST_BYTES:
        told = f"{where} answered with more than {_MOST_BYTES // 1024} KiB: check the URL"
        raise ConnectError(told, provider=provider)
    return answer.decode(errors="replace")


async def _read(content: aiohttp.StreamReader) -> bytes:
    """Read to the end, or to where it is too much."""
    answer = b""
    while len(answer) <= _MOST_BYTES and (piece := await content.readany()):
        answer += piece
    return answer


def _form(body: bytes | Parts) -> bytes | aiohttp.MultipartWriter:
    if isinstance(body, bytes):
        return body
    form = aiohttp.MultipartWriter("form-data")
    for name, (content_type, content) in body.items():
        # FormData would make files of them, by giving each a name.
        part = form.append(content, {"Content-Type": content_type})
        part.set_content_disposition("form-data", name=name)
    return form
