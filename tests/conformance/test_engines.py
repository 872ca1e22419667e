"""Every requirement, on every engine."""

from collections.abc import Callable
from importlib.util import find_spec

import pytest

from s2s.testing.conformance import REQUIREMENTS, Requirement, Subject, conforms, not_applicable
from tests.conformance.sockets import NOVA_SERVED, TOLD_BY_SOCKETS
from tests.conformance.subjects import (
    CASCADE,
    GEMINI,
    HOSTED,
    HYBRID,
    MIRRORED,
    NOVA,
    NOVA_V1,
    OPENAI,
    SCRIPT,
    SIMULATED,
    local,
)

NEEDED = ("numpy", "onnxruntime", "hibari", "moonshine_voice")
MISSING = [each for each in NEEDED if find_spec(each) is None]
NUMPY = pytest.mark.skipif("numpy" in MISSING, reason="missing: numpy")
LOCAL = (pytest.mark.local, pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}"))


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each.id)
@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(lambda: SCRIPT, id="script"),
        pytest.param(lambda: HOSTED, id="hosted"),
        pytest.param(lambda: HYBRID, id="hybrid"),
        pytest.param(lambda: MIRRORED, id="mirrored"),
        pytest.param(lambda: CASCADE, id="cascade", marks=NUMPY),
        pytest.param(lambda: OPENAI, id="openai"),
        pytest.param(lambda: SIMULATED, id="simulated"),
        *(pytest.param(lambda each=each: each, id=each.name) for each in GEMINI),
        pytest.param(lambda: NOVA, id="nova"),
        pytest.param(lambda: NOVA_V1, id="nova v1"),
        pytest.param(local, id="local", marks=LOCAL),
    ],
)
def test_the_engine_keeps(requirement: Requirement, subject: Callable[[], Subject]) -> None:
    if missing := not_applicable(requirement, subject()):
        pytest.skip(missing)
    conforms(requirement, subject())


@pytest.mark.parametrize("requirement", TOLD_BY_SOCKETS, ids=lambda each: each.id)
def test_nova_keeps_over_sockets(requirement: Requirement) -> None:
    conforms(requirement, NOVA_SERVED)
