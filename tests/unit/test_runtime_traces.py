"""What is left of a session, which is nothing."""

import asyncio
import os
import threading

from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.events import ResponseStarted, ToolCall, TurnEnd
from s2s.items import Call, ToolResult
from s2s.providers.script import Reply, ScriptEngine
from s2s.testing.clock import run
from s2s.testing.talk import Talk
from s2s.tools import Tool, tool
from tests.support.links import PlainEngine, PlainLink


def test_a_thousand_sessions_leave_no_task_no_thread_and_no_file_behind() -> None:
    def now() -> str:
        return "noon"

    def held() -> tuple[int, int, int]:
        for each in threading.enumerate():
            if each.name == "s2s-tool":
                each.join(5)
        # Idle threads of the local engine's pool, from tests before this one, may end meanwhile.
        threads = [each for each in threading.enumerate() if not each.name.startswith("s2s-pool")]
        return len(asyncio.all_tasks()), len(threads), len(os.listdir("/dev/fd"))

    async def cycle() -> None:
        call = Call("c", "now")
        script = [Reply(says="One", calls=(call,)), Reply(says="Noon it is.")]
        async with ScriptEngine(Config(extra={"script": script}, tools=[tool(now)])).start() as session:
            await session.send_text("What time is it?")
            async for event in session:
                if isinstance(event, TurnEnd):
                    break

    async def main() -> None:
        for n in range(1000):
            await cycle()
            if n == 10:
                before = held()
        assert held() == before

    asyncio.run(main())


def test_sessions_of_one_engine_do_not_hear_each_other() -> None:
    async def main() -> None:
        script = ScriptEngine()
        async with script.start() as one, script.start() as two:
            talks = [Talk(one), Talk(two)]
            await one.send_text("one")
            await two.send_text("two")
            for talk in talks:
                await talk.until(TurnEnd)
            assert [talk.text for talk in talks] == ["You said: one", "You said: two"]

    run(main())


def test_a_tool_that_is_taken_away_while_it_is_called_still_answers() -> None:
    async def main() -> None:
        def now() -> str:
            return "noon"

        can = Capabilities(updates=True)
        link = PlainLink(capabilities=can)
        async with PlainEngine(lambda: link, can, Config(tools=[now])).start() as session:
            talk = Talk(session)
            link.tell(ResponseStarted("r"), ToolCall(Call("c", "now"), "r"))
            await talk.until(ToolCall)
            await session.update(tools=[Tool(name="later")])
            await asyncio.sleep(1)
            assert session.history[-1] == ToolResult("c", "noon")

    run(main())
