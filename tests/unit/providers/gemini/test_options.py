from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.errors import ConfigError, UnsupportedError
from s2s.items import JSON
from s2s.providers.addresses import host_of
from s2s.providers.gemini.options import Options, options_of
from s2s.wire.gemini.profiles import LIVE_38, LIVE_38_VERTEX, NAMED, NATIVE_25, Profile

MODEL = "gemini-3.8-live"
NATIVE = "gemini-2.5-flash-native-audio-preview-12-2025"
THINKING = "gemini-3.8-live-extended-thinking"
FLASH = "gemini-3.1-flash-live-preview"
HALF = "gemini-live-2.5-flash"
DEVELOPER = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
VERTEX = "/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
PUBLIC = "wss://generativelanguage.googleapis.com"


def url(extra: dict[str, JSON], model: str = MODEL, *, ephemeral: bool = False) -> str:
    return options_of(extra).url(model, ephemeral=ephemeral)


# Where to connect to.


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, PUBLIC + DEVELOPER),
        ({"api_version": "v1"}, PUBLIC + DEVELOPER.replace("v1beta", "v1")),
        ({"project": "p"}, "wss://aiplatform.googleapis.com" + VERTEX),
        ({"surface": "vertex"}, "wss://aiplatform.googleapis.com" + VERTEX),
        ({"project": "p", "surface": "developer"}, PUBLIC + DEVELOPER),
        (
            {"project": "p", "location": "us-central1"},
            "wss://us-central1-aiplatform.googleapis.com" + VERTEX,
        ),
        ({"project": "p", "location": "us"}, "wss://aiplatform.us.rep.googleapis.com" + VERTEX),
        ({"project": "p", "location": "eu"}, "wss://aiplatform.eu.rep.googleapis.com" + VERTEX),
        (
            {"project": "p", "api_version": "v1"},
            "wss://aiplatform.googleapis.com" + VERTEX.replace("v1beta1", "v1"),
        ),
    ],
    ids=str,
)
def test_each_surface_has_its_place(extra: dict[str, JSON], expected: str) -> None:
    assert url(extra) == expected


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://host", "wss://host" + DEVELOPER),
        ("https://host/", "wss://host" + DEVELOPER),
        ("wss://host:8443/team/", "wss://host:8443/team" + DEVELOPER),
        ("ws://127.0.0.1:8766", "ws://127.0.0.1:8766" + DEVELOPER),
        ("http://[::1]:8766", "ws://[::1]:8766" + DEVELOPER),
        ("wss://host/any/BidiGenerateContent", "wss://host/any/BidiGenerateContent"),
        (
            "wss://host/v1/x.BidiGenerateContent?tenant=a%20b",
            "wss://host/v1/x.BidiGenerateContent?tenant=a%20b",
        ),
        ("wss://host?tenant=1#part", "wss://host" + DEVELOPER + "?tenant=1"),
    ],
)
def test_every_form_of_a_base_url_is_understood(base_url: str, expected: str) -> None:
    assert url({"base_url": base_url}) == expected


def test_a_base_url_may_stand_before_vertex() -> None:
    assert url({"base_url": "https://gate/team", "surface": "vertex"}) == "wss://gate/team" + VERTEX


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, PUBLIC + DEVELOPER.replace("v1beta", "v1alpha") + "Constrained"),
        ({"api_version": "v1beta"}, PUBLIC + DEVELOPER + "Constrained"),
        ({"base_url": "ws://h/m.BidiGenerateContent"}, "ws://h/m.BidiGenerateContentConstrained"),
        ({"base_url": "ws://h/m.BidiGenerateContentConstrained"}, "ws://h/m.BidiGenerateContentConstrained"),
    ],
    ids=str,
)
def test_an_ephemeral_token_has_a_method_of_its_own(extra: dict[str, JSON], expected: str) -> None:
    assert url(extra, ephemeral=True) == expected


@pytest.mark.parametrize(
    ("extra", "model", "version"),
    [
        ({"affective_dialog": True}, NATIVE, "v1alpha"),
        ({"proactive_audio": True}, NATIVE, "v1alpha"),
        ({"proactive_audio": True, "api_version": "v1"}, NATIVE, "v1"),
        ({"proactive_audio": True}, MODEL, "v1beta"),
        ({"proactive_audio": True, "profile": "dev-2.5-native"}, "mine", "v1alpha"),
        ({"thinking_budget": 0}, NATIVE, "v1beta"),
    ],
    ids=str,
)
def test_a_setting_that_only_the_alpha_has_asks_for_it(
    extra: dict[str, JSON], model: str, version: str
) -> None:
    assert f".{version}." in url(extra, model)


