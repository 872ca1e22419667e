"""What nobody has answered, and how another side hears of it."""

from hypothesis import given
from hypothesis import strategies as st

from s2s.commands import (
    AddItem,
    AppendAudio,
    AppendImage,
    Cancel,
    ClearAudio,
    Command,
    CommitAudio,
    CreateResponse,
    SendToolResult,
)
from s2s.items import Call, Message
from s2s.pipeline.hybrid.owed import Asked, command_of
from s2s.pipeline.hybrid.sound import Sound
from s2s.pipeline.hybrid.unanswered import Unanswered

RATE = 1000
SECOND = 2000
"""Bytes of it, at this rate."""


def unanswered(*commands: Command, answers: bool = True) -> Unanswered:
    """Return what was asked so far, at second 0."""
    made = Unanswered(RATE, answers_speech=answers)
    for each in commands:
        made.tell(each, 0.0)
    return made


def heard(made: Unanswered, seconds: float, value: int = 1) -> None:
    made.tell(AppendAudio(bytes([value]) * int(seconds * SECOND)), 0.0)


def again(made: Unanswered, *, quiet: bool = False) -> list[Command | float]:
    """Return what is told once more, audio as its seconds."""
    told: list[Command | float] = []
    for each in map(command_of, made.repeated(quiet=quiet).again):
        if not isinstance(each, AppendAudio):
            told.append(each)
        elif told and isinstance(told[-1], float):
            told[-1] += len(each.audio) / SECOND
        else:
            told.append(len(each.audio) / SECOND)
    return told


def typed(text: str) -> AddItem:
    return AddItem(Message("user", text, f"id of {text}"))


def test_nothing_is_owed_at_the_beginning() -> None:
    made = unanswered()
    assert (again(made), again(made, quiet=True), made.owing.waiting, made.tells_speech) == (
        [],
        [],
        False,
        False,
    )


def test_a_question_comes_again_and_its_words_are_part_of_the_conversation() -> None:
    made = unanswered(typed("one"), CreateResponse("x"))
    assert (again(made), made.repeated(quiet=False).apart) == ([CreateResponse("x")], frozenset())
    made.begun("r1", "application")
    assert again(made) == []
    made.part()
    assert again(made) == [CreateResponse("x")]
    made.begun("r2", "application")
    made.said("r2")
    made.part()
    assert again(made) == []


def test_of_several_questions_the_later_words_come_in_their_place() -> None:
    made = unanswered(typed("one"), CreateResponse(), typed("two"), CreateResponse())
    assert again(made) == [CreateResponse(), typed("two"), CreateResponse()]
    assert made.repeated(quiet=False).apart == {"id of two"}
    made.begun("r1", "application")
    assert again(made) == [CreateResponse()]


def test_words_and_audio_keep_their_order() -> None:
    made = unanswered()
    heard(made, 1)
    made.began("u1", 0)
    made.tell(typed("one"), 0)
    heard(made, 2)
    made.tell(CreateResponse(), 0)
    heard(made, 3)
    assert again(made) == [1.0, typed("one"), 2.0, CreateResponse(), 3.0]


def test_who_speaks_is_heard_from_a_little_before_that() -> None:
    made = unanswered()
    heard(made, 5)
    made.began("u1", 4 * SECOND)
    assert (again(made), made.owing.speaking, made.owing.waiting) == ([1.4], True, True)


def test_a_place_that_cannot_be_is_taken_for_the_place_of_the_moment() -> None:
    made = unanswered()
    heard(made, 5)
    made.began("u1", 99 * SECOND)
    assert again(made) == [0.4]


def test_nothing_that_was_answered_is_heard_again() -> None:
    made = unanswered()
    heard(made, 5)
    made.began("u1", 1 * SECOND)
    made.stopped("u1", 4 * SECOND, 0)
    made.begun("r1", "user_turn")
    made.said("r1")
    assert (again(made), again(made, quiet=True)) == ([], [1.0])
    made.began("u2", 4 * SECOND)
    assert again(made) == [1.0]


