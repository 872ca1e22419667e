import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from s2s.errors import ConfigError
from s2s.sound.soundcard import devices, microphone_stream, sounddevice, speaker_stream


class PortAudioError(Exception):
    """As sounddevice has it."""


class Dead:
    """A device that opens and does not start."""

    def __init__(self, **_: object) -> None: ...

    def start(self) -> None:
        raise PortAudioError("Device unavailable [PaErrorCode -9985]")


def no_device(**_: object) -> None:
    raise PortAudioError("Error querying device -1")


class Library(ModuleType):
    """The part of sounddevice that is used."""

    PortAudioError = PortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.RawInputStream: Callable[..., object] = no_device
        self.RawOutputStream: Callable[..., object] = no_device

    def query_devices(self) -> list[dict[str, object]]:
        return [{"name": "Headset", "max_input_channels": 1, "max_output_channels": 2}]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    made = Library()
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    return made


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigError, match=r"pip install 'voice-s2s\[mic\]'"):
        sounddevice()


def test_a_missing_device_is_explained(library: Library) -> None:
    with pytest.raises(ConfigError, match="the microphone does not work: Error querying"):
        microphone_stream(samplerate=16_000)
    with pytest.raises(ConfigError, match="the loudspeaker does not work"):
        speaker_stream(samplerate=16_000)


def test_a_device_that_does_not_start_is_explained(library: Library) -> None:
    library.RawInputStream = Dead
    with pytest.raises(ConfigError, match="Device unavailable"):
        microphone_stream(samplerate=16_000).start()


def test_devices_are_listed(library: Library) -> None:
    assert devices() == ["Headset (1 in, 2 out)"]