def test_vertex_has_no_alpha_to_ask_for() -> None:
    extra = {"project": "p", "affective_dialog": True}
    assert ".v1beta1." in url(extra, "gemini-live-2.5-flash-native-audio")


@pytest.mark.parametrize("wrong", ["host:8766", "ftp://host", "wss://", "wss://[::1", "wss://a:b@host"])
def test_what_is_no_url_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"extra\['base_url'\]"):
        url({"base_url": wrong})


@given(st.text(max_size=30), st.sampled_from(["location", "api_version", "project"]))
def test_no_setting_leads_to_another_host(text: str, name: str) -> None:
    try:
        options = options_of({"surface": "vertex", name: text})
    except ConfigError:
        return
    assert host_of(options.url(MODEL)).endswith("aiplatform.googleapis.com") or text in ("us", "eu")
    assert "?" not in options.url(MODEL)


# What the model is called, and what it is like.


@pytest.mark.parametrize(
    ("extra", "model", "path"),
    [
        ({}, MODEL, "models/gemini-3.8-live"),
        ({}, "models/gemini-3.8-live", "models/gemini-3.8-live"),
        ({}, "tunedModels/mine", "tunedModels/mine"),
        ({"surface": "vertex", "api_key": "k"}, MODEL, "publishers/google/models/gemini-3.8-live"),
        ({"project": "p"}, MODEL, "projects/p/locations/global/publishers/google/models/gemini-3.8-live"),
        ({"project": "p", "location": "eu"}, "m", "projects/p/locations/eu/publishers/google/models/m"),
        ({"project": "p"}, "models/m", "projects/p/locations/global/publishers/google/models/m"),
        ({"project": "p"}, "acme/m", "projects/p/locations/global/publishers/acme/models/m"),
        (
            {"project": "p"},
            "publishers/acme/models/m",
            "projects/p/locations/global/publishers/acme/models/m",
        ),
        ({"project": "p"}, "projects/q/locations/eu/endpoints/7", "projects/q/locations/eu/endpoints/7"),
        ({"surface": "vertex"}, "projects/q/locations/eu/endpoints/7", "projects/q/locations/eu/endpoints/7"),
        ({"surface": "vertex", "base_url": "wss://gate"}, "m", "publishers/google/models/m"),
        ({"surface": "vertex", "connect": print}, "m", "publishers/google/models/m"),
    ],
    ids=str,
)
def test_a_model_has_the_path_that_its_surface_wants(extra: dict[str, JSON], model: str, path: str) -> None:
    assert options_of(extra).model_path(model) == path


def test_vertex_needs_a_project_where_no_key_stands_for_one() -> None:
    with pytest.raises(ConfigError, match=r"needs a project of Google Cloud: set extra=\{'project'"):
        options_of({"surface": "vertex", "access_token": "t"}).model_path(MODEL)


@pytest.mark.parametrize(
    ("extra", "model", "profile"),
    [
        ({}, "gemini-9-live", LIVE_38),
        ({"project": "p"}, "gemini-9-live", LIVE_38_VERTEX),
        ({}, "gemini-2.0-flash-exp", LIVE_38),
        ({}, f"models/{NATIVE}", NATIVE_25),
        ({"profile": "dev-2.5-native"}, "gemini-9-live", NATIVE_25),
    ],
    ids=str,
)
def test_an_unknown_model_is_like_the_newest_unless_somebody_says_what_it_is_like(
    extra: dict[str, JSON], model: str, profile: Profile
) -> None:
    assert options_of(extra).profile_for(model) is profile


def test_a_profile_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"extra\['profile'\] is 'loud': use dev-2\.5-native, ") as told:
        options_of({"profile": "loud"}).profile_for(MODEL)
    assert all(name in str(told.value) for name in NAMED)


REFUSED: dict[str, JSON] = {
    "thinking_level": "LOW",
    "thinking_budget": 100,
    "affective_dialog": True,
    "proactive_audio": True,
}


