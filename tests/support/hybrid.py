"""Two engines that do what a test says, and a session over both."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

from s2s.capabilities import Capabilities
from s2s.commands import AddItem, AppendAudio, Command
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConnectionLostError, LocalProtocolError
from s2s.events import Event, ResponseDone, ResponseStarted, SpeechStarted, SpeechStopped, Transcript
from s2s.items import JSON, Item
from s2s.links import Link
from s2s.pipeline.hybrid import HybridPipeline, Side
from s2s.pipeline.hybrid.policy import DEFAULT_POLICY, require_side
from s2s.session import Session
from s2s.testing.contract import violations
from s2s.testing.talk import Talk
from s2s.wire import Send
from tests.support.links import PlainLink, said

CABLE = ConnectionLostError("the cable")
CAN = Capabilities(
    interrupt="server_confirmed", truncate=True, updates=True, out_of_band=True, images=True, turns=True
)


class SideLink(PlainLink):
    """Keeps what it was opened with and asked for; where it `breaks`, the next command fails with that."""

    numbers = itertools.count()

    def __init__(self, config: Config, capabilities: Capabilities) -> None:
        super().__init__(capabilities=capabilities)
        self.config = config
        self.number = next(self.numbers)
        self.input_rate = capabilities.input_rates[0]
        self.breaks: Exception | None = None
        self.gone = False
        self.stuck: asyncio.Event | None = None
        """It takes nothing until this is set."""

    async def send(self, command: Command | Send) -> Sequence[Event]:
        if self.stuck is not None:
            await self.stuck.wait()
        if self.breaks is not None:
            self.gone = not isinstance(self.breaks, LocalProtocolError)
            raise self.breaks
        return await super().send(command)

    def end(self, cause: Exception | None = None) -> None:
        self.gone = True
        super().end(cause)

    @property
    def audio(self) -> bytes:
        """All that it heard."""
        return b"".join(each.audio for each in self.sent if isinstance(each, AppendAudio))

    @property
    def knows(self) -> list[Item]:
        """The conversation, as far as it was told of it."""
        return [*self.config.history, *(each.item for each in self.sent if isinstance(each, AddItem))]

    @property
    def asked(self) -> list[Command | Send]:
        """What it was asked, but for audio and entries of the conversation."""
        return [each for each in self.commands if not isinstance(each, AddItem)]


class SideEngine(Engine):
    """Opens such links, or fails as it is told to."""

    name: ClassVar[str] = "side"

    def __init__(self, config: Config | None = None, can: Capabilities = CAN) -> None:
        super().__init__(config)
        self.links: list[SideLink] = []
        self.fails: deque[Exception | None] = deque()
        """What the next attempts to open a link end with."""
        self.opens_in_s = 0.0
        self.voices: tuple[str, ...] = ()
        self._can = can

    @property
    def capabilities(self) -> Capabilities:
        return self._can

    async def open(self, config: Config) -> Link:
        await asyncio.sleep(self.opens_in_s)
        failure = self.fails.popleft() if self.fails else None
        if failure is not None:
            raise failure
        self.links.append(SideLink(config, self._can))
        return self.links[-1]

    @property
    def link(self) -> SideLink:
        """The newest."""
        return self.links[-1]


class Hybrid(Talk):
    """A session over two sides."""

    def __init__(self, session: Session, pipeline: HybridPipeline, sides: dict[Side, SideEngine]) -> None:
        super().__init__(session)
        self.pipeline = pipeline
        self.sides = sides

    @property
    def side(self) -> str:
        """The side that has the conversation."""
        return self.pipeline.side_of(self.session.id) or ""

    @property
    def link(self) -> SideLink:
        """The newest link of that side."""
        return self.sides[require_side(self.side)].link

    @property
    def s2s(self) -> SideLink:
        """The newest link to S2S."""
        return self.sides["s2s"].link

    @property
    def cascade(self) -> SideLink:
        """The newest link to the cascade."""
        return self.sides["cascade"].link

    async def rest_a_little(self) -> None:
        """Let what was caused happen."""
        await self.listen(0.001)

    async def hears(self, *events: Event) -> None:
        """Have the side tell this, and let it be heard."""
        self.link.tell(*events)
        await self.rest_a_little()

    async def answered(self, text: str, response_id: str = "r1", item_id: str = "i1") -> None:
        """Have the side answer with this."""
        await self.hears(*said(response_id, text, item_id=item_id), ResponseDone(response_id))

    async def asked_aloud(self, text: str, item_id: str = "u1") -> None:
        """Have the user say something, heard by the side from the beginning of its audio on."""
        await self.session.send_audio(bytes(960))
        await self.hears(
            SpeechStarted(item_id, 0.0), SpeechStopped(item_id, 20.0), Transcript(text, item_id, final=True)
        )

    @property
    def kinds(self) -> list[str]:
        """The types of the events so far, without those that come at the beginning."""
        return [each.type for each in self.events if each.type != "session_started"]


@asynccontextmanager
async def hybrid(
    *, s2s: SideEngine | None = None, cascade: SideEngine | None = None, policy: JSON = None, **fields: JSON
) -> AsyncIterator[Hybrid]:
    """Start a session, and see that its events kept the contract by its end."""
    s2s, cascade = s2s or SideEngine(), cascade or SideEngine()
    sides: dict[Side, SideEngine] = {"s2s": s2s, "cascade": cascade}
    pipeline = HybridPipeline(Config(**fields), s2s=s2s, cascade=cascade, policy=policy or DEFAULT_POLICY)
    async with pipeline.start() as session:
        talk = Hybrid(session, pipeline, sides)
        await talk.rest_a_little()
        yield talk
    assert violations(await talk.rest(), session.config.spoken) == []
    assert all(each.closed for side in sides.values() for each in side.links)


def started(response_id: str = "r1", origin: JSON = "user_turn") -> ResponseStarted:
    """Return the beginning of a response."""
    return ResponseStarted(response_id, origin)
