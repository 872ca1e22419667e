"""What the user says."""

from s2s.events import Transcript
from s2s.items import Message
from s2s.wire.nova.memory import Memory
from s2s.wire.nova.speech import Speech


def test_blocks_are_one_item_until_it_is_over() -> None:
    memory = Memory([])
    speech = Speech(memory, told=True)
    assert speech.heard(" Hello,") == [Transcript("Hello,", "user_1", "Hello,")]
    assert speech.heard("you.") == [Transcript("Hello, you.", "user_1", " you.")]
    assert speech.words == "Hello, you."
    assert speech.over() == [Transcript("Hello, you.", "user_1", "", final=True)]
    assert [*memory.messages] == [Message("user", "Hello, you.", "user_1")]
    assert speech.over() == []
    assert speech.heard("Bye.") == [Transcript("Bye.", "user_2", "Bye.")]


def test_nothing_is_no_item() -> None:
    speech = Speech(Memory([]), told=True)
    assert speech.heard("  ") == []
    assert speech.over() == []


def test_what_nobody_wants_to_know_is_remembered_all_the_same() -> None:
    memory = Memory([])
    speech = Speech(memory, told=False)
    assert speech.heard("Hello.") == []
    assert speech.take() == ([], Message("user", "Hello.", "user_1"))
    assert [each.text for each in memory.messages] == ["Hello."]
