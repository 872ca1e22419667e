import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    PingReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from s2s.transports.bedrock.duplex import WINDOW_BYTES, Duplex, Ours, Theirs
from s2s.transports.bedrock.frames import Broken
from s2s.transports.bedrock.headers import Head

HEAD = [(":method", "POST"), (":scheme", "https"), (":authority", "host"), (":path", "/"), ("x-a", "b")]
FIRST_WINDOW = 65_535


class Heard:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.parts: list[bytes] = []
        self.rooms = 0

    @property
    def data(self) -> bytes:
        return b"".join(self.parts)

    def on_head(self, head: Head) -> None:
        self.log.append(f"head {head[':status']} {head.get('x-a', '')}".strip())

    def on_data(self, data: bytes) -> None:
        self.parts.append(data)

    def on_end(self) -> None:
        self.log.append("end")

    def on_cut(self, reason: str) -> None:
        self.log.append(reason)

    def on_room(self) -> None:
        self.rooms += 1


class Both:
    """A duplex and a server of h2, with nothing in between."""

    def __init__(self, *, status: int = 200, **settings: int) -> None:
        self.heard = Heard()
        self.written: list[bytes] = []
        self.duplex = Duplex(self.written.append, self.heard)
        self.server = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self.server.initiate_connection()
        self.seen: list[Event] = []
        self.got = b""
        self.duplex.begin(HEAD)
        self.pass_on()
        if status:
            self.say_head(status)

    def pass_on(self) -> None:
        """Carry what was written to the server, and what that says back."""
        for each in self.written:
            for event in self.server.receive_data(each):
                self.seen.append(event)
                if isinstance(event, DataReceived):
                    self.got += event.data
        self.written.clear()
        if said := self.server.data_to_send():
            self.duplex.receive(said)
        if self.written:
            self.pass_on()

    def say_head(self, status: int = 200, *more: tuple[str, str]) -> None:
        self.server.send_headers(1, [(":status", str(status)), *more])
        self.pass_on()

    def credit(self, size: int) -> None:
        self.server.increment_flow_control_window(size)
        self.server.increment_flow_control_window(size, 1)
        self.pass_on()

    def saw(self, kind: type[Event]) -> list[Event]:
        return [each for each in self.seen if isinstance(each, kind)]


def test_a_request_begins_with_its_head_and_a_large_window() -> None:
    both = Both(status=0)
    (request,) = both.saw(RequestReceived)
    assert isinstance(request, RequestReceived)
    assert [(str(name), str(value)) for name, value in request.headers] == HEAD
    assert both.server.remote_settings[SettingCodes.INITIAL_WINDOW_SIZE] == WINDOW_BYTES
    assert both.server.remote_settings[SettingCodes.ENABLE_PUSH] == 0
    assert both.server.local_flow_control_window(1) == WINDOW_BYTES


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=40_000), st.integers(1, 30_000)), max_size=12))
def test_what_is_sent_arrives_in_order_as_the_windows_allow(steps: list[bytes | int]) -> None:
    both, sent, allowed = Both(), b"", FIRST_WINDOW
    for step in steps:
        if isinstance(step, bytes):
            both.duplex.send(step)
            sent += step
        else:
            both.credit(step)
            allowed += step
        both.pass_on()
        assert both.got == sent[:allowed]
        assert len(both.duplex.waiting) == len(sent) - len(both.got)
    both.duplex.end()
    both.credit(2**20)
    assert both.got == sent
    assert len(both.saw(StreamEnded)) == 1
    assert both.duplex.ours is Ours.ENDED


def test_the_window_of_a_peer_never_overflows_however_long_it_gives() -> None:
    both = Both()
    h2 = both.duplex._h2
    for _ in range(5):
        # As after 600 MB each: the window was used up, and is opened again.
        h2.outbound_flow_control_window -= 600_000_000
        h2.streams[1].outbound_flow_control_window -= 600_000_000
        for stream in (0, 1):
            update = b"\x00\x00\x04\x08\x00" + stream.to_bytes(4) + (600_000_000).to_bytes(4)
            both.duplex.receive(update)
        assert h2.local_flow_control_window(1) == FIRST_WINDOW
    both.duplex.send(b"on")
    both.pass_on()
    assert both.got == b"on"


def test_a_stream_whose_window_is_broken_is_over() -> None:
    both = Both()
    both.duplex.receive(b"\x00\x00\x04\x08\x00\x00\x00\x00\x01\x7f\xff\xff\xff")
    assert both.heard.log == ["head 200", "RST_STREAM FLOW_CONTROL_ERROR"]


