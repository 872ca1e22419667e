"""Serves an engine over Gemini Live."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

from msgspec import Struct

from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ProviderError, S2SError
from s2s.gateway.keeping import Garage, Kept, StillOpen, UnknownHandle
from s2s.gateway.opening import opened
from s2s.gateway.wishes import config_for
from s2s.hosting import host
from s2s.links import Link
from s2s.serving import Knock
from s2s.transports import Transport
from s2s.wire import Close
from s2s.wire.gemini.failures import POLICY, Reason, closing, no_model, reason_of
from s2s.wire.gemini.judging import opening
from s2s.wire.gemini.messages import Setup
from s2s.wire.gemini.profiles import Profile, Surface, bare, profile_of
from s2s.wire.gemini.server import GeminiServer
from s2s.wire.gemini.wanted import wanted

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
PATHS = ("/{method:.*BidiGenerateContent(?:Constrained)?}",)
"""Of the Developer API in all its versions, of Vertex AI, and of whoever mounts it elsewhere."""
_FIRST_S = 10.0
_PARTING_S, _LOOK_S = 1.0, 0.02
_VERTEX = "aiplatform"
_VERSION = re.compile(r"\.(v\d\w*)\.")


class Around(Protocol):
    """Wraps the link of a session."""

    def __call__(self, link: Link, /, *, setup: Setup, profile: Profile) -> Link:
        """Return the link to serve in place of this one."""
        ...


class Terms(Struct, frozen=True, kw_only=True):
    """How a service serves."""

    profile: Profile | None = None
    """What it is like; None: as the model that a client names."""
    strict: bool = False
    """It refuses what the service refuses though the engine could do it."""
    pretty: bool = False
    """It spells as the service does, with much white space."""
    models: tuple[str, ...] | None = None
    keyed: bool = False
    """Clients are told apart by their keys: a session is for the one that began it."""


async def serve(
    engine: Engine, transport: Transport, knock: Knock, around: Around, garage: Garage, terms: Terms
) -> None:
    """Serve one client until it or the engine ends; `around` wraps the link that the engine opens.

    A client that shows the handle of a session of its own goes on with that one. Raises the S2SError that
    broke it; a client that could not be served was told.
    """
    asked = await _asked(transport, knock, terms)
    if asked is None:
        return
    setup, profile = asked
    owner = knock.key if terms.keyed else ""
    try:
        # What a tool does that says nothing of it depends on the model, and a gateway pretends to be none.
        config = config_for(engine, wanted(setup, profile if terms.strict else None))
        kept = await _resumed(garage, setup, config, owner)
        if kept is None:
            garage.make_room()
            link = around(await opened(engine, config), setup=setup, profile=profile)
            kept = garage.admit(link, bare(setup.model), config)
        async with _left_where_it_fails(kept):
            wire = GeminiServer(
                setup,
                profile,
                input_rate=kept.input_rate,
                strict=terms.strict,
                pretty=terms.pretty,
                new_handle=partial(garage.handle, kept, owner) if garage.longest_s else None,
            )
    except S2SError as failed:
        await _end(transport, closing(reason_of(failed)))
        raise
    await host(wire, transport, kept)


async def turn_away(transport: Transport, reason: Reason) -> None:
    """Hear what a client wants, for before that it would miss why, and end the connection for this reason."""
    if await _first(transport) is not None:
        await _end(transport, closing(reason))


async def _asked(transport: Transport, knock: Knock, terms: Terms) -> tuple[Setup, Profile] | None:
    """Return what a client sets up, and in whose manner it is served; None where it was turned away."""
    surface: Surface = "vertex" if _VERTEX in knock.path else "developer"

    def profile_named(model: str) -> Profile:
        return terms.profile or profile_of(model, surface)

    first = await _first(transport)
    if first is None:
        return None
    version = found.group(1) if (found := _VERSION.search(knock.path)) else "v1"
    setup = opening(first, profile_named, strict=terms.strict, version=version)
    if not isinstance(setup, Close) and terms.models is not None and bare(setup.model) not in terms.models:
        setup = closing(no_model(setup.model, version))
    if not isinstance(setup, Close):
        return setup, profile_named(setup.model)
    await _end(transport, setup)
    return None


async def _end(transport: Transport, close: Close) -> None:
    await transport.close(close.code, close.reason)


async def _first(transport: Transport) -> bytes | None:
    """Return the first message; None where none comes, and the connection is closed then."""
    messages = aiter(transport)
    try:
        async with asyncio.timeout(_FIRST_S):
            return await anext(messages)
    except StopAsyncIteration:
        return None
    except TimeoutError:
        await transport.close(POLICY, "no setup came: send it first")
        return None
    finally:
        if isinstance(messages, AsyncGenerator):
            await messages.aclose()


async def _resumed(garage: Garage, setup: Setup, config: Config, owner: str) -> Kept | None:
    """Return the session whose handle the client shows, as it wants it now; None where it shows none."""
    name = setup.session_resumption and setup.session_resumption.handle
    if not name:
        return None
    kept = await _attached(garage, name, owner)
    async with _left_where_it_fails(kept):
        if kept.about != bare(setup.model):
            raise ProviderError("a session goes on with its own model", code="precondition")
        still_there = await kept.become(config)
    if not still_there:
        raise UnknownHandle("the engine of this session has gone: begin a new one", code="unknown_handle")
    return kept


async def _attached(garage: Garage, name: str, owner: str) -> Kept:
    """Return the session of a handle: its last connection may be about to end."""
    for _ in range(int(_PARTING_S / _LOOK_S)):
        try:
            return garage.resume(name, owner)
        except StillOpen:
            await asyncio.sleep(_LOOK_S)
    return garage.resume(name, owner)


@asynccontextmanager
async def _left_where_it_fails(kept: Kept) -> AsyncIterator[None]:
    """Leave a session to whoever comes next where this client cannot be served."""
    try:
        yield
    except BaseException:
        await kept.close()
        raise
