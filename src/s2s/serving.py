"""Listens for WebSockets and hands each to whoever serves it. Needs aiohttp, of the extra `gateway`."""

from __future__ import annotations

import asyncio
import hmac
import itertools
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeAlias, cast
from urllib.parse import urlsplit

from aiohttp import web
from msgspec import Struct

from s2s.certificates import LOOPBACK, TLS
from s2s.errors import ConfigError
from s2s.ports import no_place
from s2s.transports.served import ServedWebSocket

_INSECURE = "openai-insecure-api-key."
_SLASH_OR_FIELD = re.compile(r"/|\{(?:[^{}]|\{[^{}]*\})*\}")


class Knock(Struct, frozen=True):
    """What a client says before it is let in."""

    path: str = "/v1/realtime"
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    """Names in lower case."""

    @classmethod
    def heard(cls, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Self:
        """Read a request; of slashes in a row one counts, for the SDK for JavaScript of Google sends two."""
        named = {name.lower(): value for name, value in headers.items()}
        return cls(re.sub("//+", "/", path), dict(query), named)

    @property
    def protocols(self) -> tuple[str, ...]:
        """The subprotocols that it offers."""
        return tuple(each.strip() for each in self.headers.get("sec-websocket-protocol", "").split(","))

    @property
    def key(self) -> str:
        """The first key that it shows, in any of the places where clients of OpenAI, Azure and Google do."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        offered = next((each for each in self.protocols if each.startswith(_INSECURE)), "")
        places = (
            token.strip() if scheme.lower() in ("bearer", "token") else "",
            *(self.headers.get(name, "") for name in ("api-key", "x-goog-api-key")),
            *(self.query.get(name, "") for name in ("key", "access_token")),
            offered.removeprefix(_INSECURE),
        )
        return next(filter(None, places), "")


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
    """At once; who comes then is told to try later."""
    ping_s: float | None = 20.0
    pong_after_s: float = 0.0
    """How late the pings of clients are answered, by a pretend service that is slow."""
    greeting_s: float = 10.0
    """How long a client may take to greet in TLS, then to say what it wants, and to part in TLS."""
    tls: TLS | None = None
    """The certificate, for clients that come by wss and https; else they come by ws and http."""

    def __post_init__(self) -> None:
        if isinstance(cast(object, self.keys), str):
            raise ConfigError("keys are several, and of a text each letter would open: write keys=(key,)")
        if not all(each.strip() for each in self.keys):
            raise ConfigError("a key that is empty lets everybody in: give another one, or none")
        if self.host not in LOOPBACK and not (self.keys or self.guarded):
            raise ConfigError(f"serving on {self.host} lets everybody in: give a key, or serve on 127.0.0.1")


class Listener:
    """Serves on some paths while it is entered; leaving it ends every session.

    Paths are patterns of aiohttp. Raises ConfigError where the certificate is none, or the port is taken.
    """

    def __init__(self, doors: Doors, paths: Iterable[str], serve: Serve) -> None:
        self._doors = doors
        self._serve = serve
        self._tls = None if doors.tls is None else doors.tls.context()
        self._sessions: set[asyncio.Task[None]] = set()
        self._runner = web.AppRunner(
            self._app(paths),
            handle_signals=False,
            access_log=None,
            shutdown_timeout=1.0,
            keepalive_timeout=doors.greeting_s,
        )
        self._listening: asyncio.Server | None = None
        self.port = doors.port

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            self._listening = await self._listen()
        except (OSError, OverflowError) as taken:
            await self._runner.cleanup()
            raise no_place(self._doors.host, self._doors.port, taken) from taken
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.close()
        connected = [] if self._runner.server is None else self._runner.server.connections
        encrypted = [] if self._tls is None else [each.transport for each in connected]
        for each in self._sessions:
            each.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)
        await self._runner.cleanup()
        # TLS ends when the other side agrees, which it may never do.
        for transport in filter(None, encrypted):
            transport.abort()

    @property
    def address(self) -> str:
        """Host and port."""
        host = f"[{self._doors.host}]" if ":" in self._doors.host else self._doors.host
        return f"{host}:{self.port}"

    @property
    def http(self) -> str:
        """Where it is, as an http or https URL without a path."""
        return f"{'http' if self._tls is None else 'https'}://{self.address}"

    @property
    def ws(self) -> str:
        """Where it is, as a ws or wss URL without a path."""
        return f"{'ws' if self._tls is None else 'wss'}://{self.address}"

    @property
    def sessions(self) -> int:
        """How many are open."""
        return len(self._sessions)

    def _app(self, paths: Iterable[str]) -> web.Application:
        app = web.Application()
        for path in paths:
            app.router.add_get(_of_any_slashes(path), self._accept)
        return app

    async def _listen(self) -> asyncio.Server:
        serve = self._runner.server
        if serve is None:
            raise RuntimeError("the runner is not set up")
        doors, loop = self._doors, asyncio.get_running_loop()
        if self._tls is None:
            return await loop.create_server(serve, doors.host, doors.port)
        return await loop.create_server(
            serve,
            doors.host,
            doors.port,
            ssl=self._tls,
            ssl_handshake_timeout=doors.greeting_s,
            ssl_shutdown_timeout=doors.greeting_s,
        )

    async def _accept(self, request: web.Request) -> web.StreamResponse:
        knock = Knock.heard(request.path, request.query, request.headers)
        refusal = self._refusal(knock)
        if refusal is not None:
            return refusal
        chosen: Sequence[str] = [each for each in knock.protocols if each == "realtime"]
        response: web.WebSocketResponse[bool] = web.WebSocketResponse(
            protocols=chosen,
            max_msg_size=self._doors.max_message_bytes,
            heartbeat=self._doors.ping_s,
            autoping=False,
            compress=False,
            decode_text=False,
        )
        if not response.can_prepare(request).ok:
            return _refused(426, "upgrade_required", f"this is a WebSocket: connect to {self.ws}")
        try:
            await response.prepare(request)
        except ConnectionError:
            return web.Response()  # to nobody: the client has gone
        task = asyncio.current_task()
        if task is not None:
            self._sessions.add(task)
        try:
            await self._serve(
                ServedWebSocket(request, response, pong_after_s=self._doors.pong_after_s), knock
            )
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
        if self._listening is None or not self._listening.is_serving():
            return _refused(503, "going_away", "nobody is served any more: connect elsewhere")
        return None


def _of_any_slashes(path: str) -> str:
    """Return a pattern in which each slash may be several."""
    numbers = itertools.count()

    def widened(found: re.Match[str]) -> str:
        return f"/{{slashes_{next(numbers)}:/*}}" if found[0] == "/" else found[0]

    return _SLASH_OR_FIELD.sub(widened, path)


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
