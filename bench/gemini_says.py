"""What the real service of Gemini Live says, as it spells it: pretty-printed, in binary frames."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from functools import lru_cache

from s2s.items import JSON

BYTES_PER_MS = 48
"""Of what it speaks: PCM16 at 24 kHz."""
TURN_MS = 6000
WORDS, WORDS_EVERY_MS = " of words", 400
BUNDLED_MS = 200
_random = random.Random(1)


def spelled(message: JSON) -> bytes:
    """Spell a message."""
    return json.dumps(message, indent=2).encode() + b"\n"


def content(**members: JSON) -> bytes:
    """Spell what belongs to the conversation."""
    return spelled({"serverContent": members})


def audio(ms: int, words: str = "") -> bytes:
    """Speak, and with words say what: newer models tell both in one message."""
    pcm = _random.randbytes(BYTES_PER_MS * ms)
    blob = {"mimeType": "audio/pcm;rate=24000", "data": b64encode(pcm).decode()}
    told = {"modelTurn": {"parts": [{"inlineData": blob}]}}
    return content(**told, outputTranscription={"text": words}) if words else content(**told)


def words(text: str) -> bytes:
    """Say what is spoken."""
    return content(outputTranscription={"text": text})


SETUP_COMPLETE = spelled({"setupComplete": {}})
GENERATED = content(generationComplete=True)
COMPLETE = spelled(
    {
        "serverContent": {"turnComplete": True},
        "usageMetadata": {
            "promptTokenCount": 522,
            "responseTokenCount": 42,
            "totalTokenCount": 564,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 301},
                {"modality": "AUDIO", "tokenCount": 221},
            ],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 42}],
        },
    }
)
CALL = spelled(
    {
        "toolCall": {
            "functionCalls": [
                {"name": "get_weather", "args": {"city": "London"}, "id": "function-call-1234567890"}
            ]
        }
    }
)


@lru_cache(maxsize=16)
def turn(message_ms: int) -> tuple[tuple[bytes, ...], ...]:
    """Return the messages of one turn, by message of audio, with what comes before and after it.

    Words come every 400 ms: on their own as with the models that send short messages, in those of 200 ms and
    more together with the audio.
    """
    steps: list[list[bytes]] = []
    for at in range(TURN_MS // message_ms):
        telling = at * message_ms % WORDS_EVERY_MS < message_ms
        if telling and message_ms >= BUNDLED_MS:
            steps.append([audio(message_ms, WORDS)])
        else:
            steps.append([words(WORDS), audio(message_ms)] if telling else [audio(message_ms)])
    steps[0].insert(0, content(inputTranscription={"text": " What is it?"}))
    steps[-1] += [GENERATED, COMPLETE]
    return tuple(map(tuple, steps))
