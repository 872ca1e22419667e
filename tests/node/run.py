"""Stock @openai/agents and @google/genai on Node talk to our servers: `python -m tests.node.run`.

It needs Node 20, and `npm ci` in this folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from s2s.audio.resample import Resampler
from s2s.audio.wav import read_wav, write_wav
from s2s.cli import demo
from tests.node.said import everything
from tests.support.sayable import sayable

HERE = Path(__file__).parent
KEY = "a-key-of-this-test"
ANSWERS = {
    ("typed", "all"): r"\b(4|four)\b",
    ("spoken", "all"): r"\bit('s| is) \w+",
    ("tools", "moved"): r"arrived.*\b(84|eighty[- ]four)\b",
    ("tools", "weather"): r"\b(22|twenty[- ]two) degrees in paris\b",
    ("barged-in", "after"): r"\bon a small gr[ae]y island\b",
    ("interrupted", "after"): r"\b(42|forty[- ]two)\b",
    ("gemini-tools", "moved"): r"arrived.*\b(84|eighty[- ]four)\b",
    ("gemini-barged-in", "after"): r"\bon a small gr[ae]y island\b",
    ("gemini-kept", "after"): r"\b(42|forty[- ]two)\b",
}
"""What our own ears must hear in the WAV files of the conversations with the local engine."""
_BROWSER = ("--conditions=browser", "--experimental-websocket", "--no-warnings")
_S2S = (sys.executable, "-m", "s2s.cli")


class Listening(msgspec.Struct):
    """Where a server is."""

    url: str
    base_urls: dict[str, str]
    environment: dict[str, str] = {}
    """How the SDKs of AWS find it."""


class Fact(msgspec.Struct):
    """What a script tells of a conversation."""

    name: str
    failed: str = ""
    lines: list[tuple[str, str]] = []
    numbers: dict[str, float] = {}
    wavs: dict[str, str] = {}
    counts: dict[str, int] = {}
    types: list[str] = []
    problems: list[str] = []
    unknown: list[str] = []
    """Types of events that the SDK does not know, and leaves aside."""
    heard: dict[str, str] = {}
    """What our own ears heard in the WAV files."""

    @property
    def wrong(self) -> str:
        """What is wrong, empty where nothing is."""
        return "\n".join(filter(None, [self.failed, *self.problems]))


def missing() -> str:
    """Return what is missing, empty where everything is there."""
    node = shutil.which("node")
    if node is None:
        return "Node is not installed"
    version = subprocess.run(
        [node, "--version"], capture_output=True, text=True, timeout=10, check=True
    ).stdout
    if int(version.removeprefix("v").partition(".")[0]) < 20:
        return f"Node {version.strip()} is too old: 20 or newer"
    if not all((HERE / "node_modules" / each).is_dir() for each in ("@openai/agents", "@google/genai")):
        return f"run `npm ci` in {HERE}, or `make node`"
    return ""


@contextlib.contextmanager
def s2s(folder: Path, *arguments: str | Path) -> Iterator[Listening]:
    """Run `s2s` as a server on a free port of the loopback, and say where."""
    out, wrong = folder / f"{arguments[0]}.jsonl", folder / f"{arguments[0]}.txt"
    with out.open("wb") as told, wrong.open("wb") as complained:
        command = [*_S2S, *map(str, arguments), "--port", "0", "--json"]
        server = subprocess.Popen(command, stdout=told, stderr=complained)
    try:
        yield _listening(server, out, wrong)
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)
    broken = wrong.read_text()
    if "Traceback" in broken:
        raise RuntimeError(f"something in `s2s {arguments[0]}` broke: {broken}")


def _listening(server: subprocess.Popen[bytes], out: Path, wrong: Path, within_s: float = 60.0) -> Listening:
    until = time.monotonic() + within_s
    while time.monotonic() < until and server.poll() is None:
        line = out.read_bytes().partition(b"\n")
        if line[1]:
            return msgspec.json.decode(line[0], type=Listening)
        time.sleep(0.05)
    raise RuntimeError(f"s2s does not listen: {wrong.read_text()}")


def node(
    script: str, *arguments: str | Path, flags: tuple[str, ...] = (), within_s: float = 120.0
) -> list[Fact]:
    """Run a script and return what it tells; where it says nothing, that is what is wrong."""
    command = ["node", *flags, str(HERE / script), *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=within_s, check=False)
    except subprocess.TimeoutExpired as late:
        return [Fact(script, failed=f"not done within {within_s:g} s; so far: {late.stdout!r}")]
    facts = [msgspec.json.decode(line, type=Fact) for line in done.stdout.splitlines()]
    if done.returncode != 0 and not any(each.wrong for each in facts):
        facts.append(Fact(script, failed=f"exit {done.returncode}: {done.stderr}"))
    return facts


def said(folder: Path) -> list[Fact]:
    """All that our server can say, read by a stock session and by the schemas that it reads with."""
    messages = everything()
    unsaid = sayable() - {msgspec.json.decode(each)["type"] for each in messages}
    assert not unsaid, f"tests/node/said.py leaves out {sorted(unsaid)}"
    (folder / "said.jsonl").write_bytes(b"\n".join(messages))
    return node("replay.mjs", folder / "said.jsonl", within_s=30)


def doors(folder: Path) -> list[Fact]:
    """Who is let in, with the SDK's build for Node and with the one for browsers."""
    with s2s(folder, "serve", "--engine", "script", "--key", KEY) as listening:
        facts = node("doors.mjs", listening.url, KEY, folder, within_s=60)
        return facts + node("browser.mjs", listening.url, KEY, folder, flags=_BROWSER, within_s=60)


