from collections.abc import Mapping
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from s2s.transports.bedrock.served.gate import Gate, Knock
from s2s.transports.bedrock.served.refusals import NO_PLACE, Refusal
from s2s.transports.bedrock.signing import EXAMPLE, Credentials
from s2s.transports.bedrock.verifying import Verifier
from tests.support.h2client import MODEL, path_of, request

NOW_S = 1_795_341_001.0
GATE = Gate(clock=lambda: NOW_S)
TEMPORARY = Credentials("ASIA", "secret", "token", NOW_S + 1)
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-2-sonic-v1:0"


def judged(
    gate: Gate = GATE,
    credentials: Credentials = EXAMPLE,
    *,
    path: str = "",
    region: str = "us-east-1",
    late_s: float = 0.0,
    extra: Mapping[str, str] = {},
    instead: Mapping[str, str] = {},
) -> tuple[Knock, Verifier] | Refusal:
    signed_ms = int((NOW_S - late_s) * 1000)
    head, _ = request(
        "localhost:1", path or path_of(), credentials, region=region, date_ms=signed_ms, extra=extra
    )
    changed = {name: value for name, value in {**dict(head), **instead}.items() if value}
    return gate.judge([(name.encode(), value.encode()) for name, value in changed.items()])


def refused(found: tuple[Knock, Verifier] | Refusal) -> tuple[int, str, str]:
    assert isinstance(found, Refusal)
    return found.status, found.name, found.message


def let_in(found: tuple[Knock, Verifier] | Refusal) -> Knock:
    assert not isinstance(found, Refusal)
    return found[0]


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (path_of(), MODEL),
        (f"{path_of()}?", MODEL),
        (path_of("amazon.nova-2-sonic-v1:0"), "amazon.nova-2-sonic-v1:0"),
        ("/model/amazon.nova-2-sonic-v1:0/invoke-with-bidirectional-stream", "amazon.nova-2-sonic-v1:0"),
        (f"/model/{quote(ARN, safe='')}/invoke-with-bidirectional-stream", ARN),
    ],
)
def test_the_model_is_read_from_the_path(path: str, model: str) -> None:
    knock = let_in(judged(path=path))
    assert (knock.path, knock.model, knock.access_key) == (path, model, EXAMPLE.access_key)


def test_the_headers_are_told_by_name_and_those_of_one_name_as_one() -> None:
    head, _ = request("localhost:1", path_of(), date_ms=int(NOW_S * 1000))
    twice = [*head, ("x-more", "a"), ("x-more", "b")]
    knock = let_in(GATE.judge([(name.encode(), value.encode()) for name, value in twice]))
    assert (knock.headers["x-more"], knock.headers[":authority"]) == ("a,b", "localhost:1")


def test_temporary_credentials_are_let_in_with_their_token() -> None:
    gate = replace(GATE, credentials=(EXAMPLE, TEMPORARY))
    assert let_in(judged(gate, TEMPORARY)).access_key == "ASIA"


MISSING = (403, "MissingAuthenticationTokenException", "Missing Authentication Token")
UNKNOWN = (403, "UnrecognizedClientException", "The security token included in the request is invalid.")


@pytest.mark.parametrize(
    ("instead", "expected"),
    [
        ({"authorization": ""}, MISSING),
        ({"authorization": "Bearer ABSK"}, MISSING),
        ({"x-amz-security-token": "another"}, UNKNOWN),
        ({":path": "/model/x/invoke"}, (404, "UnknownOperationException")),
        ({":path": "/model//invoke-with-bidirectional-stream"}, (404, "UnknownOperationException")),
        ({":method": "GET"}, (405, "UnknownOperationException")),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=x"}, (403, "IncompleteSignatureException")),
        ({"x-amz-date": ""}, (403, "IncompleteSignatureException")),
        ({"x-amz-content-sha256": ""}, (403, "InvalidSignatureException", "SignedHeader")),
        ({"x-amz-content-sha256": "other"}, (403, "InvalidSignatureException", "does not match")),
        ({"content-type": "application/json"}, (403, "InvalidSignatureException", "does not match")),
        ({":authority": "elsewhere"}, (403, "InvalidSignatureException", "does not match")),
        ({":path": path_of("other")}, (403, "InvalidSignatureException", "does not match")),
    ],
)
def test_a_request_that_was_signed_in_another_way_is_refused(
    instead: dict[str, str], expected: tuple[int | str, ...]
) -> None:
    status, name, *words = expected
    found = refused(judged(instead=instead))
    assert found[:2] == (status, name)
    assert all(str(each) in found[2] for each in words)


def test_a_wrong_secret_is_refused_as_the_service_does() -> None:
    status, name, message = refused(judged(credentials=replace(EXAMPLE, secret_key="wrong")))
    assert (status, name) == (403, "InvalidSignatureException")
    assert message.startswith(
        "The request signature we calculated does not match the signature you provided."
    )


