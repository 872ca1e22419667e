"""What `serve` and `simulate` have in common: doors, and a server that runs until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import signal
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from s2s.certificates import TLS, Certificate, Throwaway
from s2s.cli.exits import Exit
from s2s.cli.rendering.jsonlines import JSONLines
from s2s.cli.rendering.screen import screen
from s2s.cli.rendering.sessions import Sessions
from s2s.errors import ConfigError
from s2s.events import Event

_CA_FILE = Path("s2s-ca.pem")


_SDK = {
    "openai": "OpenAI SDK   AsyncOpenAI(base_url={base_url!r}, api_key='any')",
    "gemini": "google-genai genai.Client(api_key='any', http_options={{'base_url': {base_url!r}}})",
    "nova": "AWS SDK      AsyncBedrockRuntimeConfig.resolve(transport=AWSCRTHTTPClient())",
}
_ENGINE = {"openai": "openai_realtime", "gemini": "gemini_live", "nova": "nova"}
_ONLY_TLS = {
    "gemini": "google-genai for Python takes nothing but TLS: add --tls for it",
    "nova": "the SDKs of AWS take nothing but TLS: add --tls for them",
}


class Server(Protocol):
    """Serves while it is entered."""

    @property
    def url(self) -> str:
        """Where the WebSocket is."""
        ...

    @property
    def base_url(self) -> str:
        """What an SDK takes."""
        ...

    @property
    def base_urls(self) -> Mapping[str, str]:
        """The same for every protocol that is spoken, by the provider's name."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Watching(Protocol):
    """Shows an event of a session."""

    def __call__(self, number: int, event: Event, /) -> None:
        """Show it."""
        ...


def add_doors(parser: argparse.ArgumentParser, port: int) -> None:
    """Add where to listen, and with which certificate."""
    group = parser.add_argument_group("where")
    group.add_argument("--host", default="127.0.0.1", help="an address of this machine (default: 127.0.0.1)")
    group.add_argument(
        "--port", type=int, default=port, help=f"0 for any that is free (default: {port})", metavar="N"
    )
    group = parser.add_argument_group("TLS, for clients that insist on it")
    shown = group.add_mutually_exclusive_group()
    shown.add_argument("--tls", action="store_true", help="with a throw-away certificate for this machine")
    shown.add_argument(
        "--certificate", type=Path, metavar="PEM", help="with this one, and the chain that leads to it"
    )
    group.add_argument(
        "--certificate-key", type=Path, metavar="PEM", help="its key, where that is a file of its own"
    )
    group.add_argument(
        "--ca-file",
        type=Path,
        metavar="PEM",
        help=f"written for the clients of --tls, who must trust it (default: {_CA_FILE})",
    )


def tls_of(arguments: argparse.Namespace) -> TLS | None:
    """Return the certificate. Raises ConfigError."""
    if arguments.certificate is None and arguments.certificate_key is not None:
        raise ConfigError("--certificate-key belongs to a certificate: give --certificate as well")
    if arguments.ca_file is not None and not arguments.tls:
        raise ConfigError("--ca-file is where --tls writes: give --tls as well, or leave it out")
    if arguments.certificate is not None:
        return Certificate(arguments.certificate, arguments.certificate_key)
    return Throwaway(arguments.host) if arguments.tls else None


def require_aiohttp() -> None:
    """Raise ConfigError where the extra is missing."""
    if find_spec("aiohttp") is None:
        raise ConfigError("serving needs aiohttp: pip install 'voice-s2s[gateway]'")


def require_nova() -> None:
    """Raise ConfigError where the extra is missing."""
    missing = [each for each in ("h2", "numpy") if find_spec(each) is None]
    if missing:
        told = f"simulating Nova Sonic needs {' and '.join(missing)}: pip install 'voice-s2s[gateway,nova]'"
        raise ConfigError(told)


def watcher(arguments: argparse.Namespace) -> Watching:
    """Return what shows the sessions."""
    return JSONLines().served if arguments.json else Sessions(screen())


def run_server(
    server: Server,
    what: str,
    arguments: argparse.Namespace,
    tls: TLS | None,
    environment: Callable[[], Mapping[str, str]] = dict,
) -> int:
    """Serve until stopped, with Ctrl-C or by SIGTERM as a supervisor does; clients are told of either.

    `environment` returns the variables by which clients find the server, once it listens.
    """
    return asyncio.run(_serve(server, what, arguments, tls, environment))


async def _serve(
    server: Server,
    what: str,
    arguments: argparse.Namespace,
    tls: TLS | None,
    environment: Callable[[], Mapping[str, str]],
) -> int:
    async with server:
        # Not before: a server that cannot listen must leave the file of one that does.
        trusted = _written(tls, arguments.ca_file or _CA_FILE)
        if arguments.json:
            JSONLines().write(
                "listening",
                url=server.url,
                base_url=server.base_url,
                base_urls=dict(server.base_urls),
                environment=dict(environment()),
                ca_file=trusted,
            )
        else:
            _show(server, what, trusted, environment())
        await _terminated()
    return Exit.OK


async def _terminated() -> None:
    """Return when SIGTERM comes, where there are signals; a second one ends the process as ever."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_signal_handler(signal.SIGTERM, came.set)
    except (NotImplementedError, RuntimeError):
        await came.wait()
    try:
        await came.wait()
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def _written(tls: TLS | None, place: Path) -> str | None:
    """Return the file of what clients must trust, if it is no certificate that they trust anyway."""
    if not isinstance(tls, Throwaway):
        return None
    tls.write(place)
    return str(place.absolute())


def _show(server: Server, what: str, trusted: str | None, environment: Mapping[str, str]) -> None:
    out = screen()
    out.say(what, server.url, "bold")
    if trusted is not None:
        place = shlex.quote(trusted)
        out.plain(f"  trust it     export SSL_CERT_FILE={place} NODE_EXTRA_CA_CERTS={place}", "dim")
    if environment:
        told = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
        out.plain(f"  find it      export {told}", "dim")
    for provider, base_url in server.base_urls.items():
        extra = {"base_url": base_url, **({} if trusted is None else {"ca": trusted})}
        out.plain(f"  {_SDK[provider].format(base_url=base_url)}", "dim")
        out.plain(f"  voice-s2s    s2s.new({_ENGINE[provider]!r}, extra={extra!r})", "dim")
        if provider in _ONLY_TLS and trusted is None and base_url.startswith("http:"):
            out.plain(f"  {_ONLY_TLS[provider]}", "dim")
    out.plain("  Ctrl-C stops it", "dim")
