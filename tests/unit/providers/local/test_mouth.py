import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from s2s.errors import ProviderError
from s2s.events import AudioOutput, Error, Event, ResponseDone, ResponseStarted, TextOutput, ToolCall
from s2s.items import Call, Message
from s2s.providers.local.answer import Piece, Spoken
from s2s.providers.local.mouth import Answer, Mouth, Stage
from s2s.state.conversation import Conversation
from s2s.testing import clock

RATE = 24_000
MS = RATE * 2 // 1000


class Told:
    """A mouth, and what it told when."""

    def __init__(self, group: asyncio.TaskGroup, lead_ms: float | None) -> None:
        self.conversation = Conversation()
        self.events: list[tuple[float, Event]] = []
        self.mouth = Mouth(self.conversation, RATE, "spoken", lead_ms, self._tell, group)
        self.made: list[str] = []
        self.running = 0

    def answer(self, *pieces: Piece | float | Exception, name: str = "") -> Answer:
        """Return an answer of these pieces; numbers are seconds that the next one takes."""

        async def made(_: object) -> AsyncGenerator[Piece, None]:
            self.made.append(name)
            self.running += 1
            try:
                for each in pieces:
                    match each:
                        case float():
                            await asyncio.sleep(each)
                        case Exception():
                            raise each
                        case _:
                            yield each
            finally:
                self.running -= 1

        return Answer(made, {}, self.mouth)

    def types(self) -> list[str]:
        return [event.type for _, event in self.events]

    def audio(self) -> list[tuple[float, AudioOutput]]:
        return [(at, event) for at, event in self.events if isinstance(event, AudioOutput)]

    def _tell(self, event: Event) -> None:
        self.events.append((self.mouth.now, event))


@asynccontextmanager
async def told(lead_ms: float | None = 1000.0) -> AsyncIterator[Told]:
    async with asyncio.TaskGroup() as group:
        yield Told(group, lead_ms)


def words(ms: int, text: str = "words") -> Spoken:
    return Spoken(text, bytes(ms * MS))


def heard_ms(audio: Iterable[tuple[float, AudioOutput]]) -> float:
    return sum(len(event.audio) for _, event in audio) / MS


def test_an_answer_is_told_from_its_start_to_its_end() -> None:
    async def main() -> None:
        async with told() as t:
            t.mouth.give(t.answer(words(250)), "user_turn")
        kinds = ["response_started", "text_output", *["audio_output"] * 3, "text_output", "response_done"]
        assert t.types() == kinds
        assert [event.position_ms for _, event in t.audio()] == [0.0, 100.0, 200.0]
        assert t.mouth.active is None

    clock.run(main())


def test_a_prepared_answer_is_made_one_piece_ahead_and_told_when_it_is_given() -> None:
    async def main() -> None:
        async with told() as t:
            answer = t.answer(words(100), words(100), name="held").prepare()
            await asyncio.sleep(5)
            assert (t.made, t.events, answer.stage) == (["held"], [], Stage.HELD)
            assert t.conversation.items == ()
            t.mouth.give(answer, "user_turn")
        assert t.made == ["held"]
        assert heard_ms(t.audio()) == 200

    clock.run(main())


def test_an_answer_that_is_dropped_unheard_leaves_no_trace() -> None:
    async def main() -> None:
        async with told() as t:
            answer = t.answer(words(100), Call("call-1", "light")).prepare()
            await asyncio.sleep(1)
            answer.stop()
            answer.stop()
        assert (t.events, t.conversation.items, t.running) == ([], (), 0)

    clock.run(main())


def test_audio_leaves_no_earlier_than_the_lead_allows() -> None:
    async def main() -> None:
        async with told(lead_ms=500) as t:
            t.mouth.give(t.answer(words(3_000), words(3_000)), "user_turn")
        for at, event in t.audio():
            assert event.position_ms + 100 - at * 1000 <= 500 + 1e-6
        assert t.audio()[-1][0] == pytest.approx(5.5)

    clock.run(main())


