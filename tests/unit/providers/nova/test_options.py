from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2s.errors import ConfigError
from s2s.items import JSON
from s2s.providers.addresses import host_of
from s2s.providers.nova.options import Options, options_of
from s2s.wire.nova.opening import Wishes

CANARY = "canary-4711"
MODEL = "amazon.nova-2-5-sonic"
METHOD = "invoke-with-bidirectional-stream"
PATH = f"/model/{MODEL}/{METHOD}"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-2-sonic-v1:0"


@pytest.fixture(autouse=True)
def _no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):
        monkeypatch.delenv(name, raising=False)


def url(extra: dict[str, JSON], model: str = MODEL) -> str:
    return options_of(extra).url(model)


# Where to connect to.


def test_an_endpoint_of_the_environment_is_that_of_the_sdks_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:8766")
    assert url({}) == f"http://127.0.0.1:8766{PATH}"
    assert not options_of({}).own
    assert url({"base_url": "https://localhost"}) == f"https://localhost{PATH}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "")
    assert options_of({}).own


def test_the_service_of_the_region_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert url({}) == f"https://bedrock-runtime.us-east-1.amazonaws.com{PATH}"
    assert url({"region": "eu-north-1"}) == f"https://bedrock-runtime.eu-north-1.amazonaws.com{PATH}"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert url({}) == f"https://bedrock-runtime.us-west-2.amazonaws.com{PATH}"
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    assert url({}) == f"https://bedrock-runtime.ap-northeast-1.amazonaws.com{PATH}"
    assert url({"region": "eu-north-1"}) == f"https://bedrock-runtime.eu-north-1.amazonaws.com{PATH}"


@pytest.mark.parametrize(
    ("model", "encoded"),
    [
        ("amazon.nova-2-sonic-v1:0", "amazon.nova-2-sonic-v1%3A0"),
        ("us.amazon.nova-2-5-sonic", "us.amazon.nova-2-5-sonic"),
        (ARN, ARN.replace(":", "%3A").replace("/", "%2F")),
        ("a/../b?c#d e", "a%2F..%2Fb%3Fc%23d%20e"),
        ("caf\u00e9\ud800", "caf%C3%A9%3F"),
    ],
)
def test_names_and_arns_of_models_are_encoded_whole(model: str, encoded: str) -> None:
    assert url({}, model) == f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{encoded}/{METHOD}"


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://host", f"https://host{PATH}"),
        ("HTTPS://host/", f"https://host{PATH}"),
        ("https://host:8443/team/", f"https://host:8443/team{PATH}"),
        ("http://127.0.0.1:8766", f"http://127.0.0.1:8766{PATH}"),
        ("http://[::1]:8766", f"http://[::1]:8766{PATH}"),
        (f"https://host/model/mine/{METHOD}", f"https://host/model/mine/{METHOD}"),
        (f"https://host/model/mine/{METHOD}/", f"https://host/model/mine/{METHOD}"),
        ("https://host#part", f"https://host{PATH}"),
    ],
)
def test_every_form_of_a_base_url_is_understood(base_url: str, expected: str) -> None:
    assert url({"base_url": base_url}) == expected


@pytest.mark.parametrize("base_url", ["ws://host", "wss://host", "WSS://host/x"])
def test_a_websocket_is_none_of_this_service(base_url: str) -> None:
    with pytest.raises(ConfigError, match=r"names a WebSocket, and the service has none: .* https://"):
        url({"base_url": base_url})


@pytest.mark.parametrize("wrong", ["host:8766", "ftp://host", "https://", "https://[::1", "https://a:b@host"])
def test_what_is_no_url_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"extra\['base_url'\]") as told:
        url({"base_url": wrong})
    assert "ws" not in str(told.value)


def test_a_query_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="has a query: leave it out, or use headers") as told:
        url({"base_url": "https://host/?key=secret"})
    assert "secret" not in str(told.value)


@given(st.text(max_size=30))
def test_no_region_and_no_model_lead_to_another_host(text: str) -> None:
    assert host_of(url({}, text)) == "bedrock-runtime.us-east-1.amazonaws.com"
    try:
        options = options_of({"region": text})
    except ConfigError:
        return
    assert host_of(options.url(MODEL)) == f"bedrock-runtime.{text}.amazonaws.com"


