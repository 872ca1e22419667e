import math
from array import array
from pathlib import Path

import pytest

pytest.importorskip("PIL")

from PIL import Image

from s2s.cli.asking.questions import Sound
from s2s.cli.asking.recording import Recording
from s2s.cli.rendering.palette import CUT, PAPER, POWER, SHADE, TOOL, UNHEARD, WAIT
from s2s.cli.rendering.timeline import draw
from s2s.events import (
    AudioOutput,
    Interrupted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    Transcript,
)
from s2s.items import Call, ToolResult

RATE = 16_000


def tone(ms: int) -> bytes:
    return array("h", (int(9000 * math.sin(n / 6)) for n in range(RATE * ms // 1000))).tobytes()


def conversation() -> Recording:
    """A question of a second, an answer with a tool, and an interruption."""
    recording = Recording()
    recording.questions.append((0, "question.wav"))
    for number in range(250):
        voiced = 25 <= number < 75 or number >= 180
        pcm = tone(20) if voiced else bytes(RATE // 50 * 2)
        recording.sent(Sound(pcm, 20, voiced), RATE, number * 20 + 20, at=number * 0.02)
        if number == 85:
            recording.told(SpeechStarted("u", 500), 560, 0.56)
            recording.told(SpeechStopped("u", 1500), 1700, 1.7)
            recording.told(Transcript("go forward ten meters", "u", final=True), 1700, 1.7)
            recording.told(ToolCall(Call("c", "move", {"distance": 10}), "r"), 1710, 1.71)
            recording.tools.settled((ToolResult("c", "moved"),))
            recording.told(TextOutput("Moving forward ten meters. It takes a while.", "r", "i"), 1790, 1.79)
            recording.told(AudioOutput(tone(3000), RATE, "r", "i"), 1800, 1.8)
    recording.told(SpeechStarted("u2", 3600), 3700, 3.7)
    recording.told(Interrupted("r", "i", 1900, "user_speech", "requested"), 3700, 3.7)
    recording.playback.finish()
    return recording


def colours(place: Path) -> dict[tuple[int, int, int], int]:
    with Image.open(place) as image:
        pixels = image.convert("RGB")
        return {colour: count for count, colour in pixels.getcolors(1 << 24) or ()}  # type: ignore[misc]


def rgb(colour: str) -> tuple[int, int, int]:
    return (int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16))


def test_everything_that_happened_is_in_the_picture(tmp_path: Path) -> None:
    draw(conversation(), tmp_path / "timeline.png", "script")
    found = colours(tmp_path / "timeline.png")
    for colour in (POWER["user"], POWER["agent"]):
        assert found.get(rgb(colour), 0) > 1000, colour
    for colour in (SHADE["user"], SHADE["agent"], WAIT, TOOL, CUT, UNHEARD):
        assert found.get(rgb(colour), 0) > 10, colour
    assert found[rgb(PAPER)] < 0.9 * sum(found.values())


def test_each_voice_has_its_own_half(tmp_path: Path) -> None:
    draw(conversation(), tmp_path / "timeline.png", "script")
    with Image.open(tmp_path / "timeline.png") as image:
        upper = image.convert("RGB").crop((76, 60, image.width, 190))
        lower = image.convert("RGB").crop((76, 300, image.width, 440))
        above = {colour for _, colour in upper.getcolors(1 << 24) or ()}
        below = {colour for _, colour in lower.getcolors(1 << 24) or ()}
    assert rgb(POWER["user"]) in above - below
    assert rgb(POWER["agent"]) in below - above


@pytest.mark.parametrize(
    ("seconds", "width"), [(0, 1104), (5, 1104), (20, 3164), (7200, 6104)], ids=["empty", "5s", "20s", "2h"]
)
def test_the_picture_is_as_wide_as_the_conversation_within_bounds(
    tmp_path: Path, seconds: int, width: int
) -> None:
    recording = Recording()
    for second in range(0, seconds, max(1, seconds // 20)):
        recording.voices["user"].add(tone(20), RATE, second * 1000)
    recording.voices["user"].add(tone(20), RATE, max(0, seconds * 1000 - 20))
    draw(recording, tmp_path / "timeline.png", "script")
    with Image.open(tmp_path / "timeline.png") as image:
        assert image.format == "PNG"
        assert image.size == pytest.approx((width, 538), abs=2)
