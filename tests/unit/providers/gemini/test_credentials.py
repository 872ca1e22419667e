import asyncio
import datetime
import json
import sys
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import RefreshError, TransportError
from google.oauth2.credentials import Credentials
from google.oauth2.service_account import Credentials as ServiceAccount

from s2s.errors import AuthError, ConfigError, ConnectError, MissingKeyError
from s2s.items import JSON
from s2s.providers.gemini.credentials import approach, require_proof
from s2s.providers.gemini.options import options_of

CANARY = "canary-4711"
MODEL = "gemini-3.8-live"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOMORROW = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(days=1)
YESTERDAY = TOMORROW - datetime.timedelta(days=2)


@pytest.fixture(autouse=True)
def _a_machine_that_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/credentials.json")


def approached(extra: dict[str, JSON]) -> tuple[str, dict[str, str]]:
    return asyncio.run(approach(options_of(extra), MODEL))


def headers(extra: dict[str, JSON]) -> dict[str, str]:
    url, named = approached(extra)
    assert CANARY not in url
    return named


async def _awaited() -> str:
    return CANARY


GIVEN = pytest.mark.parametrize("given", [CANARY, lambda: CANARY, _awaited, f" {CANARY}\n"])


# Keys and tokens.


@GIVEN
def test_a_key_is_told_in_a_header_and_never_in_the_url(given: JSON) -> None:
    assert headers({"api_key": given}) == {"x-goog-api-key": CANARY}
    assert headers({"surface": "vertex", "api_key": given}) == {"x-goog-api-key": CANARY}


@GIVEN
def test_a_token_is_that_of_its_bearer(given: JSON) -> None:
    assert headers({"project": "p", "access_token": given}) == {"Authorization": f"Bearer {CANARY}"}
    assert headers({"access_token": given}) == {"Authorization": f"Bearer {CANARY}"}


@pytest.mark.parametrize("wraps", [lambda token: token, lambda token: lambda: token])
def test_an_ephemeral_token_goes_where_it_is_good(wraps: Callable[[str], JSON]) -> None:
    url, named = approached({"api_key": wraps("auth_tokens/abc")})
    assert url.endswith(".v1alpha.GenerativeService.BidiGenerateContentConstrained")
    assert named == {"Authorization": "Token auth_tokens/abc"}


def test_a_key_that_a_function_makes_is_a_key() -> None:
    url, named = approached({"api_key": lambda: "AIza"})
    assert url.endswith(".v1beta.GenerativeService.BidiGenerateContent")
    assert named == {"x-goog-api-key": "AIza"}


def test_a_function_is_asked_at_every_connection() -> None:
    made = iter(["first", "second"])
    extra: dict[str, JSON] = {"api_key": lambda: next(made)}
    require_proof(options_of(extra))
    assert [headers(extra)["x-goog-api-key"] for _ in range(2)] == ["first", "second"]


def test_headers_of_ones_own_come_along_and_win() -> None:
    extra = {"api_key": "k", "headers": {"X-Mine": "1", "x-goog-api-key": "other"}}
    assert headers(extra) == {"X-Mine": "1", "x-goog-api-key": "other"}


def _raises() -> str:
    raise ValueError(f"no answer to {CANARY}")


async def _fails() -> str:
    raise OSError(f"no answer to {CANARY}")


@pytest.mark.parametrize("name", ["api_key", "access_token"])
@pytest.mark.parametrize(("function", "kind"), [(_raises, "ValueError"), (_fails, "OSError")])
def test_a_function_that_fails_may_be_asked_again_and_is_not_quoted(
    name: str, function: Callable[[], str | Awaitable[str]], kind: str
) -> None:
    with pytest.raises(AuthError, match=rf"the function in extra\['{name}'\] failed \({kind}\)") as told:
        headers({name: function})
    assert told.value.retryable
    assert told.value.provider == "gemini_live"
    assert told.value.__suppress_context__
    assert CANARY not in f"{told.value!r} {told.value.__cause__!r}"


@pytest.mark.parametrize("made", [None, "", " \n", 5, b"key"])
def test_a_function_that_returns_no_text_is_named(made: JSON) -> None:
    with pytest.raises(
        AuthError, match=r"extra\['api_key'\] returned no text \(.*\): return a token"
    ) as told:
        headers({"api_key": lambda: made})
    assert not told.value.retryable


def test_a_function_may_say_itself_what_went_wrong() -> None:
    def unreachable() -> str:
        raise ConnectError("no token today: come back tomorrow", retryable=True)

    with pytest.raises(ConnectError, match="no token today"):
        headers({"api_key": unreachable})


