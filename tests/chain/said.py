"""What is said over the chains."""

from __future__ import annotations

from s2s.events import Tokens, Usage
from s2s.items import Call
from s2s.providers.script import Reply, tone
from s2s.tools import Tool

HELLO = tone("Hello") + tone("there")
LOOK_UP = Tool(name="look_up", description="Look up a city.")
BONN, ROME = (
    Call(f"call-{each}", "look_up", {"city": each}, f'{{"city":"{each}"}}') for each in ("Bonn", "Rome")
)
STORY = Reply(says="word " * 60)
"""Twelve seconds."""
GOOD_DAY = Reply(says="Good day to you.", hears="Hello there.", usage=Usage(Tokens(3), Tokens(4)))
