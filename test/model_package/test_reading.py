"""A package is read as it was written, and whatever is wrong with it is named."""

import hashlib
from contextlib import suppress
from pathlib import Path

import onnx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.tiny_model import CLASSES, tiny_graph

from fishy_ros.errors import ConfigError, ModelPackageError
from fishy_ros.model_package import ModelPackage, add_reduced_graph, load_model_package


def _change(folder: Path, key: str, value: object) -> Path:
    """Set the field at a dotted key; a value of None removes it."""
    path = folder / "model.yaml"
    document = yaml.safe_load(path.read_text())
    *parents, last = key.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[last]
    else:
        place[last] = value
    path.write_text(yaml.safe_dump(document))
    return folder


def test_a_written_package_reads_back_equal(tiny_package: ModelPackage) -> None:
    read = load_model_package(tiny_package.folder)
    assert read == tiny_package
    assert read == load_model_package(tiny_package.folder / "model.yaml")
    assert (read.input_height, read.input_width, read.input_shape) == (64, 128, (1, 64, 128, 3))
    assert read.classes == CLASSES
    assert read.calibration.normal_share_above[1] == (0.5, 0.01)
    assert read.sha256 == hashlib.sha256(read.graph_path.read_bytes()).hexdigest()
    assert read.card() is not None


def test_a_truncated_graph_is_named_with_both_hashes(tiny_folder: Path) -> None:
    graph = tiny_folder / "model.onnx"
    expected = hashlib.sha256(graph.read_bytes()).hexdigest()
    graph.write_bytes(graph.read_bytes()[:-10])
    found = hashlib.sha256(graph.read_bytes()).hexdigest()
    with pytest.raises(ModelPackageError, match=rf"model\.onnx.*{found}.*{expected}"):
        load_model_package(tiny_folder)


def test_a_missing_graph_is_named(tiny_folder: Path) -> None:
    (tiny_folder / "model.onnx").unlink()
    with pytest.raises(ModelPackageError, match=r"model\.onnx.*No such file"):
        load_model_package(tiny_folder)


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "sub/../../model.onnx", ""])
def test_a_graph_outside_the_folder_is_refused_even_if_it_exists(tiny_folder: Path, name: str) -> None:
    (tiny_folder.parent / "model.onnx").write_bytes((tiny_folder / "model.onnx").read_bytes())
    with pytest.raises(ModelPackageError, match=r"graph\.file"):
        load_model_package(_change(tiny_folder, "graph.file", name))


def test_a_link_out_of_the_folder_is_refused(tiny_folder: Path) -> None:
    outside = tiny_folder.parent / "model.onnx"
    (tiny_folder / "model.onnx").rename(outside)
    (tiny_folder / "model.onnx").symlink_to(outside)
    with pytest.raises(ModelPackageError, match="inside the package's folder"):
        load_model_package(tiny_folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("format", None),
        ("name", None),
        ("name", 3),
        ("input", "image"),
        ("input.height", 0),
        ("input.width", 100_000),
        ("input.height", "64"),
        ("input.height", True),
        ("input.color_order", "rgb"),
        ("graph.sha256", "abc"),
        ("calibration", None),
        ("calibration.default_threshold", 1.5),
        ("calibration.default_threshold", float("nan")),
        ("calibration.normal_share_above", [[0.5, 0.1], [0.5, 0.2]]),
        ("calibration.normal_share_above", [[0.5]]),
        ("classes", [{"id": 300, "name": "road", "color": [0, 0, 0]}]),
        ("classes", [{"id": 0, "name": "road", "color": [0, 0, 256]}]),
        ("classes", [{"id": 0, "name": name, "color": [0, 0, 0]} for name in ("road", "sky")]),
        ("classes", ["road"]),
        ("metrics", [1]),
        ("license", None),
        ("reduced", [3]),
        ("reduced", [{"file": "model.onnx", "sha256": "0" * 64, "height": 0, "width": 64}]),
        ("baseline", {"version": 0, "images": 100, "statistics": {}}),
        ("baseline", {"version": 1, "images": 0, "statistics": {}}),
        ("baseline.statistics", {"version": 1, "images": 9, "statistics": {"brightness": [0.0, float("inf"), 1.0]}}),
        ("baseline.statistics", {"version": 1, "images": 9, "statistics": {"brightness": [0.0, 2.0, 1.0]}}),
        ("baseline.statistics", {"version": 1, "images": 9, "statistics": {"brightness": [0.0, 1.0]}}),
        ("baseline.orientation", {"version": 1, "images": 9, "statistics": {}, "orientation": {"256": [0.0]}}),
        ("baseline.colors", {"version": 1, "images": 9, "statistics": {}, "colors": {"road": [0.0]}}),
    ],
)
def test_a_field_with_a_bad_value_is_named(tiny_folder: Path, key: str, value: object) -> None:
    named = key.split(".")[-1] if not isinstance(value, list) else key.split(".")[0]
    changed = "baseline" if key.startswith("baseline.") else key
    with pytest.raises(ModelPackageError, match=rf"model\.yaml.*{named}"):
        load_model_package(_change(tiny_folder, changed, value))


