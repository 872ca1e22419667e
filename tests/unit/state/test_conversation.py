import pytest

from s2s.items import Call, Item, Message, ToolResult
from s2s.state.conversation import Conversation


def spoken(*pieces: tuple[str, float]) -> Conversation:
    conversation = Conversation()
    for text, at_ms in pieces:
        conversation.said("a", text, at_ms)
    return conversation


def test_it_begins_with_its_seed_in_order() -> None:
    seed: list[Item] = [
        Message("system", "Be brief."),
        Message("user", "Hi"),
        Message("assistant", "Hello", "a"),
    ]
    assert Conversation(seed).items == tuple(seed)


def test_an_item_of_the_same_id_is_replaced_where_it_stands() -> None:
    call, result = Call("c", "look_up", {"city": "Bonn"}), ToolResult("c", "rain")
    conversation = Conversation([Message("user", "Hi", "u"), call, result])
    conversation.add(ToolResult("c", "sun"))
    conversation.add(Message("user", "Hello", "u"))
    assert conversation.items == (Message("user", "Hello", "u"), call, ToolResult("c", "sun"))


def test_messages_without_an_id_never_replace_one_another() -> None:
    conversation = Conversation([Message("user", "one", "u"), Message("user", "two")])
    conversation.drop("u")
    conversation.add(Message("user", "three"))
    conversation.add(Message("user", "three"))
    assert [each.text for each in conversation.items if isinstance(each, Message)] == [
        "two",
        "three",
        "three",
    ]


def test_a_late_transcript_keeps_its_place() -> None:
    conversation = Conversation()
    conversation.heard_user("u", "")
    conversation.said("a", "Yes?", 0)
    assert list(conversation.items) == [Message("assistant", "Yes?", "a")]
    conversation.heard_user("u", "Hello")
    assert list(conversation.items) == [Message("user", "Hello", "u"), Message("assistant", "Yes?", "a")]


def test_a_message_without_a_word_is_left_out() -> None:
    conversation = Conversation()
    conversation.heard_user("u", "")
    assert conversation.items == ()
    assert "u" in conversation
    assert "v" not in conversation


def test_what_was_dropped_is_gone() -> None:
    conversation = spoken(("Yes.", 0))
    conversation.drop("a")
    conversation.drop("nobody")
    assert conversation.items == ()
    assert conversation.heard_until("a", 50, 100) == ""


@pytest.mark.parametrize(
    ("heard_ms", "heard"),
    [
        (0, ""),
        (99, ""),
        (100, "One"),
        (199, "One"),
        (200, "One two"),
        (250, "One two"),
        (300, "One two three"),
    ],
)
def test_the_cut_is_exact_to_the_pieces_of_text(heard_ms: float, heard: str) -> None:
    conversation = spoken(("One", 0), (" two", 100), (" three", 200))
    assert conversation.heard_until("a", heard_ms, 300) == heard
    assert conversation.items == (Message("assistant", "One two three", "a", heard_text=heard),)


@pytest.mark.parametrize(
    ("heard_ms", "heard"),
    [
        (0, ""),
        (400, "The"),
        (500, "The"),
        (550, "The quick"),
        (999, "The quick brown"),
        (1000, "The quick brown fox"),
    ],
)
def test_within_a_piece_the_cut_is_by_proportion_at_the_start_of_a_word(heard_ms: float, heard: str) -> None:
    conversation = spoken(("The quick brown fox", 0))
    assert conversation.heard_until("a", heard_ms, 1000) == heard


@pytest.mark.parametrize(("heard_ms", "heard"), [(0, ""), (550, "The quick"), (1000, "The quick brown fox")])
def test_text_that_came_before_its_audio_is_no_more_heard_than_the_audio(heard_ms: float, heard: str) -> None:
    conversation = spoken(("The", 0), (" quick", 0), (" brown", 0), (" fox", 0))
    assert conversation.heard_until("a", heard_ms, 1000) == heard


def test_text_that_came_after_its_audio_is_heard_with_the_last_of_it() -> None:
    conversation = spoken(("The", 0), (" fox", 1000))
    assert conversation.heard_until("a", 999, 1000) == ""
    assert conversation.heard_until("a", 1000, 1000) == "The fox"


def test_audio_without_text_leaves_no_message() -> None:
    conversation = Conversation()
    assert conversation.heard_until("a", 100, 200) == ""
    assert conversation.items == ()
