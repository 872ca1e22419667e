"""Bedrock Runtime on this machine, as far as one operation goes: HTTP/2, signatures and refusals.

Needs h2, of the extra `nova`, and nothing that other servers here need.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeAlias, cast
from uuid import uuid4

from msgspec import Struct

from s2s.certificates import LOOPBACK, TLS
from s2s.errors import ConfigError, ConnectionLostError
from s2s.ports import no_place
from s2s.transports.bedrock.served import Manners, ServedBedrock, ServedLimits, refuse
from s2s.transports.bedrock.served.connection import Connection
from s2s.transports.bedrock.served.gate import Gate, Knock
from s2s.transports.bedrock.served.refusals import CLOSING, NO_PLACE, Refusal
from s2s.transports.bedrock.served.stream import Stream
from s2s.transports.bedrock.signing import EXAMPLE
from s2s.transports.bedrock.verifying import Verifier
from s2s.transports.ending import GOING_AWAY, INTERNAL, NORMAL

__all__ = ["Endpoint", "Entrance", "Gate", "Knock", "Manners", "Refusal", "Serve", "ServedLimits"]

Serve: TypeAlias = Callable[[ServedBedrock, Knock], Awaitable[None]]
"""Talks to one client until that is over."""


def _nobody(knock: Knock) -> Refusal | None:
    return None


class Entrance(Struct, frozen=True, kw_only=True):
    """Where clients come in, who of them is let in, and how they are dealt with."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: TLS | None = None
    """The certificate, for clients that come by https; else they come by http, with prior knowledge."""
    gate: Gate = Gate()
    refuse: Callable[[Knock], Refusal | None] = _nobody
    """Asked last: the answer to who is turned away all the same, or None."""
    max_sessions: int = 256
    """At once, over all connections."""
    manners: Manners = Manners()
    limits: ServedLimits = ServedLimits()

    def __post_init__(self) -> None:
        if self.host not in LOOPBACK and EXAMPLE in self.gate.credentials:
            raise ConfigError(
                f"serving on {self.host} lets everybody in who knows the documentation of AWS: give "
                "credentials of your own, or serve on 127.0.0.1"
            )


