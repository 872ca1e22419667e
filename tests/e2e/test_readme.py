"""The code of the README and of the pages in docs runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TEXTS = {page.name: page.read_text() for page in PAGES}
EXAMPLES = {
    f"{page} {name}": code
    for page, text in TEXTS.items()
    for name, code in re.findall(r"<!-- test: (\w+) -->\n```python\n(.*?)```", text, re.DOTALL)
}
PRINTED = {
    "README.md typed": ("calls get_weather {'city': 'Paris'}", "22 degrees in Paris"),
    "README.md simulated": ("the connection broke: 1011",),
    "pipeline.md chained": ("['My number is ****.', 'Noted.']",),
    "pipeline.md spoken": ("84",),
    "pipeline.md cascaded": ("It is a matter.",),
    "pipeline.md switched": ("switched, replayed", "Still here."),
}


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
    for each in PRINTED.get(name, ()):
        assert each in run.stdout


def test_every_python_block_is_run() -> None:
    assert sum(text.count("```python") for text in TEXTS.values()) == len(EXAMPLES) == 9