def test_two_answers_together_keep_the_lead() -> None:
    async def main() -> None:
        async with told(lead_ms=500) as t:
            t.mouth.give(t.answer(words(3_000)), "user_turn")
            t.mouth.give(t.answer(words(3_000)), "application")
        assert t.audio()[-1][0] == pytest.approx(5.5)

    clock.run(main())


def test_a_late_voice_gets_no_advance() -> None:
    async def main() -> None:
        async with told(lead_ms=500) as t:
            t.mouth.give(t.answer(words(200), 4.0, words(2_000)), "user_turn")
        times = [t.audio()[2][0], t.audio()[-1][0]]
        assert times == pytest.approx([4.0, 5.5])

    clock.run(main())


def test_without_a_bound_all_audio_leaves_at_once() -> None:
    async def main() -> None:
        async with told(lead_ms=None) as t:
            t.mouth.give(t.answer(words(60_000)), "user_turn")
        assert {at for at, _ in t.audio()} == {0.0}
        assert heard_ms(t.audio()) == 60_000

    clock.run(main())


def test_without_a_lead_audio_leaves_in_real_time() -> None:
    async def main() -> None:
        async with told(lead_ms=0) as t:
            t.mouth.give(t.answer(words(1_000)), "user_turn")
        assert [at for at, _ in t.audio()] == pytest.approx([n / 10 for n in range(1, 11)])

    clock.run(main())


def test_a_second_answer_waits_for_the_first_and_is_made_when_its_turn_comes() -> None:
    async def main() -> None:
        async with told() as t:
            t.mouth.give(t.answer(words(3_000), name="first"), "user_turn")
            t.mouth.give(t.answer(words(100), name="second"), "application")
            await asyncio.sleep(1)
            assert t.made == ["first"]
        assert t.made == ["first", "second"]
        assert [each for each in t.types() if each.startswith("response")] == [
            "response_started",
            "response_done",
        ] * 2

    clock.run(main())


def test_stopping_ends_the_answer_lets_its_maker_go_and_forgets_those_owed() -> None:
    async def main() -> None:
        async with told() as t:
            t.mouth.give(t.answer(words(3_000), name="first"), "user_turn")
            t.mouth.give(t.answer(words(100), name="owed").prepare(), "application")
            await asyncio.sleep(1)
            assert t.running == 2
            t.mouth.stop()
            await asyncio.sleep(0.001)
            assert t.running == 0
            assert t.types()[-1] == "response_done"
            before = len(t.events)
            await asyncio.sleep(10)
            assert len(t.events) == before
        done = [event for _, event in t.events if isinstance(event, ResponseDone)]
        assert [each.status for each in done] == ["interrupted"]

    clock.run(main())


def test_an_answer_after_a_stop_is_not_late_by_what_was_not_heard() -> None:
    async def main() -> None:
        async with told(lead_ms=1000) as t:
            t.mouth.give(t.answer(words(3_000)), "user_turn")
            await asyncio.sleep(1)
            t.mouth.stop()
            before = len(t.audio())
            t.mouth.give(t.answer(words(500)), "user_turn")
        assert {at for at, _ in t.audio()[before:]} == {1.0}

    clock.run(main())


def test_only_the_response_that_is_meant_is_cancelled() -> None:
    async def main() -> None:
        async with told() as t:
            answer = t.answer(words(3_000))
            t.mouth.give(answer, "user_turn")
            t.mouth.cancel("response_of_yesterday")
            await asyncio.sleep(1)
            assert t.types().count("response_done") == 0
            t.mouth.cancel(answer.response_id)
            assert t.types().count("response_done") == 1
            t.mouth.give(t.answer(words(3_000)), "user_turn")
            t.mouth.cancel(None)
            assert t.types().count("response_done") == 2

    clock.run(main())


def test_each_word_is_told_with_the_audio_next_to_which_it_begins() -> None:
    async def main() -> None:
        async with told(lead_ms=200) as t:
            t.mouth.give(t.answer(words(1_000, "Number one. "), words(1_000, "Two.")), "user_turn")
        texts = {e.text: at for at, e in t.events if isinstance(e, TextOutput) and e.text}
        assert texts == pytest.approx({"Number ": 0.0, "one. ": 0.5, "Two.": 0.9})

    clock.run(main())


