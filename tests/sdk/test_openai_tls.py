"""The stock client of OpenAI's SDK comes by wss where it is told whom to trust."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="the SDKs are in the dependency group `sdk`")

from openai import AsyncOpenAI

from s2s.certificates import Throwaway
from s2s.config import Config
from s2s.gateway import Doors, Gateway
from s2s.providers.script import ScriptEngine
from s2s.simulators.openai import OpenAISimulator
from tests.support.sdk import Line
from tests.support.websockets import run

SECRET = Throwaway()


async def talk(served: Gateway | OpenAISimulator, **options: ssl.SSLContext) -> str:
    async with (
        served,
        AsyncOpenAI(api_key="sk-test", base_url=served.base_url) as client,
        client.realtime.connect(
            model="gpt-realtime-2.1",
            websocket_connection_options=options,  # type: ignore[arg-type]
        ) as connection,
    ):
        line = Line(connection)
        await line.until("session.created")
        await line.write("Hello?")
        await line.on.response.create()
        await line.until("response.done")
        return line.words


def test_it_trusts_a_context() -> None:
    context = ssl.create_default_context(cadata=SECRET.ca_pem.decode())
    engine = ScriptEngine(Config(extra={"pace": 0}))
    assert run(talk(Gateway(engine, Doors(tls=SECRET)), ssl=context)) == "You said: Hello?"


def test_it_trusts_what_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SECRET.write(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert run(talk(OpenAISimulator(tls=SECRET))) == "You said: Hello?"
