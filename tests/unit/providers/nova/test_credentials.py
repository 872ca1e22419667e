import asyncio
import datetime
import json
import logging
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import inf, nan
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread

import pytest
from botocore.credentials import Credentials as Held
from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import ClientError, EndpointConnectionError
from msgspec import Struct

from s2s.errors import AuthError, ConfigError, ConnectError, MissingKeyError
from s2s.items import JSON
from s2s.providers.nova import credentials
from s2s.providers.nova.credentials import Machine, proof, require_proof
from s2s.providers.nova.options import options_of
from s2s.testing.clock import run
from s2s.transports.bedrock.signing import EXAMPLE, Credentials

CANARY = "canary-4711"
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
HOUR = NOW + datetime.timedelta(hours=1)
PAIR: dict[str, JSON] = {"aws_access_key_id": "AKIAMINE", "aws_secret_access_key": CANARY}
MINE = Credentials("AKIAMINE", CANARY)
VARIABLES = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("AWS_CREDENTIAL_EXPIRATION", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have this machine hold nothing but what a test writes into its configuration."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no botocore."""
    monkeypatch.setitem(sys.modules, "botocore", None)


def proven(extra: dict[str, JSON], machine: Machine | None = None) -> Credentials:
    """Return what signs; the clock is that of the wall, for threads are at work."""
    options = options_of(extra)
    require_proof(options)
    return asyncio.run(proof(options, machine or Machine()))


def refused(extra: dict[str, JSON], machine: Machine | None = None) -> AuthError:
    with pytest.raises(AuthError) as told:
        proven(extra, machine)
    assert told.value.provider == "nova"
    assert CANARY not in f"{told.value!r} {told.value.__cause__!r} {told.value.__context__!r}"
    return told.value


# Keys that were given.


async def _awaited() -> str:
    return CANARY


@pytest.mark.parametrize("secret", [CANARY, lambda: CANARY, _awaited, f" {CANARY}\n", lambda: _awaited()])
def test_keys_are_text_or_made_by_functions(secret: JSON) -> None:
    assert proven({**PAIR, "aws_secret_access_key": secret}) == MINE
    session = {**PAIR, "aws_session_token": secret}
    assert proven(session) == Credentials("AKIAMINE", CANARY, CANARY)


@pytest.mark.parametrize("token", [None, "", lambda: None])
def test_lasting_keys_have_no_token(token: JSON) -> None:
    assert proven({**PAIR, "aws_session_token": token}) == MINE


@pytest.mark.parametrize("made", [None, "", " ", "a\nb", "\u00e9", 5, b"key"])
def test_a_key_that_cannot_be_sent_is_none(made: JSON) -> None:
    told = refused({**PAIR, "aws_secret_access_key": lambda: made})
    assert "extra['aws_access_key_id'] gave no access key and secret (dict): give both, in ASCII" in str(told)
    assert not told.retryable


@pytest.mark.parametrize("token", ["a\nb", "\u00e9", 5, b"token"])
def test_a_token_that_cannot_be_sent_is_not_left_out(token: JSON) -> None:
    told = refused({**PAIR, "aws_session_token": lambda: token})
    assert "extra['aws_access_key_id'] gave a session token that is no text in ASCII" in str(told)


def test_a_function_is_asked_for_every_stream_and_off_the_loop() -> None:
    made, threads = iter(["first", "second"]), []

    def secret() -> str:
        threads.append(current_thread())
        return next(made)

    extra = {**PAIR, "aws_secret_access_key": secret}
    assert [proven(extra).secret_key for _ in range(2)] == ["first", "second"]
    assert main_thread() not in threads


def _raises() -> str:
    raise ValueError(f"no answer to {CANARY}")


async def _fails() -> str:
    raise OSError(f"no answer to {CANARY}")


@pytest.mark.parametrize("name", ["aws_access_key_id", "credentials"])
@pytest.mark.parametrize(("function", "kind"), [(_raises, "ValueError"), (_fails, "OSError")])
def test_a_function_that_fails_may_be_asked_again_and_is_not_quoted(
    name: str, function: Callable[[], JSON], kind: str
) -> None:
    told = refused({**PAIR, name: function} if name.startswith("aws") else {name: function})
    assert str(told) == f"extra['{name}'] has no credentials ({kind}): correct it, or try again"
    assert told.retryable


def test_a_function_may_say_itself_what_went_wrong() -> None:
    def unreachable() -> str:
        raise ConnectError("no keys today: come back tomorrow", retryable=True)

    with pytest.raises(ConnectError, match="no keys today"):
        proven({"credentials": unreachable})


def test_a_function_that_never_returns_is_given_up() -> None:
    ends = Event()

    async def main() -> None:
        started = asyncio.get_running_loop().time()
        with pytest.raises(AuthError, match=r"\(nothing within 10 s\): correct it") as told:
            await proof(options_of({"credentials": asyncio.Event().wait}), Machine())
        assert told.value.retryable
        assert asyncio.get_running_loop().time() - started == pytest.approx(10)

    run(main())

    async def blocked(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(credentials, "_WITHIN_S", 0.05)
        with pytest.raises(AuthError, match="nothing within"):
            await proof(options_of({"credentials": ends.wait}), Machine())

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(blocked(monkeypatch))
    ends.set()


# Credentials of any kind.


class Identity(Struct):
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expiration: datetime.datetime | None = None


KINDS: list[JSON] = [
    MINE,
    PAIR,
    {"AccessKeyId": "AKIAMINE", "SecretAccessKey": CANARY},
    {"access_key": "AKIAMINE", "secret_key": CANARY, "token": None, "expiry_time": None},
    Held("AKIAMINE", CANARY),
    ReadOnlyCredentials("AKIAMINE", CANARY, None),
    Identity("AKIAMINE", CANARY),
]


@pytest.mark.parametrize("given", KINDS, ids=lambda each: type(each).__name__)
def test_credentials_of_any_kind_are_understood(given: JSON) -> None:
    async def later() -> JSON:
        return given

    for each in (given, lambda: given, later):
        assert proven({"credentials": each}) == MINE


@pytest.mark.parametrize(
    "expiry",
    [
        {"AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": CANARY, "Expiration": HOUR},
        {"AccessKeyId": "A", "SecretAccessKey": "S", "SessionToken": CANARY, "Expiration": HOUR.isoformat()},
        {
            "AccessKeyId": "A",
            "SecretAccessKey": "S",
            "SessionToken": CANARY,
            "Expiration": f"{HOUR:%Y-%m-%dT%H:%M:%SZ}",
        },
        {"access_key": "A", "secret_key": "S", "token": CANARY, "expires_at": HOUR.timestamp()},
        Identity("A", "S", CANARY, HOUR.replace(tzinfo=None)),
        Credentials("A", "S", CANARY, HOUR.timestamp()),
    ],
    ids=lambda each: type(each).__name__,
)
def test_it_is_known_until_when_they_hold(expiry: JSON) -> None:
    assert proven({"credentials": lambda: expiry}) == Credentials("A", "S", CANARY, HOUR.timestamp())


@pytest.mark.parametrize("expiry", ["tomorrow", "12:00", [CANARY], inf, nan, 10**400])
def test_an_expiry_that_is_no_time_is_refused(expiry: JSON) -> None:
    told = refused({"credentials": {**PAIR, "Expiration": expiry}})
    assert "gave an expiry that is no time: use ISO 8601" in str(told)


def test_credentials_that_have_expired_are_not_used() -> None:
    told = refused({"credentials": lambda: {**PAIR, "expires_at": time.time() - 1}})
    assert str(told) == "the credentials of AWS have expired: renew them"


@pytest.mark.parametrize("given", [5, "text", ["AKIA", CANARY], object(), {"AccessKeyId": CANARY}, None])
def test_what_is_no_credentials_is_named_by_its_kind(given: JSON) -> None:
    told = refused({"credentials": lambda: given})
    assert f"extra['credentials'] gave no access key and secret ({type(given).__name__})" in str(told)


def test_credentials_that_renew_themselves_do_so_for_every_stream() -> None:
    renewed: list[int] = []
    soon = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(minutes=5)

    def renew() -> dict[str, str]:
        renewed.append(1)
        names = {"access_key": f"A{len(renewed)}", "secret_key": CANARY, "token": "T"}
        return {**names, "expiry_time": soon.isoformat()}

    held = RefreshableCredentials.create_from_metadata(renew(), refresh_using=renew, method="test")
    expires = soon.timestamp()
    for number in (2, 3):
        assert proven({"credentials": held}) == Credentials(f"A{number}", CANARY, "T", expires)


def test_credentials_that_await_are_awaited() -> None:
    class Awaits:
        async def get_frozen_credentials(self) -> ReadOnlyCredentials:
            return ReadOnlyCredentials("AKIAMINE", CANARY, None)

    assert proven({"credentials": Awaits()}) == MINE


# What this machine holds.


def test_missing_credentials_name_what_to_set(bare: None) -> None:
    with pytest.raises(MissingKeyError) as told:
        require_proof(options_of({}))
    assert str(told.value) == (
        "bedrock-runtime.us-east-1.amazonaws.com needs credentials of AWS: set "
        "extra={'aws_access_key_id': ..., 'aws_secret_access_key': ...} or the environment variables "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for profiles and roles pip install 'voice-s2s[nova]'"
    )


def test_a_machine_on_which_botocore_finds_nothing_is_told_the_same() -> None:
    require_proof(options_of({}))
    with pytest.raises(
        MissingKeyError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws conf"
    ):
        proven({})


def test_a_key_of_bedrock_is_told_not_to_serve(bare: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", CANARY)
    with pytest.raises(MissingKeyError, match="AWS_BEARER_TOKEN_BEDROCK does not serve") as told:
        require_proof(options_of({}))
    assert CANARY not in str(told.value)


def test_the_environment_is_used(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert proven({}) == Credentials("AKIAENVIRONMENT", CANARY)
    monkeypatch.setenv("AWS_SECURITY_TOKEN", "older")
    assert proven({}).session_token == "older"
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", HOUR.isoformat())
    assert proven({}) == Credentials("AKIAENVIRONMENT", CANARY, "token", HOUR.timestamp())


def test_the_environment_needs_no_botocore(environment: None, bare: None) -> None:
    assert proven({}) == Credentials("AKIAENVIRONMENT", CANARY)


def test_half_of_the_environment_is_told_so(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY" in str(refused({}))


def test_what_is_named_nearer_comes_first(environment: None) -> None:
    given: dict[str, JSON] = {"credentials": lambda: {**PAIR, "aws_access_key_id": "AKIAFUNCTION"}}
    assert proven({**PAIR, **given}) == MINE
    assert proven({**given, "profile": "none"}).access_key == "AKIAFUNCTION"


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:1", "http://localhost:1", "https://[::1]:1"])
def test_on_the_loopback_the_example_of_aws_signs(environment: None, base_url: str) -> None:
    assert proven({"base_url": base_url}) is EXAMPLE
    assert proven({"base_url": base_url, **PAIR}) == MINE


def test_who_connects_otherwise_needs_no_credentials(environment: None) -> None:
    assert proven({"connect": _awaited}) is EXAMPLE
    assert proven({"connect": _awaited, **PAIR}) == MINE


@pytest.mark.parametrize(
    "base_url",
    [
        "https://evil.example",
        "https://bedrock-runtime.us-east-1.amazonaws.com.evil.example",
        "https://ec2-1-2-3-4.compute-1.amazonaws.com",
        "http://bedrock-runtime.us-east-1.amazonaws.com",
    ],
)
def test_what_this_machine_holds_goes_nowhere_else_and_not_in_the_clear(
    environment: None, machine: Path, base_url: str
) -> None:
    (machine / "credentials").write_text(f"[default]\naws_access_key_id=A\naws_secret_access_key={CANARY}\n")
    with pytest.raises(MissingKeyError, match=r"is only sent to AWS, over https://: set extra=") as told:
        require_proof(options_of({"base_url": base_url}))
    assert "ENVIRONMENT" not in str(told.value)
    assert proven({"base_url": base_url, **PAIR}) == MINE
    assert proven({"base_url": base_url, "profile": "default"}) == Credentials("A", CANARY)


# What botocore finds.


def process(machine: Path, *answers: dict[str, str], code: int = 0) -> Path:
    """Have a process of the profile 'work' give one answer after the other; returns where it notes calls."""
    counted, said = machine / "calls", machine / "answers.json"
    said.write_text(json.dumps(answers))
    script = machine / "process.py"
    script.write_text(
        "import json, pathlib, sys\n"
        f"counted, answers = pathlib.Path({str(counted)!r}), json.load(open({str(said)!r}))\n"
        "calls = counted.read_text() if counted.exists() else ''\n"
        "counted.write_text(calls + '.')\n"
        "print(json.dumps({'Version': 1, **answers[min(len(calls), len(answers) - 1)]}))\n"
        f"sys.exit('the vault is sealed' if {code} else 0)\n"
    )
    command = shlex.join([sys.executable, "-I", "-S", str(script)])
    (machine / "config").write_text(f"[profile work]\ncredential_process = {command}\n")
    return counted


def answer(key: str, expires: datetime.datetime | None = None) -> dict[str, str]:
    said = {"AccessKeyId": key, "SecretAccessKey": CANARY, "SessionToken": "T"}
    return said if expires is None else {**said, "Expiration": expires.isoformat()}


def test_a_profile_is_read_with_all_that_it_names(machine: Path, environment: None) -> None:
    counted = process(machine, answer("A1"), answer("A2"))
    held = Machine()
    assert proven({"profile": "work"}, held) == Credentials("A1", CANARY, "T")
    assert proven({"profile": "work"}, held) == Credentials("A2", CANARY, "T")
    assert counted.read_text() == ".."


def test_a_profile_that_renews_itself_is_asked_no_more_than_it_must(machine: Path) -> None:
    counted = process(machine, answer("A1", HOUR), answer("A2", HOUR))
    held = Machine()
    for _ in range(3):
        assert proven({"profile": "work"}, held) == Credentials("A1", CANARY, "T", HOUR.timestamp())
    assert counted.read_text() == "."


def test_a_profile_is_renewed_before_it_ends(machine: Path) -> None:
    soon = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(minutes=4)
    counted = process(machine, answer("A1", soon), answer("A2", HOUR))
    held = Machine()
    for _ in range(2):
        assert proven({"profile": "work"}, held) == Credentials("A2", CANARY, "T", HOUR.timestamp())
    assert counted.read_text() == ".."


def test_a_profile_that_could_not_be_renewed_is_read_anew(machine: Path) -> None:
    soon = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(minutes=4)
    process(machine, answer("A1", soon))
    held = Machine()
    assert proven({"profile": "work"}, held).access_key == "A1"
    (machine / "process.py").unlink()
    refused({"profile": "work"}, held)
    (machine / "config").write_text(f"[profile work]\naws_access_key_id=B\naws_secret_access_key={CANARY}\n")
    assert proven({"profile": "work"}, held) == Credentials("B", CANARY)


@contextmanager
def sts(expires: datetime.datetime) -> Iterator[tuple[str, list[str]]]:
    """Hand out credentials of a role on the loopback; yields the URL and who asked."""
    asked: list[str] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>"
                f"<SecretAccessKey>{CANARY}</SecretAccessKey><SessionToken>T</SessionToken>"
                f"<Expiration>{expires.isoformat()}</Expiration></Credentials></AssumeRoleResult>"
                "</AssumeRoleResponse>".encode()
            )

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.parametrize(("line", "region"), [("", "eu-north-1"), ("region=us-west-2\n", "us-west-2")])
def test_a_role_is_taken_on_in_the_region_of_its_profile_or_else_in_that_which_is_spoken_to(
    machine: Path, monkeypatch: pytest.MonkeyPatch, line: str, region: str
) -> None:
    (machine / "config").write_text(
        "[profile base]\naws_access_key_id=AKIABASE\naws_secret_access_key=secret\n"
        f"[profile role]\nrole_arn=arn:aws:iam::123456789012:role/r\nsource_profile=base\n{line}"
    )
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    held = Machine()
    with sts(HOUR) as (url, asked):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        for _ in range(2):
            found = proven({"profile": "role", "region": "eu-north-1"}, held)
            assert found == Credentials("ASIA", CANARY, "T", HOUR.timestamp())
    (authorization,) = asked
    assert "Credential=AKIABASE/" in authorization
    assert f"/{region}/sts/aws4_request" in authorization


def test_the_profile_of_the_environment_counts(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process(machine, answer("A1"))
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert proven({}).access_key == "A1"


def test_a_process_that_fails_is_told_in_its_own_words(machine: Path) -> None:
    process(machine, answer("A1"), code=1)
    told = refused({"profile": "work"})
    assert "botocore has no credentials (Error when retrieving credentials from custom-process: the" in str(
        told
    )
    assert str(told).endswith(
        "the vault is sealed): run `aws sso login` or `aws configure`, or set extra={'credentials': ...}"
    )
    assert told.retryable


def test_what_a_process_says_wrongly_is_not_quoted(machine: Path) -> None:
    process(machine, {"SecretAccessKey": CANARY})
    assert "Missing required key in response: 'AccessKeyId'" in str(refused({"profile": "work"}))


def test_a_profile_that_does_not_exist_is_named() -> None:
    told = refused({"profile": "nobody"})
    assert "The config profile (nobody) could not be found" in str(told)
    assert not told.retryable


def test_a_login_that_has_ended_says_how_to_log_in(machine: Path) -> None:
    (machine / "config").write_text(
        "[profile sso]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\nregion = us-east-1\n"
        "[sso-session s]\nsso_start_url = https://x.example\nsso_region = us-east-1\n"
    )
    told = refused({"profile": "sso"})
    assert "run `aws sso login`" in str(told)
    assert not told.retryable


def test_a_profile_needs_botocore(bare: None) -> None:
    with pytest.raises(ConfigError, match=r"needs botocore: pip install 'voice-s2s\[nova\]'"):
        require_proof(options_of({"profile": "work"}))


@pytest.mark.parametrize(
    ("failure", "says", "retryable"),
    [
        (EndpointConnectionError(endpoint_url="https://sts"), "Could not connect to the endpoint URL", True),
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "AssumeRole"),
            "(AccessDenied) when calling the AssumeRole operation: not you",
            False,
        ),
        (ClientError({"Error": {"Code": "x" * 9000}}, "AssumeRole"), "x" * 200, False),
    ],
    ids=["network", "denied", "long"],
)
def test_it_is_told_why_botocore_fails_and_whether_to_try_again(
    failure: Exception, says: str, retryable: bool
) -> None:
    def fails() -> JSON:
        raise failure

    told = refused({"credentials": fails})
    assert says in str(told)
    assert len(str(told)) < 500
    assert told.retryable is retryable


def test_botocore_runs_off_the_loop(machine: Path) -> None:
    process(machine, answer("A1"))

    async def main() -> int:
        turns, asked = 0, asyncio.ensure_future(proof(options_of({"profile": "work"}), Machine()))
        while not asked.done():
            await asyncio.sleep(0.001)
            turns += 1
        await asked
        return turns

    assert asyncio.run(main()) > 3


# Secrets.


def test_no_secret_is_shown(
    machine: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    process(machine, {**answer("A1", HOUR), "SessionToken": CANARY})
    for extra in (PAIR, {"profile": "work"}, {"credentials": Held("A", CANARY, CANARY)}):
        shown = proven(extra)
        assert CANARY not in f"{shown!r} {shown!s}"
    assert CANARY not in caplog.text
    assert CANARY not in "".join(capfd.readouterr())
