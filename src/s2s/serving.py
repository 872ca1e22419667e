"""Listens for WebSockets and hands each to whoever serves it. Needs aiohttp, of the extra `gateway`."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Self, TypeAlias
from urllib.parse import urlsplit

from aiohttp import web
from msgspec import Struct

from s2s.errors import ConfigError
from s2s.transports.served import ServedWebSocket

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_INSECURE = "openai-insecure-api-key."


class Knock(Struct, frozen=True):
    """What a client says before it is let in."""

    path: str = "/v1/realtime"
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    """Names in lower case."""

    @property
    def protocols(self) -> tuple[str, ...]:
        """The subprotocols that it offers."""
        return tuple(each.strip() for each in self.headers.get("sec-websocket-protocol", "").split(","))

    @property
    def key(self) -> str:
        """The key that it shows: as a bearer, in `api-key`, or as browsers must, in a subprotocol."""
        offered = next((each for each in self.protocols if each.startswith(_INSECURE)), "")
        bearer = self.headers.get("authorization", "")
        return (
            bearer.removeprefix("Bearer ").strip()
            or self.headers.get("api-key", "")
            or offered.removeprefix(_INSECURE)
        )


Serve: TypeAlias = Callable[[ServedWebSocket, Knock], Awaitable[None]]


class Doors(Struct, frozen=True, kw_only=True):
    """Who is let in, and how much of each."""

    host: str = "127.0.0.1"
    port: int = 0
    keys: tuple[str, ...] = ()
    """Where there are any, a client must show one; outside of the loopback there must be."""
    guarded: bool = False
    """Who is behind the doors asks for a key, so that they need not."""
    origins: tuple[str, ...] = ()
    """Pages of other hosts that may connect, such as https://example.org."""
    max_message_bytes: int = 24 * 1024 * 1024
    """An event may carry 15 MiB of audio, in base64."""
    max_sessions: int = 256
    ping_s: float | None = 20.0

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and not (self.keys or self.guarded):
            raise ConfigError(f"serving on {self.host} lets everybody in: give a key, or serve on 127.0.0.1")


class Listener:
    """Serves on some paths while it is entered; leaving it ends every session.

    Raises ConfigError where the port is taken.
    """

    def __init__(self, doors: Doors, paths: Iterable[str], serve: Serve) -> None:
        self._doors = doors
        self._serve = serve
        self._sessions: set[asyncio.Task[None]] = set()
        self._runner = web.AppRunner(
            self._app(paths), handle_signals=False, access_log=None, shutdown_timeout=1.0
        )
        self.port = doors.port

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._doors.host, self._doors.port)
        try:
            await site.start()
        except OSError as taken:
            await self._runner.cleanup()
            where = f"{self._doors.host}:{self._doors.port}"
            raise ConfigError(f"cannot serve on {where}: {taken.strerror}; choose another port") from taken
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._sessions:
            each.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._runner.cleanup()

    @property
    def address(self) -> str:
        """Host and port."""
        host = f"[{self._doors.host}]" if ":" in self._doors.host else self._doors.host
        return f"{host}:{self.port}"

    @property
    def sessions(self) -> int:
        """How many are open."""
        return len(self._sessions)

    def _app(self, paths: Iterable[str]) -> web.Application:
        app = web.Application()
        for path in paths:
            app.router.add_get(path, self._accept)
        return app

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        knock = Knock(request.path, dict(request.query), headers)
        refusal = self._refusal(knock)
        if refusal is not None:
            return refusal
        chosen: Sequence[str] = [each for each in knock.protocols if each == "realtime"]
        response: web.WebSocketResponse[bool] = web.WebSocketResponse(
            protocols=chosen,
            max_msg_size=self._doors.max_message_bytes,
            heartbeat=self._doors.ping_s,
            compress=False,
            decode_text=False,
        )
        if not response.can_prepare(request).ok:
            return _refused(426, "upgrade_required", "this is a WebSocket: connect with ws://")
        await response.prepare(request)
        task = asyncio.current_task()
        if task is not None:
            self._sessions.add(task)
        try:
            await self._serve(ServedWebSocket(request, response), knock)
        finally:
            self._sessions.discard(task)
        return response

    def _refusal(self, knock: Knock) -> web.Response | None:
        doors, host = self._doors, _host(f"//{knock.headers.get('host', '')}")
        origin = knock.headers.get("origin", "")
        if doors.host in LOOPBACK and host not in LOOPBACK:
            return _refused(403, "host_not_allowed", "connect to 127.0.0.1 or localhost")
        if host is None:
            return _refused(403, "host_not_allowed", "say in the header Host whom you connect to")
        if origin and origin not in doors.origins and _host(origin) != host:
            return _refused(403, "origin_not_allowed", "pages of other hosts must be allowed by name")
        if doors.keys and not any(_same(knock.key, each) for each in doors.keys):
            return _refused(401, "invalid_api_key", "show a key: Authorization: Bearer ...")
        if len(self._sessions) >= doors.max_sessions:
            return _refused(503, "session_limit_reached", "all places are taken: try later")
        return None


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _same(shown: str, key: str) -> bool:
    """Compare in constant time, whatever bytes a client sent."""
    return hmac.compare_digest(*(each.encode(errors="surrogateescape") for each in (shown, key)))


def _refused(status: int, code: str, message: str) -> web.Response:
    body = {"error": {"type": "invalid_request_error", "code": code, "message": message}}
    return web.json_response(body, status=status)
