"""The two ends of Nova Sonic over TLS, each a process of its own: a pretend service, and our clients.

`python -m bench.nova_ends service CA` writes whom to trust and prints its port. `... CLIENT PORT CA` reads
loads from stdin, as the official client does.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING

from bench import nova_says as says
from bench.nova_loads import HOST, REGION, Client, Connect, serve_loads
from s2s.certificates import Throwaway
from s2s.commands import AppendAudio
from s2s.events import AudioOutput
from s2s.simulators.endpoint import Endpoint, Entrance, Knock
from s2s.transports.bedrock.served import ServedBedrock
from s2s.transports.bedrock.signing import EXAMPLE
from s2s.wire import Send

if TYPE_CHECKING:
    from s2s.session import Session
    from s2s.transports.bedrock.connection import BedrockTransport
    from s2s.wire.nova.client import NovaClient

TALKS = re.compile(r"bench-(\d+)-(\d+)")
SPEAKS = re.compile(rb'"audioInput": ?\{.*"content": ?"(?!AAAAAAAA)')
PATH = "/model/{model}/invoke-with-bidirectional-stream"


async def answer(transport: ServedBedrock, knock: Knock) -> None:
    """Answer `up` frames with `down` pieces, as the name of the model says, in turns of 6 s."""
    found = TALKS.fullmatch(knock.model)
    assert found is not None, knock
    up, down = map(int, found.groups())
    heard = told = 0
    await transport.send(says.ACCEPTED)
    await transport.send(says.BEGUN)
    async for message in transport:
        # Our engine says silence where nobody says anything, and that is to be answered by nobody.
        if not SPEAKS.search(message):
            continue
        heard += 1
        if heard % up == 0:
            for _ in range(down):
                for each in says.turn()[told % says.PIECES]:
                    await transport.send(each)
                told += 1


async def service(ca: str) -> None:
    """Serve until stdin ends."""
    certificate = Throwaway()
    certificate.write(ca)
    says.turn()
    async with Endpoint(Entrance(tls=certificate), answer) as endpoint:
        print(endpoint.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


class Bare:
    """Our wire over our transport, and nothing around them."""

    def __init__(self, transport: BedrockTransport, wire: NovaClient) -> None:
        self._transport = transport
        self._wire = wire

    async def open(self) -> None:
        for each in self._wire.open():
            await self._transport.send(each.data)
        await self._hear(await anext(aiter(self._transport)))

    async def send(self, pcm: bytes) -> None:
        message = self._wire.append(pcm)
        if message is not None:
            await self._transport.send(message)
        else:
            await self._say(self._wire.send(AppendAudio(pcm)))

    async def audio(self) -> AsyncIterator[bytes]:
        async for message in self._transport:
            pcm = await self._hear(message)
            if pcm is not None:
                yield pcm

    async def close(self) -> None:
        await self._transport.close()

    async def _hear(self, message: bytes) -> bytes | None:
        """Take a message in, and return the audio in it, if there is some."""
        told = self._wire.receive(message)
        await self._say(told)
        return next((each.audio for each in told if isinstance(each, AudioOutput)), None)

    async def _say(self, told: Iterable[object]) -> None:
        for each in told:
            if isinstance(each, Send):
                await self._transport.send(each.data)


def bare(port: str, ca: str) -> Connect:
    from s2s.capabilities import Capabilities
    from s2s.config import Config
    from s2s.transports.bedrock import connect as dial
    from s2s.wire.nova.client import NovaClient, Opening

    async def connect(model: str) -> Client:
        url = f"https://{HOST}:{port}{PATH.format(model=model)}"
        transport = await dial(url, credentials=EXAMPLE, region=REGION, ca=ca)
        client = Bare(transport, NovaClient(Opening(config=Config(), capabilities=Capabilities())))
        await client.open()
        return client

    return connect


class Whole:
    """A session of the engine."""

    def __init__(self, session: Session) -> None:
        self.send = session.send_audio
        self.close = session.close
        self._session = session

    async def audio(self) -> AsyncIterator[bytes]:
        async for event in self._session:
            if isinstance(event, AudioOutput):
                yield event.audio


def whole(port: str, ca: str) -> Connect:
    from s2s.config import Config
    from s2s.formats import AudioFormat
    from s2s.providers.nova import NovaEngine

    extra = {"base_url": f"https://{HOST}:{port}", "ca": ca}
    engine = NovaEngine(Config(input_format=AudioFormat(sample_rate=16_000), extra=extra))

    async def connect(model: str) -> Client:
        return Whole(await engine.start(model=model))

    return connect


CLIENTS: dict[str, Callable[[str, str], Connect]] = {"wire": bare, "s2s": whole}


def main() -> None:
    """Be the end that is named."""
    if sys.argv[1] == "service":
        asyncio.run(service(sys.argv[2]))
        return
    name, port, ca = sys.argv[1:]
    serve_loads(CLIENTS[name](port, ca))


if __name__ == "__main__":
    main()
