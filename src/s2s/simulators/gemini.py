"""Gemini Live on your machine: the protocol, a script or any engine, and a temper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from s2s.engine import Engine
from s2s.errors import ConfigError
from s2s.gateway.gemini import PATH, PATHS, Terms, serve, turn_away
from s2s.gateway.keeping import Garage, Lifetime
from s2s.gateway.playing import Playing
from s2s.gateway.watching import Onlooker, Watch
from s2s.links import Link
from s2s.providers.script import Reply
from s2s.serving import Knock, Listener
from s2s.simulators.manner import Mannered, Tariff
from s2s.simulators.simulator import Simulator, doors_of, scripted
from s2s.simulators.temper import Fault, GeminiTemper
from s2s.simulators.unruly import Spelling, Trouble, Unruly
from s2s.transports import Transport
from s2s.wire import Close
from s2s.wire.gemini.failures import BAD_KEY
from s2s.wire.gemini.messages import Setup
from s2s.wire.gemini.profiles import NAMED, Profile
from s2s.wire.gemini.wanted import turns

if TYPE_CHECKING:
    from s2s.certificates import TLS


_PLAIN = GeminiTemper()
_TARIFF = Tariff(heard_per_s=25, spoken_per_s=25, rereads="everything", cut=True)
_MEMBERS = ("serverContent", "realtimeInput", "clientContent")


class GeminiSimulator(Simulator[Listener]):
    """Gemini Live while it is entered, over TLS for the stock Python SDK, which takes nothing else.

    It answers each turn with the next Reply of the script, every session from the start; or any engine
    answers in its place.
    """

    def __init__(
        self,
        script: Sequence[Reply] = (),
        *,
        engine: Engine | None = None,
        temper: GeminiTemper = _PLAIN,
        watch: Watch | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: TLS | None = None,
    ) -> None:
        doors = doors_of(temper, host, port, tls)
        super().__init__(partial(Listener, doors, PATHS), watch)
        if temper.profile is not None and temper.profile not in NAMED:
            raise ConfigError(f"no profile {temper.profile!r}: use {', '.join(NAMED)}")
        self._engine = engine or scripted(script, temper)
        self._temper = temper
        self.profile = temper.profile
        """The generation that it is, where it is always the same."""
        self._terms = Terms(
            profile=None if temper.profile is None else NAMED[temper.profile],
            strict=True,
            pretty=True,
            models=temper.models,
            keyed=temper.keys is not None,
        )
        self._trouble = Trouble(temper.faults, _names)
        lifetime = Lifetime(temper.session_s, temper.notice_s)
        self._garage = Garage(longest_s=temper.handles_s, lifetime=lifetime)

    async def hang_up(self) -> None:
        """End the connections that were opened inside this process, and forget every session."""
        await super().hang_up()
        await self._garage.close()

    @property
    def base_url(self) -> str:
        """What an SDK takes as its base URL."""
        return self.listening.http

    @property
    def url(self) -> str:
        """Where the WebSocket is."""
        return f"{self.listening.ws}{PATH}"

    @property
    def base_urls(self) -> Mapping[str, str]:
        """The same by the name of the provider."""
        return {"gemini": self.base_url}

    async def converse(self, transport: Transport, knock: Knock, look: Onlooker) -> None:
        """Talk to one client."""
        temper = self._temper
        if temper.keys is not None and knock.key not in temper.keys:
            await turn_away(transport, BAD_KEY)
            return

        def around(link: Link, /, *, setup: Setup, profile: Profile) -> Link:
            inner: Link = Mannered(link, temper, _TARIFF)
            if temper.plays:
                interrupts = turns(setup).interrupt_response
                inner = Playing(inner, interrupts=interrupts, cuts_by_text=profile.cuts_by_text)
            return look(inner)

        unruly = Unruly(transport, temper, _SPELLING, self._trouble)
        await serve(self._engine, unruly, knock, around, self._garage, self._terms)


def _names(message: bytes) -> Sequence[str]:
    try:
        said = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    if not isinstance(said, dict):
        return ()
    folded = {_camel(name): value for name, value in said.items()}
    inner = [folded[name] for name in _MEMBERS if isinstance(folded.get(name), dict)]
    return [*folded, *(_camel(name) for each in inner for name in each)]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(each.capitalize() for each in rest)


def _refused(fault: Fault, message: bytes) -> Close:
    return Close(int(fault.code), fault.reason)


_SPELLING = Spelling(_names, _refused, b'"data": "')
