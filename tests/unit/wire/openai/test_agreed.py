from s2s.wire.openai.agreed import Agreed


def test_what_was_asked_counts_until_it_is_refused() -> None:
    agreed = Agreed()
    agreed.told({"id": "s", "voice": "a"})
    agreed.ask("one", {"voice": "b"})
    agreed.ask("two", {"speed": 2})
    assert agreed.session == {"id": "s", "voice": "b", "speed": 2}
    agreed.refused("one")
    assert agreed.session == {"id": "s", "voice": "a", "speed": 2}


def test_changes_are_acknowledged_in_order_with_what_the_service_made_of_them() -> None:
    agreed = Agreed()
    agreed.ask("one", {"voice": "b"})
    agreed.ask("two", {"voice": "c"})
    agreed.taken({"voice": "B"})
    assert agreed.session == {"voice": "c"}
    agreed.taken({"voice": "C"})
    assert agreed.session == {"voice": "C"}
    agreed.taken({"voice": "D"})
    assert agreed.session == {"voice": "D"}
