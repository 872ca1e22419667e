"""Settings that are in force, and what a side is opened with."""

from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from s2s.commands import UpdateSession
from s2s.config import Config, Limits, TurnDetection
from s2s.events import Error, Reconnected
from s2s.formats import AudioFormat
from s2s.items import Call, Message, ToolResult
from s2s.testing.clock import run
from s2s.tools import Tool
from tests.support.hybrid import CAN, Hybrid, SideEngine, hybrid

T = TypeVar("T")


def look_up(city: str) -> str:
    """Look a city up."""
    return city


async def over(talk: Hybrid, side: str = "cascade") -> Config:
    """Switch, and return what the side was opened with."""
    talk.pipeline.switch(side)  # type: ignore[arg-type]
    await talk.rest_a_little()
    assert talk.side == side
    return talk.link.config


def test_what_a_session_is_started_with_holds_on_both_sides_but_for_the_model() -> None:
    async def main() -> None:
        turns = TurnDetection(silence_ms=200)
        async with hybrid(
            instructions="Be brief.",
            tools=[look_up],
            turn_detection=turns,
            temperature=0.5,
            max_output_tokens=100,
            output_modalities=("text",),
            transcription=False,
            model="big",
            limits=Limits(close_s=3),
            output_format=AudioFormat(sample_rate=16_000),
        ) as talk:
            s2s, cascade = talk.s2s.config, await over(talk)
            assert (s2s.model, cascade.model) == ("big", None)
            assert replace(s2s, model=None) == cascade
            assert (cascade.instructions, cascade.turns, cascade.limits) == (
                "Be brief.",
                turns,
                Limits(close_s=3),
            )
            assert [each.name for each in cascade.toolset] == ["look_up"]

    run(main())


def test_a_side_has_settings_of_its_own_for_what_the_session_leaves_open() -> None:
    async def main() -> None:
        cascade = SideEngine(Config(instructions="Be kind.", temperature=0.1, extra={"brain": "rules"}))
        async with hybrid(cascade=cascade, temperature=0.5) as talk:
            config = await over(talk)
            assert (config.instructions, config.temperature, config.extra) == (
                "Be kind.",
                0.5,
                {"brain": "rules"},
            )

    run(main())


def test_what_changed_during_the_session_holds_on_the_other_side_too() -> None:
    async def main() -> None:
        async with hybrid(instructions="Be brief.", tools=[look_up]) as talk:
            other = Tool(name="other", description="Another one.", policy="background")
            await talk.session.update(instructions="Be kind.", tools=[other], transcription=False)
            await talk.session.update(turn_detection=TurnDetection(mode="manual"))
            await talk.rest_a_little()
            config = await over(talk)
            assert (config.instructions, config.turns.mode, config.transcription) == (
                "Be kind.",
                "manual",
                False,
            )
            assert [each.spec for each in config.toolset] == [other.spec]
            await talk.session.update(instructions="Be long.", output_modalities=("text",))
            await talk.rest_a_little()
            assert talk.cascade.sent[-1] == UpdateSession(
                instructions="Be long.", output_modalities=("text",)
            )
            config = await over(talk, "s2s")
            assert (config.instructions, config.output_modalities) == ("Be long.", ("text",))
            assert [each.spec for each in config.toolset] == [other.spec]

    run(main())


def test_what_changes_while_the_other_side_waits_is_not_forgotten() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello")
            talk.pipeline.switch("cascade")
            await talk.rest_a_little()
            await talk.session.update(instructions="Be kind.")
            await talk.answered("Good day")
            assert (talk.side, talk.link.config.instructions) == ("cascade", "Be kind.")

    run(main())


def voices(*names: str, voice: str | None = None) -> SideEngine:
    engine = SideEngine(Config(voice=voice))
    engine.voices = names
    return engine


def test_a_voice_that_the_other_side_does_not_have_is_told_of_and_left_out() -> None:
    async def main() -> None:
        async with hybrid(s2s=voices("marin"), cascade=voices("alto"), voice="marin") as talk:
            assert talk.s2s.config.voice == "marin"
            assert (await over(talk)).voice is None
            assert [str(each) for each in talk.errors] == [
                "cascade has no voice 'marin': it uses its own, until you choose another"
            ]
            assert [type(each) for each in talk.events[-2:]] == [Reconnected, Error]
            assert (await over(talk, "s2s")).voice == "marin"
            assert len(talk.errors) == 1

    run(main())


def test_a_side_with_a_voice_of_its_own_needs_no_other() -> None:
    async def main() -> None:
        cascade = voices("alto", voice="alto")
        async with hybrid(s2s=voices("marin"), cascade=cascade, voice="marin") as talk:
            assert ((await over(talk)).voice, talk.errors) == ("alto", [])

    run(main())