def test_an_answer_without_a_word_leaves_its_question() -> None:
    made = unanswered()
    heard(made, 5)
    made.began("u1", 1 * SECOND)
    made.stopped("u1", 4 * SECOND, 0)
    made.begun("r1", "user_turn")
    made.part()
    assert again(made) == [4.4]


def test_an_answer_that_ended_without_a_word_was_one() -> None:
    made = unanswered(CreateResponse())
    made.begun("r1", "application")
    made.ended("r1")
    made.part()
    assert again(made) == []


def test_what_was_understood_is_asked_in_words() -> None:
    made = unanswered()
    heard(made, 5)
    made.began("u1", 1 * SECOND)
    made.stopped("u1", 3 * SECOND, 0)
    made.understood("u1", "Hello", 0)
    repeated = made.repeated(quiet=False)
    assert (repeated.again, repeated.apart) == ((Asked("user_turn"),), frozenset())
    assert again(made, quiet=True) == [CreateResponse(), 1.0]
    made.begun("r1", "user_turn")
    assert again(made) == []


def test_words_that_come_late_change_nothing() -> None:
    made = unanswered()
    heard(made, 5)
    made.began("u1", 1 * SECOND)
    made.stopped("u1", 3 * SECOND, 0)
    made.begun("r1", "user_turn")
    made.said("r1")
    made.understood("u1", "Hello", 0)
    made.ended("r1")
    made.understood("u1", "Hello there", 0)
    assert (again(made), made.owing.waiting) == ([], False)


def test_noise_without_a_word_needs_no_answer() -> None:
    made = unanswered()
    heard(made, 5)
    made.began("u1", 1 * SECOND)
    made.stopped("u1", 3 * SECOND, 0)
    made.understood("u1", " ", 0)
    assert (again(made), made.owing.waiting) == ([], False)


def test_what_follows_something_not_understood_is_heard_again_with_it() -> None:
    made = unanswered()
    heard(made, 9)
    for name, at in (("u1", 1), ("u2", 4)):
        made.began(name, at * SECOND)
        made.stopped(name, (at + 2) * SECOND, 0)
    made.understood("u2", "Hello", 0)
    assert again(made) == [8.4]
    assert made.repeated(quiet=False).apart == {"u1", "u2"}
    made.understood("u1", "Oh", 0)
    repeated = made.repeated(quiet=False)
    assert [command_of(each) for each in repeated.again] == [
        CreateResponse(),
        AddItem(Message("user", "Hello", "u2")),
        CreateResponse(),
    ]
    made.begun("r1", "user_turn")
    assert again(made) == []


def test_a_side_that_tells_of_words_alone_is_asked_about_them() -> None:
    made = unanswered()
    heard(made, 5)
    made.understood("u1", "Hello", 0)
    heard(made, 1)
    assert again(made) == [CreateResponse()]
    assert again(made, quiet=True) == [CreateResponse(), 1.0]


def test_words_that_come_with_the_answer_are_not_asked_about() -> None:
    made = unanswered()
    heard(made, 5)
    made.begun("r1", "user_turn")
    made.said("r1")
    made.understood("u1", "Hello", 0)
    made.ended("r1")
    assert (again(made), made.owing.waiting) == ([], False)


def test_a_side_that_tells_of_no_end_has_heard_all_that_it_answers() -> None:
    made = unanswered()
    heard(made, 5)
    made.began("u1", 1 * SECOND)
    made.begun("r1", "user_turn")
    made.said("r1")
    assert (again(made), made.owing.speaking) == ([], False)


def test_who_speaks_on_while_something_else_is_answered_is_not_forgotten() -> None:
    made = unanswered()
    heard(made, 5)
    made.began("u1", 1 * SECOND)
    made.stopped("u1", 2 * SECOND, 0)
    made.understood("u1", "", 0)
    made.began("u2", 3 * SECOND)
    made.begun("r1", "user_turn")
    assert again(made) == [2.4]


def test_a_turn_that_was_declared_over_is_declared_over_again() -> None:
    made = unanswered()
    heard(made, 1)
    made.tell(CommitAudio(), 0)
    heard(made, 2)
    assert again(made) == [1.0, CommitAudio(), 2.0]
    made.stopped("u1", SECOND, 0)
    assert again(made) == [1.0, CommitAudio(), 2.0]
    made.begun("r1", "user_turn")
    assert again(made) == []
    assert again(made, quiet=True) == [1.0]