@pytest.mark.parametrize(
    "text",
    ["", "- 1", "a: [", "!!python/object/apply:os.system ['true']", "a: &x [1]\nb: *x", "\x00", "[" * 5000],
)
def test_a_document_that_is_no_plain_mapping_is_refused(tiny_folder: Path, text: str) -> None:
    (tiny_folder / "model.yaml").write_text(text)
    with pytest.raises(ModelPackageError, match=r"model\.yaml"):
        load_model_package(tiny_folder)


def test_a_huge_description_is_refused_unread(tiny_folder: Path) -> None:
    with (tiny_folder / "model.yaml").open("a") as file:
        file.write("#" * 2**20)
    with pytest.raises(ModelPackageError, match="expected at most"):
        load_model_package(tiny_folder)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), byte=st.binary(min_size=1, max_size=3))
def test_a_damaged_description_is_read_or_refused_but_nothing_else(
    tiny_folder: Path, position: float, byte: bytes
) -> None:
    path = tiny_folder / "model.yaml"
    original = path.read_bytes()
    at = int(position * len(original))
    path.write_bytes(original[:at] + byte + original[at + 1 :])
    with suppress(ModelPackageError):
        load_model_package(tiny_folder)
    path.write_bytes(original)


def test_a_variant_is_read_by_its_precision_and_checked_by_its_hash(tiny_folder: Path) -> None:
    content = (tiny_folder / "model.onnx").read_bytes()
    (tiny_folder / "model.fp16.onnx").write_bytes(content)
    entry = {"file": "model.fp16.onnx", "sha256": hashlib.sha256(content).hexdigest()}
    package = load_model_package(_change(tiny_folder, "variants", {"fp16": entry}))
    assert package.precisions == ("fp32", "fp16")
    assert package.graph("fp16").read() == content
    with pytest.raises(ConfigError, match=r"int8.*fp32, fp16"):
        package.graph("int8")
    (tiny_folder / "model.fp16.onnx").write_bytes(b"")
    with pytest.raises(ModelPackageError, match=r"model\.fp16\.onnx"):
        package.graph("fp16").read()


def test_a_reduced_graph_is_the_package_at_another_size(tiny_folder: Path) -> None:
    package = load_model_package(tiny_folder)
    for height, width in ((16, 32), (32, 64)):
        onnx.save(tiny_graph(height, width), str(tiny_folder / "made.onnx"))
        package = add_reduced_graph(package, tiny_folder / "made.onnx", height, width)
    assert [(reduced.height, reduced.width) for reduced in package.reduced] == [(32, 64), (16, 32)]
    small = package.at_reduced_size(1)
    assert (small.input_shape, small.precisions, small.reduced) == ((1, 16, 32, 3), ("fp32",), ())
    assert (small.calibration, small.classes) == (package.calibration, package.classes)
    assert small.graph().read() == (tiny_folder / "model.16x32.onnx").read_bytes()
    again = add_reduced_graph(package, tiny_folder / "made.onnx", 32, 64)
    assert len(again.reduced) == 2, "a graph of the same size is replaced"