def test_a_voice_that_was_chosen_during_the_session_goes_along_where_it_is_known() -> None:
    async def main() -> None:
        s2s, cascade = voices("marin", "alto", voice="marin"), voices("alto", "tenor")
        async with hybrid(s2s=s2s, cascade=cascade) as talk:
            await talk.session.update(voice="alto")
            await talk.rest_a_little()
            assert ((await over(talk)).voice, talk.errors) == ("alto", [])
            await talk.session.update(voice="tenor")
            await talk.rest_a_little()
            assert (await over(talk, "s2s")).voice == "marin"
            assert "s2s has no voice 'tenor'" in str(talk.errors[0])
            await talk.session.update(voice="a voice of my own")
            await talk.rest_a_little()
            assert (await over(talk, "cascade")).voice is None
            assert (await over(talk, "s2s")).voice == "a voice of my own"

    run(main())


def test_a_side_that_names_no_voices_may_have_any() -> None:
    async def main() -> None:
        async with hybrid(voice="marin") as talk:
            assert ((await over(talk)).voice, talk.errors) == ("marin", [])

    run(main())


def test_a_language_or_a_way_to_find_turns_that_the_other_side_lacks_is_left_out() -> None:
    async def main() -> None:
        cascade = SideEngine(can=replace(CAN, languages=("en", "de")))
        async with hybrid(cascade=cascade, language="fr") as talk:
            assert (await over(talk)).language is None
            assert "cascade has no language 'fr'" in str(talk.errors[0])
        async with hybrid(cascade=cascade, language="en-GB") as talk:
            assert ((await over(talk)).language, talk.errors) == ("en-GB", [])
        cascade = SideEngine(can=replace(CAN, turn_detection=("server",)))
        async with hybrid(cascade=cascade) as talk:
            await talk.session.update(turn_detection="manual")
            await talk.rest_a_little()
            assert (await over(talk)).turns.mode == "server"
            assert "cascade has no turn detection 'manual'" in str(talk.errors[0])

    run(main())


def test_the_history_that_a_session_begins_with_goes_along() -> None:
    async def main() -> None:
        seed = (
            Message("user", "Hello", "i1"),
            Call("c1", "look"),
            ToolResult("c1", "done"),
            Message("assistant", "Good day"),
        )
        async with hybrid(history=seed) as talk:
            assert talk.s2s.config.history == seed
            given = (await over(talk)).history
            assert given == (
                Message("user", "Hello", "hy_i1"),
                Call("hy_c1", "look"),
                ToolResult("hy_c1", "done"),
                Message("assistant", "Good day"),
            )
            assert (await over(talk, "s2s")).history == given

    run(main())


def test_calls_without_a_result_and_what_nobody_heard_are_left_out() -> None:
    async def main() -> None:
        seed = (
            Call("c1", "look"),
            ToolResult("c2", "done"),
            Message("assistant", "Good day", "i1", heard_text=""),
        )
        async with hybrid(history=(*seed, Message("system", "Be kind."))) as talk:
            assert (await over(talk)).history == (Message("system", "Be kind."),)

    run(main())


def test_an_item_that_was_removed_is_removed_on_the_side_that_was_told_of_it() -> None:
    async def main() -> None:
        async with hybrid() as talk:
            await talk.session.send_text("Hello", respond=False)
            await talk.rest_a_little()
            item_id = talk.session.history[0].item_id  # type: ignore[union-attr]
            config = await over(talk)
            await talk.session.remove(item_id)
            await talk.rest_a_little()
            assert [getattr(each, "item_id", "") for each in talk.cascade.commands] == [f"hy_{item_id}"]
            assert [each.item_id for each in config.history if isinstance(each, Message)] == [f"hy_{item_id}"]
            assert (await over(talk, "s2s")).history == ()

    run(main())


def resampled(s2s_hz: int, cascade_hz: int) -> Callable[[], object]:
    async def main() -> None:
        s2s = SideEngine(can=replace(CAN, input_rates=(s2s_hz,)))
        cascade = SideEngine(can=replace(CAN, input_rates=(cascade_hz,)))
        async with hybrid(s2s=s2s, cascade=cascade, sample_rate=s2s_hz) as talk:
            assert talk.pipeline.capabilities.input_rates == (s2s_hz,)
            second = bytes(2 * s2s_hz)
            await talk.session.send_audio(second)
            await talk.rest_a_little()
            await over(talk)
            for start in range(0, len(second), 960):
                await talk.session.send_audio(second[start : start + 960])
            await talk.rest_a_little()
            assert len(talk.s2s.audio) == 2 * s2s_hz
            assert 0 <= 2 * cascade_hz - len(talk.cascade.audio) <= 2 * cascade_hz // 100
            await over(talk, "s2s")
            await talk.session.send_audio(second)
            await talk.rest_a_little()
            assert len(talk.s2s.audio) == 2 * s2s_hz

    return lambda: run(main())


def test_each_side_hears_audio_at_its_own_rate() -> None:
    resampled(24_000, 16_000)()
    resampled(16_000, 24_000)()
