from itertools import pairwise

import pytest
from hyperframe.frame import DataFrame, Frame, WindowUpdateFrame
from hypothesis import given
from hypothesis import strategies as st

from s2s.transports.bedrock.frames import (
    Broken,
    Content,
    Frames,
    OldHTTP,
    batch,
    content,
    last,
    window_update,
)


def data_frame(data: bytes, *flags: str, stream: int = 1, pad: int = 0) -> bytes:
    frame = DataFrame(stream, data=data, pad_length=pad, flags=flags)
    return frame.serialize()


def parsed(frame: bytes) -> Frame:
    read, length = Frame.parse_frame_header(memoryview(frame[:9]))
    read.parse_body(memoryview(frame[9 : 9 + length]))
    return read


@given(st.lists(st.binary(max_size=60), max_size=5), st.data())
def test_frames_are_found_however_they_come(contents: list[bytes], data: st.DataObject) -> None:
    sent = [data_frame(each) for each in contents]
    stream = b"".join(sent)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6)) | {0, len(stream)})
    frames, got = Frames(), list[bytes]()
    for start, end in pairwise(cuts):
        got += frames.cut(stream[start:end])
    assert got == sent


@pytest.mark.parametrize(
    ("frame", "held"),
    [
        (data_frame(b"abc"), Content(b"abc", 3, last=False)),
        (data_frame(b""), Content(b"", 0, last=False)),
        (data_frame(b"abc", "END_STREAM"), Content(b"abc", 3, last=True)),
        (data_frame(b"abc", "PADDED", pad=4), Content(b"abc", 8, last=False)),
        (data_frame(b"", "PADDED", "END_STREAM", pad=0), Content(b"", 1, last=True)),
        (data_frame(b"abc", stream=3), None),
        (WindowUpdateFrame(1, window_increment=5).serialize(), None),
        (b"\x00\x00\x00\x00\x08\x00\x00\x00\x01", None),
        (b"\x00\x00\x02\x00\x08\x00\x00\x00\x01\x02a", None),
        (data_frame(bytes(16_385)), None),
    ],
)
def test_the_content_of_a_frame_is_known(frame: bytes, held: Content | None) -> None:
    assert content(frame) == held


def test_what_is_longer_than_allowed_is_refused_before_it_is_there() -> None:
    frames = Frames()
    assert list(frames.cut(data_frame(b"x") + b"\x00\x40\x01")) == [data_frame(b"x")]
    with pytest.raises(Broken, match="too long"):
        list(frames.cut(b"\x00\x00\x00\x00\x00\x01"))


def test_an_answer_of_another_http_is_known() -> None:
    with pytest.raises(OldHTTP):
        list(Frames().cut(b"HTTP/1.1 400 Bad Request\r\n\r\n"))


@given(st.binary(max_size=300), st.integers(-5, 400), st.integers(1, 70))
def test_what_waits_is_sent_as_far_as_the_window_goes(waiting: bytes, window: int, longest: int) -> None:
    frames, sent = batch(bytearray(waiting), window, longest)
    assert sent == max(min(len(waiting), window), 0)
    got = []
    for each in Frames().cut(frames):
        frame = parsed(each)
        assert isinstance(frame, DataFrame)
        assert (frame.stream_id, set(frame.flags)) == (1, set())
        assert 0 < len(frame.data) <= longest
        got.append(bytes(frame.data))
    assert b"".join(got) == waiting[:sent]


def test_one_write_is_not_without_bounds() -> None:
    assert batch(bytearray(200_000), 2**20, 16_384)[1] == 64 * 1024


def test_small_frames_are_written_as_others_read_them() -> None:
    end = parsed(last())
    assert isinstance(end, DataFrame)
    assert (end.stream_id, set(end.flags), end.data) == (1, {"END_STREAM"}, b"")
    for number in (0, 1):
        update = parsed(window_update(number, 2**20))
        assert isinstance(update, WindowUpdateFrame)
        assert (update.stream_id, update.window_increment) == (number, 2**20)
