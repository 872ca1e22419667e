from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s2s.events import Tokens, Usage
from s2s.wire.nova import messages as m
from s2s.wire.nova.tally import Tally

COUNTS = st.integers(0, 1000)


def test_what_was_spent_is_told_with_what_was_spent_before() -> None:
    tally = Tally()
    tally.count(Usage(Tokens(10, text=4, audio=6), Tokens(7, text=2, audio=5)))
    assert tally.count(Usage(Tokens(1, text=1), Tokens(3, audio=3))) == m.UsageEvent(
        details=m.UsageDetails(
            delta=m.Tokens(
                input=m.Modalities(speech_tokens=0, text_tokens=1),
                output=m.Modalities(speech_tokens=3, text_tokens=0),
            ),
            total=m.Tokens(
                input=m.Modalities(speech_tokens=6, text_tokens=5),
                output=m.Modalities(speech_tokens=8, text_tokens=2),
            ),
        ),
        total_input_tokens=11,
        total_output_tokens=10,
        total_tokens=21,
    )


def test_tokens_of_no_kind_are_text() -> None:
    told = Tally().count(Usage(Tokens(10), Tokens(9, audio=4, image=2)))
    assert told.details is not None
    assert told.details.delta == m.Tokens(
        input=m.Modalities(speech_tokens=0, text_tokens=10),
        output=m.Modalities(speech_tokens=4, text_tokens=5),
    )


@given(st.lists(st.builds(Usage, *(2 * [st.builds(Tokens, COUNTS, COUNTS, COUNTS)])), min_size=1, max_size=5))
def test_everything_adds_up(spent: list[Usage]) -> None:
    tally = Tally()
    told = [tally.count(each) for each in spent]
    deltas = [each.details.delta for each in told if each.details and each.details.delta]
    kinds = [kind for each in deltas for kind in (each.input, each.output) if kind]
    counted = sum((each.speech_tokens or 0) + (each.text_tokens or 0) for each in kinds)
    assert counted == told[-1].total_tokens