def test_nothing_is_written_while_the_socket_is_full() -> None:
    both = Both()
    both.duplex.writable = False
    both.duplex.send(b"abc")
    both.duplex.end()
    both.pass_on()
    assert (both.got, both.saw(StreamEnded), both.heard.rooms) == (b"", [], 0)
    both.duplex.writable = True
    both.duplex.pump_on()
    both.pass_on()
    assert (both.got, len(both.saw(StreamEnded)), both.heard.rooms) == (b"abc", 1, 1)


def test_a_larger_frame_is_made_only_where_the_peer_allows_it() -> None:
    both = Both()
    both.server.update_settings({SettingCodes.MAX_FRAME_SIZE: 20_000})
    both.pass_on()
    both.duplex.send(bytes(50_000))
    both.pass_on()
    sizes = [each.flow_controlled_length for each in both.seen if isinstance(each, DataReceived)]
    assert sizes == [20_000, 20_000, 10_000]


def test_what_waits_goes_out_when_the_peer_raises_its_window() -> None:
    both = Both()
    both.server.increment_flow_control_window(100_000)
    both.duplex.send(bytes(100_000))
    both.pass_on()
    assert len(both.got) == FIRST_WINDOW
    both.server.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 80_000})
    both.pass_on()
    assert (len(both.got), both.heard.rooms) == (80_000, 1)


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("pad", [None, 7])
def test_the_answer_is_heard_in_order(counted: bool, pad: int | None) -> None:
    both = Both(status=0)
    both.server.send_headers(1, [(":status", "103")])
    length = [("content-length", "6")] if counted else []
    both.say_head(200, ("x-a", "1"), ("x-a", "2"), *length)
    both.server.send_data(1, b"abc", pad_length=pad)
    both.server.send_data(1, b"def", end_stream=True, pad_length=pad)
    both.pass_on()
    assert (both.heard.log, both.heard.data) == (["head 200 1,2", "end"], b"abcdef")
    assert both.duplex.theirs is Theirs.ENDED


def test_trailers_end_an_answer() -> None:
    both = Both()
    both.server.send_data(1, b"abc")
    both.server.send_headers(1, [("x-sum", "1")], end_stream=True)
    both.pass_on()
    assert (both.heard.log, both.heard.data) == (["head 200", "end"], b"abc")


def test_a_reader_who_keeps_up_leaves_the_window_open() -> None:
    both = Both()
    for _ in range(400):
        both.server.send_data(1, bytes(16_000))
        both.pass_on()
    assert len(both.heard.data) == 400 * 16_000
    assert 0 < len(both.saw(WindowUpdated)) < 80


@pytest.mark.parametrize("length", [[], [("content-length", str(2**30))]], ids=["open", "counted"])
def test_a_held_peer_runs_into_its_window_and_goes_on_after(length: list[tuple[str, str]]) -> None:
    both = Both(status=0)
    both.say_head(200, *length)
    both.duplex.hold(True)
    while size := min(both.server.local_flow_control_window(1), 16_384):
        both.server.send_data(1, bytes(size))
        both.pass_on()
    assert len(both.heard.data) == WINDOW_BYTES
    both.duplex.hold(False)
    both.pass_on()
    assert both.server.local_flow_control_window(1) == WINDOW_BYTES


def test_a_peer_that_sends_more_than_it_may_breaks_http2() -> None:
    both = Both()
    both.duplex.hold(True)
    frame = (16_384).to_bytes(3) + b"\x00\x00\x00\x00\x00\x01" + bytes(16_384)
    both.duplex.receive(frame * 64)
    with pytest.raises(Broken, match="window"):
        both.duplex.receive(frame)


@pytest.mark.parametrize(
    ("code", "name"), [(0, "NO_ERROR"), (ErrorCodes.INTERNAL_ERROR, "INTERNAL_ERROR"), (0x99, "0x99")]
)
def test_a_reset_is_told_with_its_name(code: int, name: str) -> None:
    both = Both()
    both.server.send_data(1, b"abc")
    both.server.reset_stream(1, code)
    both.pass_on()
    both.duplex.send(b"more")
    both.duplex.end()
    assert (both.heard.log, both.heard.data) == (["head 200", f"RST_STREAM {name}"], b"abc")
    assert (both.written, bytes(both.duplex.waiting)) == ([], b"")


