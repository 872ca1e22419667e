"""Hear, understand, answer, speak: four processors as one engine, and as one processor."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import ClassVar, Final, TypeVar

from msgspec.structs import replace

from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConfigError
from s2s.items import JSON
from s2s.links import Link
from s2s.pipeline.engine import USUAL, opened
from s2s.pipeline.frames import Frame
from s2s.pipeline.hooks import PipelineHooks, watch
from s2s.pipeline.processor import Frames, Processor, chain
from s2s.pipeline.running import FrameTransport, run
from s2s.pipeline.speaking import as_frame_processor
from s2s.pipeline.stages import BrainProcessor, STTProcessor, TTSProcessor, VADProcessor
from s2s.providers.local.seats import DEFAULTS, require_language, require_models, require_voice
from s2s.providers.local.tempo import tempo_of

NO_HOOKS: Final = PipelineHooks()
P = TypeVar("P")


class CascadePipeline(Engine):
    """Runs what the user says through the stages of the local engine, each a processor of its own.

    Without `steps`, `Config.extra` fills the seats: `vad`, `stt`, `brain` and `tts` (a registered name, or an
    object that fills the seat; for the brain any callable over the history), and `<seat>_options`. It takes
    `brain_s` (how long the brain or the voice may take for the next piece, 20) and `lead_ms` (how far ahead
    of real time it speaks, 1000; None for at once) too. A session may override all but what `capabilities`
    told of the stages.

    `steps` are the processors to be used in place of these four, in order, and others may stand between them.
    Raises ConfigError for a stage on a seat too, and for what is no stage and no processor.
    The hooks are those of the stream where it is used as a processor; a session has its own.
    """

    name: ClassVar[str] = "cascade"

    def __init__(
        self,
        config: Config | None = None,
        *,
        steps: Sequence[Processor] = (),
        hooks: PipelineHooks = NO_HOOKS,
    ) -> None:
        super().__init__(config)
        tempo_of(self.config.extra)
        self.hooks = hooks
        self.steps: tuple[Processor, ...] = tuple(steps) or _seated(self.config.extra)
        self._own = bool(steps)
        self._require_seats(self.config)
        chain(*self.steps)  # raises for what is no processor

    @property
    def capabilities(self) -> Capabilities:
        """What the stages can do together, as far as they are known."""
        vad, stt, tts = self._stages(VADProcessor), self._stages(STTProcessor), self._stages(TTSProcessor)
        return replace(
            USUAL,
            input_rates=tuple(each.vad.sample_rate for each in vad[:1]) or USUAL.input_rates,
            output_rates=tuple(each.tts.sample_rate for each in tts[:1]) or USUAL.output_rates,
            languages=tuple(name for each in stt[:1] for name in each.stt.languages),
        )

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices that can be chosen, as far as they are known."""
        return tuple(name for each in self._stages(TTSProcessor)[:1] for name in each.tts.voices)

    def check(self, config: Config) -> None:
        """Raise ConfigError for what cannot be started; a stage on a seat that steps have taken is one."""
        super().check(config)
        self._require_seats(config)

    async def warm(self) -> None:
        """Load the models now rather than at the first session. Raises ConfigError."""
        for each in self.steps:
            await _warm(each)

    async def open(self, config: Config) -> Link:
        """Load what is not loaded, and return the link to the stages. Raises what prevents it."""
        same = self._own or config.extra == self.config.extra
        steps = self.steps if same else _seated(config.extra)
        for each in steps:
            match each:
                case TTSProcessor():
                    require_voice(each.tts, config.voice)
                case STTProcessor():
                    require_language(each.stt, config.language)
                case _:
                    pass
        return await opened(chain(*steps), config, self.capabilities, self.name)

    def process(self, frames: Frames, /) -> AsyncGenerator[Frame, None]:
        """Return what the agent says to these frames, in a session of its own."""
        return chain(as_frame_processor(self), watch(self.hooks)).process(frames)

    async def run(self, transport: FrameTransport) -> None:
        """Talk to whoever is behind a transport until that stops. Raises what breaks the pipeline."""
        await run(transport, self)

    def _require_seats(self, config: Config) -> None:
        for seat in DEFAULTS:
            if self._own and seat in config.extra:
                raise ConfigError(f"there is no seat {seat!r} where steps are given: put it among the steps")

    def _stages(self, kind: type[P]) -> list[P]:
        return [each for each in self.steps if isinstance(each, kind)]


async def _warm(step: Processor) -> None:
    match step:
        case VADProcessor():
            await step.vad.warm()
        case STTProcessor():
            await step.stt.warm()
        case BrainProcessor():
            await step.brain.warm()
        case TTSProcessor():
            await step.tts.warm()
        case _:
            pass


def _seated(extra: Mapping[str, JSON]) -> tuple[Processor, ...]:
    """Return the four stages that the settings name. Raises ConfigError, also where models are missing."""
    require_models(extra)
    vad, stt, brain, tts = (
        (extra.get(seat, usual), extra.get(f"{seat}_options")) for seat, usual in DEFAULTS.items()
    )
    brain_s = tempo_of(extra).brain_s
    return (
        VADProcessor(vad[0], options=vad[1]),
        STTProcessor(stt[0], options=stt[1]),
        BrainProcessor(brain[0], options=brain[1], patience_s=brain_s),
        TTSProcessor(tts[0], options=tts[1], patience_s=brain_s),
    )
