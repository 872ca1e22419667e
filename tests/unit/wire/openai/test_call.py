"""Messages and sound of a call, in whatever order they arrive."""

from array import array

import msgspec
import pytest
from tests.support.openai import plain, types

from s2s.capabilities import Capabilities
from s2s.commands import AppendAudio, Cancel, CommitAudio, CreateResponse, Truncate
from s2s.config import Config
from s2s.events import AudioOutput, Error, ResponseDone
from s2s.items import JSON
from s2s.wire.openai.call import SILENT_MS, TAIL_MS, CallClient
from s2s.wire.openai.client import Opening

LOUD = array("h", [8000, -8000] * 240).tobytes()
QUIET = bytes(960)
WHERE = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
STARTED, STOPPED, CLEARED = (f"output_audio_buffer.{each}" for each in ("started", "stopped", "cleared"))


class Line:
    """A call whose session is open and whose first response has begun."""

    def __init__(self) -> None:
        self.wire = CallClient(Opening(config=Config(turn_detection="manual"), capabilities=Capabilities()))
        self.hears("session.created", session={"id": "sess_1"})
        self.hears("session.updated", session={"id": "sess_1"})
        self.hears("response.created", response={"id": "r1", "conversation_id": "conv_1"})

    def hears(self, kind: str, **fields: JSON) -> list[JSON]:
        message = msgspec.json.encode({"type": kind, **fields})
        return [plain(each) for each in self.wire.receive(message)]

    def patience(self) -> float | None:
        return self.wire.patience_s

    def words(self) -> list[JSON]:
        return self.hears("response.output_audio_transcript.delta", **WHERE, delta="Hi.")

    def done(self, status: str = "completed") -> list[JSON]:
        return self.hears("response.done", response={"id": "r1", "status": status})

    def plays(self, kind: str) -> list[JSON]:
        return self.hears(kind, response_id="r1")

    def sounds(self, *pcm: bytes) -> list[JSON]:
        return [event for each in pcm for event in self.wire.hear(each)]


def test_sound_of_a_response_is_its_audio() -> None:
    line = Line()
    line.words()
    line.plays(STARTED)
    assert line.sounds(LOUD, QUIET) == [
        AudioOutput(LOUD, 24_000, "r1", "i1", 0),
        AudioOutput(QUIET, 24_000, "r1", "i1", 20),
    ]


def test_silence_between_answers_is_not_audio() -> None:
    line = Line()
    assert line.sounds(QUIET, QUIET) == []
    line.words()
    line.plays(STARTED)
    assert [len(each.audio) for each in line.sounds(LOUD)] == [960]


def test_sound_that_overtakes_its_announcement_is_not_lost() -> None:
    line = Line()
    line.words()
    assert line.sounds(QUIET, LOUD, LOUD) == []
    line.plays(STARTED)
    assert line.sounds(LOUD) == [AudioOutput(LOUD * 3, 24_000, "r1", "i1", 0)]


def test_a_response_is_over_when_its_sound_is() -> None:
    line = Line()
    line.words()
    line.plays(STARTED)
    assert types(line.done()) == ["text_output"]
    assert types(line.sounds(LOUD)) == ["audio_output"]
    assert line.plays(STOPPED) == []
    tail = [LOUD] * int(TAIL_MS / 20)
    assert types(line.sounds(*tail)) == ["audio_output"] * len(tail) + ["response_done"]
    assert line.patience() is None


def test_where_no_sound_comes_after_the_end_time_is_enough() -> None:
    line = Line()
    line.words()
    line.plays(STARTED)
    line.done()
    line.plays(STOPPED)
    assert line.patience() == TAIL_MS / 1000
    assert types(list(line.wire.settle())) == ["response_done"]


def test_sound_that_begins_after_its_response_was_generated_is_waited_for() -> None:
    line = Line()
    line.words()
    assert types(line.done()) == ["text_output"]
    assert line.patience() == SILENT_MS / 1000
    line.plays(STARTED)
    assert types(line.sounds(LOUD)) == ["audio_output"]
    assert line.patience() is None
    line.plays(STOPPED)
    assert types(list(line.wire.settle())) == ["response_done"]


def test_sound_that_never_begins_is_not_waited_for_for_ever() -> None:
    line = Line()
    line.words()
    line.done()
    frames = [QUIET] * int(SILENT_MS / 20)
    assert types(line.sounds(*frames)) == ["response_done"]


