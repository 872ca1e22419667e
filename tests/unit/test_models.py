import warnings

import pytest

from s2s.models import MODELS, model_of, warn_of_end


def test_every_model_that_ends_names_one_that_stays() -> None:
    stays = {each.name for each in MODELS if not each.shutdown}
    assert {each.replacement for each in MODELS if each.shutdown} <= stays


def test_a_model_that_has_ended_brings_a_warning_with_date_and_replacement() -> None:
    with pytest.warns(UserWarning, match=r"was shut down in 2026-05: use gpt-realtime-2\.1$"):
        warn_of_end(model_of("openai_realtime", "gpt-4o-realtime-preview"), "2026-11-25")


def test_a_model_that_will_end_brings_another_one() -> None:
    with pytest.warns(
        DeprecationWarning, match=r"will be shut down on 2027-01-20: use gpt-realtime-2\.1-mini"
    ):
        warn_of_end(model_of("openai_realtime", "gpt-realtime-mini"), "2026-11-25")


def test_a_model_that_stays_or_that_nobody_knows_brings_none() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("gpt-realtime-2.1", "gpt-realtime-9"):
            warn_of_end(model_of("openai_realtime", name), "2026-11-25")


def test_an_unknown_model_can_do_what_the_newest_can() -> None:
    unknown, newest = model_of("openai_realtime", "gpt-realtime-9"), MODELS[0]
    assert (unknown.images, unknown.reasoning) == (newest.images, newest.reasoning)
