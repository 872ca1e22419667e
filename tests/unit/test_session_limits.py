"""What an engine cannot do, and what can be changed."""

import asyncio

import pytest

from s2s.capabilities import Capabilities
from s2s.commands import SendToolResult, UpdateSession
from s2s.config import TurnDetection
from s2s.errors import UnsupportedError
from s2s.events import ResponseDone, ResponseStarted, ToolCall
from s2s.items import Call
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from s2s.tools import tool
from tests.support.sessions import able


def test_what_the_engine_cannot_do_is_refused_and_says_so() -> None:
    async def main() -> None:
        nothing = Capabilities(text_input=False)
        engine, link = able(nothing)
        async with engine.start() as session:
            for asked, name in (
                (session.send_image(b"png"), "images"),
                (session.send_text("Hi"), "text input"),
                (session.update(instructions="Be brief."), "updates during a session"),
            ):
                with pytest.raises(
                    UnsupportedError, match=f"this engine does not support {name}: see session"
                ):
                    await asked
        assert link.sent == []

    run(main())


def test_an_update_says_what_changes_and_changes_the_tools() -> None:
    async def main() -> None:
        def now() -> str:
            """Tell the time."""
            return "noon"

        engine, link = able()
        async with engine.start() as session:
            await session.update(instructions="Be brief.", tools=[now], voice="a", turn_detection="manual")
            await session.update()
            talk = Talk(session)
            link.tell(ResponseStarted("r"), ToolCall(Call("c", "now"), "r"))
            assert (await talk.until(ToolCall)).runs_here is True
            link.tell(ResponseDone("r"))
            await asyncio.sleep(1)
        assert link.sent == [
            UpdateSession("Be brief.", "a", (tool(now).spec,), TurnDetection(mode="manual")),
            UpdateSession(),
            SendToolResult("c", "noon"),
        ]

    run(main())
