import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.dialect import JSONClient, JSONServer
from tests.support.links import MS, PlainLink, StuckLink, said, types

from s2s.capabilities import Capabilities
from s2s.commands import (
    AppendAudio,
    Cancel,
    Command,
    CommitAudio,
    CreateResponse,
    SendToolResult,
    UpdateSession,
)
from s2s.config import Config
from s2s.errors import ConnectionLostError, ProviderError, S2SError
from s2s.events import (
    AudioOutput,
    Error,
    Event,
    GoingAway,
    Interrupted,
    Reconnected,
    Reconnecting,
    ResponseDone,
    ResponseGenerated,
    ResponseStarted,
    SessionStarted,
    SpeechStarted,
    TextOutput,
    ToolCall,
    ToolCallCancelled,
    Transcript,
)
from s2s.gateway.keeping import Garage, Kept, Lifetime, StillOpen, UnknownHandle
from s2s.gateway.playing import Playing
from s2s.hosting import host
from s2s.items import Call
from s2s.links import Link, RemoteLink
from s2s.patience import Patience
from s2s.providers.script import Reply, ScriptEngine, tone
from s2s.testing.clock import run
from s2s.transports.memory import pair
from s2s.wire import Send

LATE = Transcript("Hello", "user-1", final=True)


class Client:
    """One connection: reads a session and leaves it as a host does."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.told: list[Event] = []
        """All that it was told, whether or not somebody has heard it."""
        self._told = Patience(self._noted())

    async def _noted(self) -> AsyncIterator[Event | Send]:
        async for each in self.kept:
            if not isinstance(each, Send):
                self.told.append(each)
            yield each

    async def hear(self, quiet_s: float = 0.1) -> list[Event | Send]:
        """Return what is told until it is quiet for so long, or the end."""
        told: list[Event | Send] = []
        try:
            while (event := await self._told.next(quiet_s)) is not None:
                told.append(event)
        except StopAsyncIteration:
            pass
        return told

    async def stop(self) -> None:
        """Stop reading."""
        await self._told.close()

    async def part(self) -> None:
        await self.stop()
        await self.kept.close()


class Keeper:
    """A garage with one session in it."""

    def __init__(self, garage: Garage, link: Link) -> None:
        self.garage = garage
        self.kept = garage.admit(link)
        self.handle = garage.handle(self.kept)
        self.client = Client(self.kept)

    def resume(self) -> Client:
        self.client = Client(self.garage.resume(self.handle))
        return self.client

    async def close(self) -> None:
        await self.client.stop()
        await self.garage.close()


@asynccontextmanager
async def keeping(
    *events: Event | Send, lifetime: Lifetime | None = None, longest_s: float = 7200.0
) -> AsyncIterator[tuple[PlainLink, Keeper]]:
    """Keep a session that tells this."""
    link = PlainLink(*events)
    keeper = Keeper(Garage(longest_s=longest_s, lifetime=lifetime or Lifetime()), link)
    try:
        yield link, keeper
    finally:
        await keeper.close()
    assert link.closed


def now() -> float:
    return round(asyncio.get_running_loop().time(), 6)


# From one connection to the next.


def test_a_connection_hears_what_the_engine_tells() -> None:
    async def main() -> None:
        async with keeping(*said("r1", "one"), Send(b"pong")) as (link, keeper):
            told = await keeper.client.hear()
            assert isinstance(told[0], SessionStarted)
            assert told[1:] == [*said("r1", "one"), Send(b"pong")]
            link.answers = lambda _: [LATE]
            assert await keeper.kept.send(CommitAudio()) == [LATE]
            assert (link.sent, keeper.kept.input_rate) == ([CommitAudio()], 24_000)
            await keeper.client.part()

    run(main())


def test_a_later_connection_begins_with_the_session_and_hears_nothing_twice() -> None:
    async def main() -> None:
        async with keeping(LATE) as (link, keeper):
            started, _ = await keeper.client.hear()
            for number in range(3):
                await keeper.client.part()
                keeper.resume()
                link.tell(GoingAway(float(number)))
                assert await keeper.client.hear() == [started, GoingAway(float(number))]
            assert link.closed == 0

    run(main())


def test_what_is_told_while_nobody_is_there_is_heard_by_who_comes_next() -> None:
    async def main() -> None:
        async with keeping() as (link, keeper):
            await keeper.client.hear()
            await keeper.client.part()
            fresh: list[Event] = [*said("r1", "one"), ResponseDone("r1")]
            link.tell(LATE, *fresh)
            await asyncio.sleep(60)
            assert (await keeper.resume().hear())[1:] == [LATE, *fresh]

    run(main())


def test_what_was_read_and_not_heard_is_heard_by_who_comes_next() -> None:
    async def main() -> None:
        async with keeping() as (link, keeper):
            await keeper.client.hear()
            link.tell(LATE, GoingAway(1.0))
            await keeper.client.stop()
            link.answers = lambda _: [GoingAway(2.0)]
            await keeper.kept.close()
            assert (await keeper.resume().hear())[1:] == [LATE, GoingAway(2.0), GoingAway(1.0)]

    run(main())


LASTING = Capabilities(resumption="native")
REPLACED = (GoingAway(1.0), Reconnecting("it goes away", 1), Reconnected("full"))


def test_the_connections_of_an_engine_are_none_of_its_clients() -> None:
    async def main() -> None:
        garage, link = Garage(), PlainLink(*REPLACED, LATE, capabilities=LASTING)
        keeper = Keeper(garage, link)
        assert (await keeper.client.hear())[1:] == [LATE]
        await keeper.close()

    run(main())


class Replacing(PlainLink):
    """Takes no command while it replaces its connection, which is done as its events are read."""

    def __init__(self) -> None:
        super().__init__(capabilities=LASTING)
        self.replaced = asyncio.Event()

    async def send(self, command: Command | Send) -> Sequence[Event]:
        await self.replaced.wait()
        return await super().send(command)

    async def __aiter__(self) -> AsyncIterator[Event | Send]:
        async for each in super().__aiter__():
            yield each
            if isinstance(each, Reconnected):
                self.replaced.set()


def test_an_engine_that_replaces_its_connection_as_its_client_leaves_is_kept() -> None:
    async def main() -> None:
        garage, link = Garage(), Replacing()
        keeper = Keeper(garage, link)
        await keeper.client.hear()
        await keeper.client.stop()
        link.tell(*REPLACED, LATE)
        await keeper.kept.close()
        assert (link.sent, len(garage), now()) == ([Cancel()], 1, 0.1)
        assert (await keeper.resume().hear())[1:] == [LATE]
        await keeper.close()

    run(main())


def test_a_client_that_left_before_the_engine_had_started_misses_nothing() -> None:
    async def main() -> None:
        async with keeping(LATE) as (_, keeper):
            await keeper.client.part()
            again = await keeper.resume().hear()
            assert types([each for each in again if not isinstance(each, Send)]) == [
                "session_started",
                "transcript",
            ]

    run(main())


def test_the_end_of_a_connection_cancels_the_answer_and_answers_no_call() -> None:
    async def main() -> None:
        async with keeping(*said("r1", "one"), ToolCall(Call("c1", "f", {}), "r1")) as (link, keeper):
            await keeper.client.hear()
            await keeper.client.part()
            assert link.sent == [Cancel()]
            client = keeper.resume()
            await client.hear()
            await client.kept.send(SendToolResult("c1", "ok"))
            assert link.sent == [Cancel(), SendToolResult("c1", "ok")]

    run(main())


REST: list[Event] = [
    AudioOutput(bytes(MS), 24_000, "r1", "item-1", 100),
    TextOutput("two", "r1", "item-1"),
    ToolCall(Call("c2", "f", {}), "r1"),
    Interrupted("r1", "item-1", 50.0, "application", "requested"),
    ResponseGenerated("r1"),
    ResponseDone("r1", "interrupted"),
]


@pytest.mark.parametrize("when", ["at once", "while nobody is there", "afterwards"])
def test_nobody_hears_the_rest_of_an_answer_that_a_connection_took_with_it(when: str) -> None:
    async def main() -> None:
        async with keeping(*said("r1", "one")) as (link, keeper):
            await keeper.client.hear()
            kept_ones: list[Event] = [LATE, ToolCallCancelled(("c1",)), ResponseStarted("r2")]
            rest = [*REST[:3], LATE, *REST[3:], *kept_ones[1:]]
            if when == "at once":
                link.answers = lambda _: rest
            await keeper.client.part()
            if when == "while nobody is there":
                link.tell(*rest)
                await asyncio.sleep(60)
            client = keeper.resume()
            if when == "afterwards":
                link.tell(*rest)
            assert (await client.hear())[1:] == kept_ones

    run(main())


def test_an_answer_that_was_told_to_its_end_may_be_named_again() -> None:
    async def main() -> None:
        async with keeping(*said("r1", "one"), ResponseDone("r1")) as (link, keeper):
            await keeper.client.hear()
            await keeper.client.part()
            late = Interrupted("r1", "item-1", 50.0, "user_speech", "server_confirmed")
            link.tell(late)
            assert (await keeper.resume().hear())[1:] == [late]

    run(main())


def test_an_answer_that_a_command_began_is_known_too() -> None:
    async def main() -> None:
        async with keeping() as (link, keeper):
            await keeper.client.hear()
            link.answers = lambda _: said("r1", "one")
            await keeper.kept.send(CreateResponse())
            link.answers = lambda _: ()
            await keeper.client.part()
            link.tell(*REST)
            assert len(await keeper.resume().hear()) == 1

    run(main())


class Talker(PlainLink):
    """Counts what is read of it."""

    def __init__(self, make: Callable[[int], Event]) -> None:
        super().__init__()
        self.read = 0
        self._make = make

    async def __aiter__(self) -> AsyncIterator[Event | Send]:
        yield self._events[0]  # type: ignore[misc]
        for self.read in itertools.count(1):
            await asyncio.sleep(0.1)
            yield self._make(self.read)


def test_an_engine_that_talks_on_while_nobody_is_there_is_not_read() -> None:
    async def main() -> None:
        link = Talker(lambda number: GoingAway(float(number)))
        keeper = Keeper(Garage(), link)
        heard = (await keeper.client.hear(0.05))[1:]
        await keeper.client.part()
        await asyncio.sleep(600)
        assert link.read == 1
        client = keeper.resume()
        first, *_ = [each for each in await client.hear(0.05) if isinstance(each, GoingAway)]
        assert (heard, first) == ([], GoingAway(1.0))
        await client.part()
        await keeper.close()

    run(main())


def test_an_answer_that_cannot_be_stopped_is_read_and_dropped() -> None:
    async def main() -> None:
        link = Talker(lambda n: ResponseStarted("r1") if n == 1 else TextOutput("on", "r1", "item-1"))
        keeper = Keeper(Garage(), link)
        assert len(await keeper.client.hear(0.05)) == 1
        await asyncio.sleep(0.1)
        assert len(await keeper.client.hear(0.05)) == 1
        await keeper.client.part()
        await asyncio.sleep(60)
        assert link.read > 500
        assert await keeper.resume().hear(0.05) != []
        await keeper.close()

    run(main())


def test_an_engine_that_never_pauses_while_nobody_wants_to_hear_it_leaves_room_for_others() -> None:
    class Flood(PlainLink):
        async def __aiter__(self) -> AsyncIterator[Event | Send]:
            yield ResponseStarted("r1")
            while True:
                yield TextOutput("on", "r1", "item-1")

    async def main() -> None:
        keeper = Keeper(Garage(), Flood())
        told = aiter(keeper.kept)
        assert await anext(told) == ResponseStarted("r1")
        await keeper.kept.close()
        await keeper.close()

    run(main())


# Handles.


def test_every_handle_of_a_session_leads_to_it() -> None:
    async def main() -> None:
        async with keeping() as (_, keeper):
            handles = [keeper.handle, *(keeper.garage.handle(keeper.kept) for _ in range(2))]
            assert len(set(handles)) == 3
            for handle in handles:
                await keeper.client.part()
                keeper.client = Client(keeper.garage.resume(handle))

    run(main())


def test_only_the_newest_handles_are_kept() -> None:
    async def main() -> None:
        async with keeping() as (_, keeper):
            newer = [keeper.garage.handle(keeper.kept) for _ in range(32)]
            await keeper.client.part()
            with pytest.raises(UnknownHandle):
                keeper.resume()
            assert keeper.garage.resume(newer[0]) is keeper.kept

    run(main())


def test_handles_are_named_by_whoever_asks_for_them() -> None:
    async def main() -> None:
        numbers = itertools.count()
        garage = Garage(new_name=lambda: f"H{next(numbers)}")
        kept = garage.admit(PlainLink())
        assert [garage.handle(kept), garage.handle(kept)] == ["H0", "H1"]
        await garage.close()

    run(main())


def test_a_handle_leads_nobody_else_to_its_session() -> None:
    async def main() -> None:
        async with keeping() as (_, keeper):
            mine = keeper.garage.handle(keeper.kept, "me")
            await keeper.client.part()
            for owner in ("", "you", "ME"):
                with pytest.raises(UnknownHandle):
                    keeper.garage.resume(mine, owner)
            assert keeper.garage.resume(mine, "me") is keeper.kept

    run(main())


def test_those_that_wait_make_room_for_those_that_come() -> None:
    async def main() -> None:
        places = deque([4, 3, 1, -2])
        garage = Garage(places=places.popleft)
        links = [PlainLink() for _ in range(4)]
        for link in links:
            kept = garage.admit(link)
            garage.handle(kept)
            await kept.close()
        assert [link.closed for link in links] == [0, 0, 0, 0]
        for closed in (0, 1, 3, 4):
            garage.make_room()
            await asyncio.sleep(0.1)
            assert sum(link.closed for link in links) == closed
            assert [link.closed for link in links] == [1] * closed + [0] * (4 - closed)

    run(main())


def test_an_unknown_handle_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(UnknownHandle, match="begin a new one") as refused:
            Garage().resume("stale")
        assert refused.value.code == "unknown_handle"

    run(main())


def test_a_session_whose_connection_is_open_is_not_given_to_another() -> None:
    async def main() -> None:
        async with keeping() as (_, keeper):
            with pytest.raises(StillOpen, match="close that one first"):
                keeper.resume()
            await keeper.client.part()
            keeper.resume()
            with pytest.raises(StillOpen):
                keeper.resume()

    run(main())


class Slow(PlainLink):
    """Takes a second for every command."""

    async def send(self, command: Command | Send) -> Sequence[Event]:
        await asyncio.sleep(1)
        return await super().send(command)


def test_a_connection_is_open_until_the_engine_was_told_of_its_end() -> None:
    async def main() -> None:
        keeper = Keeper(Garage(), Slow())
        parting = asyncio.ensure_future(keeper.client.part())
        await asyncio.sleep(0.5)
        with pytest.raises(StillOpen):
            keeper.resume()
        await keeper.kept.close()
        await parting
        keeper.resume()
        await keeper.close()

    run(main())


# Ends.


def test_an_engine_is_left_in_order() -> None:
    class Tidy(PlainLink):
        left = 0

        async def __aiter__(self) -> AsyncIterator[Event | Send]:
            try:
                yield LATE
            finally:
                self.left += 1

    async def main() -> None:
        link = Tidy()
        kept = Garage().admit(link)
        told = aiter(kept)
        assert await anext(told) == LATE
        await kept.close()
        assert (link.left, link.closed) == (1, 1)

    run(main())


def test_what_is_not_of_the_house_breaks_it_too() -> None:
    async def main() -> None:
        async with keeping() as (link, keeper):
            link.end(TimeoutError("theirs"))
            with pytest.raises(TimeoutError, match="theirs"):
                await keeper.client.hear()
            await keeper.client.part()

    run(main())


def test_a_session_without_a_handle_ends_with_its_connection() -> None:
    async def main() -> None:
        link, garage = PlainLink(), Garage()
        client = Client(garage.admit(link))
        await client.hear()
        await client.part()
        assert (link.sent, link.closed, len(garage)) == ([], 1, 0)

    run(main())


def test_closing_a_session_twice_is_closing_it_once() -> None:
    async def main() -> None:
        async with keeping() as (link, keeper):
            await keeper.client.part()
            await keeper.kept.close()
            assert (link.sent, link.closed) == ([Cancel()], 0)
            keeper.resume()

    run(main())


def test_a_session_is_kept_for_a_while() -> None:
    async def main() -> None:
        async with keeping(longest_s=100) as (link, keeper):
            await keeper.client.hear()
            await keeper.client.part()
            await asyncio.sleep(99)
            client = keeper.resume()
            await asyncio.sleep(500)
            assert link.closed == 0
            await client.part()
            await asyncio.sleep(99)
            assert link.closed == 0
            await asyncio.sleep(2)
            assert (link.closed, len(keeper.garage)) == (1, 0)
            with pytest.raises(UnknownHandle):
                keeper.resume()

    run(main())


@pytest.mark.parametrize("longest_s", [0.0, 100.0])
def test_in_the_last_moment_a_session_is_resumed_or_gone(longest_s: float) -> None:
    async def main() -> None:
        async with keeping(longest_s=longest_s) as (link, keeper):
            await keeper.client.part()
            await asyncio.sleep(longest_s)
            with pytest.raises(UnknownHandle):
                keeper.resume()
            await asyncio.sleep(1)
            assert link.closed == 1

    run(main())


def test_a_session_is_not_resumed_while_it_is_about_to_go() -> None:
    async def main() -> None:
        async with keeping(longest_s=100) as (_, keeper):
            await keeper.client.part()
            refused: list[UnknownHandle] = []

            def try_it() -> None:
                try:
                    keeper.garage.resume(keeper.handle)
                except UnknownHandle as refusal:
                    refused.append(refusal)

            # In the same turn of the loop in which its time is over, and after that.
            asyncio.get_running_loop().call_at(100 + 1e-10, try_it)
            await asyncio.sleep(101)
            assert len(refused) == 1

    run(main())


def test_a_session_whose_news_nobody_fetches_ends_in_time_too() -> None:
    async def main() -> None:
        async with keeping(longest_s=100) as (link, keeper):
            await keeper.client.part()
            link.tell(LATE, LATE, LATE)
            await asyncio.sleep(101)
            assert (link.closed, len(keeper.garage)) == (1, 0)

    run(main())


def test_of_too_many_sessions_the_one_that_has_waited_longest_goes() -> None:
    async def main() -> None:
        garage = Garage(most=2)
        keepers = [Keeper(garage, PlainLink()) for _ in range(4)]
        await keepers[0].client.part()
        await keepers[1].client.part()
        keepers[0].resume()
        await keepers[0].client.part()
        await keepers[2].client.part()
        with pytest.raises(UnknownHandle):
            keepers[1].resume()
        await asyncio.sleep(1)
        assert len(garage) == 3
        keepers[0].resume()
        keepers[2].resume()
        await garage.close()

    run(main())


@pytest.mark.parametrize("failure", [None, ProviderError("no quota")])
def test_an_engine_that_ends_is_heard_to_end_and_is_gone(failure: S2SError | None) -> None:
    async def main() -> None:
        async with keeping(LATE) as (link, keeper):
            link.end(failure)
            told: list[Event | Send] = []
            raised: S2SError | None = None
            try:
                async for each in keeper.kept:
                    told.append(each)
            except S2SError as error:
                raised = error
            assert (raised, told[-1]) == (failure, LATE)
            with pytest.raises(UnknownHandle):
                keeper.resume()
            await keeper.kept.close()
            assert (link.closed, len(keeper.garage)) == (1, 0)
            assert keeper.garage.handle(keeper.kept) != ""

    run(main())


@pytest.mark.parametrize("failure", [None, ProviderError("no quota")])
def test_an_engine_that_ends_while_nobody_is_there_is_gone(failure: S2SError | None) -> None:
    async def main() -> None:
        async with keeping(*said("r1", "one")) as (link, keeper):
            await keeper.client.hear()
            await keeper.client.part()
            link.tell(*REST)
            link.end(failure)
            await asyncio.sleep(1)
            assert (link.closed, len(keeper.garage)) == (1, 0)
            with pytest.raises(UnknownHandle):
                keeper.resume()

    run(main())


def test_an_engine_that_ends_as_its_client_leaves_is_gone() -> None:
    async def main() -> None:
        async with keeping() as (link, keeper):
            await keeper.client.hear()
            await keeper.client.stop()
            link.end()
            await keeper.kept.close()
            assert (link.closed, len(keeper.garage)) == (1, 0)

    run(main())


class Lost(PlainLink):
    """Has lost its engine, and notices when it writes."""

    async def send(self, command: Command | Send) -> Sequence[Event]:
        raise ConnectionLostError("cable")


@pytest.mark.parametrize("link", [Lost, StuckLink])
def test_an_engine_that_does_not_take_a_cancel_is_not_kept(link: type[PlainLink]) -> None:
    async def main() -> None:
        garage, inner = Garage(), link()
        keeper = Keeper(garage, inner)
        await keeper.client.hear()
        await keeper.client.part()
        assert (inner.closed, len(garage)) == (1, 0)

    run(main())


def test_who_comes_back_may_want_it_otherwise() -> None:
    brief = Config(instructions="Be brief.")

    async def main() -> None:
        async with keeping() as (link, keeper):
            await keeper.client.hear()
            await keeper.client.part()
            link.answers = lambda _: (LATE,)
            client = keeper.resume()
            assert await keeper.kept.become(brief)
            assert await keeper.kept.become(brief)
            assert link.sent == [Cancel(), UpdateSession(instructions="Be brief.")]
            await client.hear()
            assert types(client.told) == ["session_started", "transcript"]

    run(main())


@pytest.mark.parametrize("link", [Lost, StuckLink])
def test_an_engine_that_does_not_become_what_it_shall_is_not_kept(link: type[PlainLink]) -> None:
    async def main() -> None:
        garage, inner = Garage(), link()
        keeper = Keeper(garage, inner)
        assert not await keeper.kept.become(Config(instructions="Be brief."))
        assert (inner.closed, len(garage)) == (1, 0)
        await keeper.client.stop()

    run(main())


def test_closing_the_garage_closes_every_engine() -> None:
    async def main() -> None:
        garage, links = Garage(), [PlainLink() for _ in range(3)]
        parked, attached, fresh = (Keeper(garage, each) for each in links)
        await parked.client.part()
        hearing = asyncio.ensure_future(attached.client.hear(1000))
        await asyncio.sleep(1)
        await garage.close()
        assert all(each.closed for each in links)
        assert (len(await hearing), now(), len(garage)) == (1, 1.0, 0)
        for keeper in (parked, attached, fresh):
            await keeper.kept.close()
            with pytest.raises(UnknownHandle):
                keeper.resume()
        await garage.close()

    run(main())


def test_a_connection_that_reads_on_after_that_hears_the_end() -> None:
    async def main() -> None:
        garage, link = Garage(), PlainLink(LATE)
        kept = garage.admit(link)
        await garage.close()
        assert [each async for each in kept][1:] == [LATE]
        await kept.close()

    run(main())


class Unclosable(PlainLink):
    """Breaks when it is closed."""

    async def close(self) -> None:
        await super().close()
        raise OSError("no cable")


class SlowToClose(PlainLink):
    """Takes a second to close."""

    async def close(self) -> None:
        await asyncio.sleep(1)
        await super().close()


def test_an_engine_that_cannot_be_closed_keeps_no_other_from_being_closed() -> None:
    async def main() -> None:
        garage, link = Garage(), SlowToClose()
        for each in (Unclosable(), link):
            await Keeper(garage, each).client.part()
        with pytest.raises(OSError, match="no cable"):
            await garage.close()
        assert link.closed == 1

    run(main())


# The time of a connection.


OVER = "Deadline expired before operation could complete."


async def told_when(kept: Kept) -> list[tuple[float, str]]:
    return [(now(), "" if isinstance(each, Send) else each.type) async for each in kept]


def test_a_connection_is_warned_and_then_over() -> None:
    async def main() -> None:
        async with keeping(lifetime=Lifetime(600, 50)) as (link, keeper):
            told = [each async for each in keeper.kept]
            assert now() == 600.0
            assert told[1] == GoingAway(50)
            over = told[2]
            assert isinstance(over, Error)
            assert isinstance(over.error, ProviderError)
            assert (str(over.error), over.error.code, over.error.retryable) == (
                OVER,
                "deadline_expired",
                True,
            )
            assert (over.fatal, len(told)) == (True, 3)
            await keeper.kept.close()
            assert link.closed == 0

    run(main())


def test_each_connection_has_its_own_time() -> None:
    async def main() -> None:
        async with keeping(lifetime=Lifetime(600, 50)) as (_, keeper):
            for begins in (0, 1000):
                told = await told_when(keeper.kept)
                assert told[1:] == [(begins + 550, "going_away"), (begins + 600, "error")]
                await keeper.kept.close()
                await asyncio.sleep(400)
                keeper.garage.resume(keeper.handle)

    run(main())


@pytest.mark.parametrize(("notice_s", "left_s"), [(0.0, 0.0), (90.0, 60.0)])
def test_nobody_is_warned_before_the_beginning(notice_s: float, left_s: float) -> None:
    async def main() -> None:
        async with keeping(lifetime=Lifetime(60, notice_s)) as (_, keeper):
            told = [(now(), each) async for each in keeper.kept]
            assert isinstance(told[0][1], SessionStarted)
            assert told[1] == (60 - left_s, GoingAway(left_s))
            assert now() == 60.0
            await keeper.kept.close()

    run(main())


def test_the_time_of_a_connection_begins_with_the_session() -> None:
    async def main() -> None:
        link = PlainLink()
        started = link._events.popleft()
        assert isinstance(started, SessionStarted)
        asyncio.get_running_loop().call_later(30, link.tell, started)
        keeper = Keeper(Garage(lifetime=Lifetime(20, 5)), link)
        assert [at for at, _ in await told_when(keeper.kept)] == [30.0, 45.0, 50.0]
        await keeper.close()

    run(main())


def test_an_engine_that_never_pauses_delays_no_end() -> None:
    async def main() -> None:
        link = Talker(lambda number: GoingAway(float(number)))
        keeper = Keeper(Garage(lifetime=Lifetime(60, 10)), link)
        told = await told_when(keeper.kept)
        assert told[-1] == (60.0, "error")
        await keeper.close()

    run(main())


def test_a_connection_lasts_for_ever_unless_it_shall_not() -> None:
    async def main() -> None:
        async with keeping() as (_, keeper):
            assert len(await keeper.client.hear(3000)) == 1
            await keeper.client.part()

    run(main())


# Served.


class Connection(RemoteLink):
    """A client, and a host that serves it."""

    def __init__(self, link: Link) -> None:
        near, far = pair()
        super().__init__(JSONClient(), near, link.input_rate)
        self._serving = asyncio.create_task(host(JSONServer(), far, link), name="serving")
        self._told = Patience(aiter(self))

    async def hear(self, quiet_s: float) -> list[Event]:
        """Return what is told until it is quiet for so long, or the end."""
        told: list[Event] = []
        try:
            while (event := await self._told.next(quiet_s)) is not None:
                assert not isinstance(event, Send)
                told.append(event)
        except StopAsyncIteration:
            pass
        return told

    async def hang_up(self) -> None:
        await self.close()
        await self._serving
        await self._told.close()


@pytest.mark.parametrize("pace", [0, 4])
@pytest.mark.parametrize(("after_s", "ends"), [(0.05, "failed"), (0.3, "failed"), (0.7, "completed")])
def test_a_conversation_goes_on_over_a_second_connection(pace: float, after_s: float, ends: str) -> None:
    async def main() -> None:
        script = [Reply(says="one two three"), Reply(says="four five"), Reply(says="six", hears="And?")]
        engine = ScriptEngine()
        garage = Garage()
        link = await engine.open(Config(extra={"script": script, "pace": pace}))
        kept = garage.admit(Playing(link))
        handle = garage.handle(kept)

        first = Connection(kept)
        await first.send(CreateResponse())
        hearing = asyncio.ensure_future(first.hear(9))
        await asyncio.sleep(after_s)
        await first.hang_up()
        began = await hearing
        assert types(began)[:3] == ["session_started", "response_started", "text_output"]
        # What was open when the connection ended counts as failed on the side of the client.
        assert [each.status for each in began if isinstance(each, ResponseDone)] == [ends]

        second = Connection(garage.resume(handle))
        assert types(await second.hear(5)) == ["session_started"]
        await second.send(CreateResponse())
        answer = await second.hear(5)
        assert "".join(each.text for each in answer if isinstance(each, TextOutput)) == "four five"
        assert types(answer)[-1] == "response_done"
        await second.send(AppendAudio(tone("and")))
        await second.send(AppendAudio(bytes(400 * MS)))
        spoken = await second.hear(5)
        assert isinstance(spoken[0], SpeechStarted)
        assert types(spoken)[-1] == "response_done"
        await second.hang_up()
        await garage.close()

    run(main())


def test_a_connection_whose_time_is_over_is_served_to_its_end_and_another_goes_on() -> None:
    async def main() -> None:
        garage = Garage(lifetime=Lifetime(600, 60))
        kept = garage.admit(Playing(await ScriptEngine().open(Config())))
        handle = garage.handle(kept)
        first = Connection(kept)
        assert types(await first.hear(1000)) == ["session_started", "going_away", "error"]
        await first.hang_up()
        second = Connection(garage.resume(handle))
        assert types(await second.hear(1)) == ["session_started"]
        await second.hang_up()
        await garage.close()

    run(main())


# Any course of things.


STEPS = st.sampled_from(["news", "begin", "more", "end", "part", "resume", "hear", "wait"])


class Course:
    """Goes through steps, and notes what each connection was told."""

    def __init__(self, link: PlainLink, keeper: Keeper) -> None:
        self.clients = [keeper.client]
        self.news: list[Event] = []
        self._link = link
        self._keeper = keeper
        self._attached = True
        self._responses = 0
        self._under_way = False

    async def take(self, step: str) -> None:
        name = f"r{self._responses}"
        match step:
            case "news":
                self.news.append(GoingAway(float(len(self.news))))
                self._link.tell(self.news[-1])
            case "begin" if not self._under_way:
                self._responses, self._under_way = self._responses + 1, True
                self._link.tell(ResponseStarted(f"r{self._responses}"))
            case "more" if self._under_way:
                self._link.tell(TextOutput("on", name, "item-1"))
            case "end" if self._under_way:
                self._under_way = False
                self._link.tell(ResponseDone(name))
            case "part" if self._attached:
                await self._keeper.client.part()
                self._attached = False
            case "resume" if not self._attached:
                self._keeper.resume()
                self._attached = True
                self.clients.append(self._keeper.client)
            case "hear" if self._attached:
                await self._keeper.client.hear()
            case _:
                await asyncio.sleep(1)


@given(st.lists(STEPS, max_size=40))
def test_no_news_is_lost_or_told_twice_and_no_answer_is_told_without_its_beginning(steps: list[str]) -> None:
    async def main() -> Course:
        async with keeping() as (link, keeper):
            course = Course(link, keeper)
            for step in (*steps, "resume", "hear", "part"):
                await course.take(step)
            return course

    course = run(main())
    heard = [client.told for client in course.clients]
    assert [each for told in heard for each in told if isinstance(each, GoingAway)] == course.news
    for told in heard:
        assert types(told).count("session_started") == bool(told)
        begun = [each.response_id for each in told if isinstance(each, ResponseStarted)]
        assert all(each.response_id in begun for each in told if isinstance(each, TextOutput | ResponseDone))
