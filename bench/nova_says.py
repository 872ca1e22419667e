"""What Nova Sonic says, message by message, as the service spells it."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from functools import cache

from bench.nova_loads import PIECE_BYTES
from s2s.items import JSON

PIECES = 75
"""Of one turn, which takes 6 s."""
SENTENCE_PIECES = 25
WORDS = "And so it goes on for a while."
IDS = {
    "sessionId": "2f1d1f6e-6f0c-4c0e-8f6f-5c1e9b0f7a11",
    "promptName": "prompt",
    "completionId": "7c0b6c1e-3a86-4a5b-9a55-0f6d0c1b2d3e",
}
LPCM = {
    "mediaType": "audio/lpcm",
    "sampleRateHertz": 24000,
    "sampleSizeBits": 16,
    "encoding": "base64",
    "channelCount": 1,
}
_random = random.Random(1)


def said(name: str, **fields: JSON) -> bytes:
    """Spell an event."""
    return json.dumps({"event": {name: {**IDS, **fields}}}, separators=(",", ":")).encode()


ACCEPTED = b'{"response":{"requestId":"5a9c4a52-7f5b-4a3e-9a67-1f6f2d0b8c44"}}'
BEGUN = said("completionStart")


def text(role: str, words: str, stage: str, number: int) -> list[bytes]:
    """Tell a whole block of text."""
    named = {"contentId": f"text-{number:032}"}
    fields = json.dumps({"generationStage": stage})
    return [
        said(
            "contentStart",
            **named,
            type="TEXT",
            role=role,
            additionalModelFields=fields,
            textOutputConfiguration={"mediaType": "text/plain"},
        ),
        said("textOutput", **named, content=words, role=role),
        said("contentEnd", **named, type="TEXT", stopReason="PARTIAL_TURN"),
    ]


def audio(number: int) -> bytes:
    """Speak for 80 ms."""
    pcm = b64encode(_random.randbytes(PIECE_BYTES)).decode()
    return said("audioOutput", contentId=f"audio-{number:031}", content=pcm, role="ASSISTANT")


def _tokens(speech: int, words: int) -> JSON:
    return {"speechTokens": speech, "textTokens": words}


USAGE = said(
    "usageEvent",
    details={
        "delta": {"input": _tokens(75, 12), "output": _tokens(150, 24)},
        "total": {"input": _tokens(375, 130), "output": _tokens(750, 120)},
    },
    totalInputTokens=505,
    totalOutputTokens=870,
    totalTokens=1375,
)


@cache
def turn() -> tuple[tuple[bytes, ...], ...]:
    """Return the messages of one turn, by piece of audio, with what comes before and after it.

    Three sentences, each told before its audio, and once more at the end, as what was really said.
    """
    steps = [[audio(at // SENTENCE_PIECES)] for at in range(PIECES)]
    for number, at in enumerate(range(0, PIECES, SENTENCE_PIECES)):
        named = {"contentId": f"audio-{number:031}", "type": "AUDIO"}
        start = said("contentStart", **named, role="ASSISTANT", audioOutputConfiguration=LPCM)
        last = at + SENTENCE_PIECES == PIECES
        steps[at][:0] = [*text("ASSISTANT", WORDS, "SPECULATIVE", number), start]
        end = said("contentEnd", **named, stopReason="END_TURN" if last else "PARTIAL_TURN")
        steps[at + SENTENCE_PIECES - 1].append(end)
    steps[0][:0] = text("USER", "How does it go on?", "FINAL", 100)
    finals = (text("ASSISTANT", WORDS, "FINAL", 200 + at) for at in range(PIECES // SENTENCE_PIECES))
    steps[-1] += [each for block in finals for each in block]
    steps[-1].append(USAGE)
    return tuple(map(tuple, steps))
