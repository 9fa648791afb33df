"""Everything that reads what others wrote, as functions of bytes.

The contract of each: any input gives a result or a `FishyError`, never another exception, never without end, never
with memory out of proportion. `SEEDS` holds small valid inputs for mutation.
"""

from __future__ import annotations

import functools
import io
import json
import shutil
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from fishy_ros.bags import BagReader, BagWriter
from fishy_ros.bags.messages import compressed_image_message, image_message
from fishy_ros.bags.storage_files import find_storage_files
from fishy_ros.datasets.caos import read_odgt
from fishy_ros.datasets.label_files import read_label_ids
from fishy_ros.datasets.label_mapping import FISHYSCAPES_LABELS, parse_label_mapping
from fishy_ros.errors import FishyError
from fishy_ros.evaluation.report.compare import compare_reports, read_report
from fishy_ros.evaluation.report.compare_output import comparison_table
from fishy_ros.evaluation.scoring.frame_bins import FrameBins
from fishy_ros.evaluation.scoring.saved_maps import SavedMaps
from fishy_ros.imaging import decode_picture
from fishy_ros.model_package.external_data import has_external_data
from fishy_ros.model_package.reading import parse_description
from fishy_ros.types import Sample

ROOT = Path(__file__).resolve().parents[2]


def check(name: str, data: bytes) -> None:
    """Hand `data` to a target; what breaks the contract is raised."""
    with suppress(FishyError):
        TARGETS[name](data)


def raw_image(data: bytes) -> None:
    from fishy_ros.node.conversions import RawImage

    RawImage.deserialize(data).to_bgr()


def compressed_image(data: bytes) -> None:
    from fishy_ros.node.conversions import CompressedCameraImage

    CompressedCameraImage.deserialize(data).to_bgr()


def picture(data: bytes) -> None:
    for flags in (cv2.IMREAD_COLOR, cv2.IMREAD_UNCHANGED):
        with suppress(FishyError):
            decode_picture(data, flags)


def model_yaml(data: bytes) -> None:
    parse_description(data, Path("/nowhere/model.yaml"))


def onnx_graph(data: bytes) -> None:
    has_external_data(data, Path("model.onnx"))


def bag_metadata(data: bytes) -> None:
    folder = scratch("bag_metadata")
    (folder / "a.mcap").touch()
    (folder / "metadata.yaml").write_bytes(data)
    assert all(file.parent == folder for file in find_storage_files(folder).files)


def bag_mcap(data: bytes) -> None:
    _read_bag("a.mcap", data)


def bag_sqlite3(data: bytes) -> None:
    _read_bag("a.db3", data)


def label_map(data: bytes) -> None:
    path = scratch("label_map") / "a.png"
    path.write_bytes(data)
    FISHYSCAPES_LABELS.apply(read_label_ids(path), "a")


def label_mapping(data: bytes) -> None:
    str(parse_label_mapping(data.decode("utf-8", "replace")))


def frame_list(data: bytes) -> None:
    folder = scratch("frame_list")
    (folder / "a.png").touch()
    (folder / "a.odgt").write_bytes(data)
    frames = read_odgt("a", folder / "a.odgt", folder)
    assert all(folder in frame.image.resolve().parents for frame in frames)


def report_json(data: bytes) -> None:
    path = scratch("report_json") / "report.json"
    path.write_bytes(data)
    report = read_report(path)
    comparison_table(compare_reports(report, report))
    assert report.curve is None or report.curve.recall.ndim == 1


def score_map(data: bytes) -> None:
    for name in ("a.npy", "a.tiff"):
        scores, labels = scratch("score_map") / name, scratch("score_map_labels")
        shutil.rmtree(scores.parent)
        scores.parent.mkdir()
        scores.write_bytes(data)
        (labels / "a.png").write_bytes(_png(np.zeros((4, 6), np.uint8)))
        with suppress(FishyError):
            assert all(frame.score.dtype == np.float32 for frame in SavedMaps(scores.parent, labels))


def frame_counts(data: bytes) -> None:
    path = scratch("frame_counts") / "frames.npz"
    path.write_bytes(data)
    FrameBins.load(path)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        *((raw_image, compressed_image) if find_spec("rclpy") else ()),
        *(picture, model_yaml, onnx_graph, bag_metadata, bag_mcap, bag_sqlite3, label_map, label_mapping),
        *(frame_list, report_json, score_map, frame_counts),
    )
}
"""All targets by name; those that need rclpy only where it is installed."""


