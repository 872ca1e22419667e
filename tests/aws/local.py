"""Conversations with the local engine behind the simulator: `python -m tests.aws.local FOLDER {}`.

FOLDER has move.wav and again.wav, PCM16 mono at 16,000 Hz; the environment says where the simulator is.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from functools import partial
from pathlib import Path

from tests.aws.order import Block
from tests.aws.sound import read
from tests.aws.stand import Talk, arguments, connected, run
from tests.aws.talks import CUT_OFF, finish, talk_pcm

MOVE = {
    "type": "object",
    "properties": {
        "direction": {
            "type": "string",
            "enum": ["forward", "backward", "left", "right"],
            "description": "where to go",
        },
        "distance": {"type": "number", "description": "how far"},
        "unit": {"type": "string", "enum": ["meters", "feet", "steps"]},
    },
    "required": ["direction", "distance", "unit"],
}
TOOLS = [
    {
        "toolSpec": {
            "name": "move",
            "description": "Move the robot.",
            "inputSchema": {"json": json.dumps(MOVE)},
        }
    }
]
MOVED = {"direction": "forward", "distance": 10, "unit": "meters"}


async def local_tool(folder: Path) -> None:
    """An order aloud, which takes a tool."""
    talk = Talk("local_tool")
    async with connected() as client:
        await talk.open(client, tools=TOOLS)
        microphone = talk.listen()
        await microphone.say(read(folder / "move.wav"))
        use = (await talk.block_of("TOOL", "TOOL")).contents[0]
        assert [use["toolName"], json.loads(use["content"])] == ["move", MOVED], use
        assert "forward" in " ".join(talk.texts("USER", "FINAL")).lower()
        since = talk.now
        await talk.reply(use, {"output": "The robot arrived. The battery is at 84 percent."})
        said, pcm = await talk.answer(since)
        assert "84" in said, said
        await microphone.off()
        assert await talk.close() is None
    finish(talk, folder, moved=pcm)


async def local_barge_in(folder: Path) -> None:
    """The user speaks amid a story, and asks for what was said."""
    talk = Talk("local_barge_in")
    async with connected() as client:
        await talk.open(client)
        microphone = talk.listen()
        await talk.write("Tell me a story.")
        await talk.event("audioOutput")
        await asyncio.sleep(2.5)
        await microphone.say(read(folder / "again.wav"))
        asked = time.monotonic()
        cut = await talk.until(lambda: next(filter(interrupted, talk.order.blocks), None), "interruption")
        assert cut.text == CUT_OFF, cut.text
        said, pcm = await talk.answer(cut.at + 1)
        first = await talk.event("audioOutput", cut.at + 1)
        assert re.match("On a small", said), said
        assert len(said) < 120, f"the engine thinks that all of this was heard: {said}"
        await microphone.off()
        assert await talk.close() is None
    waited_ms = round((first.at - asked) * 1000)
    finish(talk, folder, {"ms from the end of the question to the answer": waited_ms}, after=pcm)


def interrupted(block: Block) -> bool:
    """Tell whether this says that the user has cut the answer off."""
    return block.type == "TEXT" and block.stop == "INTERRUPTED"


async def local_history(folder: Path) -> None:
    """A conversation goes on that was held elsewhere."""
    talk = Talk("local_history")
    async with connected() as client:
        history = [("USER", "What is six times seven?"), ("ASSISTANT", "It is 42.")]
        await talk.open(client, history=history)
        await talk.write("What did you just say?")
        said, _ = await talk.answer()
        assert "42" in said, said
        assert await talk.close() is None
    finish(talk, folder, all=talk_pcm(talk))


if __name__ == "__main__":
    FOLDER, _ = arguments()
    sys.exit(
        run({each.__name__: partial(each, FOLDER) for each in (local_tool, local_barge_in, local_history)})
    )