@pytest.mark.parametrize(
    ("surface", "model", "takes"),
    [
        ("developer", NATIVE, {"thinking_budget", "affective_dialog", "proactive_audio"}),
        ("developer", FLASH, {"thinking_level"}),
        ("developer", MODEL, {"proactive_audio"}),
        ("developer", THINKING, {"thinking_level", "proactive_audio"}),
        ("vertex", MODEL, {"proactive_audio"}),
        (
            "vertex",
            "gemini-live-2.5-flash-native-audio",
            {"thinking_budget", "affective_dialog", "proactive_audio"},
        ),
        ("vertex", HALF, set()),
    ],
)
def test_a_wish_that_a_model_would_refuse_is_refused_before(
    surface: str, model: str, takes: set[str]
) -> None:
    for name in REFUSED.keys() - takes:
        with pytest.raises(UnsupportedError, match=f"{model} takes no {name}: leave it out of extra"):
            options_of({"surface": surface, name: REFUSED[name]}).require(model)
    for name in takes:
        options_of({"surface": surface, name: REFUSED[name]}).require(model)


def test_all_wishes_that_a_model_refuses_are_named_at_once() -> None:
    with pytest.raises(UnsupportedError, match="takes no thinking_level and no affective_dialog: leave"):
        options_of({"thinking_level": "LOW", "affective_dialog": True}).require(MODEL)


def test_extended_thinking_is_no_minimal_thinking() -> None:
    options_of({"thinking_level": "MINIMAL"}).require(FLASH)
    options_of({}).require(THINKING)
    with pytest.raises(UnsupportedError, match="set thinking_level to LOW, MEDIUM or HIGH"):
        options_of({"thinking_level": "MINIMAL"}).require(THINKING)


def test_wishes_of_nothing_are_no_wishes() -> None:
    options_of({"thinking_level": None, "affective_dialog": False, "proactive_audio": False}).require(MODEL)


def test_the_wire_gets_what_only_it_understands() -> None:
    extra = {
        "thinking_budget": 0,
        "tool_scheduling": "WHEN_IDLE",
        "resumption": False,
        "compression": False,
        "setup": {"labels": {"a": "b"}},
    }
    wishes = options_of(extra).wishes
    assert (wishes.thinking_budget, wishes.scheduling) == (0, "WHEN_IDLE")
    assert (wishes.resumption, wishes.compression) == (False, False)
    assert wishes.setup == {"labels": {"a": "b"}}
    assert options_of({}).wishes.resumption


def test_a_setup_without_resumption_is_a_wish_for_none() -> None:
    assert not options_of({"setup": {"sessionResumption": None}}).wishes.resumption
    assert options_of({"setup": {"sessionResumption": {"transparent": True}}}).wishes.resumption


# What may be set.


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"apikey": "secret"}, "unknown field `apikey`; use api_key, base_url, .*connect$"),
        ({"api_key": 5}, r"extra\['api_key'\] must be text, or a function"),
        ({"api_key": ["secret"]}, r"extra\['api_key'\] must be text"),
        ({"access_token": {"secret": 1}}, r"extra\['access_token'\] must be text"),
        ({"credentials": "/secret.json"}, r"extra\['credentials'\] must be credentials of google-auth"),
        ({"connect": "secret"}, r"extra\['connect'\] must be a function"),
        ({"surface": "studio"}, r"surface`; use developer, vertex$"),
        ({"location": "secret.example/"}, r"location"),
        ({"location": ""}, r"location"),
        ({"api_version": "v1/secret"}, r"api_version"),
        ({"project": "p/secret"}, r"project"),
        ({"thinking_level": "low"}, r"thinking_level"),
        ({"thinking_budget": "secret"}, r"thinking_budget"),
        ({"tool_scheduling": "SILENT"}, r"tool_scheduling"),
        ({"headers": {"x": 5}}, r"headers"),
        ({"setup": ["secret"]}, r"setup"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named_with_what_to_use(extra: dict[str, JSON], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as wrong:
        options_of(extra)
    assert "secret" not in str(wrong.value)


@pytest.mark.parametrize("token", ["text", lambda: "made", None])
def test_a_token_is_text_or_a_function(token: str | Callable[[], str] | None) -> None:
    options = options_of({"api_key": token, "access_token": token})
    assert options.api_key == options.access_token == token


def test_the_models_of_any_other_service_are_its_own() -> None:
    assert Options().own
    assert not Options(base_url="ws://127.0.0.1:1").own