def simulated(folder: Path) -> list[Fact]:
    """Conversations with a script, which has parallel calls and everything else that a script can have."""
    with s2s(folder, "simulate", "openai", "--script", HERE / "script.json") as listening:
        return node("simulated.mjs", f"{listening.url}?model=simulated", folder)


def local(folder: Path) -> list[Fact]:
    """Conversations with the local engine, with ears and a voice."""
    questions(folder, 24_000)
    with s2s(folder, "serve", "--engine", "local") as listening:
        return _heard(node("local.mjs", listening.url, folder))


def gemini(folder: Path) -> list[Fact]:
    """Conversations of @google/genai with a script in the manner of Gemini Live."""
    with s2s(folder, "simulate", "gemini", "--script", HERE / "gemini.json") as listening:
        return node("gemini.mjs", listening.base_urls["gemini"], folder)


def gemini_generations(folder: Path) -> list[Fact]:
    """A question of @google/genai to each generation of models that can be simulated."""
    with s2s(folder, "simulate", "gemini", "--script", HERE / "gemini_generations.json") as listening:
        return node("gemini_generations.mjs", listening.base_urls["gemini"], folder, within_s=60)


def gemini_resumed(folder: Path) -> list[Fact]:
    """Conversations of @google/genai that outlive their connections."""
    short = ("--temper", "session_s=3", "--temper", "notice_s=1.5")
    script = HERE / "gemini_resumed.json"
    with s2s(folder, "simulate", "gemini", "--script", script, *short) as listening:
        return node("gemini_resumed.mjs", listening.base_urls["gemini"], folder, within_s=60)


def gemini_doors(folder: Path) -> list[Fact]:
    """Who is let in, with the builds of @google/genai for Node and for browsers."""
    known = ("--key", KEY, "--key", f"auth_tokens/{KEY}", "--model", "gemini-3.8-live")
    with (
        s2s(folder, "simulate", "gemini", *known) as simulated,
        s2s(folder, "serve", "--engine", "script", "--key", KEY) as served,
    ):
        urls = [each.base_urls["gemini"] for each in (simulated, served)]
        facts = node("gemini_doors.mjs", *urls, KEY, folder, within_s=60)
        return facts + node("gemini_browser.mjs", urls[0], KEY, folder, flags=_BROWSER, within_s=60)


