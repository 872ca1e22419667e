from pathlib import Path

import pytest

from s2s.cli.asking.recording import Recording
from s2s.cli.rendering.keeping import Places, keep
from s2s.errors import ConfigError


def test_a_folder_that_is_missing_is_noticed_at_once(tmp_path: Path) -> None:
    Places(tmp_path / "a.wav", None, tmp_path / "t.png").check()
    with pytest.raises(ConfigError, match="there is no folder"):
        Places(timeline=tmp_path / "no" / "t.png").check()


def test_nothing_is_left_of_what_never_began(tmp_path: Path) -> None:
    assert keep(Recording(), Places(tmp_path / "a.wav", tmp_path / "t.txt"), "script") == []
    assert list(tmp_path.iterdir()) == []
