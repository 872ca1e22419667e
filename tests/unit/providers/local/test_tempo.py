import pytest

from s2s.errors import ConfigError
from s2s.providers.local.tempo import Tempo, tempo_of


def test_other_settings_are_left_to_others() -> None:
    assert tempo_of({"brain": "rules", "threads": 2}) == Tempo()


def test_numbers_are_taken_as_they_are() -> None:
    assert tempo_of({"brain_s": 3, "lead_ms": 0}) == Tempo(3.0, 0.0)
    assert tempo_of({"lead_ms": None}).lead_ms is None


@pytest.mark.parametrize("extra", [{"brain_s": 0}, {"brain_s": None}, {"lead_ms": -1}, {"lead_ms": "1000"}])
def test_what_is_no_such_number_is_refused_by_name(extra: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(extra))):
        tempo_of(extra)
