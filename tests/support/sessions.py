"""Sessions with plain links and with scripts, and their ends."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence

from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.errors import ConnectionLostError
from s2s.events import Event
from s2s.items import JSON, Call
from s2s.providers.script import Reply, ScriptEngine
from s2s.session import Session
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.wire import Send
from tests.support.links import PlainEngine, PlainLink

LOST = ConnectionLostError("the cable", code=1006)


class Slow(PlainLink):
    """Takes its time to close."""

    def __init__(self, *events: Event | Send, close_s: float) -> None:
        super().__init__(*events)
        self._close_s = close_s

    async def close(self) -> None:
        await asyncio.sleep(self._close_s)
        await super().close()


class Unclosable(PlainLink):
    """Breaks when it is closed."""

    async def close(self) -> None:
        raise OSError("no cable")


def plain(*events: Event | Send, **config: JSON) -> tuple[PlainEngine, PlainLink]:
    """Return an engine, and the link that it opens, which tells these events."""
    link = PlainLink(*events)
    return PlainEngine(lambda: link, config=Config(**config)), link


async def told(session: Session) -> list[Event]:
    """Return all events of a session that ends by itself; they keep the contract."""
    events = await Talk(session, within_s=60).rest()
    assert violations(events) == []
    return events


async def send(session: Session, seconds: int) -> None:
    """Send so many seconds of silence."""
    for _ in range(seconds * 50):
        await session.send_audio(bytes(960))


EVERYTHING = Capabilities(updates=True, images=True)
CALL = Call("c", "look_up", {"city": "Bonn"}, '{"city":"Bonn"}')


def able(can: Capabilities = EVERYTHING, **config: JSON) -> tuple[PlainEngine, PlainLink]:
    """Return an engine with these capabilities, and the link that it opens."""
    link = PlainLink(capabilities=can)
    return PlainEngine(lambda: link, can, Config(**config)), link


def script(*replies: Reply, pace: float = 0, **config: JSON) -> ScriptEngine:
    """Return an engine that says this."""
    return ScriptEngine(Config(extra={"script": list(replies), "pace": pace}, **config))


async def finished(session: Session, before: Sequence[Event] = ()) -> list[Event]:
    """Close the session and return all of its events, which keep the contract."""
    await session.close()
    talk = Talk(session)
    talk.events += before
    events = await talk.rest()
    assert violations(events, session.config.spoken) == []
    return events


def loud(ms: int) -> bytes:
    """Return what counts as speech."""
    return array("h", [5000] * (24 * ms)).tobytes()
