from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.transports.bedrock.eventstream import Decoder, HeaderValue, Message, Timestamp
from s2s.transports.bedrock.signing import EXAMPLE, Chain, Credentials, signed_headers
from s2s.transports.bedrock.verifying import Flaw, Verifier, verified

HOST = "localhost:8443"
PATH = "/model/amazon.nova-2-5-sonic/invoke-with-bidirectional-stream"
AT_MS = 1795341001000
TEMPORARY = Credentials("ASIAEXAMPLE", "other-secret", "token", 1795341601.0)


def find(access_key: str) -> Credentials | None:
    return {each.access_key: each for each in (EXAMPLE, TEMPORARY)}.get(access_key)


def judged(
    credentials: Credentials = EXAMPLE,
    *,
    now_ms: int = AT_MS,
    region: str | None = "us-east-1",
    signed_for: str = "us-east-1",
    path: str = PATH,
    method: str = "POST",
    change: Mapping[str, str] = {},
) -> Verifier | Flaw:
    headers, _ = signed_headers(credentials, signed_for, HOST, PATH, AT_MS)
    return verified(method, path, {":authority": HOST} | headers | dict(change), find, now_ms, region=region)


def verifier(credentials: Credentials = EXAMPLE) -> tuple[Verifier, Chain]:
    found = judged(credentials)
    assert isinstance(found, Verifier)
    _, seed = signed_headers(credentials, "us-east-1", HOST, PATH, AT_MS)
    return found, Chain(credentials, "us-east-1", seed)


def read(frame: bytes) -> Message:
    (message,) = Decoder().push(frame)
    return message


@pytest.mark.parametrize("credentials", [EXAMPLE, TEMPORARY])
@pytest.mark.parametrize("region", ["us-east-1", None])
@pytest.mark.parametrize("path", [PATH, PATH + "?"])
def test_a_request_in_order_passes(credentials: Credentials, region: str | None, path: str) -> None:
    found = judged(credentials, region=region, path=path)
    assert isinstance(found, Verifier)
    assert (found.credentials, found.region) == (credentials, "us-east-1")


@pytest.mark.parametrize(
    ("found", "flaw"),
    [
        (judged(change={"authorization": ""}), Flaw.UNSIGNED),
        (judged(change={"authorization": "Bearer key"}), Flaw.UNSIGNED),
        (judged(change={"x-amz-date": "now"}), Flaw.UNSIGNED),
        (judged(Credentials("AKIAOTHER", EXAMPLE.secret_key)), Flaw.UNKNOWN_KEY),
        (judged(Credentials(EXAMPLE.access_key, "wrong")), Flaw.SIGNATURE),
        (judged(Credentials(TEMPORARY.access_key, TEMPORARY.secret_key)), Flaw.TOKEN),
        (judged(Credentials(TEMPORARY.access_key, TEMPORARY.secret_key, "old")), Flaw.TOKEN),
        (judged(Credentials(EXAMPLE.access_key, EXAMPLE.secret_key, "extra")), Flaw.TOKEN),
        (judged(TEMPORARY, now_ms=AT_MS + 600_000), Flaw.EXPIRED),
        (judged(signed_for="eu-north-1"), Flaw.SCOPE),
        (judged(now_ms=AT_MS + 301_000), Flaw.SKEWED),
        (judged(now_ms=AT_MS - 301_000), Flaw.SKEWED),
        (judged(change={"x-amz-date": "20261123T000000Z"}, now_ms=AT_MS), Flaw.SKEWED),
        (judged(change={"x-amz-date": "20261122T999999Z"}), Flaw.SKEWED),
        (judged(change={"x-amz-date": "20261122T095002Z"}), Flaw.SIGNATURE),
        (judged(change={"content-type": "application/json"}), Flaw.SIGNATURE),
        (judged(change={":authority": "elsewhere"}), Flaw.SIGNATURE),
        (judged(path=PATH.replace("2-5", "2-6")), Flaw.SIGNATURE),
        (judged(method="GET"), Flaw.SIGNATURE),
    ],
)
def test_a_request_is_refused_for_its_flaw(found: Verifier | Flaw, flaw: Flaw) -> None:
    assert found is flaw


def test_a_request_that_leaves_the_host_unsigned_is_refused() -> None:
    headers, _ = signed_headers(EXAMPLE, "us-east-1", HOST, PATH, AT_MS)
    told = headers["authorization"].replace("content-type;host;", "content-type;")
    assert judged(change={"authorization": told}) is Flaw.UNSIGNED
    told = headers["authorization"].replace("content-type;", "content-type;absent;")
    assert judged(change={"authorization": told}) is Flaw.UNSIGNED


@given(st.lists(st.tuples(st.integers(0, 2**47 - 1), st.binary(max_size=200)), max_size=6))
def test_a_chain_is_verified_link_by_link(events: list[tuple[int, bytes]]) -> None:
    found, chain = verifier()
    for date_ms, inner in events:
        assert found.check(read(chain.sign(date_ms, inner))) == inner
    assert found.check(read(chain.end(AT_MS))) == b""


def test_an_event_that_was_skipped_or_changed_is_noticed() -> None:
    for tampered in (1, 2):
        found, chain = verifier()
        frames = [read(chain.sign(AT_MS, b"%d" % number)) for number in range(3)]
        assert found.check(frames[0]) == b"0"
        changed = frames[2] if tampered == 1 else Message(frames[1].headers, b"other")
        assert found.check(changed) is Flaw.SIGNATURE


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {":date": Timestamp(AT_MS)},
        {":chunk-signature": bytes(32)},
        {":date": AT_MS, ":chunk-signature": bytes(32)},
        {":date": Timestamp(AT_MS), ":chunk-signature": "text"},
        {":date": Timestamp(AT_MS), ":chunk-signature": bytes(32), ":event-type": "chunk"},
    ],
)
def test_an_event_without_a_signature_is_no_event(headers: dict[str, HeaderValue]) -> None:
    assert verifier()[0].check(Message(headers, b"inner")) is Flaw.UNSIGNED


@pytest.mark.parametrize("date_ms", [-1, 2**62])
def test_an_event_out_of_this_time_is_refused(date_ms: int) -> None:
    message = Message({":date": Timestamp(date_ms), ":chunk-signature": bytes(32)}, b"")
    assert verifier()[0].check(message) is Flaw.SKEWED
