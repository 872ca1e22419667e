from s2s.errors import ProviderError
from s2s.events import Error, Tokens, Transcript, Usage, UsageUpdate
from s2s.wire.openai import messages as m
from s2s.wire.openai.transcripts import Transcripts


def test_words_grow_and_are_completed() -> None:
    words = Transcripts()
    assert words.hear(m.TranscriptionDelta(item_id="u1", delta="Hel")) == [Transcript("Hel", "u1", "Hel")]
    assert words.hear(m.TranscriptionDelta(item_id="u1", delta="lo")) == [Transcript("Hello", "u1", "lo")]
    whole = m.TranscriptionCompleted(item_id="u1", transcript="Hello.")
    assert words.hear(whole) == [Transcript("Hello.", "u1", ".", final=True)]


def test_words_of_two_items_do_not_mix() -> None:
    words = Transcripts()
    words.hear(m.TranscriptionDelta(item_id="u1", delta="One"))
    assert words.hear(m.TranscriptionDelta(item_id="u2", delta="Two")) == [Transcript("Two", "u2", "Two")]
    late = words.hear(m.TranscriptionCompleted(item_id="u1", transcript="One."))
    assert late == [Transcript("One.", "u1", ".", final=True)]


def test_words_that_come_whole_each_time_are_told_by_what_is_new() -> None:
    words = Transcripts()
    words.hear(m.TranscriptionUpdated(item_id="u1", transcript="Turn"))
    assert words.hear(m.TranscriptionUpdated(item_id="u1", transcript="Turn on")) == [
        Transcript("Turn on", "u1", " on")
    ]
    revised = words.hear(m.TranscriptionUpdated(item_id="u1", transcript="Burn on"))
    assert revised == [Transcript("Burn on", "u1", "Burn on")]
    assert words.hear(m.TranscriptionUpdated(item_id="u1", transcript="Burn on")) == []


def test_segments_are_joined_unless_their_words_came_already() -> None:
    words = Transcripts()
    words.hear(m.TranscriptionSegment(item_id="u1", text="Hello."))
    assert words.hear(m.TranscriptionSegment(item_id="u1", text="Bye.")) == [
        Transcript("Hello. Bye.", "u1", " Bye.")
    ]
    assert words.hear(m.TranscriptionSegment(item_id="u1", text="Bye.")) == []


def test_words_that_cannot_be_had_end_the_item_and_are_an_error() -> None:
    words = Transcripts()
    words.hear(m.TranscriptionDelta(item_id="u1", delta="Hel"))
    told, error = words.hear(m.TranscriptionFailed(item_id="u1", error=m.Problem(message="no speech")))
    assert told == Transcript("Hel", "u1", "", final=True)
    assert isinstance(error, Error)
    assert isinstance(error.error, ProviderError)
    assert "(no speech)" in str(error.error)
    assert not error.fatal


def test_an_empty_transcript_is_told_for_what_it_is() -> None:
    whole = m.TranscriptionCompleted(item_id="u1", transcript="")
    assert Transcripts().hear(whole) == [Transcript("", "u1", "", final=True)]


def test_language_and_cost_of_a_transcript_are_told() -> None:
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 3, "total_tokens": 17}
    whole = m.TranscriptionCompleted(item_id="u1", transcript="Oui.", languages=["fr"], usage=usage)
    assert Transcripts().hear(whole) == [
        Transcript("Oui.", "u1", "Oui.", final=True, language="fr"),
        UsageUpdate(Usage(Tokens(14), Tokens(3))),
    ]


def test_seconds_are_no_tokens() -> None:
    whole = m.TranscriptionCompleted(
        item_id="u1", transcript="Oui.", usage={"type": "duration", "seconds": 2}
    )
    assert len(Transcripts().hear(whole)) == 1
