"""The engine that needs no key and no network: VAD, speech to text, a brain, text to speech."""

from __future__ import annotations

from typing import ClassVar

from s2s.capabilities import Capabilities
from s2s.config import Config
from s2s.engine import Engine
from s2s.errors import ConfigError
from s2s.links import Link
from s2s.providers.local.link import LocalLink
from s2s.providers.local.pool import shared_pool
from s2s.providers.local.seats import Seats, require_models, seated
from s2s.providers.local.tempo import tempo_of


class LocalEngine(Engine):
    """Listens, thinks and speaks inside this process; sessions and engines share the loaded models.

    `Config.extra` takes `vad`, `stt`, `brain`, `tts` (a registered name, or an object that fills the seat;
    for the brain any callable over the history), `<seat>_options`, `brain_s` (how long the brain or the voice
    may take for the next piece, 20), `lead_ms` (how far ahead of real time it speaks, 1000; None for at
    once) and `threads`. A session may override all but what `capabilities` told of the stages.
    """

    name: ClassVar[str] = "local"

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        require_models(self.config.extra)
        self._seats = seats_of(self.config)

    @property
    def capabilities(self) -> Capabilities:
        """What the stages can do together."""
        return Capabilities(
            input_rates=(self._seats.vad.sample_rate,),
            output_rates=(self._seats.tts.sample_rate,),
            turn_detection=("server", "semantic", "local", "manual"),
            interrupt="server_confirmed",
            truncate=True,
            updates=True,
            languages=self._seats.stt.languages,
        )

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices that can be chosen."""
        return self._seats.tts.voices

    async def warm(self) -> None:
        """Load the models now rather than at the first session. Raises ConfigError."""
        await self._seats.warm()

    async def open(self, config: Config) -> Link:
        """Load what is not loaded, and return a link of this process."""
        tempo_of(config.extra)
        seats = seats_of(config)
        seats.require(voice=config.voice, language=config.language)
        link = LocalLink(seats, config, self.capabilities)
        try:
            await link.up()
        except BaseException:
            await link.close()
            raise
        return link


def seats_of(config: Config) -> Seats:
    if "threads" not in config.extra:
        return seated(config.extra, shared_pool())
    threads = config.extra["threads"]
    if not isinstance(threads, int) or threads < 1:
        raise ConfigError(f"extra['threads'] must be a number from 1 on, not {threads!r}")
    return seated(config.extra, shared_pool(threads))


__all__ = ["LocalEngine", "Seats"]
