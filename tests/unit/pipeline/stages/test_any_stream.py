"""Whatever comes in: nothing handed on is lost or overtaken by its like, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, suppress
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from s2s.commands import AddItem, ClearAudio, CreateResponse, RemoveItem, UpdateSession
from s2s.config import TurnDetection
from s2s.events import IdleTimeout, ResponseDone, ResponseStarted
from s2s.items import Call, Message, ToolResult
from s2s.pipeline import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    ImageFrame,
    Processor,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
    chain,
)
from s2s.pipeline.stages import BrainProcessor, STTProcessor, TTSProcessor, VADProcessor
from s2s.testing.clock import run
from tests.support.frames import others
from tests.support.stages import LevelSTT, LoudVAD, ScriptedBrain, ToneTTS, echo, silence, speech
from tests.support.streaming import STOP

STAGES: dict[str, Callable[[], Processor]] = {
    "vad": lambda: VADProcessor(LoudVAD()),
    "stt": lambda: STTProcessor(LevelSTT()),
    "brain": lambda: BrainProcessor(ScriptedBrain(echo)),
    "tts": lambda: TTSProcessor(ToneTTS()),
}
STAGES["all"] = lambda: chain(*(STAGES[name]() for name in ("vad", "stt", "brain", "tts")))

ids = st.sampled_from(["a", "b", "c"])
audio = st.sampled_from([speech("yes"), speech("what is it?"), silence(20), silence(700), b""])
frames: st.SearchStrategy[Frame] = st.one_of(
    audio.map(lambda pcm: AudioFrame(pcm, 16_000)),
    ids.map(lambda id_: ControlFrame("start_of_utterance", item_id=id_)),
    ids.map(lambda id_: ControlFrame("end_of_utterance", item_id=id_)),
    st.sampled_from(
        [
            ControlFrame("start"),
            ControlFrame("interrupt"),
            ControlFrame("interrupt", response_id="r"),
            ControlFrame("played", item_id="x", position_ms=20),
            ControlFrame("end_of_utterance", "assistant"),
            ImageFrame(b"x"),
            EventFrame(IdleTimeout(1.0)),
            EventFrame(ResponseStarted("r")),
            EventFrame(ResponseDone("r")),
            ToolCallFrame(Call("c", "light")),
            ToolResultFrame(ToolResult("c", "bright")),
            CommandFrame(AddItem(Message("user", "hello", "m"))),
            CommandFrame(RemoveItem("m")),
            CommandFrame(CreateResponse()),
            CommandFrame(ClearAudio()),
            CommandFrame(UpdateSession(instructions="Be brief.")),
            CommandFrame(UpdateSession(turn_detection=TurnDetection("manual"))),
            CommandFrame(UpdateSession(output_modalities=("text",))),
        ]
    ),
    ids.map(lambda id_: TextFrame("what then?", item_id=id_)),
    st.just(TextFrame("One. Two", "assistant", False, "i", "r")),
    st.just(TextFrame("Be brief.", "system")),
)
streams = st.lists(frames, max_size=12)
waits = st.sampled_from([0.0, 0.01, 0.5, 2.0])


def marked(given_: Iterable[Frame]) -> list[Frame]:
    """Return the frames, each to be known again by its metadata."""
    return [replace(each, metadata={"n": n}) for n, each in enumerate(given_)]


def lane(frame: Frame) -> str:
    """Return a name for the frames that must not overtake this one."""
    match frame:
        case ControlFrame(signal="interrupt"):
            return "interrupt"
        case ControlFrame(signal="start_of_utterance" | "end_of_utterance" | "played", role="user"):
            return "signal of the user"
        case TextFrame(role=role):
            return f"text of the {role}"
        case AudioFrame():
            return "audio"
        case _:
            return "other"


def handed_on(frame: Frame, where: str, cut: bool) -> bool:
    """Tell whether this stage neither takes this frame in nor takes it back."""
    match frame:
        case AudioFrame():
            return where == "vad" or (where == "tts" and not cut)
        case TextFrame(role="assistant"):
            return where in ("vad", "stt")
        case TextFrame(role="system"):
            return where not in ("brain", "all")
        case ToolResultFrame():
            return where not in ("brain", "all")
        case _:
            return True


async def paced(given_: Iterable[Frame], pauses: list[float]) -> AsyncGenerator[Frame, None]:
    for frame, pause in zip(given_, cycle(pauses or [0.0])):
        await asyncio.sleep(pause)
        yield frame


@pytest.mark.parametrize("where", STAGES)
@given(given_=streams, pauses=st.lists(waits, max_size=4), stops=st.booleans())
def test_what_is_handed_on_is_neither_lost_nor_doubled_nor_overtaken(
    where: str, given_: list[Frame], pauses: list[float], stops: bool
) -> None:
    sent = marked(given_)

    async def main() -> list[Frame]:
        stream = chain(STAGES[where]()).process(paced([*sent, *[STOP] * stops], pauses))
        return [frame async for frame in stream]

    out = run(main())
    cut = any(lane(each) == "interrupt" for each in sent)
    expected = [each for each in sent if handed_on(each, where, cut)]
    known = {(type(each), each.metadata["n"]) for each in expected}
    came = [each for each in out if (type(each), each.metadata.get("n")) in known]
    for name in {lane(each) for each in expected}:
        numbers = [each.metadata["n"] for each in expected if lane(each) == name]
        assert [each.metadata["n"] for each in came if lane(each) == name] == numbers
    assert out[-1:] == [STOP] or not stops


@pytest.mark.parametrize("where", STAGES)
@given(given_=streams, pauses=st.lists(waits, max_size=4), most=st.integers(0, 20), last=st.floats(0.01, 3.0))
def test_closing_at_any_point_leaves_nothing_behind(
    where: str, given_: list[Frame], pauses: list[float], most: int, last: float
) -> None:
    async def main() -> None:
        async with aclosing(chain(STAGES[where]()).process(paced(given_, pauses))) as stream:
            with suppress(TimeoutError, StopAsyncIteration):
                for _ in range(most):
                    await asyncio.wait_for(anext(stream), last)
        assert others() == set()

    run(main())


class Runs(ToneTTS):
    """Says each word at once, in pieces of 20 ms."""

    def __init__(self) -> None:
        super().__init__(delay_s=0.0)
        self.piece_bytes = 960


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=4),
    st.lists(st.floats(0.0, 0.9), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.02, 0.3]),
)
def test_no_audio_of_an_answer_comes_after_its_interrupt(
    lengths: list[int], pauses: list[float], every_s: float
) -> None:
    given_: list[Frame] = []
    for n, length in enumerate(lengths):
        texts = [TextFrame("One of many. ", "assistant", False, f"i{n}", f"r{n}")] * length
        given_ += [EventFrame(ResponseStarted(f"r{n}")), *texts, EventFrame(ResponseDone(f"r{n}"))]
        given_.append(ControlFrame("interrupt", metadata={"after": n}))

    async def main() -> list[Frame]:
        out: list[Frame] = []
        async with aclosing(chain(TTSProcessor(Runs())).process(paced(given_, pauses))) as stream:
            async for frame in stream:
                out.append(frame)
                await asyncio.sleep(every_s)
        return out

    out, cut = run(main()), -1
    for frame in out:
        match frame:
            case ControlFrame(signal="interrupt"):
                cut = frame.metadata["after"]
            case AudioFrame(response_id=response_id) | TextFrame(response_id=response_id):
                assert int(response_id[1:]) > cut
            case _:
                pass
    done = [
        each.event for each in out if isinstance(each, EventFrame) and isinstance(each.event, ResponseDone)
    ]
    assert [each.response_id for each in done] == [f"r{n}" for n in range(len(lengths))]
