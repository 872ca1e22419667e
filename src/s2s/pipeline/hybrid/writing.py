"""What a session asks, for the side that has the conversation."""

from __future__ import annotations

from collections.abc import Sequence

from s2s.commands import AppendAudio, Command, CreateResponse
from s2s.errors import ConnectionLostError, LocalProtocolError, S2SError
from s2s.events import Error, Event
from s2s.pipeline.hybrid.exchange import Exchange
from s2s.pipeline.hybrid.junction import Junction
from s2s.pipeline.hybrid.line import Line, broken
from s2s.pipeline.hybrid.moving import OwedReply, Phase
from s2s.pipeline.hybrid.owed import Asked
from s2s.wire import Send


class Writer:
    """Asks a link; where another one takes over, that is told what passed before anything else.

    What a link cannot take any more is not lost: it is in memory before it is asked.
    """

    def __init__(self, exchange: Exchange, junction: Junction) -> None:
        self._at = exchange
        self._junction = junction

    async def send(self, command: Command | Send) -> None:
        """Ask the side that has the conversation, once there is one."""
        line = await self._way()
        self._at.sending = True
        try:
            await self._pass_on(line, command)
        finally:
            self._at.sending = False
        if command is self._junction.turnout:
            self._junction.cut()
        if not isinstance(command, AppendAudio | Send):
            self._junction.judge()
        self._junction.look()

    async def _way(self) -> Line:
        """Return the link that takes commands, when it knows what passed."""
        at = self._at
        while True:
            match at.phase:
                case Phase.SERVING | Phase.CUTTING:
                    return at.line
                case Phase.HOLDING | Phase.AWAY:
                    at.changed.clear()
                    await at.changed.wait()
                case Phase.MOVING:
                    await self._catch_up(at.line)
                case Phase.ENDED:
                    raise at.failure or ConnectionLostError("the conversation is over: start another session")

    async def _catch_up(self, line: Line) -> None:
        at, refused = self._at, False
        for each in at.waiting:
            refused = await self._ask(line, each) or refused
            if at.line is not line or at.phase is not Phase.MOVING:
                return
        self._junction.arrived(refused=refused)

    async def _pass_on(self, line: Line, command: Command | Send) -> None:
        at = self._at
        match command:
            case OwedReply(reply=reply, line=owed_by):
                if owed_by is line:
                    await self._ask(line, reply)
            case Send():
                pass
            case _:
                for each in self._junction.memory.tell(command, line.number, at.now):
                    if at.line is line:
                        await self._ask(line, each)

    async def _ask(self, line: Line, command: Command | Asked | Send) -> bool:
        """Ask a link, tell what that caused, and return whether it was refused."""
        caused: Sequence[Event] = ()
        try:
            caused = await line.send(command)
        except LocalProtocolError as wrong:
            caused = (Error(wrong),)
        except S2SError as failed:
            self._junction.over(line, failed)
        except Exception as failed:  # noqa: BLE001  an engine may be foreign code
            self._junction.over(line, broken(line.side, failed))
        refused = any(isinstance(each, Error) for each in caused)
        if refused and isinstance(command, CreateResponse | Asked):
            self._junction.memory.unanswered.refused()
        for each in caused:
            line.tell(each)
        return refused
