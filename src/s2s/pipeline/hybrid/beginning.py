"""How a session begins: on S2S, or where that cannot be had, across."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConnectError, S2SError
from s2s.events import Error, SessionStarted
from s2s.pipeline.hybrid.course import Course
from s2s.pipeline.hybrid.exchange import Exchange
from s2s.pipeline.hybrid.junction import Junction
from s2s.pipeline.hybrid.line import Line
from s2s.pipeline.hybrid.link import HybridLink
from s2s.pipeline.hybrid.memory import Memory
from s2s.pipeline.hybrid.opening import Given, Opening
from s2s.pipeline.hybrid.policy import Decision, Side, SwitchPolicy, other
from s2s.pipeline.hybrid.record import Record

_PATIENCE: Final = 0.5
"""How much of the time to connect the first side may take, so that there is some for the other one."""


class Plan(Struct, frozen=True):
    """What a session is made of."""

    engines: Mapping[Side, Engine]
    policy: SwitchPolicy
    config: Config
    capabilities: Capabilities
    name: str


async def begin(plan: Plan, closed: Callable[[HybridLink], None]) -> HybridLink:
    """Return a link to S2S, or where that cannot be had and the policy says so, to the cascade.

    Raises S2SError.
    """
    config, opening = plan.config, Opening(plan.engines, plan.config)
    record = Record(plan.policy, config.reconnect, "s2s", _now())
    line, failure = await _first(opening, record, config, _patience_s(plan))
    exchange = Exchange(line)
    junction = Junction(exchange, config, opening, record, Memory(config, line.rate))
    opening.hear, opening.over = junction.hear, junction.over
    started = line.started
    model = f"{line.side}: {started.provider} {started.model}"
    exchange.tell(SessionStarted(started.session_id, plan.name, model, plan.capabilities))
    if failure is not None:
        told = ConnectError(f"{other(line.side)} could not be opened, {line.side} begins: {failure}")
        told.__cause__ = failure
        exchange.tell(Error(told))
    line.serve()
    return HybridLink(started.session_id, exchange, opening, junction, closed)


def _patience_s(plan: Plan) -> float:
    """Return how long the first side may take: not all of the time where the policy has another one."""
    asked = Record(plan.policy, plan.config.reconnect, "s2s", _now())
    leaves = isinstance(asked.decide(asked.state(Course(), _now(), broken=True)), Decision)
    return plan.config.limits.connect_s * (_PATIENCE if leaves else 1.0)


async def _first(
    opening: Opening, record: Record, config: Config, within_s: float
) -> tuple[Line, S2SError | None]:
    """Return the first link, and why it is not to S2S, if so."""
    given = Given(history=config.history)
    try:
        return await opening.begin(record.side, given, within_s), None
    except S2SError as failed:
        failure = failed
    record.failed(record.side, failure, _now())
    wanted = record.decide(record.state(Course(), _now(), broken=True))
    if not isinstance(wanted, Decision):
        raise failure
    try:
        line = await opening.begin(wanted.side, given)
    except S2SError as failed_too:
        raise ConnectError(record.both(failed_too), retryable=True) from failed_too
    record.arrived(wanted.side, wanted.because, _now())
    return line, failure


def _now() -> float:
    return asyncio.get_running_loop().time()
