"""The official client of AWS, on a Python of its own: `python -m bench.nova_sdk PORT`, or `... alone`.

The first reads loads from stdin as all clients do. The second reads and signs without a socket, one round for
every line of stdin. Whom to trust is in $SSL_CERT_FILE. Needs aws-sdk-bedrock-runtime 0.12.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import sys
import time
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any, TypeAlias

from aws_sdk_bedrock_runtime.client import AsyncBedrockRuntimeClient
from aws_sdk_bedrock_runtime.config import AsyncBedrockRuntimeConfig
from aws_sdk_bedrock_runtime.models import (
    BidirectionalInputPayloadPart,
    InvokeModelWithBidirectionalStreamInputChunk,
    InvokeModelWithBidirectionalStreamOperationInput,
    _InvokeModelWithBidirectionalStreamOutputDeserializer,
)
from aws_sdk_signers import AsyncEventSigner
from smithy_aws_core.aio.protocols import RestJsonClientProtocol
from smithy_aws_core.identity import AWSCredentialsIdentity, StaticCredentialsResolver
from smithy_aws_event_stream.aio import AWSEventPublisher, AWSEventReceiver, SigningConfig
from smithy_aws_event_stream.events import EventHeaderEncoder, EventMessage
from smithy_core.aio.interfaces import ProtocolSettings
from smithy_core.aio.types import AsyncBytesReader
from smithy_http.aio.crt import AWSCRTHTTPClient

from bench.nova_loads import ACCESS_KEY, FRAME, HOST, PIECE_BYTES, REGION, SECRET_KEY, serve_loads

JSON: TypeAlias = Any
PROMPT, AUDIO = "prompt", "audio"
NAMED = {"promptName": PROMPT, "contentName": AUDIO}
LPCM = {"mediaType": "audio/lpcm", "sampleSizeBits": 16, "channelCount": 1, "encoding": "base64"}
LPCM |= {"audioType": "SPEECH"}


def chunk(**event: JSON) -> InvokeModelWithBidirectionalStreamInputChunk:
    """Spell an event, as AWS's samples do."""
    part = BidirectionalInputPayloadPart(bytes_=json.dumps({"event": event}).encode())
    return InvokeModelWithBidirectionalStreamInputChunk(value=part)


def spoken(pcm: bytes) -> InvokeModelWithBidirectionalStreamInputChunk:
    return chunk(audioInput={**NAMED, "content": base64.b64encode(pcm).decode()})


def heard(output: JSON) -> bytes | None:
    """Return the PCM of a message, if it has some."""
    event = json.loads(output.value.bytes_)["event"]
    return base64.b64decode(event["audioOutput"]["content"]) if "audioOutput" in event else None


class Stream:
    """A client, as all loads need it."""

    def __init__(self, stream: JSON) -> None:
        self._stream = stream
        self._outputs: AsyncIterator[JSON]

    async def open(self) -> None:
        send = self._stream.input_stream.send
        turns = {"turnDetectionConfiguration": {"endpointingSensitivity": "HIGH"}}
        await send(chunk(sessionStart={"inferenceConfiguration": {"maxTokens": 1024}, **turns}))
        await send(chunk(promptStart={"promptName": PROMPT, "audioOutputConfiguration": LPCM}))
        _, self._outputs = await self._stream.await_output()
        start = {
            **NAMED,
            "type": "AUDIO",
            "interactive": True,
            "role": "USER",
            "audioInputConfiguration": LPCM,
        }
        await send(chunk(contentStart=start))

    async def send(self, pcm: bytes) -> None:
        await self._stream.input_stream.send(spoken(pcm))

    async def audio(self) -> AsyncIterator[bytes]:
        async for output in self._outputs:
            pcm = heard(output)
            if pcm is not None:
                yield pcm

    async def close(self) -> None:
        await self._stream.input_stream.close()
        async for _ in self._outputs:
            pass


class Official:
    """Opens streams, all of them by one client and so over one connection, which is the least for the SDK."""

    def __init__(self, port: str) -> None:
        self._place = f"https://{HOST}:{port}"
        self._client: AsyncBedrockRuntimeClient | None = None

    async def connect(self, model: str) -> Stream:
        client = self._client = self._client or AsyncBedrockRuntimeClient(await self._config())
        wanted = InvokeModelWithBidirectionalStreamOperationInput(model_id=model)
        stream = Stream(await client.invoke_model_with_bidirectional_stream(wanted))
        await stream.open()
        return stream

    async def _config(self) -> AsyncBedrockRuntimeConfig:
        return await AsyncBedrockRuntimeConfig.resolve(
            endpoint_uri=self._place,
            region=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            aws_credentials_identity_resolver=StaticCredentialsResolver(),
            transport=AWSCRTHTTPClient(),
        )


class Nowhere:
    """Takes what is written."""

    async def write(self, data: bytes) -> int:
        return len(data)


async def alone(rounds: int = 1000) -> tuple[float, float]:
    """Return CPU in us to write and sign a frame, and to read a piece of audio, without a socket."""
    codec = RestJsonClientProtocol(
        ProtocolSettings(namespace="com.amazonaws.bedrockruntime", service_target="")
    ).payload_codec
    identity = AWSCredentialsIdentity(access_key_id=ACCESS_KEY, secret_access_key=SECRET_KEY)
    config = SigningConfig(
        signer=AsyncEventSigner(initial_signature=b"0" * 64, event_encoder_cls=EventHeaderEncoder),
        signing_properties={"region": REGION, "service": "bedrock"},
        identity_resolver=StaticCredentialsResolver(identity),
        identity_properties={},
    )
    publisher = AWSEventPublisher(payload_codec=codec, async_writer=Nowhere(), signing_config=config)
    gc.collect()
    before = time.thread_time()
    for _ in range(rounds):
        await publisher.send(spoken(FRAME))
    up_s = time.thread_time() - before
    receiver = AWSEventReceiver(
        payload_codec=codec,
        source=AsyncBytesReader(BytesIO(_piece() * rounds)),
        deserializer=_InvokeModelWithBidirectionalStreamOutputDeserializer().deserialize,
    )
    gc.collect()
    before = time.thread_time()
    async for output in receiver:
        heard(output)
    return up_s / rounds * 1e6, (time.thread_time() - before) / rounds * 1e6


def _piece() -> bytes:
    """Return a piece of audio as the service sends it."""
    content = base64.b64encode(bytes(range(256)) * (PIECE_BYTES // 256)).decode()
    named = {"sessionId": "s" * 36, "promptName": PROMPT, "completionId": "c" * 36, "contentId": "i" * 36}
    said = json.dumps({"event": {"audioOutput": {**named, "content": content, "role": "ASSISTANT"}}})
    payload = json.dumps({"bytes": base64.b64encode(said.encode()).decode()}).encode()
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    return bytes(EventMessage(headers=headers, payload=payload).encode())


def main() -> None:
    """Be what is asked for."""
    if sys.argv[1] == "alone":
        for _ in sys.stdin:
            print(json.dumps(asyncio.run(alone())), flush=True)
    else:
        serve_loads(Official(sys.argv[1]).connect)


if __name__ == "__main__":
    main()
