"""The computer's own devices through sounddevice, the extra `mic`, loaded only when they are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from s2s.errors import ConfigError
from s2s.sound.devices import Stream, StreamFactory

_NO_PACKAGE = "microphone and speakers need sounddevice: pip install 'voice-s2s[mic]'"
_NO_PORTAUDIO = "sounddevice finds no PortAudio: install it, such as by `apt install libportaudio2`"


def sounddevice() -> ModuleType:
    """Import sounddevice. Raises ConfigError that says what to install."""
    try:
        return import_module("sounddevice")
    except ImportError as missing:
        raise ConfigError(_NO_PACKAGE) from missing
    except OSError as missing:
        raise ConfigError(_NO_PORTAUDIO) from missing


def microphone_stream(**options: object) -> Stream:
    """Open the default microphone. Raises ConfigError."""
    return _Guarded("microphone", sounddevice().RawInputStream, options)


def speaker_stream(**options: object) -> Stream:
    """Open the default loudspeaker. Raises ConfigError."""
    return _Guarded("loudspeaker", sounddevice().RawOutputStream, options)


def devices() -> list[str]:
    """Return the names of the devices, with how many channels come in and go out. Raises ConfigError."""
    return [
        f"{each['name']} ({each['max_input_channels']} in, {each['max_output_channels']} out)"
        for each in sounddevice().query_devices()
    ]


class _Guarded:
    """A stream whose failures say what to do."""

    def __init__(self, noun: str, factory: StreamFactory, options: dict[str, object]) -> None:
        self._noun = noun
        with self._explained():
            self._stream = factory(**options)

    def start(self) -> None:
        """Begin to call back."""
        with self._explained():
            self._stream.start()

    def stop(self) -> None:
        """Stop after what is on its way."""
        with self._explained():
            self._stream.stop()

    def close(self) -> None:
        """Let go of the device."""
        with self._explained():
            self._stream.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sounddevice().PortAudioError, ValueError) as failed:
            raise ConfigError(
                f"the {self._noun} does not work: {failed}; connect one, and see what `s2s doctor` finds"
            ) from failed
