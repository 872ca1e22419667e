"""What a model takes and how it talks, as data: one table for our client and for the simulator.

Source: google-genai 3.6.1, Google's pages on the Live API (2026-11), recorded traffic, and what pydantic-ai,
pipecat and livekit-agents have found by trying (2026-10).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from s2s.wire.gemini.messages import Behavior

Surface: TypeAlias = Literal["developer", "vertex"]


class Profile(Struct, frozen=True, kw_only=True):
    """One generation of models on one surface."""

    name: str
    prefixes: tuple[str, ...]
    """How names of such models begin."""
    surface: Surface = "developer"
    writes: bool = False
    """Answers in writing, where that is asked for."""
    thinking: Literal["none", "budget", "level", "level_required"] = "none"
    unset_behavior: Behavior = "NON_BLOCKING"
    behaviors: tuple[Behavior, ...] = ("BLOCKING", "NON_BLOCKING")
    """What a tool may be declared as; none: nothing may be said of it."""
    scheduling: bool = True
    """The answer to a non-blocking call may say when it is to be spoken of."""
    affective: bool = False
    proactive: Literal["opt_in", "no", "always"] = "no"
    cuts_by_text: bool = True
    """Text cuts off the answer under way; else it waits for the end of it."""
    thinks_aloud: bool = False
    """Thoughts come as text, beside the audio."""
    history_config: bool = True
    """Takes a history before the conversation begins, without answering it."""
    seeds_calls: bool = True
    """The history may hold calls and their results."""
    seed_ends: Literal["any", "user"] = "any"
    """Whose words the history must end with."""
    voice_activity: bool = False
    """Tells when the user speaks."""
    interaction_status: bool = False
    transcription: Literal["deltas", "chunk", "marked"] = "chunk"
    """How the user's words come: piece by piece, at once, or between a beginning and an end."""
    bundles: bool = True
    """Audio and its words come in one message."""
    transcribes_unasked: bool = True
    updates: bool = False
    """Takes other instructions and tools within a connection."""
    media_chunks: bool = False
    """Takes audio by its old name."""
    ends_calls: Literal["never", "perhaps", "always"] = "never"
    """A turn that calls tools is ended before they are answered."""
    nudge: str = " "
    """What has it speak though nobody said a word; empty where asking alone will do."""
    answers_lost_calls: bool = False
    """After a resumption it waits for the results of calls that went before."""


NATIVE_25 = Profile(
    name="dev-2.5-native",
    prefixes=("gemini-2.5-flash-native-audio", "gemini-2.5-flash-preview-native-audio"),
    thinking="budget",
    unset_behavior="BLOCKING",
    affective=True,
    proactive="opt_in",
    cuts_by_text=False,
    thinks_aloud=True,
    seeds_calls=False,
    seed_ends="user",
    transcription="deltas",
    bundles=False,
    transcribes_unasked=False,
    nudge="",
    media_chunks=True,
)
FLASH_31 = Profile(
    name="dev-3.1",
    prefixes=("gemini-3.1-",),
    thinking="level",
    unset_behavior="BLOCKING",
    scheduling=False,
    voice_activity=True,
)
LIVE_38 = Profile(
    name="dev-3.8",
    prefixes=("gemini-3.8-live", "gemini-3."),
    proactive="always",
    voice_activity=True,
    ends_calls="perhaps",
    answers_lost_calls=True,
)
THINKING_38 = replace(
    LIVE_38,
    name="dev-3.8-thinking",
    prefixes=("gemini-3.8-live-extended-thinking",),
    thinking="level_required",
    behaviors=("NON_BLOCKING",),
    scheduling=False,
    interaction_status=True,
)
LIVE_38_VERTEX = replace(LIVE_38, name="vertex-3.8", surface="vertex", history_config=False, updates=True)
NATIVE_25_VERTEX = replace(
    NATIVE_25,
    name="vertex-2.5-native",
    prefixes=("gemini-live-2.5-flash-native-audio", "gemini-live-2.5-flash-preview-native-audio"),
    surface="vertex",
    history_config=False,
)
HALF_CASCADE = Profile(
    name="vertex-half-cascade",
    prefixes=("gemini-live-2.5-flash", "gemini-2.0-flash"),
    surface="vertex",
    writes=True,
    unset_behavior="BLOCKING",
    behaviors=(),
    scheduling=False,
    history_config=False,
    transcription="marked",
    bundles=False,
    transcribes_unasked=False,
    nudge="",
    media_chunks=True,
    ends_calls="always",
)

PROFILES = (NATIVE_25, FLASH_31, LIVE_38, THINKING_38, LIVE_38_VERTEX, NATIVE_25_VERTEX, HALF_CASCADE)
NAMED = {each.name: each for each in PROFILES}


def profile_of(model: str, surface: Surface = "developer") -> Profile:
    """Return the profile with the longest prefix of this model's name; an unknown one is like the newest."""
    name = bare(model)
    fits = [
        (len(prefix), each)
        for each in PROFILES
        if each.surface == surface
        for prefix in each.prefixes
        if name.startswith(prefix)
    ]
    newest = LIVE_38_VERTEX if surface == "vertex" else LIVE_38
    return max(fits, key=lambda each: each[0])[1] if fits else newest


def bare(model: str) -> str:
    """Return the name of a model without the path before it."""
    return model.rpartition("/")[2]
