"""Speech to speech by default, the cascade where that is better: one engine of two."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import ClassVar, Final, Literal

from s2s.audio.resample import Resampler
from s2s.capabilities import Capabilities
from s2s.commands import UpdateSession
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConfigError, MissingKeyError
from s2s.links import Link
from s2s.pipeline.frames import Frame
from s2s.pipeline.hooks import PipelineHooks, watch
from s2s.pipeline.hybrid.beginning import Plan, begin
from s2s.pipeline.hybrid.fitting import Fitting
from s2s.pipeline.hybrid.link import HybridLink
from s2s.pipeline.hybrid.moving import Moment
from s2s.pipeline.hybrid.options import policy_of, sides_of
from s2s.pipeline.hybrid.policy import DEFAULT_POLICY, Side, SwitchPolicy, require_side
from s2s.pipeline.hybrid.together import together
from s2s.pipeline.processor import Frames, chain
from s2s.pipeline.running import FrameTransport, run
from s2s.pipeline.speaking import as_frame_processor

NO_HOOKS: Final = PipelineHooks()
_MOMENTS: Final = {"turn": Moment.TURN, "now": Moment.NOW}


class HybridPipeline(Engine):
    """Has S2S talk, and the cascade where a policy or the application wants it, in one session, and back.

    What was said, the settings in force, calls without a result and what nobody has answered go along. The
    session is told Reconnecting and Reconnected. What a session is started with holds on both sides, but for
    the model, which is that of S2S; `extra` names the sides and gives each a Config of its own.
    """

    name: ClassVar[str] = "hybrid"

    def __init__(
        self,
        config: Config | None = None,
        *,
        s2s: Engine | str | None = None,
        cascade: Engine | str | None = None,
        policy: SwitchPolicy = DEFAULT_POLICY,
        hooks: PipelineHooks = NO_HOOKS,
    ) -> None:
        super().__init__(config)
        self.hooks = hooks
        self.policy = policy_of(self.config, policy)
        self._given: Mapping[Side, Engine | str | None] = {"s2s": s2s, "cascade": cascade}
        self._sides = sides_of(self.config, self._given)
        self._links: list[HybridLink] = []
        self._require_key()

    @property
    def sides(self) -> Mapping[Side, Engine]:
        """The two engines; each knows what it can do."""
        return MappingProxyType(self._sides)

    @property
    def capabilities(self) -> Capabilities:
        """What holds on both sides."""
        return together(*(self._sides[side].capabilities for side in ("s2s", "cascade")))

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices of S2S, as far as they are known."""
        return tuple(getattr(self._sides["s2s"], "voices", ()))

    def capabilities_with(self, config: Config) -> Capabilities:
        """Return what holds on both sides in a session of this config."""
        sides = self._sides_with(config)
        return together(*(e.capabilities_with(self._fitted(n, e, config)) for n, e in sides.items()))

    def check(self, config: Config) -> None:
        """Raise ConfigError for what cannot be started on either side; the cascade may lack its key."""
        super().check(config)
        policy_of(config, self.policy)
        sides = self._sides_with(config)
        sides["s2s"].check(self._fitted("s2s", sides["s2s"], config))
        with suppress(MissingKeyError):  # without it S2S has to do, and whoever switches is told
            sides["cascade"].check(self._fitted("cascade", sides["cascade"], config))
        rates = [each.capabilities.input_rates for each in sides.values()]
        if all(len(each) == 1 for each in rates):
            Resampler(rates[0][0], rates[1][0])

    async def open(self, config: Config) -> Link:
        """Open a link to one side. Raises S2SError."""
        plan = Plan(
            engines=self._sides_with(config),
            policy=policy_of(config, self.policy),
            config=config,
            capabilities=self.capabilities_with(config),
            name=self.name,
        )
        link = await begin(plan, self._closed)
        self._links.append(link)
        return link

    def switch(self, side: Side, session_id: str | None = None, when: Literal["turn", "now"] = "turn") -> int:
        """Have a side take over in one of the open sessions, or in all; return how many will switch.

        By `turn` that is where the next turn has ended, or at once if nothing is under way; `now` cuts an
        answer off. A session that is on this side drops a switch that is to come. Raises ConfigError.
        """
        moment = _MOMENTS.get(when)
        if moment is None:
            raise ConfigError(f"a switch is not made {when!r}: use {' or '.join(_MOMENTS)}")
        wanted = require_side(side)
        chosen = [each for each in self._links if session_id in (None, each.id)]
        return sum(each.switch(wanted, moment) for each in chosen)

    def side_of(self, session_id: str) -> Side | None:
        """Return the side that has the conversation in this session; None where it is not open."""
        return next((each.side for each in self._links if each.id == session_id), None)

    def process(self, frames: Frames, /) -> AsyncGenerator[Frame, None]:
        """Return what the agent says to these frames, in a session of its own."""
        return chain(as_frame_processor(self), watch(self.hooks)).process(frames)

    async def run(self, transport: FrameTransport) -> None:
        """Talk to whoever is behind a transport until that stops. Raises what breaks the session."""
        await run(transport, self)

    def _closed(self, link: HybridLink) -> None:
        if link in self._links:
            self._links.remove(link)

    def _sides_with(self, config: Config) -> Mapping[Side, Engine]:
        same = config.extra == self.config.extra
        return self._sides if same else sides_of(config, self._given)

    def _fitted(self, side: Side, engine: Engine, config: Config) -> Config:
        return Fitting(side, engine, config).fitted(UpdateSession(), config.history)

    def _require_key(self) -> None:
        """Raise MissingKeyError now rather than when the first session starts."""
        engine = self._sides["s2s"]
        try:
            engine.check(self._fitted("s2s", engine, self.config))
        except MissingKeyError:
            raise
        except ConfigError:
            return  # an override may mend it