def test_no_word_is_lost_where_there_are_more_words_than_chunks() -> None:
    async def main() -> None:
        async with told() as t:
            t.mouth.give(t.answer(words(150, "a b c d e f g "), words(0, "h i")), "user_turn")
        told_text = "".join(e.text for _, e in t.events if isinstance(e, TextOutput))
        assert told_text == "a b c d e f g h i"

    clock.run(main())


def test_words_of_a_sentence_are_told_in_order() -> None:
    async def main() -> None:
        async with told(lead_ms=200) as t:
            t.mouth.give(t.answer(words(1_000, "One. "), words(1_000, "Two.")), "user_turn")
        texts = [e.text for _, e in t.events if isinstance(e, TextOutput) and e.text]
        assert texts == ["One. ", "Two."]

    clock.run(main())


def test_a_call_is_told_between_the_pieces_and_remembered() -> None:
    async def main() -> None:
        call = Call("call-1", "light")
        async with told() as t:
            answer = t.answer(words(100, "Wait."), call, words(100, "Done."))
            t.mouth.give(answer, "user_turn")
        assert [e.call for _, e in t.events if isinstance(e, ToolCall)] == [call]
        assert answer.made_calls
        assert call in t.conversation.items

    clock.run(main())


@pytest.mark.parametrize("held", [True, False])
def test_an_answer_that_breaks_off_says_why_when_it_is_given(held: bool) -> None:
    async def main() -> None:
        async with told() as t:
            answer = t.answer(words(100), OSError("no voice"))
            if held:
                answer.prepare()
                await asyncio.sleep(1)
            t.mouth.give(answer, "user_turn")
            t.mouth.give(t.answer(words(100)), "application")
        assert t.types().count("error") == 1
        error = next(event.error for _, event in t.events if isinstance(event, Error))
        assert isinstance(error, ProviderError)
        assert "OSError: no voice" in str(error)
        assert [e.status for _, e in t.events if isinstance(e, ResponseDone)] == ["failed", "completed"]

    clock.run(main())


def test_how_much_of_each_answer_was_heard_is_remembered() -> None:
    async def main() -> None:
        async with told() as t:
            first, second = t.answer(words(400, "one two three four")), t.answer(words(400, "five six"))
            t.mouth.give(first, "user_turn")
            t.mouth.give(second, "tool_result")
            await asyncio.sleep(0.1)
            t.mouth.heard_until(first.item_id, 200)
            t.mouth.heard_until(second.item_id, 0)
            t.mouth.heard_until("item of yesterday", 0)
        heard = [each.heard_text for each in t.conversation.items if isinstance(each, Message)]
        assert heard == ["one two", ""]

    clock.run(main())


def test_a_maker_that_takes_no_notice_of_a_stop_is_not_heard() -> None:
    async def main() -> None:
        async with told() as t:

            async def stubborn(_: object) -> AsyncGenerator[Piece, None]:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    yield words(100, "And another thing.")

            held, open_ = Answer(stubborn, {}, t.mouth).prepare(), Answer(stubborn, {}, t.mouth)
            t.mouth.give(open_, "user_turn")
            await asyncio.sleep(1)
            held.stop()
            t.mouth.stop()
        assert t.types() == ["response_started", "response_done"]
        assert t.conversation.items == ()

    clock.run(main())


def test_a_maker_that_never_waits_leaves_room_for_others() -> None:
    async def main() -> None:
        async with told() as t:

            async def endless(_: object) -> AsyncGenerator[Piece, None]:
                while True:
                    yield Spoken("Again. ")

            t.mouth.give(Answer(endless, {}, t.mouth), "user_turn")
            for _ in range(50):
                await asyncio.sleep(0)
            t.mouth.stop()
        assert t.types()[-1] == "response_done"

    clock.run(main())


def test_ids_are_never_given_twice() -> None:
    async def main() -> None:
        async with told() as t:
            for _ in range(50):
                t.mouth.give(t.answer(words(20)), "application")
        started = [event.response_id for _, event in t.events if isinstance(event, ResponseStarted)]
        items = {event.item_id for _, event in t.audio()}
        assert len(set(started)) == len(items) == 50

    clock.run(main())
