import pytest

from s2s.errors import AuthError, ConfigError, ProviderError, RateLimitError, RemoteProtocolError, S2SError
from s2s.providers.local.endpoints.endpoint import Endpoint, reason_in

KEY = "sk-canary-0123456789"
ENDPOINT = Endpoint("http://127.0.0.1:1/v1", {"Authorization": f"Bearer {KEY}", "X-Org": "us"})


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (
            401,
            '{"error": {"message": "wrong key"}}',
            AuthError,
            "refused the credential (401): wrong key; set",
        ),
        (403, '{"error": "not allowed"}', AuthError, "refused the credential (403): not allowed; set"),
        (429, '{"message": "slow down"}', RateLimitError, "asks for a pause (429): slow down; wait"),
        (404, '{"detail": "no model"}', ProviderError, "refused (404): no model; check base_url and model"),
        (400, '[{"error": {"message": "bad"}}]', ProviderError, "refused (400): bad; check"),
        (500, "<h1>oh\n no</h1>", ProviderError, "refused (500): <h1>oh no</h1>; ask again later"),
        (301, "", ProviderError, "refused (301): ; check"),
        (200, '{"choices": []}', RemoteProtocolError, 'sent no event stream but (200): {"choices": []}: ask'),
        (400, "x" * 500_000, ProviderError, "xxx; check"),
    ],
)
def test_a_refusal_has_a_name_and_advice(status: int, body: str, kind: type[S2SError], message: str) -> None:
    error = ENDPOINT.refusal(status, body.encode(), wanted="event stream")
    assert type(error) is kind
    assert message in str(error)
    assert len(str(error)) < 500


def test_what_may_be_tried_again_is_said() -> None:
    for retry_after, rest_s in (
        ("7.5", 7.5),
        ("7", 7.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("", None),
    ):
        limited = ENDPOINT.refusal(429, b"", retry_after)
        assert isinstance(limited, RateLimitError)
        assert (limited.retry_after_s, limited.retryable) == (rest_s, True)
    for status, retryable in ((500, True), (503, True), (408, True), (400, False), (404, False)):
        refused = ENDPOINT.refusal(status, b"")
        assert isinstance(refused, ProviderError)
        assert (refused.code, refused.retryable) == (str(status), retryable)


def test_secrets_that_the_endpoint_repeats_are_hidden_and_other_words_are_not() -> None:
    assert ENDPOINT.shown(f"{KEY} was  refused\nby us") == "*** was refused by us"
    assert KEY not in repr(ENDPOINT)
    error = ENDPOINT.nonsense("said", f"Bearer {KEY} " + "x" * 5_000)
    assert error.received.startswith(b"*** *** xxx")
    assert len(error.received) == 300


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[" * 100_000, b"5", b'{"error": 5}', b"null"])
def test_a_refusal_in_any_form_is_told_as_it_is(body: bytes) -> None:
    assert reason_in(body) == body.decode(errors="replace")


@pytest.mark.parametrize(
    ("url", "headers", "match"),
    [
        ("127.0.0.1:11434", {}, "base_url must be like"),
        ("ftp://host/v1", {}, "base_url must be like"),
        (f"http://me:{KEY}@host/v1", {}, "base_url must be like"),
        (f"http://host/v1?key={KEY}", {}, "base_url must be like"),
        ("http://host/v1", {"Authorization": f"Bearer {KEY}\n"}, "header 'Authorization' cannot be sent"),
        ("http://host/v1", {"a b": "c"}, "header 'a b' cannot be sent"),
    ],
)
def test_an_address_that_cannot_work_is_refused_without_telling_secrets(
    url: str, headers: dict[str, str], match: str
) -> None:
    with pytest.raises(ConfigError, match=match) as refused:
        Endpoint(url, headers)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:11434/v1", "https://[::1]:8080", "https://llm.example.com"]
)
def test_an_address_may_be_a_name_or_a_number(url: str) -> None:
    assert Endpoint(url).url == url
