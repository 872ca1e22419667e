"""Nova Sonic over HTTP/2 and TLS, signed: what only sockets, and no connection in memory, may get wrong."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from s2s.certificates import Throwaway
from s2s.config import Config
from s2s.links import Direct, Link
from s2s.providers.nova import NovaEngine
from s2s.simulators.nova import NovaSimulator
from s2s.simulators.temper import NovaTemper
from s2s.testing.conformance import REQUIREMENTS
from tests.conformance.subjects import NOVA
from tests.support.chain import PartingDirect
from tests.support.websockets import run

secret = cache(Throwaway)
_QUICK = NovaTemper(pace=20, plays=False)


class ServedNova(NovaEngine):
    """The engine of Nova Sonic; every session of it has a provider of its own, on a port of this machine."""

    def __init__(self, config: Config) -> None:
        self._script = config.extra.get("script", ())
        super().__init__(replace(config, extra={"base_url": "https://localhost"}))

    async def open(self, config: Config) -> Link:
        async with AsyncExitStack() as stack:
            served = NovaSimulator(self._script, temper=_QUICK, tls=secret())
            await stack.enter_async_context(served)
            trusted = Path(stack.enter_context(TemporaryDirectory())) / "ca.pem"
            secret().write(trusted)
            extra = {"base_url": served.base_url, "ca": str(trusted)}
            link = await super().open(replace(config, extra=extra))
            assert isinstance(link, Direct)
            return PartingDirect(link, stack.pop_all().aclose)


NOVA_SERVED = replace(NOVA, name="nova over sockets", engine=ServedNova, lose=None, run=run, within_s=10.0)

_TELLING = (
    *("session.begins", "session.ends", "session.leaves-nothing", "session.apart"),
    *("response.speaks", "response.in-turn", "response.closed", "speech.answered", "speech.transcribed"),
    *("interruption.told", "interruption.goes-on", "tool.runs", "tool.parallel", "update.tools"),
)
TOLD_BY_SOCKETS = [each for each in REQUIREMENTS if each.id in _TELLING]
"""What depends on how messages come; the whole table takes its time."""