def test_a_declared_end_that_nobody_tells_of_is_answered_by_the_next_answer() -> None:
    made = unanswered()
    heard(made, 1)
    made.tell(CommitAudio(), 0)
    heard(made, 2)
    made.begun("r1", "user_turn")
    assert (again(made), again(made, quiet=True)) == ([], [2.0])


def test_speech_that_nobody_was_to_answer_waits_for_no_answer() -> None:
    made = unanswered(answers=False)
    heard(made, 5)
    made.began("u1", SECOND)
    made.stopped("u1", 2 * SECOND, 0)
    assert again(made) == [4.4]
    made.tell(CreateResponse(), 0)
    assert again(made) == [4.4, CreateResponse()]
    made.begun("r1", "application")
    assert again(made) == []


def test_cleared_audio_is_gone_but_not_what_a_turn_has_taken() -> None:
    made = unanswered()
    heard(made, 5)
    made.tell(ClearAudio(), 0)
    heard(made, 1)
    assert again(made, quiet=True) == [1.0]
    made.began("u1", 5 * SECOND)
    made.stopped("u1", int(5.5 * SECOND), 0)
    made.began("u2", int(5.8 * SECOND))
    made.tell(ClearAudio(), 0)
    assert (again(made), made.owing.speaking) == ([1.0], False)


def test_results_that_were_to_be_spoken_of_are_asked_about() -> None:
    made = unanswered(SendToolResult("c1", "x", respond=False), SendToolResult("c2", "y"))
    assert made.repeated(quiet=False).again == (Asked("tool_result"),)
    made.begun("r1", "application")
    assert len(made.repeated(quiet=False).again) == 1
    made.begun("r2", "tool_result")
    assert again(made) == []


def test_an_answer_beside_the_conversation_is_another_one() -> None:
    aside = CreateResponse(out_of_band=True)
    made = unanswered(CreateResponse(), aside)
    made.begun("r1", "out_of_band")
    assert again(made) == [CreateResponse()]
    made.part()
    assert again(made) == [aside, CreateResponse()]


def test_an_engine_that_goes_on_answers_nothing() -> None:
    made = unanswered(CreateResponse())
    made.begun("r1", "continuation")
    assert again(made) == [CreateResponse()]


def test_what_is_typed_may_be_answered_as_a_turn_of_the_user() -> None:
    made = unanswered(typed("one"), CreateResponse())
    made.begun("r1", "user_turn")
    assert again(made) == []


def test_nobody_wants_what_was_cancelled() -> None:
    made = unanswered(CreateResponse(), Cancel("another"), CreateResponse())
    assert len(again(made)) == 2
    made.tell(Cancel(), 0)
    assert again(made) == []


def test_what_was_refused_is_not_asked_again() -> None:
    made = unanswered(CreateResponse("a"), CreateResponse("b"))
    made.refused()
    assert again(made) == [CreateResponse("a")]
    made.refused()
    made.refused()
    assert again(made) == []


def test_patience_ends_for_what_was_said_but_not_for_who_still_speaks() -> None:
    made = unanswered(CreateResponse(), CommitAudio())
    heard(made, 1)
    made.began("u1", 0)
    made.began("u2", SECOND)
    made.stopped("u1", SECOND, 0.0)
    made.expire(29)
    assert made.owing.waiting
    made.expire(31)
    assert [each.item_id for each in made.owing.aloud] == ["u2"]
    assert again(made) == []


def test_who_is_not_noticed_by_the_next_side_is_forgotten_after_a_while() -> None:
    made = unanswered()
    heard(made, 1)
    made.began("u1", 0)
    made.moved(0, 10.0)
    made.expire(39)
    assert made.owing.speaking
    made.expire(41)
    assert not made.owing.speaking


def test_another_side_begins_where_it_listens() -> None:
    made = unanswered()
    heard(made, 5)
    made.moved(5 * SECOND, 0)
    heard(made, 1)
    assert again(made, quiet=True) == [1.0]


