"""A pipeline served to pages and devices. Needs aiohttp, of the extra `gateway`."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Final, Self, TypeAlias

from s2s.certificates import TLS
from s2s.errors import ConfigError, ConnectionLostError, ProviderError, S2SError
from s2s.events import Error
from s2s.pipeline.frames import EventFrame, Frame
from s2s.pipeline.processor import Frames, Processor, chain
from s2s.pipeline.running import run
from s2s.pipeline.transports.websocket import MOST_BYTES, WebSocketTransport
from s2s.transports.ending import BAD_TEXT, GOING_AWAY, NO_CODE, NORMAL

try:
    from s2s.serving import Doors, Knock, Listener
    from s2s.transports.served import ServedWebSocket
except ImportError as missing:
    raise ConfigError("serving frames needs aiohttp: pip install 'voice-s2s[gateway]'") from missing

PATH: Final = "/frames"
_MOST_FAILURES: Final = 100
_IN_ORDER: Final = (NORMAL, GOING_AWAY, NO_CODE)
"""How a client leaves that has not heard all and does not want to."""
_RATE: Final = re.compile("[0-9]{4,6}")

MakePipeline: TypeAlias = Callable[[Knock], Processor]
"""Returns the pipeline for a client; it may be the same for all, for each has a stream of its own."""


class FrameDoor:
    """Serves frames at `url` while it is entered; see `s2s.pipeline.transports.websocket` for what is said.

    A client that breaks the rules, or whose pipeline fails, is told and leaves the others alone.
    """

    def __init__(self, make_pipeline: MakePipeline, doors: Doors, send_s: float) -> None:
        self.failures: deque[str] = deque(maxlen=_MOST_FAILURES)
        """What broke the last connections. A pipeline that ends with `watch` hears of its errors itself."""
        self._make_pipeline = make_pipeline
        self._send_s = send_s
        self._listener = Listener(doors, (PATH,), self._serve)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.__aexit__(kind, error, trace)

    @property
    def url(self) -> str:
        """Where the WebSocket is."""
        return f"{self._listener.ws}{PATH}"

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._listener.sessions

    async def _serve(self, connection: ServedWebSocket, knock: Knock) -> None:
        try:
            await self._talk(connection, knock)
        except ConnectionLostError as gone:
            if gone.code not in _IN_ORDER:
                self._note(gone)
        except Exception as failed:  # noqa: BLE001  the pipeline is foreign code
            self._note(failed)
            if _is_ours(failed):
                told = {"message": "a pipeline that is served failed", "exception": failed}
                asyncio.get_running_loop().call_exception_handler(told)

    async def _talk(self, connection: ServedWebSocket, knock: Knock) -> None:
        try:
            transport = WebSocketTransport(connection, rate=_rate(knock), send_s=self._send_s)
        except ConfigError as wrong:
            await WebSocketTransport(connection).refuse(wrong, BAD_TEXT)
            self._note(wrong)
            return
        await run(transport, _telling(lambda: self._make_pipeline(knock)))

    def _note(self, failed: Exception) -> None:
        self.failures.append(f"{type(failed).__name__}: {failed}")


def serve_frames(
    make_pipeline: MakePipeline,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    keys: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
    tls: TLS | None = None,
    most_connections: int = 256,
    send_s: float = 10.0,
) -> FrameDoor:
    """Return a door to pipelines: enter it. A client that takes nothing for `send_s` is dropped.

    `keys`, `origins` and `tls` are as in `s2s.serving.Doors`. Raises ConfigError, here or when it is entered.
    """
    doors = Doors(
        host=host,
        port=port,
        keys=keys,
        origins=origins,
        tls=tls,
        max_sessions=most_connections,
        max_message_bytes=2 * MOST_BYTES,  # so that who sends a little too much can be told
    )
    return FrameDoor(make_pipeline, doors, send_s)


def _telling(make: Callable[[], Processor]) -> Processor:
    """Return the pipeline that tells the client of its failure before it fails."""

    async def told(frames: Frames) -> AsyncGenerator[Frame, None]:
        try:
            async with aclosing(chain(make()).process(frames)) as stream:
                async for frame in stream:
                    yield frame
        except Exception as failed:
            yield EventFrame(Error(_fit_to_tell(failed), fatal=True))
            raise

    return told


def _fit_to_tell(failed: Exception) -> S2SError:
    """Return an error that says no more than a client may know."""
    if isinstance(failed, S2SError) and not _is_ours(failed):
        return failed
    return ProviderError("the pipeline failed: ask whoever runs it", code="pipeline_failed")


def _is_ours(failed: Exception) -> bool:
    """Tell whether it is for whoever serves to mend: a bug, or how the pipeline was made."""
    return isinstance(failed, ConfigError) or not isinstance(failed, S2SError)


def _rate(knock: Knock) -> int | None:
    asked = knock.query.get("rate")
    if asked is None:
        return None
    if not _RATE.fullmatch(asked):
        raise ConfigError(f"rate={asked[:20]!r} is no sample rate: use a whole number, such as 16000")
    return int(asked)
