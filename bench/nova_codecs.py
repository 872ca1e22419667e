"""Writing, signing and reading Nova Sonic without a socket: our wire and what is below it."""

from __future__ import annotations

import gc
import time

from pybase64 import b64encode

from bench import nova_says as says
from bench.nova_loads import FRAME, REGION
from s2s.capabilities import Capabilities
from s2s.commands import AppendAudio
from s2s.config import Config
from s2s.events import AudioOutput
from s2s.transports.bedrock.events import chunk, read
from s2s.transports.bedrock.eventstream import Decoder, encode
from s2s.transports.bedrock.signing import EXAMPLE, Chain
from s2s.wire.nova.client import NovaClient, Opening

HEADERS = ((":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event"))


def alone(rounds: int = 1000) -> tuple[float, float]:
    """Return CPU in us to write and sign a frame, and to read a piece of audio, without a socket."""
    return _up_s(rounds) / rounds * 1e6, _down_s(rounds) / rounds * 1e6


def _up_s(rounds: int) -> float:
    wire, chain = _listening(), Chain(EXAMPLE, REGION, "0" * 64)
    gc.collect()
    before = time.thread_time()
    for _ in range(rounds):
        message = wire.append(FRAME)
        assert message is not None
        chain.sign(time.time_ns() // 1_000_000, chunk(message))
    return time.thread_time() - before


def _down_s(rounds: int) -> float:
    wire, decoder = _listening(), Decoder()
    for each in says.turn()[0]:
        wire.receive(each)
    # As it comes: several messages at once, and rarely whole ones.
    payload = b'{"bytes":"%b"}' % b64encode(says.audio(0))
    data = encode(HEADERS, payload) * rounds
    pieces = [data[at : at + 16_384] for at in range(0, len(data), 16_384)]
    gc.collect()
    heard = 0
    before = time.thread_time()
    for piece in pieces:
        for message in decoder.push(piece):
            document = read(message)
            assert isinstance(document, bytes)
            heard += isinstance(wire.receive(document)[0], AudioOutput)
    took_s = time.thread_time() - before
    assert heard == rounds
    return took_s


def _listening() -> NovaClient:
    wire = NovaClient(Opening(config=Config(), capabilities=Capabilities()))
    wire.open()
    for each in (says.ACCEPTED, says.BEGUN):
        wire.receive(each)
    wire.send(AppendAudio(FRAME))
    return wire
