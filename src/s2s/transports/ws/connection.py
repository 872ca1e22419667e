"""An open WebSocket, on picows: what it does between its opening and its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from time import monotonic

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, WSUpgradeResponse
from picows.picows import WSCloseHandshake

from s2s.errors import ConnectError
from s2s.transports.ending import BROKEN, CUT, NORMAL, Ending, may_be_sent, short
from s2s.transports.ws.arrivals import Arrivals
from s2s.transports.ws.assembly import Assembly, Violation, farewell
from s2s.transports.ws.keepalive import KeepAlive
from s2s.transports.ws.limits import ConnectionLimits
from s2s.transports.ws.refusal import Hide
from s2s.wire import BinaryMessage

_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY
_CLOSE, _PING = 8, 9
_FIRST_CONTROL = 8


class WebSocketTransport(WSListener):
    """The client's end of an open connection, made by `connect`.

    One task reads, by iterating; any may send and close. The methods `on_ws_...`, `pause_writing` and
    `resume_writing` are for picows to call.
    """

    _ws: WSTransport

    def __init__(self, limits: ConnectionLimits, provider: str, hide: Hide) -> None:
        self._limits = limits
        self._provider = provider
        self._hide = hide
        self._arrivals = Arrivals(limits.waiting_bytes, self._hold, self._over)
        self._assembly = Assembly(limits.max_message_bytes)
        self._keepalive = KeepAlive(
            lambda: self._ws.send_ping(), self._give_up, limits.ping_after_s, limits.pong_within_s
        )
        self._ending: Ending | None = None
        self._writable: asyncio.Future[None] | None = None
        self._fuse: asyncio.TimerHandle | None = None

    @property
    def subprotocol(self) -> str | None:
        """What the server chose from `subprotocols`."""
        return self._ws.response.headers.get("Sec-WebSocket-Protocol")

    async def send(self, message: bytes) -> None:
        """Write a message, as `write` does, once the peer has taken what was written before.

        Raises ConnectionLostError, and ends the connection, where that takes longer than `send_s`.
        """
        while not self.write(message):
            await self._until_writable()

    def write(self, message: bytes) -> bool:
        """Write a message, as text unless it is a BinaryMessage, where that needs no waiting.

        Else do nothing and return False.
        """
        if self._ending is not None or self._writable is not None:
            return False
        self._ws.send(_BINARY if isinstance(message, BinaryMessage) else _TEXT, message)
        return True

    def __aiter__(self) -> WebSocketTransport:
        """Read on; leaving a loop loses nothing."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next message, as BinaryMessage unless it is text; what came before the end is read."""
        return await self._arrivals.next()

    async def listen(self, take: Callable[[bytes], None]) -> None:
        """Call `take` with each message as it arrives, and end as iterating would, or with what it raised."""
        await self._arrivals.listen(take)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say goodbye, wait at most `close_s` for the peer's, and let go of the socket."""
        if self._ending is None:
            self._part(Ending(code, reason, wanted=True))
        try:
            # picows hands on what it objected to, which the ending has told already.
            with contextlib.suppress(Exception):
                await self._ws.wait_disconnected()
        finally:
            self._ws.disconnect(graceful=False)

    def _over(self) -> bool:
        """Tell whether the connection ended in order. Raises ConnectionLostError where it ended otherwise."""
        if self._ending is None or self._ending.wanted:
            return self._ending is not None
        raise self._ending.error(self._provider)

    async def _until_writable(self) -> None:
        while self._ending is None and (writable := self._writable) is not None:
            await asyncio.wait((writable,), timeout=self._limits.send_s)
            if not writable.done():
                self._cut(f"the peer took nothing for {self._limits.send_s:g} s")
        if self._ending is not None:
            raise self._ending.error(self._provider)

    def admit(self, request: WSUpgradeRequest, response: WSUpgradeResponse) -> WebSocketTransport:
        """Accept the server's answer as the listener of picows. Raises ConnectError."""
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(", ")
        chosen = response.headers.get("Sec-WebSocket-Protocol")
        if chosen is not None and chosen not in offered:
            raise ConnectError("the server chose a subprotocol that was not offered: check the URL")
        if "Sec-WebSocket-Extensions" in response.headers:
            raise ConnectError("the server uses an extension that was not offered: switch it off there")
        return self

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin."""
        self._ws = transport
        self._keepalive.start()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame in; after the end only the peer's goodbye counts."""
        self._keepalive.heard_at = monotonic()
        opcode: int = frame.msg_type  # type: ignore[assignment]
        payload = frame.get_payload_as_bytes()
        try:
            if frame.rsv1 or frame.rsv2 or frame.rsv3:
                raise Violation(BROKEN, "reserved bits are set")
            if opcode >= _FIRST_CONTROL:
                self._control(opcode, payload)
            elif self._ending is None:
                message = self._assembly.add(opcode, frame.fin, payload)
                if message is not None:
                    self._arrivals.put(message)
        except Violation as broken:
            self._part(Ending(broken.code, broken.reason))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Note the end, whoever brought it about."""
        if self._fuse is not None:
            self._fuse.cancel()
        shaken: WSCloseHandshake | None = transport.close_handshake
        if shaken is None or shaken.sent is None:
            self._end(Ending(CUT, "no goodbye was said"))
        else:
            code = int(shaken.sent.code)  # type: ignore[call-overload]
            self._end(Ending(code, self._hide(shaken.sent.reason)))

    def pause_writing(self) -> None:
        """Let senders wait."""
        if self._writable is None:
            self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Let senders go on."""
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    def _control(self, opcode: int, payload: bytes) -> None:
        # A peer that pings without reading gets no pongs, which would pile up here.
        if opcode == _PING and self._writable is None:
            self._ws.send_pong(payload)
        elif opcode == _CLOSE:
            # Where picows has objected to something, that is the end, and not what the peer says to it.
            if not self._ws.is_close_frame_sent:
                said = farewell(payload)
                self._part(Ending(said.code, self._hide(said.reason), said.wanted))
            self._ws.disconnect()

    def _part(self, ending: Ending) -> None:
        """End, and say so to the peer."""
        if self._end(ending):
            self._fuse = asyncio.get_running_loop().call_later(self._limits.close_s, self._drop)
            code = ending.code if may_be_sent(ending.code) else NORMAL
            self._ws.send_close(code, short(ending.reason))  # type: ignore[arg-type]
            self._arrivals.release()

    def _cut(self, reason: str) -> None:
        self._end(Ending(CUT, reason))
        self._drop()

    def _end(self, ending: Ending) -> bool:
        if self._ending is not None:
            return False
        self._ending = ending
        self._keepalive.stop()
        self._arrivals.wake()
        self.resume_writing()
        return True

    def _hold(self, held: bool) -> None:
        """Stop reading from the socket, or go on; nobody is asked for a pong that would not be read."""
        if held:
            self._keepalive.stop()
            self._ws.underlying_transport.pause_reading()
        else:
            self._ws.underlying_transport.resume_reading()
            if self._ending is None:
                self._keepalive.start()

    def _give_up(self) -> None:
        self._cut(f"no pong within {self._limits.pong_within_s:g} s")

    def _drop(self) -> None:
        self._ws.disconnect(graceful=False)
