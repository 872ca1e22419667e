from hypothesis import given
from hypothesis import strategies as st

from s2s.wire.gemini.callnames import CallNames

IDS = st.none() | st.sampled_from(["", "fc_1", "fc_2", "call_1", "call_2", "fc_1_1"])


def test_a_call_keeps_the_name_that_the_service_gave_it() -> None:
    names = CallNames()
    assert (names.name("fc_1"), names.theirs("fc_1"), names.ours("fc_1")) == ("fc_1", "fc_1", "fc_1")


def test_a_call_that_is_told_twice_is_one() -> None:
    names = CallNames()
    assert [names.name("fc_1"), names.name("fc_1")] == ["fc_1", None]


def test_a_call_without_a_name_gets_one_that_the_service_does_not_hear() -> None:
    names = CallNames()
    assert [names.name(None), names.name("")] == ["call_1", "call_2"]
    assert [names.theirs("call_1"), names.theirs("call_2")] == [None, None]


def test_a_service_that_begins_anew_may_use_a_name_again() -> None:
    names = CallNames()
    names.name("fc_1")
    names.begin_anew()
    again = names.name("fc_1")
    assert again == "fc_1_1"
    assert (names.theirs(again), names.ours("fc_1")) == ("fc_1", "fc_1_1")


@given(st.lists(IDS | st.just("anew"), max_size=40))
def test_no_two_calls_have_one_name(said: list[str | None]) -> None:
    names, given_ = CallNames(), []
    for each in said:
        if each == "anew":
            names.begin_anew()
        elif (ours := names.name(each)) is not None:
            given_.append(ours)
            assert names.theirs(ours) == (each or None)
    assert len(given_) == len(set(given_))


def test_of_very_many_the_oldest_are_forgotten() -> None:
    names = CallNames()
    for n in range(1500):
        names.name(f"fc_{n}")
    assert names.name("fc_0") == "fc_0"
    assert names.name("fc_1499") is None
