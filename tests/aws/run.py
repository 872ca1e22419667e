"""The official client of AWS talks to our simulator, and reads what our client sends: `make aws`.

`python -m tests.aws.run NAME...` holds those that are named. The client runs on a Python of its own, without
anything of ours.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from s2s.certificates import Throwaway
from s2s.items import JSON
from s2s.simulators.nova import NovaSimulator
from s2s.wire.nova.messages import Asked
from tests.aws.captured import captured
from tests.aws.cases import BROKEN, REFUSED, TALKS, Case
from tests.aws.noting import Noting
from tests.node.run import Fact, heard, questions, s2s, shown
from tests.support.aws import REPOSITORY, environment, missing, python312

WITHIN_S = 120
SPOKEN = {
    "local_tool": {"moved": r"arrived.*\b(84|eighty[- ]four)\b"},
    "local_barge_in": {"after": r"\bon a small gr[ae]y island\b"},
    "local_history": {"all": r"\b(42|forty[- ]two)\b"},
}
"""What our own ears must hear in the answers of the local engine."""
EVENTS = frozenset(Asked.__struct_encode_fields__)
"""All that a client can say."""


class Told(Fact):
    """What a script tells, with every message on its side."""

    sent: list[str] = []
    got: list[str] = []
    request_id: str = ""
    end: dict[str, JSON] = {}


@asynccontextmanager
async def simulators(cases: Mapping[str, Case], ca: Path) -> AsyncIterator[dict[str, Noting]]:
    """Run a simulator for every conversation; all of them show the same certificate."""
    certificate = Throwaway()
    certificate.write(ca)
    async with AsyncExitStack() as stack:
        running = {}
        for name, case in cases.items():
            simulator = Noting(case.script, temper=case.temper, tls=certificate)
            running[name] = await stack.enter_async_context(simulator)
        yield running


async def witness(script: str, *arguments: str | Path, **variables: str) -> list[Told]:
    """Run a script on the other Python and return what it tells; where it says nothing, that is wrong."""
    command = [python312(), "-m", f"tests.aws.{script}", *map(str, arguments)]
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(
        *command, cwd=REPOSITORY, env=environment(**variables), stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            out, complained = await running.communicate()
    except TimeoutError:
        return [Told(script, failed=f"not done within {WITHIN_S} s")]
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
    told = [msgspec.json.decode(line, type=Told) for line in out.splitlines()]
    untold = running.returncode != 0 or (complained and script not in UNTIDY)
    if untold and not any(each.wrong for each in told):
        told.append(Told(script, failed=f"exit {running.returncode}: {complained.decode()}"))
    return told


UNTIDY = ("ends",)
"""Scripts in which the SDK complains: of writers that it left behind when a stream broke."""


async def talks(folder: Path) -> list[Told]:
    """Conversations with the script: spoken, with a tool, interrupted, in writing, with a history."""
    async with simulators(TALKS, folder / "ca.pem") as running:
        given = {name: _settings(case, running[name]) for name, case in TALKS.items()}
        by_environment = next(running[name] for name, settings in given.items() if not settings)
        variables = {**by_environment.environment, "SSL_CERT_FILE": str(folder / "ca.pem")}
        facts = await witness("talks", folder, json.dumps(given), **variables)
        for each in facts:
            if each.name in running:
                each.problems += _differences(each, running[each.name])
        return facts


async def refused(folder: Path) -> list[Told]:
    """Requests that get no stream."""
    return await _ends(REFUSED, folder)


async def broken(folder: Path) -> list[Told]:
    """Streams that end badly."""
    return await _ends(BROKEN, folder)


async def signed(folder: Path) -> list[Told]:
    """What our own client sends, read and signed again by the SDK: byte by byte the same."""
    asked = await captured()
    (folder / "asked.json").write_bytes(msgspec.json.encode(asked))
    facts = await witness("signed", folder / "asked.json")
    for fact, each in zip(facts, asked, strict=False):
        if fact.got != each.understood:
            fact.problems.append("the SDK reads something else than our own server")
    names = {name for fact in facts for each in fact.got for name in json.loads(each)["event"]}
    if facts and (unsaid := EVENTS - names):
        facts[-1].problems.append(f"nobody has said {sorted(unsaid)}")
    return facts


async def local(folder: Path) -> list[Told]:
    """Conversations with the local engine, which really listens and speaks, by way of the command line."""
    questions(folder, 16_000)
    ca = folder / "local-ca.pem"
    with s2s(folder, "simulate", "nova", "--engine", "local", "--tls", "--ca-file", ca) as listening:
        facts = await witness("local", folder, "{}", **listening.environment, SSL_CERT_FILE=str(ca))
    for each in facts:
        for name, wanted in SPOKEN.get(each.name, {}).items():
            if name in each.wavs:
                words = each.heard[name] = await asyncio.to_thread(heard, Path(each.wavs[name]))
                if not re.search(wanted, words.lower()):
                    each.problems.append(f"{name}.wav says {words!r}, without {wanted}")
    return facts


async def _ends(cases: Mapping[str, Case], folder: Path) -> list[Told]:
    async with simulators(cases, folder / "ca.pem") as running:
        given = {
            name: {"settings": _settings(case, running[name]), "does": case.does, "model": case.model}
            for name, case in cases.items()
        }
        facts = await witness("ends", folder, json.dumps(given), SSL_CERT_FILE=str(folder / "ca.pem"))
        for each in facts:
            if each.name in cases:
                each.problems += _unlike(each.end, cases[each.name].ends)
                each.problems += _differences(each, running[each.name], whole=False)
        return facts


def _settings(case: Case, simulator: NovaSimulator) -> dict[str, JSON]:
    return {**case.settings, "endpoint_uri": simulator.base_url} if case.settings else {}


def _unlike(end: Mapping[str, JSON], wanted: Mapping[str, JSON]) -> Iterator[str]:
    for name, value in wanted.items():
        told = end.get(name)
        found = re.search(value, str(told)) if name == "message" else told == value
        if not found:
            yield f"{name} is {told!r}, and not {value!r}"


def _differences(fact: Told, simulator: Noting, *, whole: bool = True) -> Iterator[str]:
    """Yield how what the SDK has read and written differs from what was said and heard on our side."""
    if fact.failed or not simulator.noted:
        return
    (noted,) = simulator.noted
    said = [each for each in noted.said if not each.startswith('{"response"')]
    if fact.got != said[: len(fact.got)] or (whole and len(fact.got) != len(said)):
        yield f"the SDK has read {len(fact.got)} messages, and not the {len(said)} that were said"
    if noted.asked != fact.sent[: len(noted.asked)] or (whole and len(noted.asked) != len(fact.sent)):
        yield f"the SDK has written {len(fact.sent)} messages, and not the {len(noted.asked)} that were heard"
    if fact.request_id and f'"{fact.request_id}"' not in noted.said[0]:
        yield f"the request is {fact.request_id} to the SDK, but not in {noted.said[0]}"


ALL: dict[str, Callable[[Path], Coroutine[None, None, list[Told]]]] = {
    each.__name__: each for each in (talks, refused, broken, signed, local)
}


def main() -> int:
    """Hold the conversations that are named, or all, and show them."""
    wanted = sys.argv[1:] or list(ALL)
    if lack := missing():
        sys.stderr.write(f"{lack}\n")
        return 2
    failed = 0
    with tempfile.TemporaryDirectory(prefix="s2s-aws-") as folder:
        for name in wanted:
            sys.stdout.write(f"{name}: {ALL[name].__doc__}\n")
            for fact in asyncio.run(ALL[name](Path(folder))):
                failed += bool(fact.wrong)
                sys.stdout.write("".join(f"{line}\n" for line in shown(fact)))
                sys.stdout.flush()
    sys.stdout.write(f"{failed} failed\n" if failed else "all is well\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
