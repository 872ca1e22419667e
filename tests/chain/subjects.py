"""Engines at the end of a chain: near engine, gateway, far engine, provider."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from msgspec.structs import replace

from s2s.engine import Engine
from s2s.testing.conformance import Subject
from tests.conformance.subjects import SCRIPT
from tests.support.chain import Chained, Distant, NearGemini, NearOpenAI, far_gemini, far_nova, far_openai

FINDS_ALL = "Gemini answers every turn that it finds"
UNSTARTED = "an engine of Gemini is not started with such settings: the service answers every turn"
UNTOLD = "this generation does not tell when the user speaks"
NOVA_UNTOLD = "Nova does not tell when the user speaks"
NOVA_FINDS_ALL = "Nova finds the user's turns itself, answers every one of them and stops for it"
ANY = ("dev-2.5-native", "dev-3.1", "dev-3.8", "dev-3.8-thinking", "vertex-half-cascade")
"""A profile of every generation."""
SILENT = ("dev-2.5-native", "vertex-half-cascade")
"""Those that do not tell when the user speaks."""


async def lose(engine: Engine) -> None:
    assert isinstance(engine, NearOpenAI | NearGemini)
    await engine.connection.close(1002, "what no other connection could mend")


def subject(near: Chained, far: Distant, name: str, diverges: Mapping[str, str]) -> Subject:
    return replace(SCRIPT, name=name, engine=partial(near, far), lose=lose, diverges=diverges, within_s=20.0)


def openai_over_gemini(profile: str) -> Subject:
    """The near end hears of speech that stops an answer, though the far one does not tell of it."""
    untold = {"speech.noticed": UNTOLD, "interruption.along": UNTOLD} if profile in SILENT else {}
    diverges = {"speech.unanswered": FINDS_ALL, **untold}
    return subject(NearOpenAI, partial(far_gemini, profile), f"openai over gemini {profile}", diverges)


def gemini_over(profile: str, far: Distant, name: str, *, tells_speech: bool) -> Subject:
    untold = {} if tells_speech else {"speech.noticed": UNTOLD, "interruption.by-voice": UNTOLD}
    diverges = {"speech.unanswered": UNSTARTED, "interruption.along": UNSTARTED, **untold}
    near = partial(NearGemini, profile)
    return subject(near, far, f"gemini {profile} over {name}", diverges)


def over_nova(near: Chained, name: str, diverges: Mapping[str, str]) -> Subject:
    always = {"speech.noticed": NOVA_UNTOLD, "speech.committed": NOVA_FINDS_ALL}
    return subject(near, far_nova, f"{name} over nova", {**always, **diverges})


OPENAI_OVER_NOVA = over_nova(
    NearOpenAI,
    "openai",
    {"speech.unanswered": NOVA_FINDS_ALL, "interruption.along": NOVA_FINDS_ALL},
)


def gemini_over_nova(profile: str) -> Subject:
    diverges = {
        "speech.unanswered": UNSTARTED,
        "interruption.along": UNSTARTED,
        "interruption.by-voice": NOVA_UNTOLD,
    }
    return over_nova(partial(NearGemini, profile), f"gemini {profile}", diverges)


CHAINS = (
    subject(NearOpenAI, far_openai, "openai over openai", {}),
    *map(openai_over_gemini, ANY),
    *(gemini_over(each, far_openai, "openai", tells_speech=each not in SILENT) for each in ANY),
    *(
        gemini_over(near, partial(far_gemini, far), f"gemini {far}", tells_speech=not {near, far} & {*SILENT})
        for near, far in (
            *zip(ANY, ANY, strict=True),
            ("dev-2.5-native", "dev-3.8"),
            ("dev-3.8", "dev-2.5-native"),
        )
    ),
    OPENAI_OVER_NOVA,
    *map(gemini_over_nova, ("dev-2.5-native", "dev-3.8")),
)
