"""A simulator that notes every message of every stream."""

from __future__ import annotations

from s2s.gateway.watching import Onlooker
from s2s.serving import Knock
from s2s.simulators.nova import NovaSimulator
from s2s.transports import Transport
from s2s.transports.bedrock.served import ServedBedrock


class Noted(ServedBedrock):
    """Notes what goes over it; the simulator looks whether its transport is of this kind."""

    said: list[str]
    asked: list[str]

    async def send(self, message: bytes) -> None:
        self.said.append(message.decode())
        await super().send(message)

    async def __anext__(self) -> bytes:
        message = await super().__anext__()
        self.asked.append(message.decode())
        return message


class Noting(NovaSimulator):
    """It has `noted` its streams, in order."""

    noted: tuple[Noted, ...] = ()

    async def converse(self, transport: Transport, knock: Knock, look: Onlooker) -> None:
        assert isinstance(transport, ServedBedrock)
        transport.__class__ = Noted
        assert isinstance(transport, Noted)
        transport.said, transport.asked = [], []
        self.noted = (*self.noted, transport)
        await super().converse(transport, knock, look)
