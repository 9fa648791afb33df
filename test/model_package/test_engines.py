"""Engines in `model.yaml`: what is wrong with an entry is named, and no path leads out of the package."""

import json
from pathlib import Path

import pytest
import yaml
from support.tiny_model import build_tiny_package

from fishy_ros.errors import ModelPackageError
from fishy_ros.model_package import EngineFile, add_engines, load_model_package

ENTRY = {
    "file": "model.sm86.engine",
    "sha256": "ab" * 32,
    "graph": "model.onnx",
    "graph_sha256": "cd" * 32,
    "library": "tensorrt_rtx 1.7.1.116",
    "targets": ["8.6"],
    "flags": ["no-tf32"],
}


def read_with(folder: Path, engines: object) -> tuple[EngineFile, ...]:
    package = build_tiny_package(folder)
    path = package.folder / "model.yaml"
    copies = json.loads(json.dumps(engines))  # shared values would become aliases
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "engines": copies}))
    return load_model_package(folder).engines


def test_an_entry_is_read_whether_or_not_its_file_is_there(tmp_path):
    (engine,) = read_with(tmp_path / "tiny", [ENTRY])
    assert (engine.library, engine.targets, engine.flags) == (ENTRY["library"], ("8.6",), ("no-tf32",))
    with pytest.raises(ModelPackageError, match=r"model\.sm86\.engine"):
        engine.read()


@pytest.mark.parametrize(
    ("engines", "message"),
    [
        (3, r"`engines` is 3, expected a list"),
        ([3], r"`engines` is .*, expected a list of mappings with file, sha256, graph"),
        ([{**ENTRY, "file": "../../etc/passwd"}], r"`engines\[0\]\.file` is .*, expected a file inside the package"),
        ([ENTRY, {**ENTRY, "sha256": "xy"}], r"`engines\[1\]\.sha256` is 'xy', expected 64 hexadecimal digits"),
        ([{**ENTRY, "targets": "8.6"}], r"`engines\[0\]\.targets` is '8\.6', expected a list"),
        ([{key: ENTRY[key] for key in ENTRY if key != "library"}], r"`engines\[0\]\.library` is missing"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, engines, message):
    with pytest.raises(ModelPackageError, match=message):
        read_with(tmp_path / "tiny", engines)


def test_an_engine_that_was_cut_off_is_refused(tmp_path):
    package = build_tiny_package(tmp_path / "tiny")
    path = package.folder / ENTRY["file"]
    engine = EngineFile(path, ENTRY["sha256"], "model.onnx", package.sha256, ENTRY["library"], ("8.6",))
    package = add_engines(package, {engine: b"half an engine"})
    with pytest.raises(ModelPackageError, match=r"sha256 is .*expects .*truncated, damaged or belongs to another"):
        package.engines[0].read()
