"""The stock SDK of Google and our engine, given the same settings, knock at the same door in the same way.

Both go through a proxy on the loopback, which leads wherever they want to go to a service of ours.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec import Struct

pytest.importorskip("google.genai", reason="the SDKs are in the dependency group `sdk`")

from google import genai
from google.genai.types import HttpOptions
from google.oauth2.credentials import Credentials
from websockets.asyncio.server import ServerConnection

from s2s.certificates import Throwaway
from s2s.config import Config
from s2s.items import JSON
from s2s.providers.gemini import GeminiEngine
from tests.support.websockets import raw_server, run, server

TOLD = ("authorization", "x-goog-api-key", "x-goog-user-project", "x-mine")
REGIONS = ("aiplatform.us.rep.googleapis.com", "aiplatform.eu.rep.googleapis.com")
SECRET = Throwaway("*.googleapis.com", *REGIONS, "gate.example")
TRUST = ssl.create_default_context(cadata=SECRET.ca_pem.decode())
TOMORROW = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(days=1)
OURS = Credentials("ya29.token", expiry=TOMORROW)
PAID = Credentials("ya29.token", expiry=TOMORROW, quota_project_id="payer")


class Knock(Struct):
    """How somebody came."""

    host: str
    path: str
    headers: dict[str, str]
    model: str


class Town:
    """Everybody who lives at any address, and whoever came to them."""

    def __init__(self) -> None:
        self.knocks: list[Knock] = []
        self._hosts: list[str] = []

    async def serve(self, connection: ServerConnection) -> None:
        """Note how somebody came and take the setup."""
        assert connection.request is not None
        request = connection.request
        told = {name: request.headers[name] for name in TOLD if name in request.headers}
        if told.get("x-goog-api-key", "").startswith("auth_tokens/"):
            del told["x-goog-api-key"]  # the SDK tells a token twice
        setup = json.loads(await connection.recv())["setup"]
        path = "/" + request.path.lstrip("/")  # the SDK writes it with two
        self.knocks.append(Knock(self._hosts[-1], path, told, setup["model"]))
        await connection.send(b'{"setupComplete":{}}')
        await connection.wait_closed()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Yield the URL of the proxy that leads there."""
        async with server(self.serve, SECRET.context()) as url:
            port = urlsplit(url).port

            async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                request = await reader.readuntil(b"\r\n\r\n")
                self._hosts.append(request.split()[1].decode())
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
                there, back = await asyncio.open_connection("127.0.0.1", port)
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(_pass_on(reader, back))
                        group.create_task(_pass_on(there, writer))
                finally:
                    back.close()

            async with raw_server(lead) as proxy:
                yield proxy.replace("ws://", "http://").rstrip("/")


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while some := await reader.read(65536):
        writer.write(some)
    writer.close()


V1BETA: dict[str, JSON] = {"api_version": "v1beta"}
ALPHA: dict[str, JSON] = {"api_version": "v1alpha"}
GATE: dict[str, JSON] = {"base_url": "https://gate.example/team", "headers": {"x-mine": "1"}}
VERBATIM: dict[str, JSON] = {
    "base_url": "wss://gate.example/any/BidiGenerateContent",
    "headers": {"authorization": "Basic x"},
}
CLOUD: dict[str, JSON] = {"vertexai": True, "project": "p", "credentials": OURS}
LIVE, PUBLISHED = "gemini-3.8-live", "publishers/google/models/gemini-3.8-live"


class Case(Struct, kw_only=True):
    """The same settings, as each of the two wants them."""

    their: dict[str, JSON]
    http: dict[str, JSON] = {}
    extra: dict[str, JSON]
    model: str = LIVE


CASES = {
    "key": Case(their={"api_key": "AIza"}, http=V1BETA, extra={"api_key": "AIza"}),
    "version": Case(
        their={"api_key": "AIza"},
        http={"api_version": "v1"},
        extra={"api_key": "AIza", "api_version": "v1"},
        model="models/gemini-3.8-live",
    ),
    "gate": Case(their={"api_key": "AIza"}, http={**GATE, **V1BETA}, extra={"api_key": "AIza", **GATE}),
    "ephemeral": Case(their={"api_key": "auth_tokens/a"}, http=ALPHA, extra={"api_key": "auth_tokens/a"}),
    "express": Case(
        their={"vertexai": True, "api_key": "AIza"}, extra={"surface": "vertex", "api_key": "AIza"}
    ),
    "paid": Case(
        their={**CLOUD, "location": "global", "credentials": PAID},
        extra={"project": "p", "credentials": PAID},
    ),
    "publisher": Case(
        their={**CLOUD, "location": "global"},
        extra={"project": "p", "credentials": OURS},
        model="google/gemini-3.8-live",
    ),
    "token": Case(
        their={**CLOUD, "location": "global"},
        extra={"project": "p", "access_token": "ya29.token"},
        model=PUBLISHED,
    ),
    "verbatim": Case(
        their={"vertexai": True}, http=VERBATIM, extra={"surface": "vertex", **VERBATIM}, model=PUBLISHED
    ),
    **{
        location: Case(
            their={**CLOUD, "location": location},
            extra={"project": "p", "location": location, "credentials": OURS},
        )
        for location in ("global", "us-central1", "europe-west4", "us", "eu")
    },
}


@pytest.mark.filterwarnings("ignore:.*ephemeral token support:google.genai.errors.ExperimentalWarning")
@pytest.mark.parametrize("name", CASES)
def test_both_knock_at_the_same_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"):
        monkeypatch.delenv(variable, raising=False)
    SECRET.write(tmp_path / "ca.pem")
    town, case = Town(), CASES[name]

    async def main() -> None:
        async with town.open() as proxy:
            await theirs(proxy, case)
            await ours(proxy, tmp_path / "ca.pem", case)

    run(main())
    first, second = town.knocks
    assert second == first
    if name == "ephemeral":
        assert second.path.endswith("Constrained")


async def theirs(proxy: str, case: Case) -> None:
    args = {"ssl": TRUST, "proxy": proxy}
    client = genai.Client(http_options=HttpOptions(async_client_args=args, **case.http), **case.their)
    async with client.aio.live.connect(model=case.model):
        pass
    await client.aio.aclose()
    client.close()


async def ours(proxy: str, ca: Path, case: Case) -> None:
    settings = {**case.extra, "ca": str(ca), "proxy": proxy}
    async with GeminiEngine(Config(model=case.model, extra=settings)).start():
        pass
