from __future__ import annotations

from s2s.events import SpeechStarted, SpeechStopped, Transcript
from s2s.pipeline import ControlFrame, TextFrame
from s2s.pipeline.utterances import Utterances

BEGIN, END = ControlFrame("start_of_utterance", position_ms=100), ControlFrame("end_of_utterance")


def test_ids_that_there_are_are_kept() -> None:
    user = Utterances(shows=True)
    assert [
        *user.began(ControlFrame("start_of_utterance", item_id="u", position_ms=100)),
        *user.ended(ControlFrame("end_of_utterance", item_id="u", position_ms=900)),
        *user.said(TextFrame("Hello.", item_id="u", language="en")),
    ] == [
        SpeechStarted("u", 100),
        SpeechStopped("u", 900),
        Transcript("Hello.", "u", "Hello.", True, "en"),
    ]


def test_an_utterance_without_an_id_gets_one_for_its_beginning_its_end_and_its_words() -> None:
    user = Utterances(shows=True)
    events = [*user.began(BEGIN), *user.ended(END), *user.said(TextFrame("Hello."))]
    events += [*user.began(BEGIN), *user.said(TextFrame("Bye.")), *user.ended(END)]
    ids = [each.item_id for each in events if isinstance(each, SpeechStarted | SpeechStopped | Transcript)]
    assert ids == [ids[0]] * 3 + [ids[3]] * 3
    assert ids[0] != ids[3]
    assert all(ids)


def test_words_that_come_late_belong_to_the_oldest_utterance_without_any() -> None:
    user = Utterances(shows=True)
    began = [*user.began(BEGIN), *user.ended(END), *user.began(BEGIN), *user.ended(END)]
    ids = [each.item_id for each in began if isinstance(each, SpeechStarted)]
    said = [*user.said(TextFrame("First.")), *user.said(TextFrame("Second."))]
    assert [each.item_id for each in said if isinstance(each, Transcript)] == ids


def test_words_without_speech_are_an_utterance_of_their_own_each() -> None:
    user = Utterances(shows=True)
    one, two = [*user.said(TextFrame("One.")), *user.said(TextFrame("Two."))]
    assert isinstance(one, Transcript)
    assert isinstance(two, Transcript)
    assert one.item_id != two.item_id


def test_words_come_as_all_so_far_and_what_is_new() -> None:
    user = Utterances(shows=True)
    said = [
        *user.said(TextFrame("Hello", final=False)),
        *user.said(TextFrame("Hello there", final=False)),
        *user.said(TextFrame("Hello there.")),
    ]
    assert [(each.text, each.delta, each.final) for each in said if isinstance(each, Transcript)] == [
        ("Hello", "Hello", False),
        ("Hello there", " there", False),
        ("Hello there.", ".", True),
    ]
    assert len({each.item_id for each in said if isinstance(each, Transcript)}) == 1


def test_an_end_without_a_beginning_has_an_id_and_so_have_its_words() -> None:
    user = Utterances(shows=True)
    (stopped,) = user.ended(END)
    (said,) = user.said(TextFrame("Hello."))
    assert isinstance(stopped, SpeechStopped)
    assert isinstance(said, Transcript)
    assert stopped.item_id == said.item_id != ""


def test_what_is_not_to_be_shown_is_not_told() -> None:
    user = Utterances(shows=False)
    (started,) = user.began(BEGIN)
    assert user.said(TextFrame("Hello.")) == ()
    user.shows = True
    (said,) = user.said(TextFrame("Hello again."))
    assert isinstance(started, SpeechStarted)
    assert isinstance(said, Transcript)
    assert said.item_id != started.item_id


def test_who_speaks_is_known() -> None:
    user = Utterances(shows=True)
    speaking = [user.speaking]
    (started,) = user.began(BEGIN)
    speaking.append(user.speaking)
    user.ended(END)
    speaking.append(user.speaking)
    assert isinstance(started, SpeechStarted)
    assert speaking == ["", started.item_id, ""]
