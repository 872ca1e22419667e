from collections.abc import Sequence

import msgspec
import pytest
from tests.support.chatserver import call, chunk

from s2s.errors import ProviderError, RemoteProtocolError, S2SError
from s2s.items import JSON, Call, Item, Message, ToolResult
from s2s.providers.local.brains.completions import DONE, Answer, messages, request
from s2s.providers.local.endpoints.endpoint import Endpoint
from s2s.providers.local.stages import Prompt, Thought
from s2s.tools import ToolSpec

ENDPOINT = Endpoint("http://127.0.0.1:1/v1", {"Authorization": "Bearer sk-canary"})
PROMPT = Prompt((Message("user", "Hello"),))


def answer(*chunks: str) -> list[Thought]:
    arriving = Answer(ENDPOINT, "call_1")
    thoughts = [thought for each in chunks for thought in arriving.push(each)]
    assert arriving.finish
    return thoughts


def fields(prompt: Prompt = PROMPT, body: dict[str, JSON] | None = None) -> dict[str, JSON]:
    return msgspec.json.decode(request(prompt, "tiny", body or {}), type=dict[str, JSON])


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        (
            [[call(0, "a", "move", "")], [call(0, arguments='{"x"')], [call(0, arguments=": 1}")]],
            [Call("a", "move", {"x": 1}, '{"x": 1}')],
        ),
        (
            [
                [call(0, "a", "one"), call(1, "b", "two")],
                [call(1, arguments='{"y": 2}'), call(0, arguments='{"x":')],
                [call(0, arguments=" 1}")],
            ],
            [Call("a", "one", {"x": 1}, '{"x": 1}'), Call("b", "two", {"y": 2}, '{"y": 2}')],
        ),
        (
            [[call(0, "a", "one", "{}")], [call(0, "b", "two", "{}")]],
            [Call("a", "one"), Call("b", "two")],
        ),
        (
            [[call(None, "a", "one", "{}"), call(None, "b", "two", "{}")]],
            [Call("a", "one"), Call("b", "two")],
        ),
        ([[call(0, None, "one", "{}")]], [Call("call_1_0", "one")]),
        ([[call(0, "a", "one")]], [Call("a", "one")]),
        ([[call(0, "a", "one", '{"x": ')]], [Call("a", "one", {}, '{"x": ')]),
        ([[call(0, "a", "one", "[1]")]], [Call("a", "one", {}, "[1]")]),
    ],
)
def test_calls_are_put_together_from_their_deltas(deltas: list[list[JSON]], calls: list[Call]) -> None:
    chunks = [chunk(content="Let me see."), *(chunk(tool_calls=delta) for delta in deltas)]
    assert answer(*chunks, chunk("tool_calls"), DONE) == ["Let me see.", *calls]
    assert answer(*chunks, DONE) == ["Let me see.", *calls]


def test_an_answer_ends_with_its_reason_or_with_the_stream() -> None:
    arriving = Answer(ENDPOINT, "call_1")
    chunks = (chunk(content="Hi"), chunk("length"), DONE)
    seen = [([*arriving.push(each)], arriving.finish) for each in chunks]
    assert seen == [(["Hi"], ""), ([], "length"), ([], "length")]


@pytest.mark.parametrize(
    ("chunks", "kind", "match"),
    [
        (['{"error": {"message": "out of memory"}}'], ProviderError, "failed: out of memory; ask again"),
        (['{"error": {"message": "sk-canary"}}'], ProviderError, r"failed: \*\*\*; ask again"),
        (["{oops"], RemoteProtocolError, "no chunk of a chat completion"),
        (['{"choices": 5}'], RemoteProtocolError, "no chunk of a chat completion"),
        (["[" * 100_000], RemoteProtocolError, "no chunk of a chat completion"),
        ([chunk(tool_calls=[call(0, "a")]), DONE], RemoteProtocolError, "without a name"),
        ([chunk("content_filter")], ProviderError, "filtered"),
    ],
)
def test_what_is_no_answer_raises(chunks: Sequence[str], kind: type[S2SError], match: str) -> None:
    with pytest.raises(kind, match=match) as failed:
        answer(*chunks)
    assert len(str(failed.value)) < 600


def test_the_request_says_all_that_the_prompt_says() -> None:
    spec = ToolSpec("move", "Move it.", {"type": "object", "properties": {"x": {"type": "integer"}}})
    prompt = Prompt((Message("user", "Go"),), "Be brief.", (spec,), temperature=0.5, max_output_tokens=50)
    assert fields(prompt) == {
        "model": "tiny",
        "stream": True,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Go"}],
        "tools": [{"type": "function", "function": msgspec.to_builtins(spec)}],
        "temperature": 0.5,
        "max_tokens": 50,
    }


def test_the_request_says_no_more_than_that() -> None:
    assert set(fields()) == {"model", "stream", "messages"}


def test_fields_of_the_body_come_last() -> None:
    body = {"max_tokens": None, "max_completion_tokens": 60, "keep_alive": "10m"}
    told = fields(Prompt(PROMPT.history, max_output_tokens=50), body)
    assert "max_tokens" not in told
    assert (told["max_completion_tokens"], told["keep_alive"]) == (60, "10m")


def function(id: str, name: str = "move", arguments: str = "{}") -> JSON:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(id: str, content: str) -> JSON:
    return {"role": "tool", "tool_call_id": id, "content": content}


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ((), []),
        (
            (Message("user", "Hi"), Message("assistant", "Hello! How are you?", heard_text="Hello!")),
            [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
        ),
        (
            (Message("user", "Hi"), Message("assistant", "Hello!", heard_text=""), Message("user", "Stop")),
            [{"role": "user", "content": "Hi\nStop"}],
        ),
        (
            (
                Message("assistant", "I go."),
                Call("a", "move", {}, "{}"),
                Call("b", "turn"),
                ToolResult("b", "2"),
            ),
            [
                {
                    "role": "assistant",
                    "content": "I go.",
                    "tool_calls": [function("a"), function("b", "turn")],
                },
                result("a", "Error: the tool has not answered"),
                result("b", "2"),
            ],
        ),
        (
            (
                *(Call("a", "move"), ToolResult("a", "1")),
                *(Call("b", "move", {}, "{oops"), ToolResult("b", "stuck", is_error=True)),
                Message("assistant", "Done."),
            ),
            [
                {"role": "assistant", "content": None, "tool_calls": [function("a")]},
                result("a", "1"),
                {"role": "assistant", "content": None, "tool_calls": [function("b", arguments="{oops")]},
                result("b", "Error: stuck"),
                {"role": "assistant", "content": "Done."},
            ],
        ),
        (
            (Call("a", "move"), Message("user", "And?"), ToolResult("a", "late")),
            [
                {"role": "assistant", "content": None, "tool_calls": [function("a")]},
                result("a", "late"),
                {"role": "user", "content": "And?"},
            ],
        ),
        (
            (ToolResult("gone", "42"), Message("user", " ")),
            [{"role": "system", "content": "The result of a tool: 42"}],
        ),
        (
            (Message("system", "In French."), Message("user", "Hi")),
            [{"role": "system", "content": "In French."}, {"role": "user", "content": "Hi"}],
        ),
    ],
)
def test_the_history_is_told_as_the_endpoint_wants_it(
    history: tuple[Item, ...], expected: list[JSON]
) -> None:
    assert messages(Prompt(history)) == expected


def test_instructions_and_system_messages_become_one() -> None:
    told = messages(Prompt((Message("system", "In French."),), instructions="Be brief."))
    assert told == [{"role": "system", "content": "Be brief.\nIn French."}]
