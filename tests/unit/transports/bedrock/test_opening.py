import re
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from s2s.errors import ConfigError
from s2s.transports.bedrock.opening import ALPN, Address, address, request
from s2s.transports.bedrock.refusal import Place
from s2s.transports.bedrock.signing import EXAMPLE, Credentials
from s2s.transports.ws.opening import trust
from s2s.transports.ws.refusal import hiding
from tests.support.websockets import certify

URL = "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-2-sonic-v1%3A0/invoke-with"


@pytest.mark.parametrize(
    ("url", "found", "authority"),
    [
        (
            URL,
            Address("https", "bedrock-runtime.us-east-1.amazonaws.com", 443, URL[URL.index("/model") :]),
            "bedrock-runtime.us-east-1.amazonaws.com",
        ),
        ("https://host:443/a?b=c", Address("https", "host", 443, "/a?b=c"), "host"),
        ("https://host:8443", Address("https", "host", 8443, "/"), "host:8443"),
        ("http://host", Address("http", "host", 80, "/"), "host"),
        ("http://[::1]:8080/a", Address("http", "::1", 8080, "/a"), "[::1]:8080"),
    ],
)
def test_a_url_is_taken_apart(url: str, found: Address, authority: str) -> None:
    assert address(url) == found
    assert found.authority == authority


def test_what_may_be_shown_of_a_url_has_no_query() -> None:
    assert address("https://host/a?key=canary").where == "https://host/a"


@pytest.mark.parametrize(
    "url",
    [
        "wss://host/a",
        "host/a",
        "",
        "https:///a",
        "https://host/a#b",
        "https://host/a b",
        "https://host/\u00e4",
        "https://host/a\n",
        "https://user:canary@host/a",
        "https://host:port/a",
        "https://[host/a",
    ],
)
def test_what_is_no_url_to_open_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        address(url)
    assert "canary" not in str(refusal.value)


def test_a_request_is_signed_and_says_what_must_not_be_shown() -> None:
    credentials = Credentials("AKID", "canary-secret", "canary-token")
    asked = request(
        URL + "?x=1", credentials, "eu-north-1", {"User-Agent": "mine", "X-Api-Key": "canary-key"}
    )
    head = dict(asked.head)
    assert [name for name, _ in asked.head[:4]] == [":method", ":scheme", ":authority", ":path"]
    assert (head[":path"], head["user-agent"]) == (URL[URL.index("/model") :] + "?x=1", "mine")
    told = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKID/[0-9]{8}/eu-north-1/bedrock/aws4_request, "
        r"SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, "
        r"Signature=([0-9a-f]{64})",
        head["authorization"],
    )
    assert told is not None
    assert asked.hidden >= {"canary-secret", "canary-token", "canary-key", told[1]}
    assert "" not in asked.hidden


@pytest.mark.parametrize("shown", [repr, str, lambda it: str(list(it.__rich_repr__()))])
def test_a_request_shows_no_secret(shown: Callable[[object], str]) -> None:
    credentials = Credentials("AKID", "canary-secret", "canary-token")
    asked = request(URL + "?key=canary-key", credentials, "eu-north-1", {"X-Api-Key": "canary-key"})
    assert "canary" not in shown(asked)
    assert "canary" not in shown(Place("where", "nova", hiding(asked.hidden)))
    assert "authorization" in shown(asked)


@pytest.mark.parametrize(
    ("credentials", "headers"),
    [
        (EXAMPLE, {"Authorization": "mine"}),
        (EXAMPLE, {"X-Amz-Date": "now"}),
        (EXAMPLE, {"Connection": "keep-alive"}),
        (EXAMPLE, {"Keep-Alive": "5"}),
        (EXAMPLE, {"Proxy-Connection": "close"}),
        (EXAMPLE, {"Transfer-Encoding": "chunked"}),
        (EXAMPLE, {"Upgrade": "h2c"}),
        (EXAMPLE, {"TE": "gzip"}),
        (EXAMPLE, {"Content-Length": "5"}),
        (EXAMPLE, {"bad name": "x"}),
        (EXAMPLE, {"name": "line\nbreak"}),
        (Credentials("AKID", "secret", "canary\n"), {}),
        (Credentials("AKID\n", "secret"), {}),
    ],
)
def test_headers_that_would_break_the_request_are_refused(
    credentials: Credentials, headers: dict[str, str]
) -> None:
    with pytest.raises(ConfigError) as refusal:
        request(URL, credentials, "us-east-1", headers)
    assert "canary" not in str(refusal.value)


def test_the_context_is_shared_and_not_that_of_others(tmp_path: Path) -> None:
    _, ca = certify(tmp_path)
    assert trust(None, None, ALPN) is trust(None, None, ALPN) is not trust(None, None)
    assert trust(None, ca) is trust(None, str(ca)) is not trust(None, None)
    assert trust(None, ca).verify_mode is ssl.CERT_REQUIRED
    mine = ssl.create_default_context()
    assert trust(mine, None) is mine


def test_a_ca_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    _, ca = certify(tmp_path)
    before = trust(None, ca)
    certify(tmp_path)
    assert trust(None, ca).get_ca_certs() != before.get_ca_certs()


def test_a_context_and_a_ca_are_too_much_and_a_ca_must_be_one(tmp_path: Path) -> None:
    _, ca = certify(tmp_path)
    with pytest.raises(ConfigError, match="leave ca out"):
        trust(ssl.create_default_context(), ca)
    (tmp_path / "empty.pem").write_text("nothing")
    for wrong in (tmp_path / "empty.pem", tmp_path / "absent.pem"):
        with pytest.raises(ConfigError, match="give a PEM file"):
            trust(None, wrong)
