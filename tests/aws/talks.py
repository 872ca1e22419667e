"""Conversations with `NovaSimulator`: `python -m tests.aws.talks FOLDER {"name": settings of the client}`.

Empty settings leave it to the environment: AWS_ENDPOINT_URL_BEDROCK_RUNTIME, AWS_REGION and the credentials.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tests.aws.order import JSON
from tests.aws.sound import keep, tone
from tests.aws.stand import Talk, arguments, connected, run, tell

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Say what the weather is like in a city."}
TOOLS = [{"toolSpec": {**WEATHER, "inputSchema": {"json": json.dumps(SCHEMA)}}}]
CUT_OFF = '{ "interrupted" : true }'
WORD_S = 0.2
"""How long the script takes for a word."""
HISTORY = [("USER", "My name is Ada."), ("ASSISTANT", "Hello Ada."), ("USER", "Wait."), ("ASSISTANT", "Yes?")]


async def spoken(folder: Path, settings: dict[str, JSON]) -> None:
    """A question aloud, which takes a tool, and another one; closed in order."""
    talk = Talk("spoken")
    async with connected(**settings) as client:
        await talk.open(client, tools=TOOLS)
        microphone = talk.listen()
        await microphone.say(tone(600))
        use = (await talk.block_of("TOOL", "TOOL")).contents[0]
        assert [use["toolName"], json.loads(use["content"])] == ["get_weather", {"city": "Paris"}], use
        assert talk.texts("USER", "FINAL") == ["What is the weather in Paris?"]
        since = talk.now
        await talk.reply(use, {"degrees": 22})
        said, pcm = await talk.answer(since)
        assert said == "It is 22 degrees in Paris.", said
        assert talk.texts("ASSISTANT", "SPECULATIVE", since) == [said]
        assert abs(len(pcm) / 48_000 - 6 * WORD_S) < 0.01, f"{len(pcm)} bytes for six words"
        await microphone.say(tone(600))
        again, _ = await talk.answer(since := talk.now)
        assert again == "You are welcome. Bye.", again
        assert talk.texts("USER", "FINAL", since) == ["Thank you."]
        usage = (await talk.event("usageEvent", since)).body
        assert usage["totalTokens"] > 0, usage
        await microphone.off()
        assert await talk.close() is None
    finish(talk, folder, all=talk_pcm(talk))


async def barged_in(folder: Path, settings: dict[str, JSON]) -> None:
    """The user speaks amid an answer."""
    talk = Talk("barged_in")
    async with connected(**settings) as client:
        await talk.open(client)
        microphone = talk.listen()
        await microphone.say(tone(600))
        await talk.event("audioOutput")
        await asyncio.sleep(1)
        await microphone.say(tone(600))
        heard = await talk.until(lambda: second(talk.blocks("TEXT", "USER", "FINAL")), "second question")
        assert heard.text == "Stop!", heard.text
        stops = [(each.text, each.stop) for each in talk.blocks("TEXT", "ASSISTANT", "FINAL")]
        assert stops == [("One moment.", "PARTIAL_TURN"), (CUT_OFF, "INTERRUPTED")], stops
        cut = talk.blocks("AUDIO", "ASSISTANT")[-1]
        assert cut.stop in ("END_TURN", "INTERRUPTED"), cut.stop
        assert cut.at < heard.at, "audio of what was cut off comes after the words of the user"
        said, _ = await talk.answer(heard.at)
        assert said == "All right.", said
        await microphone.off()
        assert await talk.close() is None
    finish(talk, folder)


async def written(folder: Path, settings: dict[str, JSON]) -> None:
    """Questions in writing, while the microphone is silent."""
    talk = Talk("written")
    async with connected(**settings) as client:
        await talk.open(client)
        microphone = talk.listen()
        for question in ("Are you there?", 'And "there"?\n\u00c4 \u20ac \U0001f600'):
            since = talk.now
            await talk.write(question)
            said, pcm = await talk.answer(since)
            assert said == f"You said: {' '.join(question.split())}", said
            assert len(pcm) > 0
        await microphone.off()
        assert await talk.close() is None
    finish(talk, folder)


async def remembered(folder: Path, settings: dict[str, JSON]) -> None:
    """A conversation that began elsewhere."""
    talk = Talk("remembered")
    async with connected(**settings) as client:
        await talk.open(client, history=HISTORY)
        await talk.write("What is my name?")
        said, _ = await talk.answer()
        assert said == "Ada.", said
        assert talk.texts("USER", "FINAL") in ([], ["What is my name?"]), "what was said before is told again"
        assert await talk.close() is None
    finish(talk, folder)


async def hasty(folder: Path, settings: dict[str, JSON]) -> None:
    """Everything at once, though nobody has said that the stream is open, and the service says so late."""
    talk = Talk("hasty")
    async with connected(**settings) as client:
        await talk.dial(client)
        await talk.prepare()
        await talk.open_microphone()
        await talk.write("Hello?")
        talk.request_id = await talk.accepted()
        said, _ = await talk.answer()
        assert said == "Good morning.", said
        assert await talk.close() is None
    finish(talk, folder)


def second(found: list[JSON]) -> JSON:
    """Return the second of them, if there is one."""
    return found[1] if len(found) > 1 else None


def talk_pcm(talk: Talk) -> bytes:
    """Return everything that could be heard."""
    return b"".join(each.pcm for each in talk.blocks("AUDIO", "ASSISTANT"))


def finish(talk: Talk, folder: Path, numbers: Mapping[str, float] = {}, **sounds: bytes) -> None:
    """Tell what was said, and fail where something was wrong with it."""
    wavs = {name: keep(folder / f"aws-{talk.name}-{name}.wav", pcm) for name, pcm in sounds.items()}
    trace = talk.trace
    tell(talk.name, wavs=wavs, numbers=numbers, request_id=talk.request_id, **trace)
    assert not talk.order.open, f"{talk.order.open} blocks have not ended"
    wrong = [*trace["problems"], *trace["unknown"]]
    assert not wrong, wrong


if __name__ == "__main__":
    FOLDER, GIVEN = arguments()
    ALL = {each.__name__: each for each in (spoken, barged_in, written, remembered, hasty)}
    sys.exit(run({name: partial(ALL[name], FOLDER, given) for name, given in GIVEN.items()}))
