"""The official client of AWS, which we did not write, on a Python of its own: `make aws` installs it."""

import asyncio
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.support.aws import missing

MISSING = missing()
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(find_spec("h2") is None, reason="streams of HTTP/2 need the nova extra"),
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]


def contented(name: str, folder: Path) -> bool:
    from tests.aws import run

    facts = asyncio.run(run.ALL[name](folder))
    assert facts
    assert {each.name: each.wrong for each in facts if each.wrong} == {}
    return True


def test_it_talks_to_the_simulator_and_reads_every_message(tmp_path: Path) -> None:
    assert contented("talks", tmp_path)


def test_it_is_refused_for_what_the_service_would_refuse(tmp_path: Path) -> None:
    assert contented("refused", tmp_path)


def test_it_hears_how_a_stream_ends(tmp_path: Path) -> None:
    assert contented("broken", tmp_path)


def test_it_reads_what_our_client_sends_and_would_sign_it_in_the_same_way(tmp_path: Path) -> None:
    assert contented("signed", tmp_path)
