"""What was said, and how much of it the service can take up again."""

from s2s.items import Call, Item, Message
from s2s.wire.gemini.memory import Memory

HELLO = Message("user", "Hello.")


def test_without_a_handle_the_service_knows_nothing() -> None:
    memory = Memory([HELLO])
    memory.add(Call("c1", "weather"))
    assert memory.handle is None
    assert memory.unkept == [HELLO, Call("c1", "weather")]


def test_with_a_handle_it_knows_what_was_said_before() -> None:
    memory = Memory([HELLO])
    memory.keeps("H1")
    assert (memory.handle, memory.unkept) == ("H1", [])
    memory.add(Message("assistant", "Hi."))
    assert memory.unkept == [Message("assistant", "Hi.")]


def test_a_handle_that_is_refused_is_let_go() -> None:
    memory = Memory([HELLO])
    memory.keeps("H1")
    memory.forgets()
    assert (memory.handle, memory.unkept) == (None, [HELLO])


def test_a_question_is_what_the_user_said_last_and_the_service_has_not_kept() -> None:
    memory = Memory([])
    questions = [memory.question]
    memory.add(HELLO)
    questions.append(memory.question)
    memory.add(Message("assistant", "Hi."))
    questions.append(memory.question)
    memory.add(HELLO)
    memory.keeps("H1")
    questions.append(memory.question)
    assert questions == [None, HELLO, None, None]


def test_nothing_is_no_entry() -> None:
    memory = Memory([])
    memory.add(Message("assistant", " \n"))
    assert memory.unkept == []


def test_of_too_many_the_oldest_go() -> None:
    memory = Memory([])
    said: list[Item] = [Message("user", str(number)) for number in range(1001)]
    for each in said[:600]:
        memory.add(each)
    memory.keeps("H1")
    for each in said[600:]:
        memory.add(each)
    assert memory.unkept == said[600:]
    memory.forgets()
    assert memory.unkept == said[500:]
