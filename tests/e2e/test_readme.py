"""The README's code runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()
EXAMPLES = dict(re.findall(r"<!-- test: (\w+) -->\n```python\n(.*?)```", README, re.DOTALL))


@pytest.mark.local
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs_to_its_end(name: str) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", EXAMPLES[name]],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    if name == "typed":
        assert "calls get_weather {'city': 'Paris'}" in run.stdout
        assert "22 degrees in Paris" in run.stdout
    if name == "simulated":
        assert "the connection broke: 1011" in run.stdout


def test_every_python_block_is_run() -> None:
    assert README.count("```python") == len(EXAMPLES) == 5