def test_what_came_before_a_goodbye_is_heard_and_what_comes_after_it_is_not() -> None:
    both = Both()
    both.server.send_data(1, b"abc")
    before = both.server.data_to_send()
    both.server.send_data(1, b"def")
    after = both.server.data_to_send()
    both.server.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
    with pytest.raises(Broken):
        both.duplex.receive(before + both.server.data_to_send() + after)
    assert (both.heard.log, both.heard.data) == (["head 200", "GOAWAY ENHANCE_YOUR_CALM"], b"abc")


def goodbye(last_stream: int, code: int = 0, more: bytes = b"") -> bytes:
    body = last_stream.to_bytes(4) + code.to_bytes(4) + more
    return len(body).to_bytes(3) + b"\x07\x00\x00\x00\x00\x00" + body


@pytest.mark.parametrize("last_stream", [1, 3, 2**31 - 1, 2**31 + 1])
def test_a_goodbye_in_order_lets_the_stream_go_on_to_its_end(last_stream: int) -> None:
    both = Both()
    both.duplex.receive(goodbye(last_stream, more=b"draining"))
    assert both.duplex.goodbye == "GOAWAY NO_ERROR"
    both.server.increment_flow_control_window(100_000)
    both.server.increment_flow_control_window(100_000, 1)
    both.pass_on()
    both.duplex.send(bytes(100_000))
    both.server.send_data(1, b"abc")
    both.pass_on()
    both.duplex.receive(goodbye(1))
    both.duplex.end()
    both.server.send_data(1, b"def", end_stream=True)
    both.pass_on()
    assert (both.heard.log, both.heard.data) == (["head 200", "end"], b"abcdef")
    assert (len(both.got), len(both.saw(StreamEnded))) == (100_000, 1)


@pytest.mark.parametrize(
    ("frame", "reason"), [(goodbye(0), "GOAWAY NO_ERROR"), (goodbye(1, 2), "GOAWAY INTERNAL_ERROR")]
)
def test_any_other_goodbye_is_the_end(frame: bytes, reason: str) -> None:
    both = Both()
    both.duplex.receive(frame)
    assert both.heard.log == ["head 200", reason]


def test_a_goodbye_that_is_cut_off_is_no_http2() -> None:
    with pytest.raises(Broken):
        Both().duplex.receive(b"\x00\x00\x04\x07\x00\x00\x00\x00\x00\x00\x00\x00\x01")


def test_nothing_is_told_twice() -> None:
    both = Both()
    both.duplex.cut("first")
    both.duplex.cut("second")
    both.duplex.reset()
    assert both.heard.log == ["head 200", "first"]


def test_nothing_is_cut_that_is_over() -> None:
    both = Both()
    both.duplex.end()
    both.server.end_stream(1)
    both.pass_on()
    both.duplex.cut("dropped")
    assert both.heard.log == ["head 200", "end"]


def test_a_reset_of_ours_is_heard_by_the_peer_and_ends_all() -> None:
    both = Both()
    both.duplex.send(bytes(100_000))
    both.duplex.reset()
    both.pass_on()
    (reset,) = both.saw(StreamReset)
    assert isinstance(reset, StreamReset)
    assert reset.error_code == ErrorCodes.CANCEL
    both.duplex.reset()
    both.duplex.send(b"more")
    assert both.written == []


def test_what_was_on_its_way_when_we_reset_is_not_heard() -> None:
    both = Both()
    both.server.send_data(1, b"late", end_stream=True)
    late = both.server.data_to_send()
    both.duplex.reset()
    both.duplex.receive(late)
    assert (both.heard.log, both.heard.data) == (["head 200"], b"")


def test_a_ping_is_heard_even_after_the_end() -> None:
    both = Both()
    both.duplex.ping()
    both.pass_on()
    assert len(both.saw(PingReceived)) == 1
    both.duplex.farewell()
    both.duplex.ping()
    both.pass_on()
    assert len(both.saw(PingReceived)) == 1


@pytest.mark.parametrize(
    "frames",
    [
        b"\x00\x00\x01\x00\x00\x00\x00\x00\x00x",
        b"\x00\x00\x04\x08\x00\x00\x00\x00\x01\x00\x00\x00\x00",
        b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\xff\xff",
        b"\x00\x00\x02\x00\x08\x00\x00\x00\x01\x09a",
        b"\x00\x00\x01\x01\x04\x00\x00\x00\x01\xff",
        b"\x00\x00\x05\x04\x00\x00\x00\x00\x00abcde",
    ],
)
def test_what_is_no_http2_is_refused(frames: bytes) -> None:
    both = Both()
    with pytest.raises(Broken):
        both.duplex.receive(frames)
