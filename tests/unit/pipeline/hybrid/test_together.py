"""What two engines can do together."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from s2s.capabilities import Capabilities
from s2s.pipeline.hybrid.together import has_language, together

CAN = st.builds(
    Capabilities,
    turns=st.booleans(),
    barge_in=st.booleans(),
    interrupt=st.sampled_from(["server_confirmed", "requested", "local_only"]),
    resets=st.booleans(),
    turn_detection=st.sampled_from([("server", "manual"), ("server",), ("local", "server")]),
    text_input=st.booleans(),
    images=st.booleans(),
    updates=st.booleans(),
    voice_locks=st.booleans(),
    max_session_s=st.none() | st.floats(1, 1000),
    languages=st.sampled_from([(), ("en",), ("de", "en")]),
)
NEEDED = ("turns", "barge_in", "text_input", "images", "tools", "transcripts", "updates", "out_of_band")


@given(one=CAN, two=CAN)
def test_of_each_field_the_weaker_holds(one: Capabilities, two: Capabilities) -> None:
    both = together(one, two)
    for name in NEEDED:
        assert getattr(both, name) == (getattr(one, name) and getattr(two, name))
    assert both.voice_locks == (one.voice_locks or two.voice_locks)
    assert set(both.turn_detection) == set(one.turn_detection) & set(two.turn_detection)
    weakest = next(
        e for e in ("local_only", "requested", "server_confirmed") if e in (one.interrupt, two.interrupt)
    )
    assert both.interrupt == weakest
    bounds = [each.max_session_s for each in (one, two) if each.max_session_s is not None]
    assert both.max_session_s == min(bounds, default=None)


def test_either_can_be_stopped_or_replaced_where_there_is_a_reset() -> None:
    stopped, reset = Capabilities(interrupt="requested"), Capabilities(interrupt="local_only", resets=True)
    neither = Capabilities(interrupt="local_only")
    assert together(reset, stopped).resets
    assert not together(stopped, stopped).resets
    assert not together(reset, neither).resets


def test_audio_comes_at_the_rates_of_s2s_and_goes_at_those_of_both() -> None:
    s2s = Capabilities(input_rates=(24_000,), output_rates=(24_000,))
    cascade = Capabilities(input_rates=(16_000,), output_rates=(24_000, 22_050))
    both = together(s2s, cascade)
    assert (both.input_rates, both.output_rates) == ((24_000,), (24_000, 22_050))


def test_what_passed_is_told_again_and_what_was_heard_is_taken() -> None:
    both = together(Capabilities(truncate=False, resumption="native"), Capabilities())
    assert (both.truncate, both.resumption) == (True, "replay")


def test_who_names_no_language_has_all_of_them() -> None:
    some, all_ = Capabilities(languages=("en-US", "de")), Capabilities()
    assert together(some, all_).languages == together(all_, some).languages == ("en-US", "de")
    assert together(some, Capabilities(languages=("de", "fr"))).languages == ("de",)
    assert has_language(some, "EN-gb")
    assert has_language(all_, "xx")
    assert not has_language(some, "fr")


def test_every_field_is_thought_of() -> None:
    assert {*NEEDED} | {
        "input_rates",
        "output_rates",
        "turn_detection",
        "interrupt",
        "resets",
        "truncate",
    } | {*("voice_locks", "resumption", "max_session_s", "languages")} == set(
        msgspec.structs.asdict(Capabilities())
    )
