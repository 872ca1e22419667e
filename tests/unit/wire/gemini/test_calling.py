from __future__ import annotations

import pytest
from tests.support.gemini_server import BLOCKS, BONN, ROME, TEA, WORKS_ON, Server, brief, result

from s2s.commands import SendToolResult
from s2s.events import ResponseDone, ResponseGenerated, ResponseStarted, ToolCall, ToolCallCancelled
from s2s.items import Call
from s2s.wire.gemini.profiles import HALF_CASCADE, LIVE_38, NATIVE_25, THINKING_38, Profile

NO_OBJECT = "The arguments are no JSON object: call it again with arguments that fit its schema."
TOO_LONG = "The arguments are too long: call it again with shorter ones."
LONG = Call("long", "look_up", {"text": "x" * 600_000})


def broken(call_id: str, raw: str = "{") -> Call:
    return Call(call_id, "look_up", {}, raw)


def test_all_calls_of_an_answer_come_in_one_message_when_it_is_over() -> None:
    server = Server(NATIVE_25)
    assert server.tells(ResponseStarted("r1"), ToolCall(BONN, "r1")) == []
    assert server.calls(BONN, ROME) == [
        {
            "toolCall": {
                "functionCalls": [
                    {"id": "c1", "name": "look_up", "args": {"city": "Bonn"}},
                    {"id": "c2", "name": "look_up", "args": {"city": "Rome"}},
                ]
            }
        }
    ]


@pytest.mark.parametrize(
    ("profile", "ends"),
    [
        (NATIVE_25, []),
        (LIVE_38, ["over+usage"]),
        (THINKING_38, ["over+IN_PROGRESS+usage"]),
        (HALF_CASCADE, ["generated", "over+usage"]),
    ],
)
def test_the_turn_ends_with_the_calls_or_after_them(profile: Profile, ends: list[str]) -> None:
    assert brief(Server(profile).calls(BONN)) == ["1 calls", *ends]


def test_what_the_calls_cost_is_told_with_the_end_of_the_turn_that_they_began() -> None:
    server = Server(NATIVE_25)
    server.calls(BONN)
    server.results(result())
    over = server.answers("r2")[-1]
    assert isinstance(over, dict)
    assert over["usageMetadata"]["totalTokenCount"] == 34


def test_the_end_of_generation_is_not_told_twice() -> None:
    server = Server(HALF_CASCADE)
    told = server.tells(
        ResponseStarted("r1"), ToolCall(BONN, "r1"), ResponseGenerated("r1"), ResponseDone("r1")
    )
    assert brief(told) == ["generated", "1 calls", "over"]


@pytest.mark.parametrize("raw", ["{", "[1]", "null", "5", "[" * 9999])
def test_a_call_whose_arguments_are_no_object_goes_back_to_the_engine(raw: str) -> None:
    made = Server(NATIVE_25).calls(broken("c1", raw))
    assert made == [SendToolResult("c1", NO_OBJECT, is_error=True)]


@pytest.mark.parametrize("raw", ["{}", "", '{"city":"Bonn"}'])
def test_arguments_may_be_given_only_as_the_model_wrote_them(raw: str) -> None:
    (made,) = Server(NATIVE_25).calls(broken("c1", raw))
    assert isinstance(made, dict)
    assert made["toolCall"]["functionCalls"][0]["args"] == ({"city": "Bonn"} if "Bonn" in raw else {})


def test_of_several_calls_those_that_are_whole_are_told() -> None:
    server = Server(NATIVE_25)
    made = server.calls(broken("c0"), BONN)
    assert brief(made) == ["1 calls", "SendToolResult"]
    assert made[1] == SendToolResult("c0", NO_OBJECT, is_error=True, respond=False)
    assert server.results(result()) == [SendToolResult("c1", "It rains.")]


def test_a_call_that_is_too_long_for_any_client_goes_back_to_the_engine() -> None:
    server = Server(NATIVE_25)
    assert server.calls(LONG) == [SendToolResult("long", TOO_LONG, is_error=True)]
    halves = [Call(f"half{n}", "look_up", {"text": "x" * 300_000}) for n in range(2)]
    assert brief(server.calls(*halves, response_id="r2")) == ["1 calls", "SendToolResult"]
    assert max(map(len, server.said)) < 1024 * 1024


def test_calls_that_are_taken_back_before_they_were_told_are_not_told() -> None:
    server = Server(NATIVE_25)
    server.tells(ResponseStarted("r1"), ToolCall(BONN, "r1"), ToolCall(ROME, "r1"))
    assert server.tells(ToolCallCancelled(("c1",))) == []
    assert brief(server.tells(ResponseDone("r1"))) == ["1 calls"]


def test_calls_that_are_taken_back_end_the_turn_that_waited_for_nothing_else() -> None:
    server = Server(NATIVE_25, tools=[BLOCKS, WORKS_ON])
    server.calls(BONN, TEA)
    assert brief(server.tells(ToolCallCancelled(("c1",)))) == ["1 cancelled"]
    assert brief(server.tells(ToolCallCancelled(("c3", "c9")))) == ["1 cancelled", "over+usage"]
    assert server.tells(ToolCallCancelled(("c3",))) == []
