"""How a session starts, or does not."""

import asyncio

import pytest

from s2s.capabilities import Capabilities
from s2s.config import Config, Limits
from s2s.errors import ConfigError, ConnectError, ConnectionLostError, ProviderError, S2SError
from s2s.events import Error
from s2s.links import Link
from s2s.session import Session
from s2s.testing.clock import run
from tests.support.links import PlainEngine, PlainLink, SilentLink
from tests.support.sessions import LOST


def test_an_engine_that_is_never_ready_is_given_up_after_connect_s() -> None:
    async def main() -> None:
        link = SilentLink()
        silent = PlainEngine(lambda: link, config=Config(limits=Limits(connect_s=3)))
        began = asyncio.get_running_loop().time()
        with pytest.raises(ConnectError, match="not ready within 3 s: try again, or raise limits") as late:
            await silent.start()
        assert (late.value.retryable, link.closed) == (True, 1)
        assert asyncio.get_running_loop().time() - began == pytest.approx(3)

    run(main())


def test_an_engine_that_never_opens_is_given_up_after_connect_s() -> None:
    class Never(PlainEngine):
        async def open(self, config: Config) -> Link:
            await asyncio.Event().wait()
            raise AssertionError

    async def main() -> None:
        with pytest.raises(ConnectError, match="not ready within 15 s"):
            await Never().start()

    run(main())


@pytest.mark.parametrize("error", [ConnectError("refused"), TimeoutError("the socket"), ValueError("odd")])
def test_what_opening_raises_is_raised_as_it_is(error: Exception) -> None:
    class Broken(PlainEngine):
        async def open(self, config: Config) -> Link:
            raise error

    async def main() -> None:
        with pytest.raises(type(error)) as raised:
            await Broken().start()
        assert raised.value is error

    run(main())


@pytest.mark.parametrize(
    ("cause", "raised", "says"),
    [
        (None, ConnectionLostError, "the engine ended before it was ready: try again"),
        (LOST, ConnectionLostError, "the cable"),
        (ProviderError("no quota"), ProviderError, "no quota"),
        (ValueError("odd"), S2SError, "the session broke: ValueError: odd; please report this"),
    ],
)
def test_an_engine_that_ends_before_it_is_ready_says_why(
    cause: Exception | None, raised: type[Exception], says: str
) -> None:
    async def main() -> None:
        link = SilentLink()
        link.end(cause)
        with pytest.raises(raised, match=says):
            await PlainEngine(lambda: link).start()
        assert link.closed == 1

    run(main())


def test_a_fatal_error_before_it_is_ready_is_raised() -> None:
    async def main() -> None:
        link = SilentLink()
        link.tell(Error(ProviderError("no quota"), fatal=True))
        with pytest.raises(ProviderError, match="no quota"):
            await PlainEngine(lambda: link).start()

    run(main())


def test_a_start_that_is_cancelled_leaves_nothing_behind() -> None:
    async def main() -> None:
        link = SilentLink()
        starting = asyncio.ensure_future(open_(PlainEngine(lambda: link)))
        await asyncio.sleep(1)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert link.closed == 1

    run(main())


async def open_(engine: PlainEngine) -> Session:
    return await engine.start()


def test_a_format_that_cannot_be_converted_is_refused_before_the_engine_is_opened() -> None:
    class Unreachable(PlainEngine):
        async def open(self, config: Config) -> Link:
            raise AssertionError("it was opened")

    async def main() -> None:
        for can in (Capabilities(input_rates=(1,)), Capabilities(output_rates=(1,))):
            with pytest.raises(ConfigError):
                await Unreachable(capabilities=can).start()
        choice = Capabilities(input_rates=(1, 24_000), output_rates=(1, 24_000))
        async with PlainEngine(capabilities=choice).start():
            pass

    run(main())


def test_a_link_whose_rate_cannot_be_converted_is_closed() -> None:
    class Odd(PlainLink):
        input_rate = 1

    async def main() -> None:
        link = Odd()
        with pytest.raises(ConfigError):
            await PlainEngine(lambda: link).start()
        assert link.closed == 1

    run(main())
