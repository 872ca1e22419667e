"""`s2s serve` and `s2s simulate` as a user runs them, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

pytest.importorskip("aiohttp", reason="pip install 'voice-s2s[gateway]'")
COMMAND = [sys.executable, "-W", "error", "-m", "s2s.cli"]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Start a server on a free port; yields the process, and what it says when it listens."""
    with subprocess.Popen(
        [*COMMAND, *arguments, "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def s2s(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **environment},
    )


def ask(listening: dict[str, Any], *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    where = f"base_url={listening['base_url']}"
    hello = ("ask", "--text", "hello", "--engine", "openai_realtime", "--extra", where)
    return s2s(*hello, *arguments, **environment)


def test_an_engine_is_served_and_asked() -> None:
    with running("serve", "--engine", "script") as (process, listening):
        assert listening["type"] == "listening"
        assert listening["url"].startswith("ws://127.0.0.1:")
        done = ask(listening)
        assert done.returncode == 0, done.stderr
        assert "agent       You said: hello" in done.stdout
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    events = [json.loads(line) for line in out.splitlines()]
    assert events[0]["type"] == "session_started"
    assert {each["session"] for each in events} == {1}
    assert {"response_started", "text_output", "response_done"} <= {each["type"] for each in events}
    assert (process.returncode, err) == (130, "stopped\n")


def test_a_provider_is_simulated_with_script_and_fault() -> None:
    fault = "does=close,said=response.output_audio.done,code=1011,reason=oops"
    with running("simulate", "openai", "--says", "Good morning.", "--fault", fault) as (_, listening):
        done = ask(listening)
    assert "agent       Good morning." in done.stdout
    assert done.returncode == 1
    assert "closed with code 1011 (oops)" in done.stderr


def test_a_provider_with_a_key_takes_no_other() -> None:
    with running("simulate", "openai", "--key", "right") as (_, listening):
        wrong = ask(listening, "--extra", "api_key=wrong")
        assert wrong.returncode == 1
        assert "Incorrect API key provided" in wrong.stderr
        assert "wrong" not in wrong.stderr
        assert ask(listening, "--extra", "api_key=right").returncode == 0


def test_a_provider_with_a_key_may_serve_everybody() -> None:
    with running("simulate", "openai", "--key", "right", "--host", "0.0.0.0") as (_, listening):
        assert listening["type"] == "listening"
    done = s2s("simulate", "openai", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "give a key, or serve on 127.0.0.1" in done.stderr


def test_a_gateway_with_a_key_takes_no_other() -> None:
    with running("serve", "--engine", "script", "--key", "right") as (_, listening):
        wrong = ask(listening)
        assert wrong.returncode == 1
        assert "refused with HTTP 401" in wrong.stderr
        assert ask(listening, "--extra", "api_key=right").returncode == 0


@pytest.mark.parametrize("command", [("serve", "--engine", "script"), ("simulate", "openai")])
def test_a_port_that_is_taken_is_said(command: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = s2s(*command, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "choose another port" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_serving_everybody_wants_a_key() -> None:
    done = s2s("serve", "--engine", "script", "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "give a key, or serve on 127.0.0.1" in done.stderr


def test_a_person_sees_where_to_connect() -> None:
    with subprocess.Popen(
        [*COMMAND, "simulate", "openai", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(4)]
        finally:
            process.kill()
    told = "".join(lines)
    assert "ws://127.0.0.1:" in told
    assert "AsyncOpenAI(base_url='http://127.0.0.1:" in told
    assert "s2s.new('openai_realtime'" in told


# TLS.


@pytest.mark.parametrize("command", [("serve", "--engine", "script"), ("simulate", "openai")])
def test_who_trusts_the_file_that_is_written_is_served_in_secret(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    place = str(tmp_path / "ca.pem")
    with running(*command, "--tls", "--ca-file", place) as (process, listening):
        assert (listening["url"][:6], listening["base_url"][:8]) == ("wss://", "https://")
        assert listening["ca_file"] == place
        for done in (ask(listening, "--extra", f"ca={place}"), ask(listening, SSL_CERT_FILE=place)):
            assert "agent       You said: hello" in done.stdout, done.stderr
        stranger = ask(listening)
        assert (stranger.returncode, "certificate" in stranger.stderr) == (1, True)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10)[1] == "stopped\n"


def test_without_tls_there_is_no_file_to_trust() -> None:
    with running("simulate", "openai") as (_, listening):
        assert listening["ca_file"] is None


def test_a_server_that_cannot_listen_leaves_the_file_of_the_one_that_does(tmp_path: Path) -> None:
    place = tmp_path / "ca.pem"
    with running("simulate", "openai", "--tls", "--ca-file", str(place)) as (_, listening):
        before, port = place.read_bytes(), listening["url"].split(":")[2].split("/")[0]
        done = s2s("simulate", "openai", "--tls", "--ca-file", str(place), "--port", port)
        assert (done.returncode, "choose another port" in done.stderr) == (2, True)
        assert place.read_bytes() == before


def test_a_file_that_holds_something_else_is_not_written_over(tmp_path: Path) -> None:
    place = tmp_path / "ca.pem"
    place.write_text("precious")
    done = s2s("simulate", "openai", "--tls", "--ca-file", str(place), "--port", "0")
    assert (done.returncode, place.read_text()) == (2, "precious")
    assert "ca.pem holds something else that would be lost: choose another place" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("serve", "--engine", "script"), ("simulate", "openai")])
def test_a_certificate_that_is_none_is_said(command: tuple[str, ...]) -> None:
    done = s2s(*command, "--certificate", "nowhere.pem")
    assert done.returncode == 2
    assert "no certificate can be read from nowhere.pem" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_person_sees_how_to_trust(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "simulate", "openai", "--port", "0", "--tls"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        try:
            assert process.stdout is not None
            told = "".join(process.stdout.readline() for _ in range(5))
        finally:
            process.kill()
    place = tmp_path / "s2s-ca.pem"
    assert place.exists()
    assert "wss://127.0.0.1:" in told
    assert f"export SSL_CERT_FILE={place} NODE_EXTRA_CA_CERTS={place}" in told
    assert f"'ca': '{place}'" in told


@pytest.mark.parametrize("server", [("serve", "--engine", "script"), ("simulate", "gemini")])
def test_a_supervisor_stops_it_and_its_clients_are_told(server: tuple[str, ...]) -> None:
    with running(*server) as (process, listening):
        url = listening["base_urls"]["gemini"].replace("http:", "ws:") + "/x.BidiGenerateContent"
        setup = json.dumps({"setup": {"model": "models/gemini-3.8-live", "sessionResumption": {}}})
        for _ in range(3):
            with connect(url, proxy=None) as left:
                left.send(setup)
                left.recv()
        with connect(url, proxy=None) as client:
            client.send(setup)
            client.recv()
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=10)
            assert [*client]  # the handle, and then no more
            assert client.close_code == 1001
    assert (process.returncode, err) == (0, "")


# Nova Sonic, which is found by the variables of AWS.


def test_a_program_is_told_the_variables_by_which_the_sdks_of_aws_find_it() -> None:
    with running("simulate", "nova", "--temper", "region=eu-north-1") as (_, listening):
        assert listening["base_urls"] == {"nova": listening["base_url"]}
        assert listening["environment"] == {
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": listening["base_url"],
            "AWS_REGION": "eu-north-1",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        }


def test_a_secret_of_ones_own_is_not_shown() -> None:
    with running("simulate", "nova", "--key", "AKIDOWN:canary:canary") as (_, listening):
        assert listening["environment"]["AWS_ACCESS_KEY_ID"] == "AKIDOWN"
        assert "canary" not in json.dumps(listening)


def test_a_person_sees_them_and_what_the_sdks_want() -> None:
    with subprocess.Popen(
        [*COMMAND, "simulate", "nova", "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            told = "".join(process.stdout.readline() for _ in range(5))
        finally:
            process.kill()
    assert "export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:" in told
    assert "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=" in told
    assert "s2s.new('nova', extra={'base_url': 'http://127.0.0.1:" in told
    assert "the SDKs of AWS take nothing but TLS: add --tls for them" in told


def test_nova_serves_everybody_only_with_a_key_that_not_everybody_knows() -> None:
    done = s2s("simulate", "nova", "--host", "0.0.0.0")
    assert (done.returncode, "give credentials of your own" in done.stderr) == (2, True)
    with running("simulate", "nova", "--host", "0.0.0.0", "--key", "own:secret") as (_, listening):
        assert listening["type"] == "listening"
