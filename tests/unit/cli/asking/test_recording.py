from s2s.cli.asking.playback import Span
from s2s.cli.asking.questions import Sound
from s2s.cli.asking.recording import Caption, Recording
from s2s.events import (
    AudioOutput,
    Interrupted,
    SpeechStarted,
    SpeechStopped,
    TextOutput,
    ToolCall,
    Transcript,
    TurnEnd,
)
from s2s.items import Call, ToolResult

RATE = 16_000
LOUD = b"\xff\x3f" * 320
CALL = Call("c1", "move", {"direction": "forward"})


def sent(recording: Recording, *voiced: bool) -> None:
    for number, each in enumerate(voiced, 1):
        sound = Sound(LOUD if each else bytes(640), 20, voiced=each)
        recording.sent(sound, RATE, number * 20, at=100 + number * 0.02)


def audio(ms: int) -> AudioOutput:
    return AudioOutput(bytes(RATE * 2 * ms // 1000), RATE, "r1", "i1")


def test_latency_runs_from_the_last_voiced_chunk_to_the_first_audio() -> None:
    recording = Recording()
    sent(recording, False, True, True, False, False)
    recording.told(SpeechStarted("u1", 20), 40, 100.04)
    recording.told(SpeechStopped("u1", 60), 100, 100.10)
    recording.told(audio(40), 150, 100.15)
    recording.told(audio(40), 160, 100.16)
    (latency,) = recording.latencies
    assert (latency.voiced_ms, latency.taken_ms, latency.answered_ms) == (60, 100, 150)
    assert latency.voice_to_voice_ms == 90.0
    assert recording.speech == {"u1": Span(20, 60)}


def test_of_an_engine_that_tells_no_speech_the_words_say_that_it_took_the_turn() -> None:
    recording = Recording()
    sent(recording, False, True, True, False, False)
    recording.told(Transcript("Go on.", "u1"), 90, 100.09)
    recording.told(Transcript("Go on.", "u1", final=True), 100, 100.10)
    recording.told(audio(40), 150, 100.15)
    (latency,) = recording.latencies
    assert (latency.voiced_ms, latency.taken_ms, latency.answered_ms) == (60, 100, 150)
    assert latency.voice_to_voice_ms == 90.0


def test_words_that_come_after_the_answer_has_begun_take_no_turn() -> None:
    recording = Recording()
    sent(recording, True, False)
    recording.told(TextOutput("Well,", "r1", "i1"), 90, 100.09)
    recording.told(Transcript("Go on.", "u1", final=True), 100, 100.10)
    recording.told(audio(40), 150, 100.15)
    assert recording.latencies == []


def test_an_answer_to_no_speech_has_no_latency() -> None:
    recording = Recording()
    recording.typed("hello", 0)
    recording.told(audio(40), 10, 0.01)
    recording.told(TurnEnd("hello", "hi", "hi", "completed"), 50, 0.05)
    assert recording.latencies == []
    assert recording.turns[0].latency is None


def test_words_of_both_sides_lie_where_they_sound() -> None:
    recording = Recording()
    recording.told(SpeechStarted("u1", 0), 20, 0)
    recording.told(SpeechStopped("u1", 500), 700, 0)
    recording.told(Transcript("go", "u1", final=True), 700, 0)
    recording.told(TextOutput("Going", "r1", "i1"), 800, 0)
    recording.told(TextOutput(" there.", "r1", "i1"), 800, 0)
    recording.told(audio(300), 810, 0)
    recording.told(TextOutput(" Done.", "r1", "i1"), 820, 0)
    recording.told(audio(200), 830, 0)
    assert recording.captions == [
        Caption("user", "go", Span(0, 500)),
        Caption("agent", "Going there.", Span(810, 1110)),
        Caption("agent", " Done.", Span(1110, 1310)),
    ]


def test_an_interruption_cuts_what_was_to_be_heard() -> None:
    recording = Recording()
    recording.told(audio(300), 100, 0)
    recording.told(Interrupted("r1", "i1", 50, "user_speech", "server_confirmed"), 150, 0)
    recording.playback.finish()
    assert recording.interruptions == [150]
    assert recording.voices["agent"].end_ms == 150


def test_a_turn_holds_its_tools_and_their_results() -> None:
    recording = Recording()
    recording.told(ToolCall(CALL, "r1"), 100, 0)
    assert recording.tools.settled(()) == []
    (use,) = recording.tools.settled((CALL, ToolResult("c1", "done")))
    assert recording.tools.settled((CALL, ToolResult("c1", "done"))) == []
    recording.told(TurnEnd("go", "ok", "ok", "completed", tool_calls=(CALL,)), 200, 0)
    assert recording.turns[0].tools == (use,)
    assert use.result == ToolResult("c1", "done")
