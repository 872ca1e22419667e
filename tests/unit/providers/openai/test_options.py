import asyncio

import pytest

from s2s.errors import ConfigError, MissingKeyError
from s2s.items import JSON
from s2s.providers.openai.options import options_of


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("AZURE_OPENAI_API_KEY", raising=False)


def headers(extra: dict[str, JSON]) -> dict[str, str]:
    options = options_of(extra)
    return asyncio.run(options.request_headers(options.url("m")))


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (None, "wss://api.openai.com/v1/realtime?model=m"),
        ("https://host", "wss://host/v1/realtime?model=m"),
        ("https://host/", "wss://host/v1/realtime?model=m"),
        ("https://host/v1", "wss://host/v1/realtime?model=m"),
        ("https://host/v1/realtime", "wss://host/v1/realtime?model=m"),
        ("wss://host/realtime", "wss://host/realtime?model=m"),
        ("ws://127.0.0.1:8766/v1/realtime", "ws://127.0.0.1:8766/v1/realtime?model=m"),
        ("http://[::1]:8766/api/v2/", "ws://[::1]:8766/api/v2/realtime?model=m"),
        ("https://host/v1?model=other&x=1", "wss://host/v1/realtime?model=other&x=1"),
        ("https://res.openai.azure.com", "wss://res.openai.azure.com/openai/v1/realtime?model=m"),
        ("https://res.openai.azure.com/openai/v1/", "wss://res.openai.azure.com/openai/v1/realtime?model=m"),
        (
            "wss://res.openai.azure.com/openai/v1/realtime?model=mine",
            "wss://res.openai.azure.com/openai/v1/realtime?model=mine",
        ),
    ],
)
def test_every_form_of_a_base_url_is_understood(base_url: str | None, url: str) -> None:
    assert options_of({"base_url": base_url} if base_url else {}).url("m") == url


@pytest.mark.parametrize("wrong", ["host:8766", "localhost", "ftp://host", "wss://", "//host/v1"])
def test_what_is_no_url_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="must begin with wss://"):
        options_of({"base_url": wrong}).url("m")


@pytest.mark.parametrize("wrong", ["wss://[::1/v1", "wss://host:99999/v1", "wss://host:port", "wss://[x]"])
def test_what_looks_like_a_url_and_is_none_is_refused(wrong: str) -> None:
    options = options_of({"base_url": wrong})
    assert options.variant.name == "openai"
    with pytest.raises(ConfigError, match=r"extra\['base_url'\] must begin with wss://.* name a host"):
        options.url("m")


@pytest.mark.parametrize("wrong", ["wss://me:secret@[h", "wss://h:99999/v1?api-key=secret", "h?key=secret"])
def test_what_may_hold_a_secret_is_not_repeated(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"name a host$") as told:
        options_of({"base_url": wrong}).url("m")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("wrong", ["res.openai.azure.com", "https://", "https://[res"])
def test_an_endpoint_that_is_no_url_is_called_by_its_name(wrong: str) -> None:
    options = options_of({"azure_endpoint": wrong, "azure_deployment": "mine"})
    with pytest.raises(ConfigError, match=r"extra\['azure_endpoint'\] must begin with"):
        options.url("mine")


@pytest.mark.parametrize(
    "path", ["", "/", "/openai", "/openai/v1", "/openai/v1/", "/openai/v1/realtime", "/openai/realtime"]
)
def test_an_endpoint_may_bring_its_path(path: str) -> None:
    options = options_of(
        {"azure_endpoint": f"https://res.openai.azure.com{path}", "azure_deployment": "mine"}
    )
    assert options.url("mine") == "wss://res.openai.azure.com/openai/v1/realtime?model=mine"


def test_an_endpoint_may_stand_behind_a_gateway() -> None:
    options = options_of({"azure_endpoint": "https://gate.example/team", "azure_deployment": "mine"})
    assert options.url("mine") == "wss://gate.example/team/openai/v1/realtime?model=mine"
    assert options.variant.name == "azure"


def test_calls_are_offered_beside_the_websocket() -> None:
    assert options_of({}).calls_url == "https://api.openai.com/v1/realtime/calls"
    local = options_of({"base_url": "ws://127.0.0.1:1/v1"})
    assert local.calls_url == "http://127.0.0.1:1/v1/realtime/calls"


def test_azure_is_found_by_resource_and_deployment() -> None:
    extra: dict[str, JSON] = {
        "azure_endpoint": "https://res.openai.azure.com/",
        "azure_deployment": "mine",
        "api_key": "k",
    }
    options = options_of(extra)
    assert options.url("mine") == "wss://res.openai.azure.com/openai/v1/realtime?model=mine"
    assert options.variant.name == "azure"
    assert headers(extra) == {"api-key": "k"}


def test_azure_by_its_base_url_is_azure_too() -> None:
    extra = {"base_url": "https://res.openai.azure.com/openai/v1", "api_key": "k"}
    assert headers(extra) == {"api-key": "k"}


async def _awaited() -> str:
    return "later"