def gemini_local(folder: Path) -> list[Fact]:
    """Conversations of @google/genai with the local engine, with ears and a voice."""
    questions(folder, 16_000)
    with s2s(folder, "serve", "--engine", "local") as listening:
        return _heard(node("gemini_local.mjs", listening.base_urls["gemini"], folder))


def questions(folder: Path, rate: int) -> None:
    """Write down what is asked aloud."""
    asked = {"move": Path(demo.__file__).parent / "go_forward_ten_meters.wav"}
    for name, text in (("time", "What time is it?"), ("again", "What did you just say?")):
        asked[name] = folder / f"{name}-said.wav"
        command = [*_S2S, "say", text, "--output", str(asked[name])]
        subprocess.run(command, capture_output=True, timeout=60, check=True)
    for name, place in asked.items():
        write_wav(folder / f"{name}.wav", _resampled(place, rate), rate)


def _heard(facts: list[Fact]) -> list[Fact]:
    """Listen to the answers with our own ears."""
    for each in facts:
        wanted = {wav: pattern for (name, wav), pattern in ANSWERS.items() if name == each.name}
        each.heard = {wav: heard(Path(each.wavs[wav])) for wav in wanted if wav in each.wavs}
        for wav, words in each.heard.items():
            if not re.search(wanted[wav], words.lower()):
                each.problems.append(f"{wav}.wav says {words!r}, without {wanted[wav]}")
    return facts


def heard(place: Path) -> str:
    """Return the words that our own transcriber hears in a WAV file."""
    from s2s.providers.local.moonshine import MoonshineSTT
    from s2s.providers.local.pool import Pool

    pcm = _resampled(place, 16_000)
    return asyncio.run(asyncio.wait_for(MoonshineSTT(Pool(1)).transcribe(pcm), 60))


def _resampled(place: Path, rate: int) -> bytes:
    sound = read_wav(place)
    resampler = Resampler(sound.format.sample_rate, rate)
    return resampler.push(sound.pcm) + resampler.flush()


ALL: dict[str, Callable[[Path], list[Fact]]] = {
    each.__name__: each
    for each in (
        said,
        doors,
        simulated,
        local,
        gemini_doors,
        gemini,
        gemini_generations,
        gemini_resumed,
        gemini_local,
    )
}


def shown(fact: Fact) -> Iterator[str]:
    """Yield the lines of a conversation."""
    yield f"  {fact.name}: {'FAILED' if fact.wrong else 'ok'}, {sum(fact.counts.values())} events"
    for who, what in fact.lines:
        yield f"    {who:>12}  {what}"
    for wav, words in fact.heard.items():
        yield f"    {'we heard':>12}  {words}  ({wav}.wav)"
    for name, number in fact.numbers.items():
        yield f"    {number:>12g}  {name}"
    if fact.unknown:
        yield f"    {'unknown to it':>12}  {', '.join(fact.unknown)}"
    if fact.wrong:
        yield fact.wrong


def main() -> int:
    """Hold the conversations that are named, or all, and show them."""
    wanted = sys.argv[1:] or list(ALL)
    if lack := missing():
        sys.stderr.write(f"{lack}\n")
        return 2
    failed = 0
    with tempfile.TemporaryDirectory(prefix="s2s-node-") as folder:
        for name in wanted:
            sys.stdout.write(f"{name}: {ALL[name].__doc__}\n")
            for fact in ALL[name](Path(folder)):
                failed += bool(fact.wrong)
                sys.stdout.write("".join(f"{line}\n" for line in shown(fact)))
                sys.stdout.flush()
    sys.stdout.write(f"{failed} failed\n" if failed else "all is well\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
