"""Gemini Live for real: the stock Python SDK of Google, over TLS, and the local engine behind our gateway."""

from __future__ import annotations

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("whisper_normalizer")
pytest.importorskip("google.genai", reason="the SDKs are in the dependency group `sdk`")

from tests.support.genai import SECRET, Turn, connected
from tests.support.models import plain, recording, run, spoken, transcribed

from s2s.gateway import Doors, Gateway
from s2s.providers.local import LocalEngine

pytestmark = pytest.mark.local


def move(direction: str, distance: int) -> None:
    """Move the robot.

    Args:
        direction: forward or back
        distance: in meters
    """


def test_a_spoken_question_is_answered_and_a_function_called() -> None:
    question = spoken("What is twelve times seven?")

    async def main() -> tuple[Turn, Turn, Turn]:
        async with (
            Gateway(LocalEngine(), Doors(tls=SECRET)) as gateway,
            connected(gateway.gemini_base_url, within_s=30.0, tools=[move]) as line,
        ):
            await line.speak(question)
            product = await line.turn()
            await line.speak(recording("go_forward_ten_meters.wav"))
            asked = await line.turn()
            (call,) = asked.calls
            assert (call.name, call.args) == ("move", {"direction": "forward", "distance": 10})
            await line.answer(call, "Moving forward 10 meters.")
            moved = await line.turn()
            assert gateway.failures == []
            return product, asked, moved

    product, asked, moved = run(main())
    assert "12 times 7" in plain(product.heard)
    assert "84" in plain(product.words)
    assert "84" in plain(transcribed(product.audio, 24_000))
    assert plain(asked.heard) == "go forward 10 meters"
    assert "10 meters" in plain(transcribed(moved.audio, 24_000))