@pytest.mark.parametrize("wrong", ["evil.example/", "us-east-1\n", "us east"])
def test_a_region_of_the_environment_leads_to_no_other_host(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("AWS_REGION", wrong)
    with pytest.raises(ConfigError, match="AWS_REGION is no region of AWS: give one like us-east-1"):
        url({})


@pytest.mark.parametrize(
    ("extra", "region"),
    [
        ({}, "us-west-2"),
        ({"base_url": "https://bedrock-runtime.eu-north-1.amazonaws.com"}, "eu-north-1"),
        ({"base_url": "https://vpce-0a1-b2.bedrock-runtime.us-east-1.vpce.amazonaws.com"}, "us-east-1"),
        ({"base_url": "https://bedrock-runtime.eu-north-1.amazonaws.com", "region": "x-1"}, "x-1"),
        ({"base_url": "https://gate.example"}, "us-west-2"),
        ({"base_url": "http://127.0.0.1:1", "region": "eu-north-1"}, "eu-north-1"),
    ],
    ids=str,
)
def test_everything_is_signed_for_the_region_that_is_spoken_to(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, JSON], region: str
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert options_of(extra).where == region


OWN = [
    "https://bedrock-runtime.us-east-1.amazonaws.com",
    "https://BEDROCK-RUNTIME.us-gov-west-1.amazonaws.com:443/",
    "https://bedrock-runtime-fips.us-east-1.amazonaws.com",
    "https://bedrock-runtime.cn-north-1.amazonaws.com.cn",
    "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu",
    "https://bedrock-runtime.us-east-1.api.aws",
    "https://vpce-0a1-b2.bedrock-runtime.us-east-1.vpce.amazonaws.com",
]
OTHERS = [
    "http://bedrock-runtime.us-east-1.amazonaws.com",
    "https://bedrock-runtime.us-east-1.amazonaws.com.evil.example",
    "https://bedrock-runtime.us-east-1.evil-amazonaws.com",
    "https://evil-bedrock-runtime.us-east-1.amazonaws.com",
    "https://bedrock-runtime.us-east-1.elb.amazonaws.com",
    "https://ec2-1-2-3-4.compute-1.amazonaws.com",
    "https://bedrock-runtime.s3.amazonaws.com",
    "https://bedrock-runtime.s3-us-west-2.amazonaws.com",
    "https://bedrock-runtime.us-east-1.amazonaws.com@evil.example",
    "https://evil.example/bedrock-runtime.us-east-1.amazonaws.com",
    "https://127.0.0.1",
]


@pytest.mark.parametrize("base_url", OWN)
def test_the_service_of_aws_is_known_by_its_host(base_url: str) -> None:
    assert options_of({"base_url": base_url}).own
    assert options_of({}).own
    assert options_of({"region": "odd"}).own


@pytest.mark.parametrize("base_url", OTHERS)
def test_no_other_host_is_taken_for_it(base_url: str) -> None:
    try:
        assert not options_of({"base_url": base_url}).own
    except ConfigError:
        assert "@" in base_url


# What may be set.


def test_the_wire_gets_what_only_it_understands() -> None:
    assert options_of({}).wishes == Wishes()
    extra = {
        "endpointing": "LOW",
        "top_p": 0,
        "session_start": {"a": 1},
        "prompt_start": {"b": {"c": None}},
    }
    assert options_of(extra).wishes == Wishes(
        endpointing="LOW", top_p=0, session_start={"a": 1}, prompt_start={"b": {"c": None}}
    )


@pytest.mark.parametrize("api_key", [CANARY, "", lambda: CANARY, 5])
def test_an_api_key_is_refused_with_the_reason(api_key: JSON) -> None:
    with pytest.raises(ConfigError, match=r"takes no API key for this operation.*: set aws_access") as wrong:
        options_of({"api_key": api_key})
    assert CANARY not in str(wrong.value)


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"apikey": CANARY}, "unknown field `apikey`; use aws_access_key_id, .*connect$"),
        ({"aws_access_key_id": 5, "aws_secret_access_key": CANARY}, "must be text, or a function"),
        ({"aws_access_key_id": CANARY, "aws_secret_access_key": [CANARY]}, "must be text"),
        (
            {
                "aws_access_key_id": CANARY,
                "aws_secret_access_key": CANARY,
                "aws_session_token": {CANARY: 1},
            },
            r"extra\['aws_session_token'\] must be text",
        ),
        ({"aws_access_key_id": CANARY}, "go together: set both"),
        ({"aws_secret_access_key": CANARY}, "go together: set both"),
        ({"aws_session_token": CANARY}, "go together: set both"),
        ({"connect": CANARY}, r"extra\['connect'\] must be a function"),
        ({"profile": 5}, "profile"),
        ({"region": f"{CANARY}.example/"}, "region"),
        ({"region": f"{CANARY}\n"}, "region"),
        ({"region": ""}, r"extra\['region'\] is no region of AWS: give one like us-east-1"),
        ({"endpointing": "low"}, r"at `\$.endpointing`; use HIGH, MEDIUM, LOW$"),
        ({"top_p": 1.5}, r"<= 1.0 - at `\$.top_p`; correct it, or leave it out$"),
        ({"leave_after_s": 0}, "leave_after_s"),
        ({"leave_after_s": 470}, "leave_after_s"),
        ({"headers": {"x": 5}}, "headers"),
        ({"session_start": [CANARY]}, "session_start"),
        ({"prompt_start": CANARY}, "prompt_start"),
        ({"session_start": {"a": [object()]}}, r"extra\['session_start'\] holds something that is not JSON"),
        ({"prompt_start": {"a": "\ud800"}}, r"extra\['prompt_start'\] holds something that is not JSON"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named_with_what_to_use(extra: dict[str, JSON], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as wrong:
        options_of(extra)
    assert CANARY not in str(wrong.value)


@pytest.mark.parametrize("given", ["text", lambda: "made", None])
def test_keys_are_text_or_functions(given: str | Callable[[], str] | None) -> None:
    options = options_of({"aws_access_key_id": given, "aws_secret_access_key": given})
    assert options.aws_access_key_id == options.aws_secret_access_key == given


def test_a_stream_is_left_two_minutes_before_the_service_ends_it() -> None:
    assert Options().leave_after_s == 360