class Endpoint:
    """Listens while it is entered; leaving it ends every session.

    Raises ConfigError where the certificate is none, or the port is taken.
    """

    def __init__(self, entrance: Entrance, serve: Serve) -> None:
        self.port = entrance.port
        self._entrance = entrance
        self._serve = serve
        self._tls = None if entrance.tls is None else _encrypting(entrance.tls)
        self._connections: set[Connection] = set()
        self._greetings: set[asyncio.Task[None]] = set()
        self._sessions: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        try:
            self._listening = await self._listen()
        except (OSError, OverflowError) as taken:
            raise no_place(self._entrance.host, self._entrance.port, taken) from taken
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        listening, self._listening = self._listening, None
        try:
            if listening is not None:
                await _closed(listening)
            for tasks in (self._greetings, self._sessions):
                for each in tasks:
                    each.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            for connection in tuple(self._connections):
                connection.go_away()
            await self._all_gone(self._entrance.limits.close_s)
        finally:
            self._drop()

    @property
    def address(self) -> str:
        """Host and port."""
        host = self._entrance.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def http(self) -> str:
        """Where it is, as an http or https URL without a path."""
        return f"{'http' if self._tls is None else 'https'}://{self.address}"

    @property
    def sessions(self) -> int:
        """How many are open."""
        return len(self._sessions)

    async def _listen(self) -> asyncio.Server:
        entrance, loop = self._entrance, asyncio.get_running_loop()
        if self._tls is None:
            return await loop.create_server(self._connection, entrance.host, entrance.port)
        if isinstance(loop, asyncio.BaseEventLoop):
            return await loop.create_server(self._doorstep, entrance.host, entrance.port)
        # The others do not let anybody stand on a doorstep, and end later those who never greet.
        return await loop.create_server(
            self._connection,
            entrance.host,
            entrance.port,
            ssl=self._tls,
            ssl_handshake_timeout=entrance.limits.greeting_s,
            ssl_shutdown_timeout=entrance.limits.close_s,
        )

    def _connection(self) -> Connection:
        connection = Connection(self._meet, self._entrance.manners, self._entrance.limits)
        self._connections.add(connection)
        connection.gone.add_done_callback(lambda _: self._connections.discard(connection))
        return connection

    def _doorstep(self) -> asyncio.Protocol:
        return _Doorstep(self._encrypt)

    def _encrypt(self, transport: asyncio.Transport) -> None:
        task = asyncio.create_task(self._encrypted(transport), name="s2s-endpoint-tls")
        self._greetings.add(task)
        task.add_done_callback(self._greetings.discard)

    async def _encrypted(self, transport: asyncio.Transport) -> None:
        connection, limits = self._connection(), self._entrance.limits
        encrypted = None
        try:
            with suppress(OSError):
                encrypted = await asyncio.get_running_loop().start_tls(
                    transport,
                    connection,
                    self._tls or ssl.SSLContext(),
                    server_side=True,
                    ssl_handshake_timeout=limits.greeting_s,
                    ssl_shutdown_timeout=limits.close_s,
                )
        finally:
            if encrypted is None:
                connection.connection_lost(None)
        if encrypted is not None:
            connection.connection_made(encrypted)

    def _meet(self, stream: Stream, head: Sequence[tuple[bytes, bytes]]) -> None:
        request_id = str(uuid4())
        judged = self._judged(head)
        if isinstance(judged, Refusal):
            refuse(stream, judged, request_id)
            return
        knock, verifier = judged
        served = ServedBedrock(stream, verifier, request_id)
        task = asyncio.create_task(self._session(served, knock), name="s2s-endpoint")
        self._sessions.add(task)
        task.add_done_callback(self._ended)

    def _judged(self, head: Sequence[tuple[bytes, bytes]]) -> tuple[Knock, Verifier] | Refusal:
        judged = self._entrance.gate.judge(head)
        if isinstance(judged, Refusal):
            return judged
        if self._listening is None:
            return CLOSING
        if len(self._sessions) >= self._entrance.max_sessions:
            return NO_PLACE
        return self._entrance.refuse(judged[0]) or judged

    async def _session(self, served: ServedBedrock, knock: Knock) -> None:
        code = GOING_AWAY
        try:
            await self._serve(served, knock)
            code = NORMAL
        except ConnectionLostError:
            code = NORMAL  # said to nobody
        except Exception:
            code = INTERNAL
            raise
        finally:
            await served.close(code)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._sessions.discard(task)
        broken = None if task.cancelled() else task.exception()
        if broken is not None:
            told = {"message": "a session ended by an error", "exception": broken, "task": task}
            task.get_loop().call_exception_handler(told)

    async def _all_gone(self, within_s: float) -> None:
        """Wait for clients to go, and drop those that stay."""
        for _ in range(2):
            if gone := [each.gone for each in self._connections]:
                await asyncio.wait(gone, timeout=within_s)
            self._drop()

    def _drop(self) -> None:
        """Let go of everybody at once."""
        for task in (*self._greetings, *self._sessions):
            task.cancel()
        for connection in tuple(self._connections):
            connection.abort()


class _Doorstep(asyncio.Protocol):
    """Where a client stands until it is known who greets it, and nothing is heard."""

    def __init__(self, greet: Callable[[asyncio.Transport], None]) -> None:
        self._greet = greet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        tcp = cast(asyncio.Transport, transport)  # of uvloop it is no subclass
        tcp.pause_reading()
        self._greet(tcp)


def _encrypting(tls: TLS) -> ssl.SSLContext:
    context = tls.context()
    context.set_alpn_protocols(["h2"])
    return context


async def _closed(listening: asyncio.Server) -> None:
    """Stop accepting, and then listening: asyncio leaks what it is accepting when a server is closed."""
    loop = asyncio.get_running_loop()
    for each in listening.sockets:
        with suppress(NotImplementedError):
            loop.remove_reader(each.fileno())
    try:
        for _ in range(5):
            await asyncio.sleep(0)
    finally:
        listening.close()
