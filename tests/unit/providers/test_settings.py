from collections.abc import Callable
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from s2s.errors import ConfigError
from s2s.items import JSON
from s2s.providers.gemini import options as gemini
from s2s.providers.nova import options as nova
from s2s.providers.openai import options as openai
from s2s.providers.settings import Settings, settings_of


class Inner(Struct):
    mood: Literal["good", "bad"] = "good"


class Knobs(Struct, forbid_unknown_fields=True):
    mood: Literal["good", "bad"] | None = None
    generation: Literal[1, 2] | None = None
    share: Annotated[float, Meta(ge=0, le=1)] = 0
    inner: tuple[Inner, ...] = ()
    secret: JSON = None


def test_what_is_spelled_well_is_read() -> None:
    assert settings_of({"mood": "bad", "share": 1}, Knobs) == Knobs(mood="bad", share=1)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"moood": "bad"}, "unknown field `moood`; use mood, generation, share, inner$"),
        ({"mood": "BAD"}, r"at `\$.mood`; use good, bad$"),
        ({"mood": 5}, r"at `\$.mood`; use good, bad$"),
        ({"generation": 3}, r"at `\$.generation`; use 1, 2$"),
        ({"inner": [{"mood": "odd"}]}, r"at `\$.inner\[0\].mood`; use good, bad$"),
        ({"inner": 5}, r"at `\$.inner`; correct it, or leave it out$"),
        ({"share": 2}, r"<= 1.0 - at `\$.share`; correct it, or leave it out$"),
    ],
    ids=str,
)
def test_what_is_not_is_told_with_what_can_be(extra: dict[str, JSON], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        settings_of(extra, Knobs, hidden=("secret",))


SECRET = "canary-4711"


@pytest.mark.parametrize("shown", [repr, str, lambda it: str(list(it.__rich_repr__()))])
@pytest.mark.parametrize(
    "options",
    [
        gemini.Options(api_key=SECRET, access_token=SECRET, proxy=SECRET, headers={"x": SECRET}),
        nova.Options(aws_secret_access_key=SECRET, aws_session_token=SECRET, proxy=SECRET),
        openai.Options(api_key=SECRET, azure_ad_token=SECRET, headers={"x": SECRET}),
    ],
    ids=["gemini", "nova", "openai"],
)
def test_settings_are_shown_by_name_for_what_they_hold_may_be_secret(
    options: Settings, shown: Callable[[Settings], str]
) -> None:
    told = shown(options)
    given = [name for name in options.__struct_fields__ if SECRET in str(getattr(options, name))]
    assert SECRET not in told
    assert all(name in told for name in given)
    assert "'ca'" not in told
