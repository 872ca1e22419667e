"""What is wrong with what a client says, in the words with which the service closes a connection.

Source: close reasons that users have reported (2026-10); google-genai 3.6.1 for what each surface has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain

from s2s.errors import ConfigError, RemoteProtocolError
from s2s.wire import Close
from s2s.wire.gemini import messages as m
from s2s.wire.gemini.agreed import Agreed
from s2s.wire.gemini.failures import (
    INVALID,
    INVALID_ARGUMENT,
    MEDIA_CHUNKS,
    NO_SCHEDULING,
    Reason,
    closing,
    unknown_name,
)
from s2s.wire.gemini.profiles import Profile
from s2s.wire.gemini.reading import Unknown, read
from s2s.wire.gemini.setups import camel, of_setup, of_tools
from s2s.wire.gemini.wanted import wanted

FIRST = Reason("config", INVALID, "setup must be the first message and only the first")
TOO_LONG = Reason("config", INVALID, "The setup is too long: send less than 4 MiB.")
_MOST_BYTES = 4 * 1024 * 1024
"""It stays as long as its connection. A voice to speak with takes a megabyte, long instructions another."""
_CAPITAL = re.compile(r"(?<=[a-z])([A-Z])")


def opening(
    message: bytes, profile_named: Callable[[str], Profile], *, strict: bool, version: str = "v1"
) -> m.Setup | Close:
    """Return the setup that a connection begins with, or how it ends at once.

    A `strict` one ends for all that the service refuses in this `version` of it, any other only where it
    cannot be served.
    """
    if len(message) > _MOST_BYTES:
        return closing(TOO_LONG)
    try:
        said, unknown = read(message, m.ClientMessage)
        if said.setup is None:
            return closing(FIRST)
        profile = profile_named(said.setup.model)
        reasons = chain(_of_names(said, unknown), of_setup(said.setup, profile, version))
        wrong = next(reasons, None) if strict else None
        if wrong is not None:
            return closing(wrong)
        wanted(said.setup)
    except RemoteProtocolError as wrong:
        return closing(unreadable(wrong))
    except ConfigError as wrong:
        return closing(Reason("config", INVALID, str(wrong)))
    return said.setup


def objection(said: m.ClientMessage, unknown: list[Unknown], agreed: Agreed, *, seeds: bool) -> Reason | None:
    """Return what the service has against a message; `seeds` while the history is being told."""
    return next(chain(_of_names(said, unknown), _of_members(said, agreed.profile, seeds=seeds)), None)


def unreadable(wrong: RemoteProtocolError) -> Reason:
    """Say that a message cannot be read."""
    return Reason("config", INVALID, f"Invalid JSON payload received. {wrong}")


def no_base64(place: str) -> Reason:
    """Say that a value is not base64."""
    told = f"Invalid value at '{place}' (TYPE_BYTES), Base64 decoding failed."
    return Reason("config", INVALID, told)


def _of_names(said: m.ClientMessage, unknown: list[Unknown]) -> Iterator[Reason]:
    for stray in unknown:
        yield unknown_name(stray.name, _snake(stray.place))
    asked = [each for each in said.__struct_fields__ if getattr(said, each) is not None]
    if not asked:
        yield INVALID_ARGUMENT
    for each in asked[1:]:
        told = f"Invalid value (oneof), oneof field 'message_type' is already set. Cannot set '{camel(each)}'"
        yield Reason("config", INVALID, told)


def _of_members(said: m.ClientMessage, profile: Profile, *, seeds: bool) -> Iterator[Reason]:
    if said.realtime_input is not None and said.realtime_input.media_chunks is not None:
        yield from () if profile.media_chunks else (MEDIA_CHUNKS,)
    if said.client_content is not None:
        yield from _of_turns(said.client_content, profile, seeds=seeds)
    for each in (said.tool_response and said.tool_response.function_responses) or ():
        yield from _of_response(each, profile)
    if said.context_update is not None:
        yield from () if profile.updates else (unknown_name("contextUpdate", ""),)
        tools = said.context_update.tools
        yield from of_tools((tools and tools.tools) or [], profile, "context_update.tools")


def _of_turns(content: m.ClientContent, profile: Profile, *, seeds: bool) -> Iterator[Reason]:
    turns = content.turns or []
    # Models before 3 take a turn without a role for the user's.
    roles = ("user", "model", *(("system",) if profile.surface == "vertex" else ()))
    known = roles if profile.bundles else (*roles, None, "")
    if any(each.role not in known for each in turns):
        yield INVALID_ARGUMENT
    parts = [part for each in turns for part in each.parts or ()]
    if not profile.seeds_calls and any(map(_is_call_or_audio, parts)):
        yield INVALID_ARGUMENT
    if (
        seeds
        and content.turn_complete
        and profile.seed_ends == "user"
        and turns
        and turns[-1].role == "model"
    ):
        yield INVALID_ARGUMENT


def _is_call_or_audio(part: m.Part) -> bool:
    sounds = part.inline_data is not None and (part.inline_data.mime_type or "").startswith("audio/")
    return sounds or part.function_call is not None or part.function_response is not None


def _of_response(response: m.FunctionResponse, profile: Profile) -> Iterator[Reason]:
    if response.scheduling not in (None, "SCHEDULING_UNSPECIFIED") and not profile.scheduling:
        yield NO_SCHEDULING
    if not response.id and profile.surface == "developer":
        yield INVALID_ARGUMENT


def _snake(place: str) -> str:
    return _CAPITAL.sub(lambda found: f"_{found[1].lower()}", place)
