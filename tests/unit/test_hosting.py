import asyncio

import msgspec
import pytest

import s2s
from s2s.commands import AddItem, AppendAudio, Command, CommitAudio, CreateResponse
from s2s.config import Config
from s2s.errors import BacklogError, ConnectionLostError, RemoteProtocolError, S2SError
from s2s.events import GoingAway, SessionStarted, TextOutput
from s2s.hosting import host
from s2s.items import Message
from s2s.links import Link, RemoteLink
from s2s.providers.script import ScriptEngine
from s2s.testing.clock import run
from s2s.transports.memory import MemoryTransport, pair
from s2s.wire import Send
from tests.support.dialect import JSONClient, JSONServer
from tests.support.links import PlainLink, StuckLink

MIB = 1024 * 1024


async def served(link: Link, far: MemoryTransport, most_waiting: int = 4096) -> None:
    await host(JSONServer(), far, link, most_waiting=most_waiting)


def test_a_session_talks_to_an_engine_behind_a_connection() -> None:
    async def main() -> None:
        near, far = pair()
        engine = ScriptEngine()
        serving = asyncio.ensure_future(served(await engine.open(Config()), far))
        remote = RemoteLink(JSONClient(), near, 24_000)
        told = aiter(remote)
        assert isinstance(await anext(told), SessionStarted)
        await remote.send(AddItem(Message("user", "Hi", "u")))
        await remote.send(CreateResponse())
        kinds = [await anext(told) for _ in range(9)]
        assert [each.type for each in kinds if not isinstance(each, Send)] == [
            "response_started",
            *["text_output", "audio_output"] * 3,
            "text_output",
            "response_done",
        ]
        await remote.close()
        await serving

    run(main())


def test_when_the_client_goes_the_engine_is_closed() -> None:
    async def main() -> None:
        near, far = pair()
        link = PlainLink()
        serving = asyncio.ensure_future(served(link, far))
        await near.close()
        await serving
        assert link.closed == 1

    run(main())


def test_when_the_engine_goes_its_last_words_still_go_out() -> None:
    async def main() -> None:
        near, far = pair(room=2)
        link = PlainLink(*(GoingAway(float(n)) for n in range(9)))
        link.end()
        serving = asyncio.ensure_future(served(link, far))
        await asyncio.sleep(1)
        assert len([message async for message in near]) == 10
        await serving
        assert link.closed == 1

    run(main())


def test_an_engine_that_ends_with_all_room_taken_still_ends_in_order() -> None:
    async def main() -> None:
        near, far = pair(room=1)
        link = PlainLink(*(GoingAway(float(n)) for n in range(9)))
        link.end()
        serving = asyncio.ensure_future(served(link, far, most_waiting=10))
        await asyncio.sleep(1)
        assert len([message async for message in near]) == 10
        await serving

    run(main())


@pytest.mark.parametrize(
    "error", [s2s.ProviderError("no quota"), ConnectionLostError("cable"), S2SError("whatever")]
)
def test_an_engine_that_breaks_is_told_and_both_sides_are_closed(error: S2SError) -> None:
    async def main() -> None:
        near, far = pair()
        link = PlainLink()
        link.end(error)
        with pytest.raises(type(error)) as told:
            await served(link, far)
        assert (told.value, link.closed) == (error, 1)
        with pytest.raises(ConnectionLostError):
            await near.send(b"")

    run(main())


def test_a_client_that_breaks_the_rules_is_told_and_both_sides_are_closed() -> None:
    async def main() -> None:
        near, far = pair()
        link = PlainLink()
        await near.send(b"{nonsense")
        with pytest.raises(RemoteProtocolError):
            await served(link, far)
        assert link.closed == 1

    run(main())


def test_a_client_that_goes_while_it_is_written_to_goes_in_order() -> None:
    async def main() -> None:
        near, far = pair(room=1)
        link = PlainLink(*(GoingAway(float(n)) for n in range(9)))
        serving = asyncio.ensure_future(served(link, far))
        await asyncio.sleep(1)
        await near.close()
        await serving

    run(main())