def test_only_the_last_half_minute_is_known() -> None:
    made = unanswered()
    heard(made, 20, 1)
    made.began("u1", 0)
    heard(made, 20, 2)
    assert again(made) == [30.0]


def test_pictures_come_again_until_something_is_answered_and_no_more_than_four() -> None:
    made = unanswered(*(AppendImage(bytes([n])) for n in range(6)))
    assert again(made) == [AppendImage(bytes([n])) for n in range(2, 6)]
    made.clear()
    assert len(again(made)) == 4
    made.tell(CreateResponse(), 0)
    made.begun("r1", "application")
    assert again(made) == []


def test_entries_that_are_no_messages_are_owed_to_nobody() -> None:
    assert again(unanswered(AddItem(Call("c1", "f")), AddItem(Message("user", "x")))) == []


def test_all_is_settled_where_a_switch_was_planned() -> None:
    made = unanswered(typed("one"))
    heard(made, 5)
    made.clear()
    heard(made, 1)
    assert (again(made), again(made, quiet=True)) == ([], [1.0])


@given(
    chunks=st.lists(st.binary(max_size=50).map(lambda each: each * 2)),
    begin=st.integers(0, 1000),
    size=st.integers(0, 1000),
)
def test_sound_knows_its_end(chunks: list[bytes], begin: int, size: int) -> None:
    sound = Sound(RATE, 0.1)
    for each in chunks:
        sound.push(each)
    whole = b"".join(chunks)
    assert (sound.end, sound.begin) == (len(whole), max(0, len(whole) - 200))
    first = max(begin, sound.begin)
    assert sound.between(begin, begin + size) == whole[first : max(first, begin + size)]


def test_places_lie_between_samples() -> None:
    sound = Sound(24_000, 1)
    assert [sound.bytes_of(ms) for ms in (0, 1, 0.03, 10)] == [0, 48, 2, 480]
    assert sound.ms_of(480) == 10


def test_an_end_that_is_told_after_the_words_changes_nothing() -> None:
    made = unanswered()
    heard(made, 5)
    made.began("u1", SECOND)
    assert made.tells_speech
    made.understood("u1", "Hello", 0)
    assert (again(made), again(made, quiet=True), made.owing.speaking) == ([CreateResponse()],) * 2 + (False,)
    made.stopped("u1", 2 * SECOND, 0)
    assert again(made) == [CreateResponse()]
    made.began("u2", 3 * SECOND)
    made.understood("u2", "", 0)
    made.stopped("u2", 4 * SECOND, 0)
    made.begun("r1", "user_turn")
    made.stopped("u1", 4 * SECOND, 0)
    assert (again(made), made.owing.waiting) == ([], False)


def test_words_alone_are_asked_about_again_once_their_like_was_answered() -> None:
    made = unanswered()
    made.begun("r1", "user_turn")
    made.said("r1")
    made.ended("r1")
    made.understood("u1", "Hello", 0)
    assert again(made) == [CreateResponse()]
    made.begun("r2", "user_turn")
    made.said("r2")
    made.part()
    made.moved(0, 0)
    made.understood("u2", "And?", 0)
    assert again(made) == [CreateResponse()]


def test_who_is_noticed_again_is_not_forgotten() -> None:
    made = unanswered()
    heard(made, 1)
    made.began("u1", 0)
    made.moved(0, 10.0)
    assert not made.tells_speech
    made.began("u1", 0)
    made.expire(100)
    assert made.owing.speaking


def test_pictures_and_audio_keep_their_order() -> None:
    made = unanswered()
    heard(made, 1)
    made.tell(CommitAudio(), 0)
    heard(made, 1)
    made.tell(AppendImage(b"x"), 0)
    heard(made, 1)
    assert again(made) == [1.0, CommitAudio(), 1.0, AppendImage(b"x"), 1.0]


def test_nothing_waits_after_all_is_settled() -> None:
    made = unanswered(CreateResponse(), CommitAudio())
    made.began("u1", 0)
    made.clear()
    assert (again(made), made.owing.waiting) == ([], False)
