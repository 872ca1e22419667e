from collections.abc import Callable

import pytest

from s2s.commands import AppendAudio, Command, CommitAudio
from s2s.errors import ConnectionLostError, RemoteProtocolError
from s2s.events import Event, GoingAway, ResponseDone, ResponseStarted, Transcript
from s2s.links import DirectLink, RemoteLink
from s2s.testing.clock import run
from s2s.transports.memory import MemoryTransport, pair
from s2s.wire import Send
from tests.support.dialect import JSONClient, JSONServer


class EchoClient(JSONClient):
    """Hears of every command that it sends, and answers every transcript."""

    def send(self, command: Command) -> list[Send | Event]:
        return [GoingAway(1.0), *super().send(command), GoingAway(2.0)]

    def receive(self, message: bytes) -> list[Send | Event]:
        told = super().receive(message)
        return [*told, Send(b"heard")] if isinstance(told[0], Transcript) else told


def link(wire: JSONClient | None = None) -> tuple[RemoteLink, MemoryTransport]:
    near, far = pair()
    return RemoteLink(wire or JSONClient(), near, 16_000), far


async def tell(far: MemoryTransport, *events: Event) -> None:
    for event in events:
        for made in JSONServer().send(event):
            assert isinstance(made, Send)
            await far.send(made.data)


async def all_told(remote: RemoteLink, told: list[Event | Send] | None = None) -> list[Event | Send]:
    told = [] if told is None else told
    async for each in remote:
        told.append(each)
    return told


def test_a_command_goes_out_as_the_wire_spells_it_and_what_it_causes_comes_back() -> None:
    async def main() -> None:
        remote, far = link(EchoClient())
        assert await remote.send(AppendAudio(b"ab")) == [GoingAway(1.0), GoingAway(2.0)]
        assert await anext(aiter(far)) == b'{"type":"append_audio","audio":"YWI="}'
        assert remote.input_rate == 16_000

    run(main())


def test_a_reply_of_the_wire_comes_out_of_the_link_and_goes_back_in_as_it_is() -> None:
    async def main() -> None:
        remote, far = link(EchoClient())
        await tell(far, Transcript("Hi", "u"))
        await far.close()
        told = await all_told(remote)
        assert told == [Transcript("Hi", "u"), Send(b"heard")]

    run(main())


def test_a_reply_is_written_unspelled() -> None:
    async def main() -> None:
        remote, far = link(EchoClient())
        assert await remote.send(Send(b"heard")) == []
        assert await anext(aiter(far)) == b"heard"

    run(main())


def test_an_end_in_order_closes_what_was_open() -> None:
    async def main() -> None:
        remote, far = link()
        await tell(far, ResponseStarted("r"))
        await far.close()
        assert await all_told(remote) == [ResponseStarted("r"), ResponseDone("r", "failed")]

    run(main())


def test_a_lost_connection_closes_what_was_open_before_it_is_told() -> None:
    async def main() -> None:
        remote, far = link()
        await tell(far, ResponseStarted("r"))
        await far.close(1006, "cable")
        told: list[Event | Send] = []
        with pytest.raises(ConnectionLostError, match="cable"):
            await all_told(remote, told)
        assert told == [ResponseStarted("r"), ResponseDone("r", "failed")]

    run(main())


def test_a_message_that_cannot_be_read_ends_the_link_and_is_kept() -> None:
    async def main() -> None:
        remote, far = link()
        await tell(far, ResponseStarted("r"))
        await far.send(b"{nonsense")
        told: list[Event | Send] = []
        with pytest.raises(RemoteProtocolError) as broken:
            await all_told(remote, told)
        assert (told[-1], broken.value.received) == (ResponseDone("r", "failed"), b"{nonsense")

    run(main())


def test_a_closed_link_ends_and_takes_nothing() -> None:
    async def main() -> None:
        remote, _ = link()
        await remote.close()
        await remote.close()
        assert await all_told(remote) == []
        with pytest.raises(ConnectionLostError):
            await remote.send(CommitAudio())

    run(main())


class DirectClient(JSONClient):
    """Audio is a message."""

    def append(self, audio: bytes) -> bytes:
        return b"audio " + audio


class HeardAtOnce(MemoryTransport):
    """Takes messages while there is room, and has its reader take what comes."""

    room = 1

    def write(self, message: bytes) -> bool:
        self.room -= 1
        if self.room >= 0:
            self._peer._messages.append(message)
        return self.room >= 0

    async def listen(self, take: Callable[[bytes], None]) -> None:
        async for message in self:
            take(message)


def direct() -> tuple[DirectLink, MemoryTransport]:
    near, far = HeardAtOnce(), MemoryTransport()
    near._peer, far._peer = far, near
    return DirectLink(DirectClient(), near, 16_000), far


def test_a_direct_link_writes_audio_at_once_and_gives_back_what_would_have_to_wait() -> None:
    remote, far = direct()
    assert remote.append(b"a") is None
    assert remote.append(b"b") == Send(b"audio b")
    assert list(far._messages) == [b"audio a"]


def test_what_is_heard_over_a_direct_link_ends_as_iterating_does() -> None:
    async def main() -> None:
        for code in (1000, 1006):
            remote, far = direct()
            await tell(far, ResponseStarted("r"))
            await far.close(code, "cable")
            told: list[Event | Send] = []
            if code == 1000:
                await remote.listen(told.append)
            else:
                with pytest.raises(ConnectionLostError, match="cable"):
                    await remote.listen(told.append)
            assert told == [ResponseStarted("r"), ResponseDone("r", "failed")]

    run(main())