def test_a_client_that_stops_reading_is_given_up() -> None:
    async def main() -> None:
        near, far = pair(room=1)
        link = PlainLink(*(GoingAway(float(n)) for n in range(99)))
        with pytest.raises(BacklogError, match="the client has stopped reading: it is 10 messages behind"):
            await served(link, far, most_waiting=10)
        await near.close()

    run(main())


def test_an_engine_that_takes_nothing_is_given_up() -> None:
    async def main() -> None:
        near, far = pair()
        serving = asyncio.ensure_future(served(StuckLink(), far, most_waiting=10))
        for made in JSONClient().send(CommitAudio()) * 12:
            assert isinstance(made, Send)
            await near.send(made.data)
        with pytest.raises(BacklogError, match="the engine has stopped reading: it is 10 messages behind"):
            await serving

    run(main())


def test_a_client_that_leaves_too_many_bytes_unread_is_given_up() -> None:
    async def main() -> None:
        near, far = pair(room=1)
        link = PlainLink(*(TextOutput("x" * MIB, "r", "i") for _ in range(99)))
        with pytest.raises(BacklogError, match="the client has stopped reading: it is 32 MiB behind"):
            await served(link, far)
        await near.close()

    run(main())


@pytest.mark.parametrize("command", [AppendAudio(bytes(MIB)), AddItem(Message("user", "x" * MIB, "u"))])
def test_an_engine_that_leaves_too_many_bytes_is_given_up(command: Command) -> None:
    async def main() -> None:
        near, far = pair()
        serving = asyncio.ensure_future(served(StuckLink(), far))
        with pytest.raises(BacklogError, match="the engine has stopped reading: it is 32 MiB behind"):
            await asyncio.gather(serving, *(near.send(msgspec.json.encode(command)) for _ in range(34)))

    run(main())


def test_a_message_of_any_size_goes_out_to_who_reads() -> None:
    async def main() -> None:
        near, far = pair(room=1)
        link = PlainLink(TextOutput("x" * 40 * MIB, "r", "i"))
        link.end()
        serving = asyncio.ensure_future(served(link, far))
        assert [len(message) > 40 * MIB async for message in near] == [False, True]
        await serving

    run(main())


def test_replies_that_an_engine_owes_its_own_peer_go_back_to_it() -> None:
    async def main() -> None:
        near, far = pair()
        link = PlainLink(Send(b"pong"))
        serving = asyncio.ensure_future(served(link, far))
        await asyncio.sleep(1)
        await near.close()
        await serving
        assert link.sent == [Send(b"pong")]

    run(main())


def test_what_an_engine_answers_at_once_reaches_the_client() -> None:
    async def main() -> None:
        near, far = pair()
        link = PlainLink()
        link.answers = lambda _: [GoingAway(1.0)]
        serving = asyncio.ensure_future(served(link, far))
        for made in JSONClient().send(CommitAudio()):
            assert isinstance(made, Send)
            await near.send(made.data)
        await asyncio.sleep(1)
        link.end()
        wire = JSONClient()
        told = [each async for message in near for each in wire.receive(message)]
        assert told[1:] == [GoingAway(1.0)]
        await serving

    run(main())


class Stubborn(MemoryTransport):
    """Breaks even when it is closed."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await super().close(code, reason)
        raise OSError("no cable")


def test_the_engine_is_closed_even_where_the_connection_cannot_be() -> None:
    async def main() -> None:
        far, link = Stubborn(), PlainLink()
        link.end()
        with pytest.raises(OSError, match="no cable"):
            await served(link, far)
        assert link.closed == 1

    run(main())


def test_an_engine_that_never_pauses_leaves_a_client_that_reads_time_to_do_so() -> None:
    async def main() -> None:
        near, far = pair()
        link = PlainLink(*(GoingAway(float(n)) for n in range(2000)))
        link.end()
        serving = asyncio.ensure_future(served(link, far, most_waiting=500))
        assert len([message async for message in near]) == 2001
        await serving

    run(main())