@functools.cache
def seeds(name: str) -> tuple[bytes, ...]:
    """Return small valid inputs of a target."""
    image, normal = np.random.default_rng(0).integers(0, 255, (4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8)
    make: dict[str, Callable[[], tuple[bytes, ...]]] = {
        "raw_image": lambda: (
            image_message(image, "bgr8", 10**9 + 5, "camera"),
            image_message(image[..., 0], "bayer_rggb8", 1, ""),
            image_message(image[:2].reshape(9, 4), "nv12", 1, "x").replace(_sizes(9, 4), _sizes(6, 4)),
        ),
        "compressed_image": lambda: tuple(compressed_image_message(image, k, 90, 1, "camera") for k in ("png", "jpeg")),
        "picture": lambda: tuple(_encode(ending, image) for ending in (".png", ".jpg", ".webp", ".bmp", ".tiff")),
        "model_yaml": lambda: (SMALL_MODEL,),
        "onnx_graph": lambda: (SMALL_GRAPH,),
        "bag_metadata": lambda: (b"rosbag2_bagfile_information:\n  version: 8\n  relative_file_paths: [a.mcap]\n",),
        "bag_mcap": lambda: (_bag("mcap", None), _bag("mcap", "zstd")),
        "bag_sqlite3": lambda: (_bag("sqlite3", None),),
        "label_map": lambda: (_png(normal), _png(np.dstack([normal] * 3)), _encode(".tiff", normal)),
        "label_mapping": lambda: (b"0=normal,2-43=anomaly,255=ignored,*=ignored",),
        "frame_list": lambda: (b'[{"fpath_img": "a.png", "fpath_segm": "a.png"}]', b'{"fpath_img": "a.png"}\n'),
        "report_json": lambda: (_small_report(),),
        "score_map": lambda: (_npy(np.zeros((4, 6), np.float32)), _encode(".tiff", np.ones((4, 6), np.float32))),
        "frame_counts": lambda: (_frame_counts(),),
    }
    return make[name]()


def scratch(name: str) -> Path:
    """Return a folder of this process for a target's files."""
    folder = Path(_scratch_root().name) / name
    folder.mkdir(exist_ok=True)
    return folder


SMALL_MODEL = b"""format: 1
name: a
version: '1'
input: {height: 4, width: 8}
graph: {file: model.onnx, sha256: "0000000000000000000000000000000000000000000000000000000000000000"}
variants: {fp16: {file: model.fp16.onnx, sha256: "0000000000000000000000000000000000000000000000000000000000000000"}}
classes: [{id: 0, name: road, color: [1, 2, 3]}]
calibration: {meaning: a share, default_threshold: 0.5, normal_share_above: [[0.1, 0.2], [0.3, 0.1]]}
license: none
"""


def _field(number: int, content: bytes) -> bytes:
    """Encode a field of bytes of a protobuf message."""
    return bytes([number << 3 | 2, len(content)]) + content


SMALL_GRAPH = b"\x08\x08" + _field(
    7,
    _field(1, _field(1, b"x") + _field(2, b"y") + _field(4, b"Add")) + _field(5, b"\x08\x01\x10\x01" + _field(8, b"w")),
)
"""A graph with one node and one tensor."""


@functools.cache
def _scratch_root() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fishy-fuzz-")


def _read_bag(name: str, data: bytes) -> None:
    path = scratch("bag") / name
    path.write_bytes(data)
    with BagReader(path) as reader:
        for _, frame in zip(range(20), reader, strict=False):
            for decode in (lambda frame=frame: frame.image, lambda frame=frame: frame.labels):
                with suppress(FishyError):
                    decode()


def _bag(storage: str, compression: str | None) -> bytes:
    folder = scratch("seeds") / f"{storage}-{compression}"
    shutil.rmtree(folder, ignore_errors=True)
    with BagWriter(folder, storage=storage, compression=compression) as writer:
        for number in range(2):
            writer.write(Sample("a", np.full((2, 2, 3), number, np.uint8), np.zeros((2, 2), np.uint8)), 10 + number)
    return next(file for file in folder.iterdir() if file.suffix in {".mcap", ".db3"}).read_bytes()


def _small_report() -> bytes:
    def shorten(value):
        if isinstance(value, dict):
            return {name: shorten(item) for name, item in value.items()}
        return [shorten(item) for item in value[:2]] if isinstance(value, list) else value

    report = json.loads((ROOT / "docs" / "results" / "replay_road_anomaly21_dev.json").read_text())
    return json.dumps(shorten(report)).encode()


def _frame_counts() -> bytes:
    path = scratch("seeds") / "frames.npz"
    FrameBins(("a", "b"), np.ones((2, 3), np.uint32), np.ones((2, 3), np.uint32)).save(path)
    return path.read_bytes()


def _sizes(height: int, width: int) -> bytes:
    return struct.pack("<II", height, width)


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _encode(ending: str, picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(ending, picture)[1])


def _png(picture: np.ndarray) -> bytes:
    return _encode(".png", picture)
