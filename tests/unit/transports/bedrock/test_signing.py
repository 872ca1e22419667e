from collections.abc import Callable
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import get_current_datetime
from botocore.credentials import Credentials as Theirs

from s2s.transports.bedrock import signing
from s2s.transports.bedrock.eventstream import Decoder, Timestamp, encode
from s2s.transports.bedrock.signing import (
    EXAMPLE,
    Chain,
    Credentials,
    Scope,
    request_signature,
    signed_headers,
    spelled,
)

AKID = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HOST = "bedrock-runtime.us-east-1.amazonaws.com"
PATH = "/model/amazon.nova-2-sonic-v1%3A0/invoke-with-bidirectional-stream"
AT_MS = 1795341001000
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4"


def headers_and_seed(path: str = PATH, credentials: Credentials = AKID) -> tuple[dict[str, str], str]:
    return signed_headers(credentials, "us-east-1", HOST, path, AT_MS)


def test_a_stream_is_signed_as_the_official_signers_do_it() -> None:
    headers, seed = headers_and_seed()
    assert headers["x-amz-date"] == "20261122T095001Z"
    assert seed == "d725521098645fab3d8e220088e7c3615031b25fd6ac4ddc7e3e1c105feb5656"
    inner = encode(
        [(":message-type", "event"), (":event-type", "chunk"), (":content-type", "application/json")],
        b'{"bytes":"eyJldmVudCI6eyJzZXNzaW9uRW5kIjp7fX19"}',
    )
    chain = Chain(AKID, "us-east-1", seed)
    first = chain.sign(1795341001234, inner)
    assert (len(inner), len(first)) == (139, 222)
    assert first.hex().startswith("000000de00000043bc320e7b053a6461746508000001a202a9a212")
    (message,) = Decoder().push(first)
    assert message.payload == inner
    assert message.headers == {
        ":date": Timestamp(1795341001234),
        ":chunk-signature": bytes.fromhex("d21dda470334c285752891eda3ca196fa7cde674b60324984ab320dcc3295b85"),
    }
    assert chain.end(1795341001239).hex() == (
        "0000005300000043f5447a58053a6461746508000001a202a9a217103a6368756e6b2d7369676e61747572650600206704"
        "468244a7f776a86a36013fc86a468858ae079a2a59f51fcb2866e4cb36ed7f963d38"
    )


@pytest.mark.parametrize("token", ["", "IQoJb3JpZ2luX2VjEXAMPLE//token=="])
@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize("model", ["amazon.nova-2-5-sonic", "amazon.nova-2-sonic-v1:0", ARN])
def test_a_request_is_signed_as_botocore_does_it(
    model: str, encoded: bool, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/model/{quote(model, safe='') if encoded else model}/invoke-with-bidirectional-stream"
    credentials = Credentials(AKID.access_key, AKID.secret_key, token)
    headers, seed = headers_and_seed(path, credentials)
    unsigned = {"content-type": signing.CONTENT_TYPE, "x-amz-content-sha256": signing.EVENTS}
    request = AWSRequest("POST", f"https://{HOST}{path}", headers=unsigned)
    request.context = {"payload_signing_enabled": True}
    theirs = SigV4Auth(Theirs(AKID.access_key, AKID.secret_key, token or None), "bedrock", "us-east-1")
    at = get_current_datetime().replace(
        year=2026, month=11, day=22, hour=9, minute=50, second=1, microsecond=0
    )
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: at)
    theirs.add_auth(request)
    assert headers["authorization"] == request.headers["Authorization"]
    assert headers == {name.lower(): value for name, value in request.headers.items()}
    assert headers["authorization"].endswith(seed)


def test_what_is_added_is_signed_where_it_must_be() -> None:
    headers, _ = signed_headers(
        AKID, "us-east-1", HOST, PATH, AT_MS, {"user-agent": "s2s", "x-amz-trace": "a   b"}
    )
    assert headers["user-agent"] == "s2s"
    assert (
        "SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-trace,"
        in headers["authorization"]
    )


def test_a_trailing_question_mark_changes_nothing_and_a_query_does() -> None:
    scope = Scope("20261122", "us-east-1")

    def signature(path: str) -> str:
        signed = {"host": HOST, "x-amz-date": "20261122T095001Z", "x-amz-content-sha256": signing.EVENTS}
        return request_signature(b"key", scope, "POST", path, signed)

    assert signature(PATH) == signature(PATH + "?") != signature(PATH + "?a=1")
    assert signature(PATH + "?b&a=1") == signature(PATH + "?a=1&b=")


def test_the_key_is_that_of_the_day_of_the_event() -> None:
    before_midnight, after_midnight = 1795391999999, 1795392000000
    assert (spelled(before_midnight), spelled(after_midnight)) == ("20261122T235959Z", "20261123T000000Z")
    _, seed = headers_and_seed()
    whole, late = Chain(EXAMPLE, "us-east-1", seed), Chain(EXAMPLE, "us-east-1", seed)
    frames = [whole.sign(date_ms, b"inner") for date_ms in (before_midnight, after_midnight)]
    assert late.sign(before_midnight, b"inner") == frames[0]
    assert late.sign(after_midnight, b"inner") == frames[1]
    assert frames[0] != Chain(EXAMPLE, "us-east-1", seed).sign(after_midnight, b"inner")


@pytest.mark.parametrize("shown", [repr, str, lambda it: str(list(it.__rich_repr__()))])
def test_secrets_are_not_shown(shown: Callable[[Credentials], str]) -> None:
    text = shown(Credentials("AKID", "sk-canary", "token-canary", 1.0))
    assert "AKID" in text
    assert "canary" not in text
