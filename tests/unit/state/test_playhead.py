import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.state.playhead import Heard, Playhead


def playing(*items: tuple[str, float], at: float = 0.0) -> Playhead:
    """Return a playhead whose application took all of these items at this moment."""
    playhead = Playhead()
    for item_id, ms in items:
        playhead.received(item_id, "r", ms)
        playhead.delivered(item_id, ms, at)
    return playhead


def test_without_a_sink_audio_plays_as_soon_as_the_application_has_it() -> None:
    playhead = playing(("a", 500), at=10)
    assert [playhead.heard_ms("a", now) for now in (10, 10.2, 10.5, 99)] == [0, 200, 500, 500]


def test_what_the_application_does_not_have_is_not_heard() -> None:
    playhead = Playhead()
    playhead.received("a", "r", 500)
    assert playhead.tracks(99) == (Heard("a", "r", 0, 500),)
    playhead.delivered("a", 200, 100)
    assert playhead.tracks(200) == (Heard("a", "r", 200, 500),)


def test_items_play_one_after_the_other() -> None:
    playhead = playing(("a", 300), ("b", 400))
    assert playhead.tracks(0.1) == (Heard("a", "r", 100, 300), Heard("b", "r", 0, 400))
    assert playhead.tracks(0.5) == (Heard("a", "r", 300, 300), Heard("b", "r", 200, 400))


def test_silence_between_two_deliveries_is_not_heard_twice() -> None:
    playhead = playing(("a", 100))
    playhead.received("a", "r", 100)
    playhead.delivered("a", 100, 5.0)
    assert [playhead.heard_ms("a", now) for now in (5.0, 5.05, 6.0)] == [100, 150, 200]


def test_a_sink_knows_best() -> None:
    playhead = playing(("a", 500))
    playhead.played(120)
    assert playhead.heard_ms("a", 99) == 120


def test_a_sink_may_name_the_item() -> None:
    playhead = playing(("a", 500), ("b", 500))
    playhead.played(120, "a")
    assert playhead.tracks(0) == (Heard("a", "r", 120, 500), Heard("b", "r", 0, 500))


@pytest.mark.parametrize(("reported", "heard"), [(-5, 0), (0, 0), (700, 500)])
def test_no_report_goes_beyond_what_was_received(reported: float, heard: float) -> None:
    playhead = playing(("a", 500))
    playhead.played(reported)
    assert playhead.heard_ms("a", 0) == heard


def test_no_clock_goes_beyond_what_was_received() -> None:
    playhead = Playhead()
    playhead.received("a", "r", 100)
    playhead.delivered("a", 100.1, 0)
    assert playhead.heard_ms("a", 99) == 100


def test_reports_on_what_is_not_on_its_way_change_nothing() -> None:
    playhead = Playhead()
    playhead.played(100)
    playhead.played(100, "gone")
    playhead.delivered("gone", 100, 0)
    assert playhead.tracks(1) == ()
    assert (playhead.received_ms("gone"), playhead.heard_ms("gone", 1)) == (0, 0)


def test_a_flush_tells_what_was_cut_and_forgets_everything() -> None:
    playhead = playing(("a", 300), ("b", 400), ("c", 100))
    assert playhead.flush(0.4) == (Heard("b", "r", 100, 400), Heard("c", "r", 0, 100))
    assert playhead.tracks(0.4) == ()


def test_after_a_flush_the_next_item_begins_at_once() -> None:
    playhead = playing(("a", 10_000))
    playhead.flush(1)
    playhead.received("b", "r", 100)
    playhead.delivered("b", 100, 1)
    assert playhead.heard_ms("b", 1.1) == 100


def test_an_item_is_over_once_one_after_it_is_heard() -> None:
    playhead = Playhead()
    playhead.received("a", "r", 500)
    playhead.delivered("a", 300, 0)
    playhead.received("b", "r", 500)
    playhead.delivered("b", 500, 0)
    assert playhead.unheard(0.4) == (Heard("b", "r", 100, 500),)


def test_an_item_whose_last_report_fell_short_is_over_once_the_next_one_is_reported() -> None:
    playhead = playing(("a", 500), ("b", 500))
    playhead.played(499.9, "a")
    playhead.played(1, "b")
    assert playhead.unheard(0) == (Heard("b", "r", 1, 500),)


def test_items_heard_to_their_end_are_forgotten() -> None:
    playhead = playing(("a", 100), ("b", 100))
    playhead.forget_heard(0.15)
    assert playhead.tracks(0.15) == (Heard("b", "r", 50, 100),)
    playhead.forget_heard(0.2)
    assert playhead.tracks(0.2) == ()


moves = st.lists(
    st.tuples(
        st.sampled_from(["received", "delivered", "played", "flush", "forget"]),
        st.sampled_from("abc"),
        st.floats(0, 1000),
        st.floats(0, 2),
    )
)


@given(moves)
def test_whatever_happens_no_more_is_heard_than_was_received_and_never_less_later(
    moves: list[tuple[str, str, float, float]],
) -> None:
    playhead, now = Playhead(), 0.0
    for what, item_id, ms, later_s in moves:
        before = {each.item_id: each for each in playhead.tracks(now)}
        now += later_s
        for each in playhead.tracks(now):
            assert 0 <= each.heard_ms <= each.received_ms
            assert each.heard_ms >= before[each.item_id].heard_ms
        match what:
            case "received":
                playhead.received(item_id, "r", ms)
            case "delivered":
                playhead.delivered(item_id, ms, now)
            case "played":
                playhead.played(ms, item_id)
            case "flush":
                playhead.flush(now)
            case _:
                playhead.forget_heard(now)
