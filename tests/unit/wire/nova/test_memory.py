"""What was said, in order."""

from s2s.items import Message
from s2s.wire.nova.memory import Memory
from s2s.wire.nova.reply import End, Reply


def texts(memory: Memory) -> list[str]:
    return [each.text for each in memory.messages]


def test_a_response_stands_where_it_began() -> None:
    memory, reply = Memory([Message("user", "Hi."), Message("system", "Be kind.")]), Reply(1)
    memory.add(reply)
    memory.add(Message("user", "Bye."))
    assert texts(memory) == ["Hi.", "Bye."]
    reply.said.append("Good day.")
    assert texts(memory) == ["Hi.", "Good day.", "Bye."]


def test_what_is_going_to_be_said_anew_is_taken_back_and_nothing_like_it() -> None:
    memory, again = Memory([]), Message("user", "Hi.")
    memory.add(Message("user", "Hi."))
    memory.add(again)
    memory.add(Message("user", "Bye."))
    memory.forget([again])
    assert texts(memory) == ["Hi.", "Bye."]


def test_an_answer_is_cut_to_what_was_heard_of_it() -> None:
    memory, reply = Memory([]), Reply(4)
    reply.say(reply.plan("One two three four.", goes_on=False))
    reply.audio(bytes(4800), 24_000)
    memory.add(reply)
    memory.truncate("item_5", 0.0)
    assert texts(memory) == ["One two three four."]
    memory.truncate("item_4", 55.0)
    assert texts(memory) == ["One two"]


def test_an_answer_that_was_cut_off_may_be_taken_for_unheard_and_no_other() -> None:
    memory, cut, whole = Memory([]), Reply(1, end=End.CUT), Reply(2, end=End.COMPLETED)
    for each in (cut, whole):
        each.said.append(f"{each.number}.")
        memory.add(each)
    assert [memory.unheard(f"item_{number}") for number in (1, 2, 3)] == [True, False, False]
    assert texts(memory) == ["2."]


def test_of_too_much_the_oldest_goes() -> None:
    memory = Memory([])
    for number in range(2001):
        memory.add(Message("user", str(number)))
    assert texts(memory) == [str(number) for number in range(1000, 2001)]
