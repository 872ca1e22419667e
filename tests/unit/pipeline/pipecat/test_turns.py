from __future__ import annotations

import pytest

pytest.importorskip("pipecat.frames.frames")

from pipecat.frames import frames as pc

from s2s.pipeline.frames import ControlFrame, TextFrame
from s2s.pipeline.pipecat.carried import remembering
from s2s.pipeline.pipecat.turns import Turns


def signals(turns: Turns, *frames: pc.Frame) -> list[str]:
    return [made.signal for each in frames for made in turns.push(each)]


def heard() -> tuple[pc.Frame, pc.Frame]:
    return pc.VADUserStartedSpeakingFrame(), pc.VADUserStoppedSpeakingFrame()


def decided() -> tuple[pc.Frame, pc.Frame]:
    return pc.UserStartedSpeakingFrame(), pc.UserStoppedSpeakingFrame()


def test_a_detector_alone_makes_turns() -> None:
    assert signals(Turns(), *heard(), *heard()) == ["start_of_utterance", "end_of_utterance"] * 2


def test_where_somebody_decides_a_pause_ends_nothing() -> None:
    (vad_began, vad_ended), (began, ended) = heard(), decided()
    told = signals(Turns(), vad_began, began, vad_ended, *heard(), ended)
    assert told == ["start_of_utterance", "end_of_utterance"]


def test_a_decision_needs_no_detector() -> None:
    assert signals(Turns(), *decided(), *decided()) == ["start_of_utterance", "end_of_utterance"] * 2


def test_a_turn_may_be_ended_that_nobody_has_begun_but_not_by_a_detector() -> None:
    assert signals(Turns(), pc.VADUserStoppedSpeakingFrame()) == []
    assert signals(Turns(), pc.UserStoppedSpeakingFrame()) == ["end_of_utterance"]


def test_a_turn_and_what_was_said_in_it_have_one_name_and_no_two_turns_have_the_same() -> None:
    turns = Turns()

    def names() -> set[str]:
        made = [each.item_id for signal in decided() for each in turns.push(signal)]
        return {*made, turns.name(TextFrame("Hi")).item_id}

    first, second = names(), names()
    assert len(first) == len(second) == 1
    assert first != second


def test_a_turn_of_ours_keeps_its_name() -> None:
    turns, began = Turns(), ControlFrame("start_of_utterance", item_id="ours")
    assert turns.push(remembering(pc.UserStartedSpeakingFrame(), began)) == [began]
    assert turns.name(TextFrame("Hi")) == TextFrame("Hi", item_id="ours")
