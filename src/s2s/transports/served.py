"""The server's end of a WebSocket that aiohttp accepted."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import WebSocketError, WSMsgType, web
from aiohttp.http_websocket import WSMessageDecodeText, WSMessageNoDecodeText

from s2s.transports.ending import CUT, GOING_AWAY, NO_CODE, NORMAL, Ending, may_be_sent, short
from s2s.wire import BinaryMessage

_WANTED = frozenset({NORMAL, GOING_AWAY, NO_CODE})
_MOST_PONGS = 16
_TAKEN_AT_ONCE_BYTES = 16 * 1024
"""The low-water mark of asyncio and uvloop: with less than that waiting, writing is not paused."""


class ServedWebSocket:
    """Whole messages with a client; `response` was prepared for `request`, without compression.

    What may come and how long silence may last are the response's own `max_msg_size` and `heartbeat`; its
    `decode_text=False` saves decoding text here only to encode it again. Its `autoping=False` leaves pings to
    this, for there the answer would have everything else wait. Iteration ends without an error
    when the client closes with 1000 or without a code, as scripts do, or with 1001, as pages do.
    """

    def __init__(
        self,
        request: web.BaseRequest,
        response: web.WebSocketResponse[bool],
        *,
        send_s: float = 10.0,
        close_s: float = 2.0,
        pong_after_s: float = 0.0,
    ) -> None:
        self._response = response
        self._tcp = request.transport
        self._send_s = send_s
        self._close_s = close_s
        self._pong_after_s = pong_after_s
        self._pongs: set[asyncio.Task[None]] = set()
        self._ending: Ending | None = None

    async def send(self, message: bytes) -> None:
        """Write a message, as text unless it is a BinaryMessage, waiting while the client is slow.

        Raises ConnectionLostError, and drops the connection, where that takes longer than `send_s`.
        """
        if self._ending is not None or self._tcp is None:
            raise self._over()
        if self._tcp.get_write_buffer_size() + len(message) <= _TAKEN_AT_ONCE_BYTES:
            await self._write(message)
            return
        timer = asyncio.get_running_loop().call_later(self._send_s, self._give_up)
        try:
            await self._write(message)
        finally:
            timer.cancel()

    def __aiter__(self) -> ServedWebSocket:
        """Read on; leaving a loop loses nothing."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next message, as BinaryMessage unless it is text."""
        while self._ending is None:
            received = await self._response.receive()
            if received.type is WSMsgType.TEXT:
                text = received.data
                return text if isinstance(text, bytes) else text.encode()
            if received.type is WSMsgType.BINARY:
                return BinaryMessage(received.data)
            if received.type is WSMsgType.PING:
                self._answer(received.data)
                continue
            if received.type is WSMsgType.PONG:
                continue
            if self._ending is None:
                self._ending = _ending(received)
        if self._ending.wanted:
            raise StopAsyncIteration
        raise self._ending.error()

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say goodbye and wait at most `close_s` for the client's."""
        if self._ending is None:
            self._ending = Ending(code, reason, wanted=True)
        self._forget_pings()
        # The fuse outlives this call: what was written last may still wait for the client to read it.
        asyncio.get_running_loop().call_later(self._close_s, self._drop)
        # To drain is to wait on a future that aiohttp shares, and that a cancelled `send` cancels for all.
        last = code if may_be_sent(code) else NORMAL
        await self._response.close(code=last, message=short(reason), drain=False)

    def abort(self) -> None:
        """Drop the connection without a goodbye."""
        self._ending = self._ending or Ending(CUT, "dropped here", wanted=True)
        self._drop()

    async def _write(self, message: bytes) -> None:
        kind = WSMsgType.BINARY if isinstance(message, BinaryMessage) else WSMsgType.TEXT
        try:
            await self._response.send_frame(message, kind)
        except ConnectionError as error:
            raise self._over() from error
        if self._ending is not None and not self._ending.wanted:
            raise self._ending.error()

    def _answer(self, ping: bytes) -> None:
        """Answer a ping, in time; of too many that wait for a client to read some get no answer."""
        if len(self._pongs) < _MOST_PONGS:
            pong = asyncio.create_task(self._pong(ping), name="s2s-pong")
            self._pongs.add(pong)
            pong.add_done_callback(self._pongs.discard)

    async def _pong(self, ping: bytes) -> None:
        await asyncio.sleep(self._pong_after_s)
        with contextlib.suppress(ConnectionError):
            await self._response.pong(ping)

    def _over(self) -> Exception:
        return (self._ending or Ending(CUT, "the client is gone")).error()

    def _give_up(self) -> None:
        """Drop a client that does not read; whoever waits to write is woken by that."""
        self._ending = self._ending or Ending(CUT, f"the client took nothing for {self._send_s:g} s")
        self._drop()

    def _forget_pings(self) -> None:
        for each in self._pongs:
            each.cancel()

    def _drop(self) -> None:
        self._forget_pings()
        if self._tcp is not None:
            self._tcp.abort()


def _ending(received: WSMessageDecodeText | WSMessageNoDecodeText) -> Ending:
    """Return what a message means that is no data. CLOSED is a lost connection, whatever its code says."""
    match received.type:
        case WSMsgType.CLOSE:
            code = int(received.data or NO_CODE)
            return Ending(code, received.extra or "", wanted=code in _WANTED)
        case WSMsgType.ERROR if isinstance(received.data, WebSocketError):
            return Ending(received.data.code, str(received.data))
        case WSMsgType.ERROR:
            return Ending(CUT, str(received.data) or type(received.data).__name__)
        case _:
            return Ending(CUT, "no goodbye was said")