@pytest.mark.parametrize(("token", "sent"), [("now", "now"), (lambda: "made", "made"), (_awaited, "later")])
def test_a_token_of_entra_is_given_made_or_awaited(token: JSON, sent: str) -> None:
    extra = {
        "azure_endpoint": "https://res.openai.azure.com",
        "azure_deployment": "mine",
        "azure_ad_token": token,
    }
    assert headers(extra) == {"Authorization": f"Bearer {sent}"}


def test_a_key_is_a_bearer_beside_organization_project_and_headers() -> None:
    extra = {"api_key": "k", "organization": "o", "project": "p", "headers": {"X-Mine": "1"}}
    assert headers(extra) == {
        "Authorization": "Bearer k",
        "OpenAI-Organization": "o",
        "OpenAI-Project": "p",
        "X-Mine": "1",
    }


def test_the_key_of_the_environment_is_for_its_provider_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "env")
    assert headers({}) == {"Authorization": "Bearer env"}
    assert headers({"api_key": "mine"}) == {"Authorization": "Bearer mine"}
    assert headers({"base_url": "ws://127.0.0.1:1"}) == {}
    with pytest.raises(MissingKeyError, match=r"host needs an API key: set extra=\{'api_key': ...\}$"):
        headers({"base_url": "wss://host"})


@pytest.mark.parametrize("host", ["api.openai.com", "eu.api.openai.com", "API.OpenAI.com"])
@pytest.mark.parametrize("dialect", ["openai", "azure", "compatible"])
def test_the_key_of_openai_goes_to_openai(monkeypatch: pytest.MonkeyPatch, host: str, dialect: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "env")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-env")
    options = options_of({"base_url": f"https://{host}/v1", "dialect": dialect})
    assert options.key(options.url("m")) == "env"


AZURE = ["r.openai.azure.com", "r.cognitiveservices.azure.com", "r.services.ai.azure.com"]


@pytest.mark.parametrize("host", AZURE)
@pytest.mark.parametrize("dialect", [None, "openai", "compatible"])
def test_the_key_of_azure_goes_to_azure(
    monkeypatch: pytest.MonkeyPatch, host: str, dialect: str | None
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "openai-env")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "env")
    options = options_of({"base_url": f"wss://{host}", "dialect": dialect})
    assert options.key(options.url("m")) == "env"
    assert options.variant.name == (dialect or "azure")


@pytest.mark.parametrize(
    "extra",
    [
        {"base_url": "wss://evil.cloudapp.azure.com/v1"},
        {"base_url": "wss://evil.cloudapp.azure.com/v1", "dialect": "azure"},
        {"base_url": "wss://x.microsoft.com/v1"},
        {"base_url": "wss://evil-openai.com/v1"},
        {"base_url": "wss://api.openai.com.evil.example/v1"},
        {"base_url": "wss://host/v1?x=.openai.azure.com"},
        {"base_url": "wss://openai.azure.com.evil.example/.openai.azure.com"},
        {"azure_endpoint": "https://gate.example", "azure_deployment": "mine"},
    ],
)
def test_no_key_of_the_environment_goes_anywhere_else(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, JSON]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "env")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "env")
    with pytest.raises(MissingKeyError, match=r"needs an API key: set extra=\{'api_key': ...\}$"):
        headers(extra)
    assert options_of(extra).variant.name == ("azure" if len(extra) == 2 else "openai")


@pytest.mark.parametrize(
    ("base_url", "variable"),
    [("http://api.openai.com/v1", "OPENAI_API_KEY"), ("ws://r.openai.azure.com", "AZURE_OPENAI_API_KEY")],
)
def test_no_key_of_the_environment_goes_over_the_wire_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, base_url: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "env")
    with pytest.raises(
        MissingKeyError, match=f"{variable} is only sent over wss://: correct the URL, or set"
    ):
        headers({"base_url": base_url})
    assert "mine" in str(headers({"base_url": base_url, "api_key": "mine"}))


def test_a_missing_key_names_key_and_variable() -> None:
    with pytest.raises(MissingKeyError, match=r"api\.openai\.com needs .* variable OPENAI_API_KEY"):
        headers({})
    azure = {"azure_endpoint": "https://res.openai.azure.com", "azure_deployment": "mine"}
    with pytest.raises(MissingKeyError, match="AZURE_OPENAI_API_KEY"):
        headers(azure)


@pytest.mark.parametrize(
    "extra",
    [{"base_url": "http://127.0.0.1:1"}, {"headers": {"authorization": "x"}}, {"connect": _awaited}],
)
def test_no_key_is_needed_where_none_is_asked_for(extra: dict[str, JSON]) -> None:
    assert "Authorization" not in headers(extra)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"apikey": "secret"}, "unknown field `apikey`.*use api_key"),
        ({"api_key": 5}, "Expected `str"),
        ({"dialect": "nonsense"}, "use openai, azure, xai, compatible"),
        ({"azure_endpoint": "https://x"}, "go together"),
        ({"noise_reduction": "loud"}, "noise_reduction"),
        ({"transport": "pigeon"}, "transport"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_use(extra: dict[str, JSON], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as wrong:
        options_of(extra)
    assert "secret" not in str(wrong.value)


def test_the_dialect_can_be_named() -> None:
    assert options_of({"dialect": "xai"}).variant.name == "xai"
    assert options_of({"dialect": "compatible", "base_url": "ws://x"}).variant.acknowledges is False
