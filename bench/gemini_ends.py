"""The two ends of Gemini Live over TLS, each a process of its own: a pretend service, and clients.

`python -m bench.gemini_ends service CA` writes whom to trust and prints its port. `... CLIENT PORT CA` reads
loads from stdin as the clients of `wire_ends` do.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import ssl
import sys
from collections.abc import Callable

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_connect, ws_create_server
from pybase64 import b64decode, b64encode

from bench import gemini_says as says
from bench.wire_ends import HOST, Connect, Cutter, Load, Step, conversation, run
from s2s.certificates import Throwaway

FRAME = random.Random(1).randbytes(640)
"""20 ms from the microphone, PCM16 at 16 kHz."""
HEAD, TAIL = b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"', b'"}}}'
AUDIO, DATA = b'"inlineData"', b'"data": "'
TALKS = re.compile(rb"bench-(\d+)-(\d+)-(\d+)")


class Service(WSListener):
    """Answers `up` chunks of audio with `down` messages of it, as the name of the model says."""

    def __init__(self, request: WSUpgradeRequest) -> None:
        self.up = self.down = self.message_ms = 0
        self.heard = self.told = 0

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(1000)  # type: ignore[arg-type]
            transport.disconnect()
        elif not self.up and (named := TALKS.search(payload)):
            self.up, self.down, self.message_ms = map(int, named.groups())
            transport.send(WSMsgType.BINARY, says.SETUP_COMPLETE)
        elif b'"audio"' in payload:
            self.heard += 1
            if self.heard % self.up == 0:
                self.answer(transport)

    def answer(self, transport: WSTransport) -> None:
        steps = says.turn(self.message_ms)
        for _ in range(self.down):
            for each in steps[self.told % len(steps)]:
                transport.send(WSMsgType.BINARY, each)
            self.told += 1


async def service(ca: str) -> None:
    """Serve until stdin ends."""
    certificate = Throwaway()
    certificate.write(ca)
    server = await ws_create_server(Service, HOST, 0, ssl=certificate.context())
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


class GeminiCutter(Cutter):
    """The floor: the audio cut out of the bytes in the callback of picows; no task, no event, no JSON."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        transport.send(WSMsgType.TEXT, b'{"setup":{"model":"models/%b"}}' % self.load.model.encode())

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if payload.find(AUDIO, 0, 200) < 0:
            return
        start = payload.index(DATA) + len(DATA)
        b64decode(payload[start : payload.index(b'"', start)], None, True)
        self.got += 1
        if self.got == self.load.deltas:
            self.over.set_result(None)
        elif self.got % self.load.down == 0:
            self.send()

    def send(self) -> None:
        for _ in range(self.load.up):
            self.transport.send(WSMsgType.TEXT, HEAD + b64encode(FRAME) + TAIL)


def floor(port: str, ca: str) -> Connect:
    tls = ssl.create_default_context(cafile=ca)

    async def connect(load: Load) -> tuple[Step, Step]:
        cutter = GeminiCutter(load)
        await ws_connect(lambda: cutter, f"wss://{HOST}:{port}/", ssl_context=tls)
        return cutter.talk, cutter.close

    return connect


def ours(port: str, ca: str) -> Connect:
    import s2s

    where = {"base_url": f"wss://{HOST}:{port}", "ca": ca, "api_key": "none"}
    engine = s2s.new("gemini_live", input_format=s2s.AudioFormat(sample_rate=16_000), extra=where)

    async def connect(load: Load) -> tuple[Step, Step]:
        session = await engine.start(model=load.model)
        return conversation(session, load, FRAME), session.close

    return connect


def google(port: str, ca: str) -> Connect:
    from google import genai
    from google.genai.types import Blob, HttpOptions, LiveConnectConfig, Modality

    trusting = {"ssl": ssl.create_default_context(cafile=ca)}
    options = HttpOptions(base_url=f"https://{HOST}:{port}", async_client_args=trusting)
    client = genai.Client(api_key="none", http_options=options)
    spoken = LiveConnectConfig(response_modalities=[Modality.AUDIO])

    async def connect(load: Load) -> tuple[Step, Step]:
        opening = client.aio.live.connect(model=load.model, config=spoken)
        session = await opening.__aenter__()

        async def send() -> None:
            for _ in range(load.up):
                await session.send_realtime_input(audio=Blob(data=FRAME, mime_type="audio/pcm;rate=16000"))

        async def talk() -> None:
            await send()
            got = 0
            while got < load.deltas:
                async for message in session.receive():
                    if message.data is not None:
                        got += 1
                        if got == load.deltas:
                            break
                        if got % load.down == 0:
                            await send()

        async def close() -> None:
            await opening.__aexit__(None, None, None)

        return talk, close

    return connect


CLIENTS: dict[str, Callable[[str, str], Connect]] = {"floor": floor, "s2s": ours, "google-genai": google}


def main() -> None:
    """Be the end that is named."""
    if sys.argv[1] == "service":
        asyncio.run(service(sys.argv[2]))
        return
    name, port, ca = sys.argv[1:]
    connect = CLIENTS[name](port, ca)
    for line in sys.stdin:
        print(json.dumps(asyncio.run(run(connect, Load(*json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
