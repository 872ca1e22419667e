import pytest

from s2s.errors import AuthError, ConnectError
from s2s.transports.bedrock.refusal import Place, refusal
from s2s.transports.ws.refusal import hiding

PLACE = Place("https://host/model/m", "nova", hiding({"canary-secret"}))


def refused(status: int, name: str = "", body: bytes = b"", **head: str) -> ConnectError:
    headers = {":status": str(status), "x-amzn-requestid": "id-1", "x-amzn-errortype": name}
    more = {key.replace("_", "-"): value for key, value in head.items()}
    return refusal(PLACE, headers | more, body).error(PLACE.provider)


@pytest.mark.parametrize(
    ("status", "name", "message", "kind", "what"),
    [
        (
            403,
            "AccessDeniedException",
            "You don't have access",
            AuthError,
            "InvokeModelWithBidirectionalStream",
        ),
        (
            403,
            "UnrecognizedClientException",
            "The security token is invalid",
            AuthError,
            "check the access key",
        ),
        (403, "ExpiredTokenException", "expired", AuthError, "fetch new ones"),
        (403, "InvalidSignatureException", "does not match", AuthError, "check the secret key"),
        (
            403,
            "InvalidSignatureException",
            "Signature expired: 2026 is now earlier",
            AuthError,
            "which is slow",
        ),
        (403, "InvalidSignatureException", "Signature not yet current: 2026", AuthError, "which is fast"),
        (403, "InvalidSignatureException", "scoped to a valid region", AuthError, "region of the URL"),
        (403, "BrandNewException", "no", AuthError, "what they may do"),
        (404, "ResourceNotFoundException", "end of its life", ConnectError, "eu-north-1"),
        (404, "", "", ConnectError, "check the model and the region"),
        (404, "UnknownOperationException", "", ConnectError, "check the URL"),
        (
            400,
            "ValidationException",
            "The provided model identifier is invalid.",
            ConnectError,
            "ap-northeast-1",
        ),
        (400, "ServiceQuotaExceededException", "too much", ConnectError, "raise the quota"),
        (400, "ValidationException", "odd", ConnectError, "check the URL and the settings"),
        (424, "ModelErrorException", "odd", ConnectError, "check the URL and the settings"),
        (302, "", "", ConnectError, "check the URL"),
    ],
)
def test_a_refusal_says_what_to_do(
    status: int, name: str, message: str, kind: type[ConnectError], what: str
) -> None:
    error = refused(
        status, f"{name}:http://internal.amazon.com/coral/", b'{"message":"%b"}' % message.encode()
    )
    assert type(error) is kind
    assert (error.retryable, error.provider) == (False, "nova")
    told = str(error)
    assert told.startswith(f"https://host/model/m refused with HTTP {status}{' ' * bool(name)}{name} (")
    assert all(each in told for each in (what, message, "request id-1"))
    assert "coral" not in told


@pytest.mark.parametrize(
    ("status", "name", "head", "what"),
    [
        (429, "ThrottlingException", {}, "try again later, or raise the quota"),
        (429, "ThrottlingException", {"x_amz_retry_after": "1500"}, "try again after 1.5 s"),
        (429, "ThrottlingException", {"x_amz_retry_after": "soon"}, "try again later, or raise the quota"),
        (429, "ModelNotReadyException", {}, "try again in a moment"),
        (408, "", {}, "try again"),
        (500, "InternalServerException", {}, "try again"),
        (503, "ServiceUnavailableException", {}, "try again"),
    ],
)
def test_what_may_pass_is_worth_another_try(status: int, name: str, head: dict[str, str], what: str) -> None:
    error = refused(status, name, b'{"message":"busy"}', **head)
    assert (type(error), error.retryable) == (ConnectError, True)
    assert str(error).endswith(f": {what}")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"message":"a","extra":1}', "a"),
        (b'{"Message":"b"}', "b"),
        (b'{"__type":"com.amazon.coral.service#NameException"}', "NameException"),
        (b"<html>plain\n words</html>", "<html>plain words</html>"),
        (b'{"message":"canary-secret is wrong"}', "*** is wrong"),
        (b"\xff\xfe" + b"x" * 1000, "x" * 100),
        (b'{"message":"\xff"}', '{"message":"\ufffd"}'),
        (b'{"message":' + b"[" * 60_000, '{"message":[[['),
        (b"", "HTTP 400 (request id-1)"),
    ],
    ids=lambda each: repr(each[:20]),
)
def test_whatever_the_body_is_it_is_shown_on_one_line_without_secrets(body: bytes, told: str) -> None:
    text = str(refused(400, body=body))
    assert told in text
    assert "canary" not in text
    assert len(text) < 700
    assert text.isprintable()
