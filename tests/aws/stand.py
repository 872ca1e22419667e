"""Where the official client of AWS stands: Python 3.12, aws-sdk-bedrock-runtime as it is, nothing of ours."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar
from uuid import uuid4

from aws_sdk_bedrock_runtime.client import AsyncBedrockRuntimeClient
from aws_sdk_bedrock_runtime.config import AsyncBedrockRuntimeConfig
from aws_sdk_bedrock_runtime.models import (
    BidirectionalInputPayloadPart,
    InvokeModelWithBidirectionalStreamInputChunk,
    InvokeModelWithBidirectionalStreamOperationInput,
    InvokeModelWithBidirectionalStreamOutputChunk,
)
from smithy_aws_core.identity import StaticCredentialsResolver
from smithy_core.exceptions import SmithyError
from smithy_http.aio.crt import AWSCRTHTTPClient

from tests.aws.order import JSON, Block, Order
from tests.aws.sound import HEARD_HZ, SAID_HZ, Microphone

MODEL = "amazon.nova-2-5-sonic"
TEXT = {"textInputConfiguration": {"mediaType": "text/plain"}}
SAID = {"mediaType": "audio/lpcm", "sampleRateHertz": SAID_HZ, "sampleSizeBits": 16, "channelCount": 1}
SAID |= {"audioType": "SPEECH", "encoding": "base64"}
INFERENCE = {"maxTokens": 1024, "topP": 0.9, "temperature": 0.7}
PARTING_S = 0.2
AT_A_TIME = 6
T = TypeVar("T")


class Said(NamedTuple):
    """An event of the service."""

    at: float
    name: str
    body: dict[str, JSON]


def tell(name: str, **fact: JSON) -> None:
    """Tell what became of a conversation."""
    sys.stdout.write(json.dumps({"name": name, **fact}) + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def connected(**settings: JSON) -> AsyncIterator[AsyncBedrockRuntimeClient]:
    """Make a client as its documentation says; without `settings` the environment tells all."""
    if settings:
        settings["aws_credentials_identity_resolver"] = StaticCredentialsResolver()
    config = await AsyncBedrockRuntimeConfig.resolve(transport=AWSCRTHTTPClient(), **settings)
    async with AsyncBedrockRuntimeClient(config) as client:
        yield client


class Talk:
    """One conversation over one stream."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.prompt = str(uuid4())
        self.order = Order(self.prompt, HEARD_HZ)
        self.heard: list[str] = []
        """Every message as it came."""
        self.asked: list[str] = []
        self.said: list[Said] = []
        self.unknown: list[str] = []
        """What the SDK took for no chunk."""
        self.results: dict[str, str] = {}
        self.ended: asyncio.Future[SmithyError | OSError | None] = asyncio.Future()
        """How the stream ended, None in order."""
        self._arrived = asyncio.Condition()
        self._alone = asyncio.Lock()

    async def dial(self, client: AsyncBedrockRuntimeClient, model: str = MODEL) -> None:
        """Open the stream; nothing is said yet."""
        wanted = InvokeModelWithBidirectionalStreamOperationInput(model_id=model)
        self.stream = await within(client.invoke_model_with_bidirectional_stream(wanted), "a stream")

    async def accepted(self) -> str:
        """Wait until the service takes the stream, and return the id of the request."""
        output, outputs = await within(self.stream.await_output(), "the head of the answer")
        self._reader = asyncio.create_task(self._read(outputs))
        return str(output.response_metadata.request_id)

    async def open(
        self,
        client: AsyncBedrockRuntimeClient,
        model: str = MODEL,
        *,
        tools: Sequence[JSON] = (),
        history: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Open the stream and say all that comes before the conversation."""
        await self.dial(client, model)
        await self.prepare(tools)
        self.request_id = await self.accepted()
        for role, text in history:
            await self.block("TEXT", role, [text], interactive=False, **TEXT)
        await self.open_microphone()

    async def open_microphone(self) -> None:
        """Begin the block of audio, which stays open."""
        self.microphone_name = await self.begin(
            "AUDIO", "USER", interactive=True, audioInputConfiguration=SAID
        )

    async def prepare(self, tools: Sequence[JSON] = ()) -> None:
        """Say what may be said before the stream was taken."""
        turns = {"turnDetectionConfiguration": {"endpointingSensitivity": "HIGH"}}
        await self.ask(sessionStart={"inferenceConfiguration": INFERENCE, **turns})
        spoken = {**SAID, "sampleRateHertz": HEARD_HZ, "voiceId": "tiffany"}
        start = {"promptName": self.prompt, "textOutputConfiguration": {"mediaType": "text/plain"}}
        start |= {"audioOutputConfiguration": spoken}
        if tools:
            start["toolUseOutputConfiguration"] = {"mediaType": "application/json"}
            start["toolConfiguration"] = {"tools": list(tools)}
        await self.ask(promptStart=start)
        # AWS advises to cut a long prompt into several events.
        instructions = ["You are a witness. ", "Answer briefly."]
        await self.block("TEXT", "SYSTEM", instructions, interactive=False, **TEXT)

    async def ask(self, **event: JSON) -> None:
        """Send an event."""
        text = json.dumps({"event": event})
        self.asked.append(text)
        part = BidirectionalInputPayloadPart(bytes_=text.encode())
        await self.stream.input_stream.send(InvokeModelWithBidirectionalStreamInputChunk(value=part))

    async def begin(self, kind: str, role: str, **more: JSON) -> str:
        """Begin a block, and return its name."""
        name = str(uuid4())
        await self.ask(contentStart={**self.named(name), "type": kind, "role": role, **more})
        return name

    async def block(self, kind: str, role: str, contents: Sequence[str], **more: JSON) -> None:
        """Say a whole block, with no audio amid it."""
        async with self._alone:
            name = await self.begin(kind, role, **more)
            for content in contents:
                said = {**self.named(name), "content": content}
                await self.ask(**{"toolResult" if kind == "TOOL" else "textInput": said})
            await self.ask(contentEnd=self.named(name))

    def named(self, name: str) -> dict[str, JSON]:
        """Return what says which block is meant."""
        return {"promptName": self.prompt, "contentName": name}

    async def write(self, text: str) -> None:
        """Say something in writing."""
        await self.block("TEXT", "USER", [text], interactive=True, **TEXT)

    async def reply(self, call: dict[str, JSON], result: JSON) -> None:
        """Answer a call."""
        self.results[call["toolUseId"]] = result if isinstance(result, str) else json.dumps(result)
        configuration = {"toolUseId": call["toolUseId"], "type": "TEXT", **TEXT}
        contents = [self.results[call["toolUseId"]]]
        await self.block(
            "TOOL", "TOOL", contents, interactive=False, toolResultInputConfiguration=configuration
        )

    async def sound(self, pcm: bytes) -> None:
        """Send a piece of what the microphone hears."""
        async with self._alone:
            content = base64.b64encode(pcm).decode()
            await self.ask(audioInput={**self.named(self.microphone_name), "content": content})

    def listen(self) -> Microphone:
        """Open a microphone."""
        return Microphone(self.sound)

    async def _read(self, outputs: AsyncIterator[object]) -> None:
        end: SmithyError | OSError | None = None
        try:
            async for output in outputs:
                await self._hear(output)
        except (SmithyError, OSError) as wrong:
            end = wrong
        self.ended.set_result(end)
        async with self._arrived:
            self._arrived.notify_all()

    async def _hear(self, output: object) -> None:
        if isinstance(output, InvokeModelWithBidirectionalStreamOutputChunk):
            self.heard.append(output.value.bytes_.decode())
            ((name, body),) = json.loads(self.heard[-1])["event"].items()
            self.said.append(Said(time.monotonic(), name, body))
            self.order.hear(name, body)
        else:
            self.unknown.append(repr(output))
        async with self._arrived:
            self._arrived.notify_all()

    async def until(self, found: Callable[[], T | None], what: str, seconds: float = 30) -> T:
        """Wait until something is found, and fail on the first thing that goes wrong before."""
        async with self._arrived:
            try:
                async with asyncio.timeout(seconds):
                    while (value := found()) is None:
                        wrong = [*self.order.problems, *self.unknown]
                        assert not wrong, wrong
                        assert not self.ended.done(), (
                            f"no {what}: the stream ended with {self.ended.result()!r}"
                        )
                        await self._arrived.wait()
            except TimeoutError:
                last = [each.name for each in self.said[-12:]]
                raise AssertionError(f"no {what} within {seconds:g} s; last: {last}") from None
            return value

    @property
    def now(self) -> int:
        """Where the conversation stands, for what comes after."""
        return len(self.said)

    def blocks(self, kind: str, role: str, stage: str = "", since: int = 0) -> list[Block]:
        """Return the blocks of a kind that are over."""
        found = [each for each in self.order.blocks if each.at >= since and each.stop]
        return [each for each in found if (each.type, each.role, each.stage or stage) == (kind, role, stage)]

    def texts(self, role: str, stage: str, since: int = 0) -> list[str]:
        """Return what was said, as a stage of it."""
        return [each.text for each in self.blocks("TEXT", role, stage, since)]

    async def block_of(self, kind: str, role: str, stage: str = "", since: int = 0) -> Block:
        """Wait for the end of the first block of a kind."""
        what = f"block of {kind}, {role}, {stage}"
        return await self.until(lambda: next(iter(self.blocks(kind, role, stage, since)), None), what)

    async def event(self, name: str, since: int = 0) -> Said:
        """Wait for the first event of a name."""
        return await self.until(lambda: next((e for e in self.said[since:] if e.name == name), None), name)

    async def answer(self, since: int = 0) -> tuple[str, bytes]:
        """Wait until an answer has been spoken and told whole; return what was really said, and its audio."""

        def told() -> list[str] | None:
            promised = self.texts("ASSISTANT", "SPECULATIVE", since)
            said = self.texts("ASSISTANT", "FINAL", since)
            ends = [each.stop for each in self.blocks("AUDIO", "ASSISTANT", since=since)]
            return said if promised and "END_TURN" in ends and len(said) >= len(promised) else None

        said = await self.until(told, "whole answer", 60)
        return " ".join(said), b"".join(each.pcm for each in self.blocks("AUDIO", "ASSISTANT", since=since))

    async def close(self) -> SmithyError | OSError | None:
        """Close everything in order, and return how the stream ended."""
        await self.ask(contentEnd=self.named(self.microphone_name))
        await self.ask(promptEnd={"promptName": self.prompt})
        await self.event("completionEnd")
        await self.ask(sessionEnd={})
        await within(self.stream.input_stream.close(), "a way to say goodbye")
        end = await self.over()
        # There is nothing in the SDK to wait for until it has said goodbye itself.
        await asyncio.sleep(PARTING_S)
        return end

    async def over(self, seconds: float = 15) -> SmithyError | OSError | None:
        """Wait for the end of the stream, and return how it ended."""
        return await within(asyncio.shield(self.ended), "an end of the stream", seconds)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Who said what."""
        told = []
        for each in self.order.blocks:
            if each.type == "TOOL":
                call = each.contents[0]
                told.append((call["toolName"], f"{call['content']} -> {self.results.get(call['toolUseId'])}"))
            elif each.stage == "FINAL":
                told.append((each.role.lower(), each.text))
        return told

    @property
    def trace(self) -> dict[str, JSON]:
        """All that was said on both sides, and what is wrong with it."""
        counts: dict[str, int] = {}
        for each in self.said:
            counts[each.name] = counts.get(each.name, 0) + 1
        trace = {"got": self.heard, "sent": self.asked, "counts": counts, "lines": self.lines}
        return {**trace, "problems": self.order.problems, "unknown": self.unknown}


async def within(work: Awaitable[T], what: str, seconds: float = 15) -> T:
    """Wait for something, but not for ever."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise AssertionError(f"no {what} within {seconds:g} s") from None


async def held(name: str, conversation: Callable[[], Awaitable[None]]) -> bool:
    """Hold a conversation, and tell where it fails."""
    try:
        async with asyncio.timeout(120):
            await conversation()
    except (AssertionError, SmithyError, OSError, TimeoutError) as wrong:
        tell(name, failed=f"{type(wrong).__name__}: {wrong}")
        return False
    return True


def run(conversations: dict[str, Callable[[], Awaitable[None]]]) -> int:
    """Hold conversations, a few at a time; returns the exit code of the process."""
    few = asyncio.Semaphore(AT_A_TIME)

    async def in_turn(name: str, conversation: Callable[[], Awaitable[None]]) -> bool:
        async with few:
            return await held(name, conversation)

    async def all_of_them() -> bool:
        return all(await asyncio.gather(*(in_turn(name, each) for name, each in conversations.items())))

    return 0 if asyncio.run(all_of_them()) else 1


def arguments() -> tuple[Path, dict[str, JSON]]:
    """Return the folder to write to, and what the conversations are given, by name."""
    folder, given = sys.argv[1:]
    return Path(folder), json.loads(given)
