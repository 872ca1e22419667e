from decimal import Decimal

import pytest

from s2s.providers.local.brains.measures import converted


@pytest.mark.parametrize(
    ("value", "own", "told", "expected"),
    [
        ("2", {"minut"}, {"hour"}, "120"),
        ("90", {"minut"}, {"second"}, "1.5"),
        ("1", {"meter"}, {"mil"}, "1609.344"),
        ("5", {"minut"}, {"minut", "second"}, "5"),
        ("5", {"level"}, {"hour"}, "5"),
        ("5", {"minut"}, {"egg"}, "5"),
        ("5", {"minut"}, {"meter"}, None),
    ],
)
def test_one_measure_is_changed_into_another_of_its_kind(
    value: str, own: set[str], told: set[str], expected: str | None
) -> None:
    assert converted(Decimal(value), own, told) == (expected and Decimal(expected))
