from s2s.wire.openai.entries import Entries
from s2s.wire.openai.messages import Content, WireItem


def an_item(name: str, text: str = "Hi.") -> WireItem:
    return WireItem(id=name, role="user", content=[Content(type="input_text", text=text)])


def test_items_stand_where_they_are_put() -> None:
    entries = Entries()
    assert entries.add(an_item("b")) is None
    assert entries.add(an_item("d")) == "b"
    assert entries.add(an_item("a"), "root") is None
    assert entries.add(an_item("c"), "b") == "b"
    assert [entries.before(each) for each in "abcd"] == [None, "a", "b", "c"]


def test_before_an_item_that_is_not_there_stands_nothing() -> None:
    assert Entries().before("a") is None


def test_an_item_that_comes_again_keeps_its_place() -> None:
    entries = Entries()
    for name in ("a", "b", "a"):
        entries.add(an_item(name))
    assert (entries.before("a"), entries.before("b")) == (None, "a")
    del entries["a"]
    assert ("a" in entries, entries.before("b")) == (False, None)


def test_there_is_room_for_so_many_items() -> None:
    entries = Entries(most_items=2)
    for name in ("a", "b"):
        assert entries.has_room_for(an_item(name))
        entries.add(an_item(name))
    assert not entries.has_room_for(an_item("c"))
    del entries["a"]
    assert entries.has_room_for(an_item("c"))


def test_there_is_room_for_so_many_bytes() -> None:
    entries = Entries(most_bytes=10_000)
    assert not entries.has_room_for(an_item("a", "x" * 10_000))
    entries.add(an_item("a", "x" * 8_000))
    assert not entries.has_room_for(an_item("b", "x" * 2_000))
    del entries["a"]
    assert entries.has_room_for(an_item("b", "x" * 2_000))


def test_what_is_put_where_no_room_is_takes_the_place_of_the_oldest() -> None:
    entries = Entries(most_items=2)
    for name in ("a", "b", "c"):
        entries.add(an_item(name))
    assert ("a" in entries, entries.before("b"), entries.before("c")) == (False, None, "b")