def test_a_key_that_nobody_has_is_refused() -> None:
    assert refused(judged(credentials=Credentials("AKIAOTHER", "x"))) == UNKNOWN


def test_a_token_is_refused_where_it_has_expired() -> None:
    gate = replace(GATE, credentials=(TEMPORARY,), clock=lambda: NOW_S + 1)
    status, name, message = refused(judged(gate, TEMPORARY))
    assert (status, name) == (403, "ExpiredTokenException")
    assert message == "The security token included in the request is expired"


@pytest.mark.parametrize(
    ("late_s", "message"),
    [
        (
            301,
            "Signature expired: 20261122T094500Z is now earlier than 20261122T094501Z "
            "(20261122T095001Z - 5 min.)",
        ),
        (
            -301,
            "Signature not yet current: 20261122T095502Z is still later than 20261122T095501Z "
            "(20261122T095001Z + 5 min.)",
        ),
    ],
)
def test_a_clock_that_is_off_is_told_by_how_much(late_s: float, message: str) -> None:
    assert refused(judged(late_s=late_s)) == (403, "InvalidSignatureException", message)


@pytest.mark.parametrize("late_s", [299, -299])
def test_a_clock_may_be_off_a_little(late_s: float) -> None:
    assert let_in(judged(late_s=late_s)).model == MODEL
    status, *_ = refused(judged(replace(GATE, skew_s=60), late_s=late_s))
    assert status == 403


def test_a_day_that_is_not_that_of_the_date_is_refused() -> None:
    another = {"x-amz-date": "20261123T000000Z"}
    gate = replace(GATE, skew_s=86_400)
    assert "Date in Credential scope does not match" in refused(judged(gate, instead=another))[2]
    assert (
        "Date in Credential scope does not match"
        in refused(judged(instead={"x-amz-date": "20269999T999999Z"}))[2]
    )


def test_another_region_or_service_is_refused() -> None:
    elsewhere = judged(replace(GATE, region="eu-north-1"))
    assert refused(elsewhere)[1:] == (
        "InvalidSignatureException",
        "Credential should be scoped to a valid region. ",
    )
    assert let_in(judged(replace(GATE, region="us-east-1"))).model == MODEL
    head = dict(request("localhost:1", path_of(), date_ms=int(NOW_S * 1000))[0])
    misdirected = head["authorization"].replace("/bedrock/", "/bedrock-runtime/")
    assert refused(judged(instead={"authorization": misdirected}))[2] == (
        "Credential should be scoped to correct service: 'bedrock'. "
    )


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, (400, "ValidationException")),
        ({"content-type": "application/json"}, (415, "UnsupportedMediaTypeException")),
    ],
)
def test_what_is_signed_must_be_an_event_stream(extra: dict[str, str], expected: tuple[int, str]) -> None:
    assert refused(judged(extra=extra))[:2] == expected


def test_only_models_that_there_are_can_be_asked_for() -> None:
    gate = replace(GATE, models=(MODEL,), retired=("amazon.nova-sonic-v1:0",))
    assert let_in(judged(gate)).model == MODEL
    assert refused(judged(gate, path=path_of("other"))) == (
        400,
        "ValidationException",
        "The provided model identifier is invalid.",
    )
    status, name, _ = refused(judged(gate, path=path_of("amazon.nova-sonic-v1:0")))
    assert (status, name) == (404, "ResourceNotFoundException")


def test_a_stranger_learns_nothing_of_the_models() -> None:
    gate = replace(GATE, models=())
    assert refused(judged(gate, Credentials("AKIAOTHER", "x"))) == UNKNOWN


def test_a_refusal_is_an_answer_of_http() -> None:
    told = dict(replace(NO_PLACE, retry_after_ms=1500).headers("r-1"))
    assert told.pop("x-amzn-errortype").partition(":")[0] == "ThrottlingException"
    assert told == {
        ":status": "429",
        "x-amzn-requestid": "r-1",
        "x-amz-retry-after": "1500",
        "content-type": "application/json",
        "content-length": str(len(NO_PLACE.body)),
    }
    assert NO_PLACE.body == b'{"message":"Too many connections, please wait before trying again."}'
    assert "x-amz-retry-after" not in dict(NO_PLACE.headers("r-1"))


NAMES = st.sampled_from(
    [":path", ":method", ":authority", "authorization", "x-amz-date", "x-amz-content-sha256", "host"]
)


@given(st.dictionaries(NAMES, st.binary(max_size=40)))
def test_whoever_says_anything_else_is_refused(instead: dict[str, bytes]) -> None:
    head = dict(request("localhost:1", path_of(), date_ms=int(NOW_S * 1000))[0])
    said = {name.encode(): value.encode() for name, value in head.items()}
    found = GATE.judge((said | {name.encode(): value for name, value in instead.items()}).items())
    assert isinstance(found, Refusal) == bool(instead)
