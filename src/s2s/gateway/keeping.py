"""Conversations that outlive the connections of their clients, and are taken up again by a handle."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from enum import Enum
from typing import NamedTuple

from msgspec import Struct

from s2s.commands import Cancel, Command, UpdateSession
from s2s.config import Config
from s2s.errors import ProviderError, S2SError
from s2s.events import Error, Event, GoingAway, ResponseDone, ResponseStarted, SessionStarted
from s2s.gateway.reading import End, Reading
from s2s.gateway.wishes import changes
from s2s.links import Link, Told
from s2s.wire import Send

_CANCEL_S = 5.0
"""What does not take a Cancel in this time is not worth keeping."""
_MOST_HANDLES = 32


class UnknownHandle(ProviderError):
    """Nothing is kept under this handle, or nothing any more."""


class StillOpen(ProviderError):
    """The connection that the handle was given to has not ended."""


class Lifetime(Struct, frozen=True):
    """How long a connection may last, None for ever, and how long before that its client is warned."""

    connection_s: float | None = None
    notice_s: float = 60.0

    def last_words(self, began_at: float | None) -> deque[tuple[float, GoingAway | Error]]:
        """Return what a connection will be told, and when; nothing where it has not begun."""
        if self.connection_s is None or began_at is None:
            return deque()
        notice_s = min(self.notice_s, self.connection_s)
        over = ProviderError(
            "Deadline expired before operation could complete.", code="deadline_expired", retryable=True
        )
        ends_at = began_at + self.connection_s
        return deque([(ends_at - notice_s, GoingAway(notice_s)), (ends_at, Error(over, fatal=True))])


_FOREVER = Lifetime()
_PLAIN = Config()


class Presence(Enum):
    """Who is there for an engine."""

    ATTACHED = "a client is"
    PARTING = "a client is leaving"
    PARKED = "nobody is, for now"
    GONE = "nobody will be any more"


class Handle(NamedTuple):
    """The name that a session can be taken up by, and whoever may."""

    name: str
    owner: str = ""


class Kept:
    """A link to be served over one connection after the other, to which each is the first.

    Closing it says that a connection has ended. The answer under way is cancelled, and no later connection
    hears the rest of it; calls stay open, for whoever comes next. Where no handle was given, all is over.
    """

    def __init__(self, link: Link, garage: Garage, about: str, config: Config) -> None:
        self.input_rate = link.input_rate
        self.about = about
        """What its client may not change when it comes back."""
        self.config = config
        """How the engine shall be."""
        self.presence = Presence.ATTACHED
        self.handles: deque[Handle] = deque()
        self._link = link
        self._garage = garage
        self._reading = Reading(link, self._over)
        self._rest: deque[Told | End] = deque()
        self._started: SessionStarted | None = None
        self._heard: dict[str, None] = {}

    async def send(self, command: Command | Send) -> Sequence[Event]:
        """Pass a command on."""
        events = await self._link.send(command)
        for event in events:
            self._note(event)
        return events

    async def become(self, config: Config) -> bool:
        """Have the engine be as this config says, before a connection; return whether it is still there."""
        asked = changes(self.config, config)
        is_so = asked == UpdateSession() or await self._ask(asked, config.limits.connect_s)
        self.config = config
        return is_so

    async def __aiter__(self) -> AsyncIterator[Told]:
        """Yield what the engine tells and has told since the last connection, SessionStarted first.

        With that the time of the connection begins; when it is over, a fatal Error is the last that is told.
        """
        lifetime = self._garage.lifetime
        words = lifetime.last_words(None if self._started is None else _now())
        if self._started is not None:
            yield self._started
        while True:
            while words and words[0][0] <= _now():
                word = words.popleft()[1]
                yield word
                if isinstance(word, Error):
                    return
            told = await self._next(words[0][0] - _now() if words else None)
            if isinstance(told, End):
                if told.failure is not None:
                    raise told.failure
                return
            if told is not None:
                self._note(told)
                if isinstance(told, SessionStarted):
                    words = lifetime.last_words(_now())
                yield told

    async def close(self) -> None:
        """Leave the engine to the next connection, or let go of it where there will be none."""
        match self.presence:
            case Presence.ATTACHED if self.handles:
                await self._part()
            case Presence.ATTACHED | Presence.GONE:
                await self._let_go()
            case Presence.PARTING | Presence.PARKED:
                pass

    def attach(self) -> bool:
        """Be there for another connection; return whether it is not too late."""
        if self.presence is not Presence.PARKED or not self._reading.release():
            return False
        self.presence = Presence.ATTACHED
        return True

    def expire(self) -> None:
        """Let go of the engine soon, in the place where it is read."""
        self.presence = Presence.GONE
        self._reading.expire(_now())

    async def end(self) -> None:
        """Let go of the engine; a connection that is open hears its end."""
        if self.presence is Presence.ATTACHED:
            self.expire()
            await self._link.close()
            self._garage.forget(self)
        else:
            await self._let_go()

    async def _next(self, within_s: float | None) -> Told | End | None:
        told = self._rest.popleft() if self._rest else await self._reading.next(within_s)
        return told if told is None or self._reading.wanted(told) else None

    @property
    def _parting(self) -> bool:
        return self.presence is Presence.PARTING

    async def _part(self) -> None:
        self.presence = Presence.PARTING
        until = _now() + self._garage.longest_s
        heard, self._heard = self._heard, {}
        # An engine that replaces its connection takes no command until that was read.
        self._rest += await self._reading.hold(until, heard)
        if self._parting:
            if not await self._ask(Cancel(), _CANCEL_S):
                return
            self._rest += await self._reading.hold(until, ())
        if self._parting:
            self.presence = Presence.PARKED
            self._garage.park(self)
        else:
            await self._let_go()

    async def _ask(self, command: Command, within_s: float) -> bool:
        """Pass a command on while nobody listens; return whether the engine took it, else let go of it."""
        try:
            async with asyncio.timeout(within_s):
                self._rest += await self._link.send(command)
        except (S2SError, TimeoutError):
            await self._let_go()
            return False
        return True

    async def _over(self) -> None:
        """Let go of an engine that has ended, unless whoever is there is about to."""
        before, self.presence = self.presence, Presence.GONE
        if before in (Presence.PARKED, Presence.GONE):
            await self._link.close()
            self._garage.forget(self)

    async def _let_go(self) -> None:
        self.presence = Presence.GONE
        await self._reading.close()
        await self._link.close()
        self._garage.forget(self)

    def _note(self, told: Told) -> None:
        match told:
            case SessionStarted():
                self._started = told
            case ResponseStarted(response_id=response_id):
                self._heard[response_id] = None
            case ResponseDone(response_id=response_id):
                self._heard.pop(response_id, None)
            case _:
                pass


class Garage:
    """The conversations that are kept: for `longest_s` without a connection, and `most` of them at a time."""

    def __init__(
        self,
        *,
        longest_s: float = 7200.0,
        most: int = 64,
        new_name: Callable[[], str] = secrets.token_urlsafe,
        lifetime: Lifetime = _FOREVER,
        places: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """Begin with none; `places` tells for how many without a connection there is room at the moment."""
        self.longest_s = longest_s
        self.lifetime = lifetime
        self._most = most
        self._new_name = new_name
        self._places = places
        self._sessions: set[Kept] = set()
        self._parked: dict[Kept, None] = {}
        self._handles: dict[Handle, Kept] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def admit(self, link: Link, about: str = "", config: Config = _PLAIN) -> Kept:
        """Return a new conversation with the engine behind this link, with a client attached."""
        kept = Kept(link, self, about, config)
        self._sessions.add(kept)
        return kept

    def handle(self, kept: Kept, owner: str = "") -> str:
        """Return a new name for whoever owns it; those before it stay valid, the newest 32 of them."""
        handle = Handle(self._new_name(), owner)
        if kept in self._sessions:
            self._handles[handle] = kept
            kept.handles.append(handle)
            if len(kept.handles) > _MOST_HANDLES:
                del self._handles[kept.handles.popleft()]
        return handle.name

    def resume(self, name: str, owner: str = "") -> Kept:
        """Return the conversation, now with another client attached, of the same owner.

        Raises UnknownHandle, or StillOpen while its last connection has not ended.
        """
        kept = self._handles.get(Handle(name, owner))
        if kept is not None and kept.attach():
            self._parked.pop(kept)
            return kept
        if kept is not None and kept.presence in (Presence.ATTACHED, Presence.PARTING):
            told = "the session of this handle has an open connection: close that one first"
            raise StillOpen(told, code="still_open", retryable=True)
        raise UnknownHandle("no session is kept under this handle: begin a new one", code="unknown_handle")

    async def close(self) -> None:
        """Let go of every engine. Raises what the first that could not be closed raised."""
        ended = await asyncio.gather(*(each.end() for each in self._sessions), return_exceptions=True)
        for failure in ended:
            if failure is not None:
                raise failure

    def park(self, kept: Kept) -> None:
        """Keep it though nobody is there; of too many the one that has waited longest goes."""
        self._parked[kept] = None
        self._shrink(self._most)

    def make_room(self) -> None:
        """Let go of as many without a connection as there is no place for; another one is about to begin."""
        self._shrink(self._places())

    def _shrink(self, most: float) -> None:
        while len(self._parked) > max(0, most):
            oldest = next(iter(self._parked))
            del self._parked[oldest]
            oldest.expire()

    def forget(self, kept: Kept) -> None:
        """Let nobody find it any more."""
        self._sessions.discard(kept)
        self._parked.pop(kept, None)
        for each in kept.handles:
            self._handles.pop(each, None)


def _now() -> float:
    return asyncio.get_running_loop().time()
