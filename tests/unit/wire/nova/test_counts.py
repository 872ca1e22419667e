"""Tokens of one stream."""

from hypothesis import given
from hypothesis import strategies as st

from s2s.events import Tokens, Usage
from s2s.wire.nova import messages as m
from s2s.wire.nova.counts import Meter


def tokens(read: tuple[int, int], said: tuple[int, int]) -> m.Tokens:
    return m.Tokens(input=modalities(*read), output=modalities(*said))


def modalities(speech: int, text: int) -> m.Modalities:
    return m.Modalities(speech_tokens=speech, text_tokens=text)


def test_what_came_since_the_last_event_is_what_counts() -> None:
    told = m.UsageEvent(
        details=m.UsageDetails(delta=tokens((3, 2), (5, 1)), total=tokens((30, 20), (50, 10))),
        total_input_tokens=50,
    )
    assert Meter().spent(told) == Usage(Tokens(5, text=2, audio=3), Tokens(6, text=1, audio=5))


def test_without_it_the_totals_are_compared() -> None:
    meter = Meter()
    first = m.UsageEvent(details=m.UsageDetails(total=tokens((3, 2), (0, 0))))
    assert meter.spent(first) == Usage(Tokens(5, text=2, audio=3))
    assert meter.spent(first) is None
    more = m.UsageEvent(details=m.UsageDetails(total=tokens((3, 4), (1, 0))))
    assert meter.spent(more) == Usage(Tokens(2, text=2), Tokens(1, audio=1))


def test_a_total_is_what_it_says_whatever_came_before_it() -> None:
    meter = Meter()
    meter.spent(
        m.UsageEvent(details=m.UsageDetails(delta=tokens((1, 0), (0, 0)), total=tokens((9, 0), (0, 0))))
    )
    told = m.UsageEvent(details=m.UsageDetails(total=tokens((10, 0), (0, 0))))
    assert meter.spent(told) == Usage(Tokens(1, audio=1))


def test_totals_without_details_are_compared_too() -> None:
    meter = Meter()
    assert meter.spent(m.UsageEvent(total_input_tokens=7, total_output_tokens=2)) == Usage(
        Tokens(7), Tokens(2)
    )
    assert meter.spent(m.UsageEvent(total_input_tokens=9, total_output_tokens=2)) == Usage(Tokens(2))


def test_what_was_counted_by_differences_does_not_count_again_as_a_total() -> None:
    meter = Meter()
    meter.spent(m.UsageEvent(details=m.UsageDetails(delta=tokens((3, 2), (0, 0)))))
    told = m.UsageEvent(details=m.UsageDetails(total=tokens((4, 2), (0, 0))))
    assert meter.spent(told) == Usage(Tokens(1, audio=1))


_COUNT = st.none() | st.integers(-(10**40), 10**40)
_MODALITIES = st.none() | st.builds(m.Modalities, speech_tokens=_COUNT, text_tokens=_COUNT)
_TOKENS = st.none() | st.builds(m.Tokens, input=_MODALITIES, output=_MODALITIES)
_DETAILS = st.none() | st.builds(m.UsageDetails, delta=_TOKENS, total=_TOKENS)
_TOLD = st.builds(m.UsageEvent, details=_DETAILS, total_input_tokens=_COUNT, total_output_tokens=_COUNT)


@given(st.lists(_TOLD, max_size=5))
def test_nothing_is_ever_given_back(told: list[m.UsageEvent]) -> None:
    meter = Meter()
    for each in told:
        spent = meter.spent(each) or Usage()
        for count in (spent.input, spent.output):
            assert min(count.total, count.text, count.audio) >= 0
