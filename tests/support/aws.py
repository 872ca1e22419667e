"""Where the official client of AWS is, which needs a Python newer than ours: `make aws` installs it."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
NEEDED = ("aws_sdk_bedrock_runtime", "awscrt")
_HAS_IT = f"""
import sys
from importlib.util import find_spec
sys.exit(sys.version_info < (3, 12) or not all(map(find_spec, {NEEDED})))
"""


@cache
def python312() -> str:
    """Return a Python that has the SDK, $PYTHON312 or the one of `make aws`; empty where there is none."""
    for each in (os.environ.get("PYTHON312", ""), str(REPOSITORY / ".venv312/bin/python")):
        if each and _has_it(each):
            return each
    return ""


def missing() -> str:
    """Return what is missing, empty where everything is there."""
    return "" if python312() else "no Python 3.12 with aws-sdk-bedrock-runtime: run `make aws`"


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which the SDK finds nothing but what it is given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    nothing = str(REPOSITORY / "tests/aws/no-such-file")
    kept = {
        "AWS_CONFIG_FILE": nothing,
        "AWS_SHARED_CREDENTIALS_FILE": nothing,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {**inherited, **kept, **more}


def _has_it(python: str) -> bool:
    try:
        asked = subprocess.run([python, "-c", _HAS_IT], capture_output=True, timeout=30, check=False)
    except OSError:
        return False
    return asked.returncode == 0
