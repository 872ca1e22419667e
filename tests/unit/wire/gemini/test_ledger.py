from __future__ import annotations

from tests.support.gemini_server import BONN, ROME, TEA

from s2s.wire.gemini.ledger import Tools, remember
from s2s.wire.gemini.messages import FunctionDeclaration, Tool


def tools() -> Tools:
    """Return tools with three open calls, the last of which holds nobody up."""
    made = Tools()
    named = [FunctionDeclaration(name="look_up"), FunctionDeclaration(name="order", behavior="NON_BLOCKING")]
    made.declare([Tool(function_declarations=named), Tool()], "BLOCKING")
    for each in (BONN, ROME, TEA):
        made.calls.opened(each, "r1")
    return made


def test_calls_block_unless_their_tool_does_not() -> None:
    assert tools().blocking == ("c1", "c2")
    other = tools()
    other.declare(None, "BLOCKING")
    assert other.blocking == ("c1", "c2", "c3")


def test_a_call_is_found_by_its_id_or_by_its_name_alone() -> None:
    assert tools().find("c2", "look_up") == ROME
    assert tools().find(None, "look_up") == BONN
    assert tools().find("", "order") == TEA
    assert tools().find("c9", "look_up") is None
    assert tools().find(None, None) is None


def test_an_answer_is_collected_from_its_parts() -> None:
    made = tools()
    assert made.collected("c1", "whole") == "whole"
    made.collect("c1", "a")
    made.collect("c1", "b")
    assert made.collected("c1", "c") == "a\nb\nc"
    made.collect("c1", "a")
    assert made.collected("c1", "") == "a"
    assert made.collected_bytes == 0


def test_parts_of_an_answer_count_for_the_memory_that_they_take() -> None:
    made = tools()
    for _ in range(1000):
        made.collect("c1", "")
    assert made.collected_bytes > 20_000
    made.collected("c1")
    assert made.collected_bytes == 0


def test_what_is_taken_back_is_forgotten_but_for_its_name() -> None:
    made = tools()
    made.collect("c1", "a")
    assert made.withdraw(("c1", "c9")) == ("c1",)
    assert made.collected_bytes == 0
    assert list(made.withdrawn) == ["c1"]
    assert made.find("c1", None) is None


def test_not_everything_is_remembered() -> None:
    known: dict[str, int] = {}
    for number in range(300):
        remember(known, str(number), number)
    assert list(known.values()) == list(range(44, 300))
