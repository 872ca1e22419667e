import msgspec

from s2s.commands import AddItem, AppendAudio
from s2s.items import Message
from s2s.weight import weight_bytes
from s2s.wire import Send


def test_data_weighs_what_it_holds_however_deep() -> None:
    for each in (
        Send(bytes(10_000)),
        AppendAudio(bytes(10_000)),
        AddItem(Message("user", "x" * 10_000)),
        {"a": [("x" * 5_000,), {"y" * 5_000: 1.5}]},
    ):
        assert 10_000 <= weight_bytes(each) < 11_000, each


def test_many_small_things_weigh_more_than_they_look() -> None:
    assert weight_bytes([[]] * 1000) > 40_000


def test_depth_is_no_obstacle() -> None:
    deep = msgspec.json.decode(b"[" * 500 + b"]" * 500)
    for _ in range(10_000):
        deep = [deep]
    assert weight_bytes(deep) > 10_000
