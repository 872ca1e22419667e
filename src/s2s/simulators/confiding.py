"""Why a client is turned away, for whoever looks on: the service tells it next to nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

from s2s.errors import RemoteProtocolError
from s2s.events import Error
from s2s.gateway.watching import Onlooker
from s2s.transports import Transport

_MISTAKES = range(400, 424)
"""The codes by which a stream ends for what its client did, or did not do for too long."""


class Confiding:
    """Passes messages on, and tells after which of them a stream was ended for a mistake of its client."""

    def __init__(self, inner: Transport, onlooker: Onlooker, names: Callable[[bytes], Sequence[str]]) -> None:
        self._inner = inner
        self._onlooker = onlooker
        self._names = names
        self._last = b""

    async def send(self, message: bytes) -> None:
        """Send a message."""
        await self._inner.send(message)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what the client says."""
        async for message in self._inner:
            self._last = message
            yield message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye."""
        if code in _MISTAKES:
            said = next(iter(self._names(self._last)), "nothing that can be read")
            told = f"the client was turned away with {code} after {said}: {reason}"
            self._onlooker.tell(Error(RemoteProtocolError(told), fatal=True))
        await self._inner.close(code, reason)
