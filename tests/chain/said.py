"""What is said over the chains."""

from __future__ import annotations

from s2s.events import ResponseDone, Tokens, Usage
from s2s.items import Call
from s2s.providers.script import Reply, tone
from s2s.testing.talk import Talk
from s2s.tools import Tool
from tests.support.chain import Chain

HELLO = tone("Hello") + tone("there")
LOOK_UP = Tool(name="look_up", description="Look up a city.")
BONN, ROME = (
    Call(f"call-{each}", "look_up", {"city": each}, f'{{"city":"{each}"}}') for each in ("Bonn", "Rome")
)
STORY = Reply(says="word " * 60)
"""Twelve seconds."""
GOOD_DAY = Reply(says="Good day to you.", hears="Hello there.", usage=Usage(Tokens(3), Tokens(4)))


async def speak(talk: Talk, audio: bytes = HELLO, silence_ms: int = 1000) -> None:
    """Say this, and then nothing for a while."""
    spoken = audio + bytes(48 * silence_ms)
    for start in range(0, len(spoken), 960):
        await talk.session.send_audio(spoken[start : start + 960])


def ends(chain: Chain) -> list[str]:
    """Return how the responses of the far script ended."""
    return [each.status for each in chain.far.script.told if isinstance(each, ResponseDone)]
