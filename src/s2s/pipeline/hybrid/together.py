"""What two engines can do where either may have the conversation."""

from __future__ import annotations

from typing import Final

from s2s.capabilities import Capabilities

_FOLLOWS: Final = ("local_only", "requested", "server_confirmed")


def together(s2s: Capabilities, cascade: Capabilities) -> Capabilities:
    """Return what holds on both sides: of each field the weaker.

    Audio comes in at the rates of S2S and goes out at those of either. What the user heard can always be
    told, for the side that comes next wants to know.
    """
    both = (s2s, cascade)
    return Capabilities(
        turns=all(each.turns for each in both),
        input_rates=s2s.input_rates,
        output_rates=tuple(dict.fromkeys((*s2s.output_rates, *cascade.output_rates))),
        turn_detection=tuple(each for each in s2s.turn_detection if each in cascade.turn_detection),
        barge_in=all(each.barge_in for each in both),
        interrupt=min((each.interrupt for each in both), key=_FOLLOWS.index),
        resets=any(each.resets for each in both) and all(_stops(each) for each in both),
        truncate=True,
        text_input=all(each.text_input for each in both),
        images=all(each.images for each in both),
        tools=all(each.tools for each in both),
        transcripts=all(each.transcripts for each in both),
        updates=all(each.updates for each in both),
        voice_locks=any(each.voice_locks for each in both),
        out_of_band=all(each.out_of_band for each in both),
        resumption="replay",
        max_session_s=min((e.max_session_s for e in both if e.max_session_s is not None), default=None),
        languages=_common(s2s.languages, cascade.languages),
    )


def has_language(can: Capabilities, language: str) -> bool:
    """Tell whether an engine has a language, of whatever region; it has all where it names none."""
    known = {each.partition("-")[0].lower() for each in can.languages}
    return not known or language.partition("-")[0].lower() in known


def _stops(can: Capabilities) -> bool:
    return can.resets or can.interrupt != "local_only"


def _common(s2s: tuple[str, ...], cascade: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(e for e in s2s if e in cascade) if s2s and cascade else s2s or cascade
