"""What a connection began with, and what that means for all that is said on it."""

from __future__ import annotations

from msgspec import Struct

from s2s.wire.gemini.messages import Behavior, Setup
from s2s.wire.gemini.profiles import FLASH_31, Profile
from s2s.wire.gemini.wanted import turns, written


class Agreed(Struct, frozen=True, kw_only=True):
    """A setup that was taken, and the model that it is for."""

    setup: Setup
    profile: Profile
    strict: bool
    """Whether is refused what the service refuses though the engine could do it."""
    manual: bool
    """The client says when the user speaks."""
    interrupts: bool
    """The user's speech cuts off an answer."""
    writes: bool
    """Answers are written and not spoken."""
    tells_words: bool
    """The words of the answers are told beside their audio."""
    tells_user_words: bool
    resumes: bool
    """The client gets handles."""
    resumed: bool
    """The conversation began on an earlier connection."""
    unset_behavior: Behavior
    """How a tool behaves of which that is not said."""
    seeds: bool
    """A history comes before the conversation begins."""


def agreed(setup: Setup, profile: Profile, *, strict: bool) -> Agreed:
    """Return what follows from a setup. Raises ConfigError for one that `opening` refuses."""
    resumption, history, detection = setup.session_resumption, setup.history_config, turns(setup)
    resumed = resumption is not None and bool(resumption.handle)
    return Agreed(
        setup=setup,
        profile=profile,
        strict=strict,
        manual=detection.mode == "manual",
        interrupts=detection.interrupt_response,
        writes=written(setup),
        tells_words=setup.output_audio_transcription is not None or profile.transcribes_unasked,
        tells_user_words=setup.input_audio_transcription is not None or profile.transcribes_unasked,
        resumes=resumption is not None or profile.name == FLASH_31.name,
        resumed=resumed,
        unset_behavior=profile.unset_behavior if strict else "BLOCKING",
        seeds=history is not None and bool(history.initial_history_in_client_content) and not resumed,
    )
