import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from s2s.errors import ConfigError
from s2s.providers.addresses import LOOPBACK, WEBSOCKET, host_of, parts_of


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("wss://Host.Example/v1", "host.example"),
        ("ws://127.0.0.1:8766", "127.0.0.1"),
        ("http://[::1]:8766/api", "::1"),
        ("wss://me:secret@host/", "host"),
        ("host:8766", ""),
        ("wss://[::1", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_url_is_found_and_of_what_is_none_nothing(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize("url", ["ws://localhost:1/x", "http://127.0.0.1", "https://[::1]/v1?x=1"])
def test_the_loopback_is_known_by_its_names(url: str) -> None:
    assert host_of(url) in LOOPBACK


@pytest.mark.parametrize(
    ("url", "scheme"), [("ws://h", "ws"), ("WSS://h", "wss"), ("HTTP://h", "ws"), ("https://h:443/", "wss")]
)
def test_every_scheme_is_one_of_a_websocket(url: str, scheme: str) -> None:
    parts = parts_of("base_url", url)
    assert (WEBSOCKET[parts.scheme], parts.hostname) == (scheme, "h")


@pytest.mark.parametrize(
    "wrong", ["host:8766", "ftp://host", "wss://", "wss://[h", "wss://h:99999", "wss://h:0"]
)
def test_what_is_no_url_is_refused_by_the_name_of_its_setting(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"^extra\['base_url'\] must begin with .* not '") as told:
        parts_of("base_url", wrong)
    assert wrong in str(told.value)


@pytest.mark.parametrize("wrong", ["wss://secret@[h", "h?key=secret", "wss://h:99999/?key=secret"])
def test_what_may_hold_a_secret_is_not_repeated(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"name a host$") as told:
        parts_of("base_url", wrong)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("url", ["wss://me:secret@host/v1", "https://secret@host", "ws://:secret@127.0.0.1"])
def test_a_user_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match=r"extra\['base_url'\] holds a user: .* pass it in headers") as told:
        parts_of("base_url", url)
    assert "secret" not in str(told.value)


@given(st.text())
@example("wss://\N{FULLWIDTH SOLIDUS}")
@example("wss://[v1.x]")
def test_any_text_is_a_url_with_a_host_or_refused(text: str) -> None:
    try:
        parts = parts_of("base_url", text)
    except ConfigError:
        return
    assert parts.scheme in WEBSOCKET
    assert parts.hostname == host_of(text) != ""
