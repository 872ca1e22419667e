from s2s.items import JSON
from s2s.wire.openai.variants import OPENAI, VARIANTS, XAI


def test_every_variant_is_found_by_its_name() -> None:
    assert all(name == each.name for name, each in VARIANTS.items())


def test_settings_stand_where_the_service_wants_them() -> None:
    session: JSON = {"audio": {"input": {"turn_detection": None, "format": 1}, "output": {"voice": "ara"}}}
    assert XAI.shaped(session) == {
        "audio": {"input": {"format": 1}, "output": {}},
        "voice": "ara",
        "turn_detection": None,
    }


def test_what_is_not_there_is_not_moved() -> None:
    assert XAI.shaped({"instructions": "x"}) == {"instructions": "x"}
    session: JSON = {"audio": {"output": {"voice": "ara"}}}
    assert OPENAI.shaped(session) == {"audio": {"output": {"voice": "ara"}}}