def test_a_playback_that_ends_before_its_response_holds_nothing_up() -> None:
    line = Line()
    line.words()
    line.plays(STARTED)
    line.sounds(LOUD)
    line.plays(STOPPED)
    line.wire.settle()
    assert types(line.done()) == ["text_output", "response_done"]


def test_a_response_without_a_spoken_word_ends_at_once() -> None:
    line = Line()
    assert types(line.done()) == ["response_done"]


def test_a_response_that_was_cut_off_before_it_sounded_ends_at_once() -> None:
    line = Line()
    line.words()
    assert line.done("cancelled")[-1] == ResponseDone("r1", "interrupted")


def test_an_interruption_cancels_and_then_clears() -> None:
    line = Line()
    line.words()
    line.plays(STARTED)
    told = [plain(each) for each in line.wire.send(Cancel("r1"))]
    assert types(told) == ["response.cancel", "output_audio_buffer.clear"]
    line.done("cancelled")
    assert types(line.plays(CLEARED)) == ["response_done"]
    assert line.sounds(LOUD) == []


def test_an_interruption_after_generation_only_clears() -> None:
    line = Line()
    line.words()
    line.plays(STARTED)
    line.done()
    assert types([plain(each) for each in line.wire.send(Cancel("r1"))]) == ["output_audio_buffer.clear"]
    assert types(line.plays(CLEARED)) == ["response_done"]


def test_the_rest_of_what_was_cleared_is_no_part_of_the_next_answer() -> None:
    line = Line()
    line.words()
    line.plays(STARTED)
    line.plays(CLEARED)
    assert line.sounds(LOUD, LOUD) == []
    line.hears("response.created", response={"id": "r2", "conversation_id": "conv_1"})
    line.hears(STARTED, response_id="r2")
    (event,) = line.sounds(LOUD)
    assert len(event.audio) == 960


def test_an_answer_that_was_generated_and_does_not_sound_yet_is_cleared_too() -> None:
    line = Line()
    line.words()
    line.done()
    assert types([plain(each) for each in line.wire.send(Cancel("r1"))]) == ["output_audio_buffer.clear"]


def test_what_was_cleared_before_it_sounded_is_not_waited_for() -> None:
    line = Line()
    line.words()
    line.plays(CLEARED)
    assert types(line.done()) == ["text_output", "response_done"]


@pytest.mark.parametrize(
    "message",
    [
        b'{"type":"output_audio_buffer.started","response_id":5}',
        b'{"type":"output_audio_buffer.stopped"',
        b'{"type":"output_audio_buffer.cleared","response_id":"\xe1"}',
    ],
)
def test_a_message_of_the_buffer_that_cannot_be_read_is_an_error(message: bytes) -> None:
    line = Line()
    (error,) = line.wire.receive(message)
    assert isinstance(error, Error)
    assert not error.fatal


def test_the_next_response_ends_the_one_whose_sound_has_stopped() -> None:
    line = Line()
    line.words()
    line.plays(STARTED)
    line.done()
    line.plays(STOPPED)
    line.hears("response.created", response={"id": "r2", "conversation_id": "conv_1"})
    assert types(line.hears(STARTED, response_id="r2")) == ["response_done"]
    (event,) = line.sounds(LOUD)
    assert (event.response_id, event.item_id) == ("r2", "r2_item")


def test_what_was_heard_the_service_knows_itself() -> None:
    line = Line()
    line.words()
    line.plays(STARTED)
    line.sounds(LOUD)
    assert list(line.wire.send(Truncate("i1", 10))) == []


def test_audio_does_not_go_by_message_and_is_counted_for_the_commit() -> None:
    line = Line()
    assert types([plain(each) for each in line.wire.send(CommitAudio())]) == ["error"]
    assert list(line.wire.send(AppendAudio(bytes(120 * 48)))) == []
    told = [plain(each) for each in line.wire.send(CommitAudio())]
    assert told[0]["type"] == "input_audio_buffer.commit"


def test_other_commands_are_spelled_as_ever() -> None:
    told = [plain(each) for each in Line().wire.send(CreateResponse(out_of_band=True))]
    assert types(told) == ["response.create"]


def test_a_lost_call_ends_what_sounds_and_what_is_open() -> None:
    line = Line()
    line.words()
    line.plays(STARTED)
    line.done()
    line.hears("response.created", response={"id": "r2", "conversation_id": "conv_1"})
    assert list(line.wire.lost()) == [ResponseDone("r1"), ResponseDone("r2", "failed")]
