"""Between what a session says and hears, and what one link does."""

from s2s.capabilities import Capabilities
from s2s.commands import AppendAudio, Cancel, CreateResponse, SendToolResult, Truncate
from s2s.events import ResponseStarted, SpeechStarted, SpeechStopped, Transcript
from s2s.pipeline.hybrid.naming import Naming
from s2s.pipeline.hybrid.owed import Asked, Spoken
from s2s.pipeline.hybrid.translating import Translating

CAN = Capabilities(truncate=True)


def translating(*again: str, can: Capabilities = CAN) -> Translating:
    """Return that of a second link, which hears two seconds again from second 10 on."""
    made = Translating(Naming("cascade2_"), can, 24_000, 24_000)
    made.begin(10_000.0, 2_000.0, [Spoken(each, 0, told={"speech_started"}) for each in again])
    return made


def test_answers_begin_as_what_they_are() -> None:
    made = translating()
    made.asked(CreateResponse())
    made.asked(CreateResponse(out_of_band=True))
    made.asked(Asked("tool_result"))
    made.asked(Asked("user_turn"))
    begun = [made.told(ResponseStarted(f"r{n}", "application")) for n in range(4)]
    origins = [each.origin for each in begun if isinstance(each, ResponseStarted)]
    assert origins == ["application", "tool_result", "user_turn", "application"]
    assert made.told(ResponseStarted("r", "user_turn")) == ResponseStarted("cascade2_r", "user_turn")


def test_places_are_those_of_all_audio() -> None:
    made = translating()
    assert made.told(SpeechStarted("i", 500.0)) == SpeechStarted("cascade2_i", 10_500.0)
    assert made.told(SpeechStopped("i", 600.0)) == SpeechStopped("cascade2_i", 10_600.0)


def test_what_is_heard_again_goes_on_as_what_it_was() -> None:
    made = translating("u1", "u2")
    first = made.told(SpeechStarted("x", 100.0))
    assert first == SpeechStarted("u1", 10_100.0)
    assert (made.doubles(first), made.doubles(first)) == (True, False)
    stopped = made.told(SpeechStopped("x", 900.0))
    assert stopped == SpeechStopped("u1", 10_900.0)
    assert not made.doubles(stopped)
    assert made.told(Transcript("Hello", "x")) == Transcript("Hello", "u1")
    assert made.told(Transcript("And?", "y")) == Transcript("And?", "u2")
    assert made.told(Transcript("Well.", "z")) == Transcript("Well.", "cascade2_z")


def test_what_comes_after_that_is_something_new() -> None:
    made = translating("u1")
    assert made.told(SpeechStarted("x", 2_501.0)) == SpeechStarted("cascade2_x", 12_501.0)
    assert made.told(SpeechStarted("y", 100.0)) == SpeechStarted("cascade2_y", 10_100.0)
    near = translating("u1")
    assert near.told(SpeechStarted("x", 2_500.0)) == SpeechStarted("u1", 12_500.0)


def test_what_is_for_another_link_is_not_asked() -> None:
    made = translating()
    for each in (Cancel("r1"), Truncate("i1", 1), SendToolResult("c1", "x")):
        assert made.asked(each) is None
    assert made.asked(Truncate("cascade2_i1", 1)) == Truncate("i1", 1)
    assert translating(can=Capabilities()).asked(Truncate("cascade2_i1", 1)) is None
    assert made.asked(Cancel("cascade2_r1", "reset")) == Cancel("r1")
    resets = translating(can=Capabilities(resets=True))
    assert resets.asked(Cancel("cascade2_r1", "reset")) == Cancel("r1", "reset")


def test_audio_of_which_nothing_is_complete_is_not_sent() -> None:
    made = Translating(Naming(), CAN, 24_000, 16_000)
    assert made.asked(AppendAudio(bytes(4))) is None
    assert isinstance(made.asked(AppendAudio(bytes(4800))), AppendAudio)
