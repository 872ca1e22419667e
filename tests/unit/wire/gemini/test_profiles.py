"""Which generation a model is of, and that the table holds what the rest relies on."""

import pytest

from s2s.wire.gemini.profiles import NAMED, PROFILES, Profile, Surface, bare, profile_of


@pytest.mark.parametrize(
    ("model", "surface", "name"),
    [
        ("gemini-3.8-live", "developer", "dev-3.8"),
        ("models/gemini-3.8-live", "developer", "dev-3.8"),
        ("gemini-3.8-live-extended-thinking", "developer", "dev-3.8-thinking"),
        ("gemini-3.1-flash-live-preview", "developer", "dev-3.1"),
        ("gemini-2.5-flash-native-audio-preview-12-2025", "developer", "dev-2.5-native"),
        ("gemini-2.5-flash-native-audio-latest", "developer", "dev-2.5-native"),
        ("gemini-3.5-live-translate-preview", "developer", "dev-3.8"),
        ("tuned-model", "developer", "dev-3.8"),
        ("publishers/google/models/gemini-3.8-live", "vertex", "vertex-3.8"),
        ("gemini-live-2.5-flash", "vertex", "vertex-half-cascade"),
        ("gemini-live-2.5-flash-native-audio", "vertex", "vertex-2.5-native"),
        (
            "projects/p/locations/l/publishers/google/models/gemini-live-2.5-flash",
            "vertex",
            "vertex-half-cascade",
        ),
        ("tuned-model", "vertex", "vertex-3.8"),
    ],
)
def test_a_model_is_known_by_the_longest_beginning_of_its_name(
    model: str, surface: Surface, name: str
) -> None:
    assert profile_of(model, surface).name == name
    assert NAMED[name] is profile_of(model, surface)


def test_a_model_is_developer_s_unless_it_is_said() -> None:
    assert profile_of("gemini-3.8-live").surface == "developer"


def test_the_path_before_a_name_is_no_part_of_it() -> None:
    assert bare("models/gemini-3.8-live") == bare("gemini-3.8-live") == "gemini-3.8-live"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_what_a_profile_says_fits_together(profile: Profile) -> None:
    assert NAMED[profile.name] is profile
    assert profile.unset_behavior in (profile.behaviors or ("BLOCKING",))
    assert not profile.scheduling or "NON_BLOCKING" in profile.behaviors
    assert profile.surface == "developer" or not profile.history_config
    assert profile.thinking != "level" or profile.nudge
