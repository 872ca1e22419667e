import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import cast

import pytest

from s2s.errors import ConfigError, ProviderError
from s2s.items import Call, Item, Message
from s2s.providers.local.brains.callables import as_brain
from s2s.providers.local.brains.rules import RulesBrain
from s2s.providers.local.pool import Pool
from s2s.providers.local.stages import Brain, Prompt, Thought

History = tuple[Item, ...]
HISTORY: History = (Message("user", "Hello"),)
PROMPT = Prompt(HISTORY, instructions="Be brief.")
CALL = Call("c1", "move")


async def told(brain: Brain, prompt: Prompt = PROMPT) -> list[Thought]:
    return [thought async for thought in brain.respond(prompt)]


def ask(thing: object) -> list[Thought]:
    return asyncio.run(told(as_brain(thing, Pool())))


def plain(history: History) -> str:
    return cast(Message, history[0]).text


def calling(history: History) -> Call:
    return CALL


def generator(history: History) -> Iterator[str | Call]:
    yield plain(history)
    yield CALL


async def coroutine(history: History) -> str:
    await asyncio.sleep(0)
    return plain(history)


async def async_generator(history: History) -> AsyncIterator[str | Call]:
    yield plain(history)
    await asyncio.sleep(0)
    yield CALL


class Talker:
    def __init__(self, text: str = "Hello") -> None:
        self.text = text

    def __call__(self, history: History) -> str:
        return self.text

    def method(self, history: History) -> str:
        return self.text

    async def async_method(self, history: History) -> str:
        return self.text


class AsyncTalker:
    async def __call__(self, history: History) -> AsyncIterator[str | Call]:
        return async_generator(history)


@pytest.mark.parametrize(
    ("thing", "thoughts"),
    [
        (plain, ["Hello"]),
        (calling, [CALL]),
        (generator, ["Hello", CALL]),
        (coroutine, ["Hello"]),
        (async_generator, ["Hello", CALL]),
        (Talker(), ["Hello"]),
        (Talker().method, ["Hello"]),
        (Talker().async_method, ["Hello"]),
        (AsyncTalker(), ["Hello", CALL]),
        (lambda history: coroutine(history), ["Hello"]),
        (lambda history: async_generator(history), ["Hello", CALL]),
        (lambda history: iter(["Hello", CALL]), ["Hello", CALL]),
        (functools.partial(lambda text, history: text, "Hello"), ["Hello"]),
        (lambda *everything: f"{len(everything)} argument", ["1 argument"]),
        (lambda history, prompt: prompt.instructions, ["Be brief."]),
        (lambda history, whatever: whatever.instructions, ["Be brief."]),
        (lambda history, prompt=None: prompt.instructions, ["Be brief."]),
        (lambda history, loud=False: f"loud: {loud}", ["loud: False"]),
        (lambda history: iter([]), []),
        (len, None),
    ],
)
def test_every_kind_of_callable_is_a_brain(thing: object, thoughts: list[Thought] | None) -> None:
    if thoughts is None:
        with pytest.raises(ProviderError, match="the brain len gave int"):
            ask(thing)
    else:
        assert ask(thing) == thoughts


def test_only_what_is_not_async_leaves_the_loop() -> None:
    def where(history: History) -> str:
        return threading.current_thread().name

    def steps(history: History) -> Iterator[str]:
        yield threading.current_thread().name

    async def here(history: History) -> str:
        return threading.current_thread().name

    assert ask(where) == ask(steps) == ["s2s-pool"]
    assert ask(here) == ["MainThread"]


def test_a_brain_is_returned_as_it_is() -> None:
    brain = RulesBrain(Pool())
    assert as_brain(brain, Pool()) is brain
    asyncio.run(as_brain(plain, Pool()).warm())


def test_it_is_asked_early_only_where_that_is_said_to_be_harmless() -> None:
    def harmless(history: History) -> str:
        return ""

    harmless.speculative = True  # type: ignore[attr-defined]
    assert not as_brain(plain, Pool()).speculative
    assert as_brain(harmless, Pool()).speculative
    assert as_brain(plain, Pool(), speculative=True).speculative
    assert not as_brain(harmless, Pool(), speculative=False).speculative


class NoWarm:
    speculative = False

    def respond(self, prompt: Prompt) -> None: ...


@pytest.mark.parametrize(
    ("thing", "match"),
    [
        ("rules", "not 'rules'"),
        (lambda: "", r"brain\(history\)"),
        (lambda one, two, three: "", r"brain\(history\)"),
        (lambda history, *, needed: "", r"brain\(history\)"),
        (RulesBrain, "RulesBrain is a class"),
        (NoWarm(), "no `warm`"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(thing: object, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        as_brain(thing, Pool())


async def gives_bytes(history: History) -> AsyncIterator[object]:
    yield "Hello"
    yield b"world"


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        (lambda history: None, "NoneType"),
        (lambda history: ["Hello"], "list"),
        (lambda history: iter(["Hello", 5]), "int"),
        (gives_bytes, "bytes"),
    ],
)
def test_a_wrong_answer_is_named_with_what_to_return(thing: object, kind: str) -> None:
    with pytest.raises(ProviderError, match=f"gave {kind}: return or yield str or s2s.Call"):
        ask(thing)


def fails(history: History) -> str:
    raise KeyError("no such thing")


def ends_early(history: History) -> str:
    raise StopIteration


def fails_later(history: History) -> Iterator[str]:
    yield "Hello"
    raise KeyError("no such thing")


@pytest.mark.parametrize(
    ("thing", "error"), [(fails, KeyError), (fails_later, KeyError), (ends_early, RuntimeError)]
)
def test_what_the_callable_raises_goes_through(thing: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        ask(thing)


def test_an_unfinished_generator_is_closed() -> None:
    closed = []

    def endless(history: History) -> Iterator[str]:
        try:
            while True:
                yield "on"
        finally:
            closed.append("sync")

    async def async_endless(history: History) -> AsyncIterator[str]:
        try:
            while True:
                yield "on"
        finally:
            closed.append("async")

    async def first(thing: object) -> None:
        answer = cast("AsyncGenerator[Thought, None]", as_brain(thing, Pool()).respond(PROMPT))
        async with aclosing(answer):
            assert await anext(answer) == "on"

    asyncio.run(first(endless))
    asyncio.run(first(async_endless))
    assert closed == ["sync", "async"]


def test_cancelling_does_not_wait_for_a_function_that_works() -> None:
    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def stuck(history: History) -> Iterator[str]:
        try:
            yield "on"
            begun.set()
            go_on.wait(10)
            yield "never heard"
        finally:
            closed.set()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(told(as_brain(stuck, Pool())))
        await loop.run_in_executor(None, begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
        assert not closed.is_set()
        go_on.set()
        assert await loop.run_in_executor(None, closed.wait, 10)

    asyncio.run(main())