# What this machine holds.


def test_a_missing_key_names_key_and_variables() -> None:
    with pytest.raises(MissingKeyError) as told:
        require_proof(options_of({}))
    assert str(told.value) == (
        "generativelanguage.googleapis.com needs an API key: set extra={'api_key': ...} "
        "or the environment variable GEMINI_API_KEY or GOOGLE_API_KEY"
    )


@pytest.mark.parametrize("variable", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])
def test_a_key_of_the_environment_is_found(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, CANARY)
    assert headers({}) == {"x-goog-api-key": CANARY}
    assert headers({"base_url": "https://eu.GoogleAPIs.com"}) == {"x-goog-api-key": CANARY}


def test_what_is_named_nearer_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "second")
    monkeypatch.setenv("GEMINI_API_KEY", "first")
    assert headers({}) == {"x-goog-api-key": "first"}
    assert headers({"api_key": "mine", "access_token": "t"}) == {"x-goog-api-key": "mine"}
    assert headers({"access_token": "t"}) == {"Authorization": "Bearer t"}
    assert headers({"headers": {"authorization": "Basic x"}}) == {"authorization": "Basic x"}


@pytest.mark.parametrize("base_url", ["ws://127.0.0.1:1", "http://localhost:1", "wss://[::1]:1"])
@pytest.mark.parametrize("surface", ["developer", "vertex"])
def test_the_loopback_asks_for_nothing_and_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, base_url: str, surface: str
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", CANARY)
    assert headers({"base_url": base_url, "surface": surface}) == {}


def test_who_connects_otherwise_needs_no_key() -> None:
    assert headers({"connect": _awaited}) == {}
    assert headers({"connect": _awaited, "project": "p"}) == {}


ELSEWHERE = [
    "wss://evil.example",
    "wss://evil-googleapis.com",
    "wss://generativelanguage.googleapis.com.evil.example",
    "wss://evil.example/generativelanguage.googleapis.com",
    "wss://evil.example?x=.googleapis.com",
    "wss://googleapis.com.",
]


@pytest.mark.parametrize("base_url", ELSEWHERE)
@pytest.mark.parametrize("surface", ["developer", "vertex"])
def test_what_this_machine_holds_goes_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, base_url: str, surface: str
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", CANARY)
    wanted = "an API key: set extra={'api_key': ...}" if surface == "developer" else "a token: set extra="
    with pytest.raises(MissingKeyError) as told:
        headers({"base_url": base_url, "surface": surface})
    assert f" needs {wanted}" in str(told.value)
    assert "GEMINI" not in str(told.value)


@pytest.mark.parametrize(
    ("surface", "base_url"),
    [
        ("developer", "ws://generativelanguage.googleapis.com"),
        ("vertex", "http://aiplatform.googleapis.com"),
    ],
)
def test_what_this_machine_holds_goes_nowhere_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, surface: str, base_url: str
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", CANARY)
    with pytest.raises(MissingKeyError, match="only sent over wss://: correct the URL, or set extra"):
        headers({"base_url": base_url, "surface": surface})
    assert "mine" in str(headers({"base_url": base_url, "surface": surface, "api_key": "mine"}))


# Credentials of google-auth.


def test_credentials_that_are_valid_are_used_as_they_are() -> None:
    credentials = Credentials(CANARY, expiry=TOMORROW)
    assert headers({"project": "p", "credentials": credentials}) == {"authorization": f"Bearer {CANARY}"}


def test_who_pays_is_told_where_the_credentials_say_so() -> None:
    credentials = Credentials(CANARY, expiry=TOMORROW, quota_project_id="payer")
    assert headers({"project": "p", "credentials": credentials}) == {
        "authorization": f"Bearer {CANARY}",
        "x-goog-user-project": "payer",
    }


def test_credentials_that_cannot_be_refreshed_are_an_auth_error() -> None:
    credentials = Credentials(CANARY, expiry=YESTERDAY)
    with pytest.raises(AuthError, match=r"google-auth has no token \(.*refresh.*\): run `gcloud") as told:
        headers({"project": "p", "credentials": credentials})
    assert not told.value.retryable
    assert CANARY not in f"{told.value!r} {told.value.__cause__!r}"


class Refreshed(Credentials):
    """Credentials that fail to refresh, or get a token."""

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__(None)  # type: ignore[no-untyped-call]
        self.failure = failure
        self.refreshed = 0

    def refresh(self, request: Callable[..., object]) -> None:
        self.refreshed += 1
        if self.failure is not None:
            raise self.failure
        self.token, self.expiry = CANARY, TOMORROW


