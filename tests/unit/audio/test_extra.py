import subprocess
import sys
from textwrap import dedent

import pytest

from s2s.audio.extra import numpy_is_loaded, require_numpy

IMPORT = """
    import sys
    import s2s.audio
    assert "numpy" not in sys.modules
"""
BLOCK = """
    import sys
    sys.modules["numpy"] = None
"""
WORK = """
    from array import array
    from struct import pack
    from s2s.audio import *

    every = array("h", range(-32768, 32768)).tobytes()
    floats = array("f", [-2, -1, -0.5, 1e-5, 0.00002, 0.3, 1, float("nan"), float("inf")])
    head = pack("<IHHIIHH", 16, 3, 2, 24000, 192000, 8, 32)
    stereo = b"RIFF" + bytes(4) + b"WAVEfmt " + head + b"data" + bytes(4)
    for result in (
        encode_ulaw(every), encode_alaw(every), decode_ulaw(every), decode_alaw(every),
        downmix(every, 2), downmix(every, 8), as_bytes(floats), as_bytes(bytearray(every)),
        rms_dbfs(every), peak_dbfs(every[:960]),
        read_wav(stereo + array("f", [0.1, 0.25, -1, 1]).tobytes()).pcm,
        Resampler(16000, 16000).push(every),
        InputConverter(AudioFormat(channels=2), 24000).push(every[:961]),
        InputConverter(AudioFormat("g711_alaw", 8000), 8000).push(every[:160]),
        OutputConverter(8000, AudioFormat("g711_ulaw", 8000)).push(every[:320]),
    ):
        print(result if isinstance(result, float) else result.hex())
"""
REFUSAL = """
    from s2s.audio import InputConverter, AudioFormat
    try:
        InputConverter(AudioFormat(), 16000)
    except Exception as error:
        print(type(error).__name__, error)
"""


def run(*pieces: str) -> str:
    code = "\n".join(map(dedent, pieces))
    command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_works_without_numpy_and_gives_the_same() -> None:
    assert run(IMPORT, BLOCK, WORK) == run("import numpy", WORK)


def test_a_rate_that_needs_numpy_names_the_extra() -> None:
    assert run(BLOCK, REFUSAL) == (
        "ConfigError resampling from 24000 to 16000 Hz needs numpy: pip install 'voice-s2s[audio]'\n"
    )


def test_numpy_is_found_once_it_is_loaded() -> None:
    pytest.importorskip("numpy")
    require_numpy("this test")
    assert numpy_is_loaded()
