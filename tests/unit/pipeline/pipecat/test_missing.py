import subprocess
import sys

import pytest

from s2s.errors import ConfigError
from s2s.pipeline.pipecat import as_pipecat, from_pipecat


def test_pipecat_is_loaded_when_it_is_used_and_not_before() -> None:
    code = "import sys, s2s.pipeline.pipecat; print('pipecat' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_without_pipecat_both_ways_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pipecat", None)
    with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[pipecat\]'"):
        as_pipecat("script")
    with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[pipecat\]'"):
        from_pipecat()