def test_credentials_without_a_token_get_one_and_keep_it() -> None:
    credentials = Refreshed()
    extra: dict[str, JSON] = {"project": "p", "credentials": credentials}
    assert [headers(extra) for _ in range(2)] == [{"authorization": f"Bearer {CANARY}"}] * 2
    assert credentials.refreshed == 1


@pytest.mark.parametrize(
    ("failure", "said", "retryable"),
    [
        (TransportError("no route"), "no route", True),
        (RefreshError("server is busy.", {"error": CANARY}, retryable=True), "server is busy", True),
        (RefreshError("x" * 5000), "x" * 300, False),
        (RefreshError({"error": CANARY}), "RefreshError", False),
        (KeyError(CANARY), "KeyError", False),
    ],
    ids=["network", "busy", "long", "wordless", "foreign"],
)
def test_it_is_told_why_credentials_fail_and_whether_to_try_again(
    failure: Exception, said: str, retryable: bool
) -> None:
    with pytest.raises(AuthError) as told:
        headers({"project": "p", "credentials": Refreshed(failure)})
    assert str(told.value).startswith(f"google-auth has no token ({said}): run `gcloud auth")
    assert told.value.retryable is retryable
    assert CANARY not in f"{told.value!r} {told.value.__cause__!r}"


def test_credentials_of_nobody_tell_nothing() -> None:
    assert headers({"project": "p", "credentials": AnonymousCredentials()}) == {}


def test_a_machine_without_credentials_is_told_how_to_log_in() -> None:
    with pytest.raises(
        AuthError, match=r"\(File /nowhere/credentials\.json was not found\): run `gcloud auth"
    ):
        headers({"project": "p"})


@contextmanager
def token_endpoint(status: int, answer: dict[str, JSON]) -> Iterator[tuple[str, list[bytes]]]:
    """Serve tokens on the loopback; yields its URL and what it was asked."""
    asked: list[bytes] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token", asked
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    form, locked = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, locked).decode()


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_key: str) -> Callable[[str], Path]:
    """Have this machine hold the key of an account of service."""
    path = tmp_path / "account.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def write(token_uri: str) -> Path:
        found = {"type": "service_account", "client_email": "me@example", "project_id": "p"}
        path.write_text(json.dumps({**found, "private_key": private_key, "token_uri": token_uri}))
        return path

    return write


def test_the_credentials_of_this_machine_get_a_token(account: Callable[[str], Path]) -> None:
    with token_endpoint(200, {"access_token": CANARY, "expires_in": 3600}) as (url, asked):
        account(url)
        assert headers({"project": "p"}) == {"authorization": f"Bearer {CANARY}"}
    (request,) = asked
    claims = parse_qs(request.decode())["assertion"][0].split(".")[1]
    assert json.loads(urlsafe_b64decode(claims + "=="))["scope"] == SCOPE


def test_an_account_that_was_given_without_a_scope_gets_the_right_one(account: Callable[[str], Path]) -> None:
    with token_endpoint(200, {"access_token": CANARY, "expires_in": 3600}) as (url, asked):
        given = ServiceAccount.from_service_account_file(str(account(url)))
        assert headers({"project": "p", "credentials": given}) == {"authorization": f"Bearer {CANARY}"}
    assert len(asked) == 1


def test_an_account_that_is_no_more_is_refused_in_the_words_of_google(account: Callable[[str], Path]) -> None:
    answer = {"error": "invalid_grant", "error_description": "Account not found"}
    with token_endpoint(400, answer) as (url, _):
        account(url)
        with pytest.raises(AuthError, match=r"\(invalid_grant: Account not found\): run `gcloud") as told:
            headers({"project": "p"})
    assert not told.value.retryable


def test_a_machine_without_a_network_may_try_again(account: Callable[[str], Path]) -> None:
    with token_endpoint(200, {}) as (url, _):
        account(url)
    with pytest.raises(AuthError, match="google-auth has no token") as told:
        headers({"project": "p"})
    assert told.value.retryable


@pytest.mark.parametrize("module", ["google.auth", "requests"])
def test_a_machine_without_google_auth_is_told_of_the_extra(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[vertex\]', or give an access_token"):
        require_proof(options_of({"project": "p"}))
    require_proof(options_of({"project": "p", "access_token": "t"}))
    require_proof(options_of({"api_key": "k"}))


def test_a_machine_without_anything_of_google_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "google.auth")
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    with pytest.raises(ConfigError, match="needs google-auth"):
        require_proof(options_of({"project": "p"}))
