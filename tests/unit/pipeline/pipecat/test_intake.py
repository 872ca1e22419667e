import asyncio

from s2s.pipeline.frames import Frame, TextFrame
from s2s.pipeline.pipecat.intake import Intake
from s2s.testing.clock import run


def words(count: int) -> list[Frame]:
    return [TextFrame(str(number)) for number in range(count)]


def test_frames_come_out_as_they_went_in_and_then_no_more() -> None:
    async def main() -> list[Frame]:
        intake = Intake()
        for frame in words(5):
            await intake.put(frame)
        intake.end()
        return [frame async for frame in intake]

    assert run(main()) == words(5)


def test_a_reader_waits_for_a_frame() -> None:
    async def main() -> list[Frame]:
        intake = Intake()
        reading = asyncio.create_task(anext(intake))
        await asyncio.sleep(1)
        assert not reading.done()
        intake.put_now(TextFrame("late"))
        return [await reading]

    assert run(main()) == [TextFrame("late")]


def test_who_puts_waits_while_too_many_frames_wait() -> None:
    async def main() -> list[str]:
        intake, seen = Intake(2), list[str]()

        async def fill() -> None:
            for frame in words(5):
                await intake.put(frame)
                seen.append("put")
            intake.end()

        filling = asyncio.create_task(fill())
        await asyncio.sleep(1)
        seen.append("full")
        async for frame in intake:
            assert isinstance(frame, TextFrame)
            seen.append(frame.text)
        await filling
        return seen

    seen = run(main())
    assert seen[:3] == ["put", "put", "full"]
    assert [each for each in seen if each.isdigit()] == ["0", "1", "2", "3", "4"]


def test_nobody_waits_for_room_once_it_was_closed_and_nothing_goes_in() -> None:
    async def main() -> list[Frame]:
        intake = Intake(1)
        intake.put_now(TextFrame("first"))
        waiting = asyncio.create_task(intake.put(TextFrame("second")))
        await asyncio.sleep(1)
        await intake.aclose()
        await waiting
        await intake.put(TextFrame("third"))
        return [frame async for frame in intake]

    assert run(main()) == []
