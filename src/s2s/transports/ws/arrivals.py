"""What was received and not yet read, bounded in bytes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from s2s.errors import LocalProtocolError

_FAIR = 64
"""Messages after which whoever reads lets others run."""
_EACH_BYTES = 64
"""What a message takes beside its content, about."""


class Arrivals:
    """Messages for one reader, who is woken once and then drains them.

    More than `most_bytes` of them hold the sender up (`hold(True)`) until half of that is read. `over` tells
    whether no more come, because all ended in order, and raises S2SError where it ended otherwise; whatever
    changes what it tells is to `wake` the reader.
    """

    def __init__(self, most_bytes: int, hold: Callable[[bool], None], over: Callable[[], bool]) -> None:
        self.messages: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._most_bytes = most_bytes
        self._hold = hold
        self._over = over
        self._held = False
        self._woken: asyncio.Future[None] | None = None
        self._take: Callable[[bytes], None] | None = None
        self._may_take = 0

    def put(self, message: bytes) -> None:
        """Hand a message to a reader who waits to take it, or add it and wake the reader."""
        if self._may_take and self._take is not None and self._woken is not None and not self._woken.done():
            self._may_take -= 1
            try:
                self._take(message)
            except Exception as failed:  # noqa: BLE001  it is for who waits
                self._woken.set_exception(failed)
            return
        self.messages.append(message)
        self._waiting_bytes += len(message) + _EACH_BYTES
        if self._waiting_bytes > self._most_bytes and not self._held:
            self._held = True
            self._hold(True)
        self.wake()

    async def next(self) -> bytes:
        """Return the oldest message, once there is one; what came before the end is still read.

        Raises StopAsyncIteration at the end, and S2SError where that was none in order.
        """
        while not self.messages:
            if self._over():
                raise StopAsyncIteration
            await self._change()
        return self._pop()

    async def listen(self, take: Callable[[bytes], None]) -> None:
        """Call `take` with each message as it arrives, and end as `next` would, or with what it raised."""
        while self.messages or not self._over():
            if not self.messages:
                await self._change(take)
            for _ in range(min(_FAIR, len(self.messages))):
                take(self._pop())
            if self.messages:
                await asyncio.sleep(0)

    def release(self) -> None:
        """Let the sender go on."""
        if self._held:
            self._held = False
            self._hold(False)

    def wake(self) -> None:
        """Let the reader look again."""
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def _pop(self) -> bytes:
        message = self.messages.popleft()
        self._waiting_bytes -= len(message) + _EACH_BYTES
        if self._held and self._waiting_bytes * 2 <= self._most_bytes:
            self.release()
        return message

    def _change(self, take: Callable[[bytes], None] | None = None) -> asyncio.Future[None]:
        """Return what is done when there is something to look at. Raises LocalProtocolError.

        Until then `take` gets the messages as they arrive: as many of them as is fair.
        """
        if self._woken is not None and not self._woken.done():
            raise LocalProtocolError("two tasks read from one connection: let a single one read")
        self._woken = asyncio.get_running_loop().create_future()
        self._take, self._may_take = take, 0 if take is None else _FAIR
        return self._woken
