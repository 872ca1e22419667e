from array import array

from hypothesis import given
from hypothesis import strategies as st

from s2s.audio.g711 import decode_alaw
from s2s.events import AudioOutput, TextOutput, ToolCall
from s2s.items import Call
from s2s.wire.openai.outputs import Outputs, Track


def opened(response_id: str = "r1") -> tuple[Outputs, Track]:
    outputs = Outputs(24_000, None)
    outputs.began(response_id, "user_turn")
    track = outputs.track(response_id, "i1")
    assert track is not None
    return outputs, track


def test_a_part_of_a_response_that_is_over_or_unknown_belongs_nowhere() -> None:
    outputs, _ = opened()
    assert outputs.track("r2", "i1") is None
    outputs.close("r1")
    assert outputs.track("r1", "i1") is None
    assert outputs.knows("r1")
    assert not outputs.knows("r2")


def test_a_part_without_ids_belongs_to_the_response_that_is_open() -> None:
    outputs = Outputs(24_000, None)
    outputs.began("r1", "user_turn")
    track = outputs.track("", "")
    assert track is not None
    assert (track.response_id, track.item_id) == ("r1", "r1_item")
    assert outputs.track("", "") is track


@given(st.lists(st.binary(max_size=9), max_size=9))
def test_samples_that_were_split_are_joined_and_positions_follow(pieces: list[bytes]) -> None:
    outputs, track = opened()
    made = [event for each in pieces for event in outputs.audio(track, each)]
    audio = [each for each in made if isinstance(each, AudioOutput)]
    whole = b"".join(pieces)
    assert b"".join(each.audio for each in audio) == whole[: len(whole) & ~1]
    assert all(len(each.audio) % 2 == 0 and each.audio for each in audio)
    position_ms = 0.0
    for each in audio:
        assert abs(each.position_ms - position_ms) < 1e-6
        position_ms += len(each.audio) / 48
    assert abs(track.received_ms - position_ms) < 1e-6


def test_every_item_has_positions_of_its_own() -> None:
    outputs, track = opened()
    other = outputs.track("r1", "i2")
    assert other is not None
    outputs.audio(track, bytes(480))
    (event,) = outputs.audio(other, bytes(480))
    assert isinstance(event, AudioOutput)
    assert event.position_ms == 0
    assert outputs.spoken_ms == 20


def test_a_telephone_format_is_decoded_and_counted() -> None:
    outputs = Outputs(8_000, decode_alaw)
    outputs.began("r1", "user_turn")
    track = outputs.track("r1", "i1")
    assert track is not None
    (event,) = outputs.audio(track, b"\xd5" * 80)
    assert isinstance(event, AudioOutput)
    assert (event.sample_rate, array("h", event.audio)[0]) == (8_000, 8)
    assert track.received_ms == 10


def test_words_are_told_as_they_come_and_end_once() -> None:
    outputs, track = opened()
    assert outputs.text(track, "Good", "spoken") == [TextOutput("Good", "r1", "i1")]
    end = TextOutput("", "r1", "i1", final=True)
    assert outputs.final(track, "Good day.", "spoken") == [TextOutput(" day.", "r1", "i1"), end]
    assert outputs.final(track, "Good day.", "spoken") == []
    assert outputs.text(track, "again", "spoken") == []


def test_words_that_only_come_at_the_end_are_told_then() -> None:
    outputs, track = opened()
    assert [
        each.text for each in outputs.final(track, "All.", "written") if isinstance(each, TextOutput)
    ] == [
        "All.",
        "",
    ]


def test_words_that_differ_at_the_end_are_left_as_they_were_told() -> None:
    outputs, track = opened()
    outputs.text(track, "One", "spoken")
    assert outputs.final(track, "Two", "spoken") == [TextOutput("", "r1", "i1", final=True)]


def test_the_end_of_a_response_ends_the_words_that_are_open() -> None:
    outputs, track = opened()
    outputs.text(track, "Cut", "spoken")
    assert outputs.close("r1") == [TextOutput("", "r1", "i1", final=True)]
    assert outputs.close("r1") == []


def test_a_call_is_told_once() -> None:
    outputs, _ = opened()
    call = Call("c1", "look_up")
    assert outputs.call("r1", call) == [ToolCall(call, "r1")]
    assert outputs.call("r1", call) == []
    assert outputs.call("r9", Call("c2", "look_up")) == []
    assert outputs.call("", Call("c3", "look_up")) == [ToolCall(Call("c3", "look_up"), "r1")]


def test_a_long_session_stays_small() -> None:
    outputs = Outputs(24_000, None)
    for number in range(2000):
        outputs.began(f"r{number}", "user_turn")
        track = outputs.track(f"r{number}", f"i{number}")
        assert track is not None
        outputs.call(f"r{number}", Call(f"c{number}", "look_up"))
        outputs.close(f"r{number}")
    assert len(outputs.tracks) <= 257
    assert not outputs.open
    assert outputs.knows("r1999")
