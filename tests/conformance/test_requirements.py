"""The table and its checks are one: no row without a check, no check without a row."""

from collections.abc import Mapping

import pytest

from s2s.capabilities import Capabilities
from s2s.testing.conformance import CHECKS, REQUIREMENTS, Ask, Requirement, Subject, conforms, not_applicable
from tests.conformance.subjects import HOSTED, LOCAL_DIVERGES, NOVA, NOVA_V1, SCRIPT
from tests.support.links import PlainEngine

ROWS = {each.id: each for each in REQUIREMENTS}


def test_every_requirement_has_a_check_and_every_check_a_requirement() -> None:
    assert sorted(CHECKS) == sorted(ROWS)


def test_every_requirement_stands_in_the_table_once() -> None:
    assert len(ROWS) == len(REQUIREMENTS)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each.id)
def test_a_requirement_is_one_readable_sentence(requirement: Requirement) -> None:
    assert requirement.sentence.endswith(".")
    assert len(requirement.sentence) <= 100
    assert requirement.source


@pytest.mark.parametrize(
    "diverges", [SCRIPT.diverges, HOSTED.diverges, NOVA.diverges, NOVA_V1.diverges, LOCAL_DIVERGES]
)
def test_a_divergence_is_of_a_requirement_that_exists(diverges: Mapping[str, str]) -> None:
    assert set(diverges) <= set(ROWS)


def test_a_requirement_applies_where_the_engine_has_what_it_needs() -> None:
    can = Capabilities(tools=False, text_input=False)
    blind = Subject(name="blind", engine=lambda config: PlainEngine(capabilities=can), prompts={})
    reasons = {each.needs: not_applicable(each, blind) for each in REQUIREMENTS}
    assert {needs for needs, reason in reasons.items() if reason} == {
        "lose",
        "tools",
        "speech",
        "transcripts",
        "manual",
        "text_input",
        "two_calls",
        "updates",
    }
    assert reasons["lose"] == "blind has no lose"


class Mute(PlainEngine):
    """Starts, and never answers."""


def test_an_engine_that_does_not_conform_is_found_out() -> None:
    mute = Subject(
        name="mute",
        engine=lambda config: Mute(config=config),
        prompts={Ask.SHORT: "Hello?"},
        run=SCRIPT.run,
        diverges={"response.frame": "it never answers", "session.closes-once": "it does"},
    )
    with pytest.raises(AssertionError, match="no turn_end within 5 s after session_started"):
        conforms(ROWS["turn.once"], mute)
    conforms(ROWS["response.frame"], mute)
    with pytest.raises(AssertionError, match=r"mute meets session.closes-once by now: strike out"):
        conforms(ROWS["session.closes-once"], mute)
