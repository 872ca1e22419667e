"""The two ends of the wire bench, each a process of its own: a pretend service, and clients that talk to it.

`python -m bench.wire_ends service` prints its port. `python -m bench.wire_ends CLIENT PORT` reads loads from
stdin, one a line, runs each over fresh connections and prints what it took. Both end when stdin does.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_connect, ws_create_server
from pybase64 import b64decode, b64encode

from s2s.items import JSON

if TYPE_CHECKING:
    from s2s.session import Session

HOST = "127.0.0.1"
FRAME = random.Random(1).randbytes(960)
"""20 ms from the microphone, PCM16 at 24 kHz."""
TURN_DELTAS = 200
WORDS_EVERY = 10
DELTA = b'{"type":"response.output_audio.delta"'
SETTLE_S = 0.05
HEAD, TAIL = b'{"type":"input_audio_buffer.append","audio":"', b'"}'


class Load(NamedTuple):
    """What `sessions` do at the same time: `steps` times, send `up` frames and wait for `down` deltas."""

    steps: int
    up: int = 1
    down: int = 1
    delta_ms: int = 20
    sessions: int = 20

    def url(self, port: str) -> str:
        """Return where to get it; the service reads the load from the name of the model."""
        return f"ws://{HOST}:{port}/v1/realtime?model={self.model}"

    @property
    def model(self) -> str:
        return f"bench-{self.up}-{self.down}-{self.delta_ms}"

    @property
    def deltas(self) -> int:
        """How many one session gets."""
        return self.steps * self.down


class Took(NamedTuple):
    """What a load cost: CPU of the process between the first frame and the last delta."""

    cpu_s: float
    connect_ms: float
    """Until the first connection was ready."""


# The service.


def message(kind: str, **fields: object) -> bytes:
    """Spell an event of the service."""
    named = {"type": kind, "event_id": f"event_{random.getrandbits(80):020x}", **fields}
    return json.dumps(named, separators=(",", ":")).encode()


@lru_cache(maxsize=16)
def turn(number: int, delta_ms: int) -> tuple[tuple[bytes, ...], ...]:
    """Return the messages of one response, by delta of audio, with what comes before and after it."""
    response: JSON = {
        "id": f"resp_{number:021}",
        "object": "realtime.response",
        "output": [],
        "metadata": None,
    }
    item = {"id": f"item_{number:021}", "object": "realtime.item", "type": "message", "role": "assistant"}
    ids = {"response_id": response["id"], "item_id": item["id"], "output_index": 0, "content_index": 0}
    of_item = {"response_id": response["id"], "output_index": 0}
    part = {"type": "audio", "transcript": ""}
    begun = {**item, "status": "in_progress", "content": []}
    ended = {**item, "status": "completed", "content": [{"type": "output_audio", "transcript": "..."}]}
    usage = {"total_tokens": 20, "input_tokens": 10, "output_tokens": 10}
    audio = base64.b64encode(random.Random(2).randbytes(48 * delta_ms)).decode()
    steps = [[message("response.output_audio.delta", **ids, delta=audio)] for _ in range(TURN_DELTAS)]
    for each in steps[::WORDS_EVERY]:
        each.insert(0, message("response.output_audio_transcript.delta", **ids, delta=" word"))
    steps[0] = [
        message("response.created", response={**response, "status": "in_progress"}),
        message("response.output_item.added", **of_item, item=begun),
        message("conversation.item.added", previous_item_id=None, item=begun),
        message("response.content_part.added", **ids, part=part),
        *steps[0],
    ]
    words = " word" * (TURN_DELTAS // WORDS_EVERY)
    steps[-1] += [
        message("response.output_audio.done", **ids),
        message("response.output_audio_transcript.done", **ids, transcript=words),
        message("response.content_part.done", **ids, part={**part, "transcript": words}),
        message("conversation.item.done", previous_item_id=None, item=ended),
        message("response.output_item.done", **of_item, item=ended),
        message("response.done", response={**response, "status": "completed", "usage": usage}),
        message("rate_limits.updated", rate_limits=[]),
    ]
    return tuple(map(tuple, steps))


class Service(WSListener):
    """Answers `up` frames of audio with `down` deltas, in responses of 200."""

    def __init__(self, request: WSUpgradeRequest) -> None:
        model = request.path.partition(b"model=")[2].partition(b"&")[0].decode()
        self.up, self.down, self.delta_ms = map(int, model.split("-")[1:])
        self.heard = self.told = 0
        audio = {"input": {"format": {"type": "audio/pcm", "rate": 24000}}, "output": {"voice": "marin"}}
        self.session: JSON = {"id": "sess_1", "type": "realtime", "object": "realtime.session"}
        self.session |= {"model": model, "audio": audio}

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, message("session.created", session=self.session))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(1000)  # type: ignore[arg-type]
            transport.disconnect()
        elif (
            frame.msg_type == WSMsgType.TEXT
            and b'"input_audio_buffer.append"' in frame.get_payload_as_bytes()
        ):
            self.heard += 1
            if self.heard % self.up == 0:
                self.answer(transport)
        elif frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, message("session.updated", session=self.session))

    def answer(self, transport: WSTransport) -> None:
        for _ in range(self.down):
            number, step = divmod(self.told, TURN_DELTAS)
            self.told += 1
            for each in turn(number, self.delta_ms)[step]:
                transport.send(WSMsgType.TEXT, each)


async def service() -> None:
    """Serve until stdin ends."""
    server = await ws_create_server(Service, HOST, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


# The clients. Each is made once, for a port; it connects for a load and returns what talks and what closes.

Step: TypeAlias = Callable[[], Awaitable[None]]
Connect: TypeAlias = Callable[[Load], Awaitable[tuple[Step, Step]]]


class Cutter(WSListener):
    """Floor A: the audio cut out of the bytes in the callback of picows; no task, no event, no JSON."""

    transport: WSTransport

    def __init__(self, load: Load) -> None:
        self.load = load
        self.got = 0
        self.over = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if not payload.startswith(DELTA):
            return
        b64decode(payload[payload.index(b'"delta":"') + 9 : -2], None, True)
        self.got += 1
        if self.got == self.load.deltas:
            self.over.set_result(None)
        elif self.got % self.load.down == 0:
            self.send()

    def send(self) -> None:
        for _ in range(self.load.up):
            self.transport.send(WSMsgType.TEXT, HEAD + b64encode(FRAME) + TAIL)

    async def talk(self) -> None:
        self.send()
        await self.over

    async def close(self) -> None:
        self.transport.disconnect()


def floor_a(port: str) -> Connect:
    async def connect(load: Load) -> tuple[Step, Step]:
        cutter = Cutter(load)
        await ws_connect(lambda: cutter, load.url(port))
        return cutter.talk, cutter.close

    return connect


class Audio(msgspec.Struct, frozen=True, gc=False):
    pcm: bytes


class Iterated(WSListener):
    """Floor iter: the same, with an object for each delta that comes out of an iterator."""

    transport: WSTransport

    def __init__(self) -> None:
        self.waiting: deque[Audio] = deque()
        self.woken: asyncio.Future[None] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if not payload.startswith(DELTA):
            return
        pcm = b64decode(payload[payload.index(b'"delta":"') + 9 : -2], None, True)
        self.waiting.append(Audio(pcm))
        if self.woken is not None and not self.woken.done():
            self.woken.set_result(None)

    async def __aiter__(self) -> AsyncIterator[Audio]:
        loop = asyncio.get_running_loop()
        while True:
            while self.waiting:
                yield self.waiting.popleft()
            self.woken = loop.create_future()
            await self.woken

    async def send(self) -> None:
        self.transport.send(WSMsgType.TEXT, HEAD + b64encode(FRAME) + TAIL)

    async def close(self) -> None:
        self.transport.disconnect()


def floor_iter(port: str) -> Connect:
    async def connect(load: Load) -> tuple[Step, Step]:
        iterated = Iterated()
        await ws_connect(lambda: iterated, load.url(port))

        async def talk() -> None:
            for _ in range(load.up):
                await iterated.send()
            got = 0
            async for _ in iterated:
                got += 1
                if got == load.deltas:
                    break
                if got % load.down == 0:
                    for _ in range(load.up):
                        await iterated.send()

        return talk, iterated.close

    return connect


def conversation(session: Session, load: Load, frame: bytes) -> Step:
    """Return what exchanges audio over a session of ours: some frames up for every few pieces down."""
    import s2s

    async def talk() -> None:
        for _ in range(load.up):
            await session.send_audio(frame)
        got = 0
        async for event in session:
            if isinstance(event, s2s.AudioOutput):
                got += 1
                if got == load.deltas:
                    break
                if got % load.down == 0:
                    for _ in range(load.up):
                        await session.send_audio(frame)

    return talk


def ours(port: str) -> Connect:
    import s2s

    engine = s2s.new("openai_realtime", extra={"base_url": f"ws://{HOST}:{port}/v1"})

    async def connect(load: Load) -> tuple[Step, Step]:
        session = await engine.start(model=load.model)
        return conversation(session, load, FRAME), session.close

    return connect


def openai(port: str) -> Connect:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key="none", websocket_base_url=f"ws://{HOST}:{port}/v1")

    async def connect(load: Load) -> tuple[Step, Step]:
        connection = await client.realtime.connect(model=load.model).enter()

        async def talk() -> None:
            for _ in range(load.up):
                await connection.input_audio_buffer.append(audio=base64.b64encode(FRAME).decode())
            got = 0
            async for event in connection:
                if event.type == "response.output_audio.delta":
                    base64.b64decode(event.delta)
                    got += 1
                    if got == load.deltas:
                        break
                    if got % load.down == 0:
                        for _ in range(load.up):
                            await connection.input_audio_buffer.append(audio=base64.b64encode(FRAME).decode())

        return talk, connection.close

    return connect


def agents(port: str) -> Connect:
    from agents.realtime import RealtimeAgent, RealtimeRunner

    async def connect(load: Load) -> tuple[Step, Step]:
        runner = RealtimeRunner(RealtimeAgent(name="bench"))
        session = await runner.run(model_config={"url": load.url(port), "api_key": "none"})
        await session.enter()

        async def talk() -> None:
            for _ in range(load.up):
                await session.send_audio(FRAME)
            got = 0
            async for event in session:
                if event.type == "audio":
                    got += 1
                    if got == load.deltas:
                        break
                    if got % load.down == 0:
                        for _ in range(load.up):
                            await session.send_audio(FRAME)

        return talk, session.close

    return connect


CLIENTS: dict[str, Callable[[str], Connect]] = {
    "floor A": floor_a,
    "floor iter": floor_iter,
    "s2s": ours,
    "openai": openai,
    "openai-agents": agents,
}


async def run(connect: Connect, load: Load) -> Took:
    """Open the sessions, have them all talk, close them."""
    began = time.perf_counter()
    opened = [await connect(load)]
    connect_ms = (time.perf_counter() - began) * 1000
    opened += [await connect(load) for _ in range(load.sessions - 1)]
    await asyncio.sleep(SETTLE_S)
    before = time.process_time()
    await asyncio.gather(*(talk() for talk, _ in opened))
    cpu_s = time.process_time() - before
    for _, close in opened:
        await close()
    return Took(cpu_s, connect_ms)


def main() -> None:
    """Be the end that is named."""
    if sys.argv[1] == "service":
        asyncio.run(service())
        return
    name, port = sys.argv[1:]
    connect = CLIENTS[name](port)
    for line in sys.stdin:
        print(json.dumps(asyncio.run(run(connect, Load(*json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
