"""Data that is packed for another machine arrives whole, or what is wrong is named."""

import dataclasses
import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from training.street import run_commands, write_street

from fishy_ros.commands import pack, train
from fishy_ros.errors import TrainingError
from fishy_ros.training.config import load_train_config
from fishy_ros.training.pack import pack_files, unpack_files
from fishy_ros.training.provenance import data_sha256


def call(*arguments) -> str:
    return run_commands((pack, train), arguments)


@pytest.fixture(scope="module")
def street(tmp_path_factory) -> Path:
    return write_street(tmp_path_factory.mktemp("street"), height=256, width=512)


@pytest.fixture
def packed(street, tmp_path) -> Path:
    call("pack", street, tmp_path / "packed", "--shard-mib", 0.5)
    return tmp_path / "packed"


def test_packed_data_trains_elsewhere_and_is_the_same(street, packed, tmp_path):
    call("unpack", packed, tmp_path / "data")
    config = load_train_config(street)
    assert data_sha256(dataclasses.replace(config, data=str(tmp_path / "data"))) == data_sha256(config)
    call("train", street, "--out", tmp_path / "run", "--data", tmp_path / "data", "--no-validation")
    assert (tmp_path / "run/weights.safetensors").exists()


def test_only_what_is_read_is_packed_and_what_is_watched_on_request(street, packed, tmp_path):
    (street.parent / "images/notes.txt").write_text("not read")
    call("pack", street, tmp_path / "all", "--validation")
    for folder, watched in ((packed, False), (tmp_path / "all", True)):
        call("unpack", folder, tmp_path / f"data-{watched}")
        names = {
            str(path.relative_to(tmp_path / f"data-{watched}")) for path in (tmp_path / f"data-{watched}").rglob("*")
        }
        assert {"images/0.png", "labels/0.png", "crops/box_00.png", "coco/labels/a/0.txt"} <= names
        assert ("watched/labels/0.png" in names) == watched
        assert not {"images/notes.txt", "tiny.yaml", "cache"} & names


def test_no_shard_is_larger_than_allowed(packed):
    index = json.loads((packed / "index.json").read_text())["shards"]
    assert len(index) > 1
    assert {path.name for path in packed.glob("*.zip")} == {shard["name"] for shard in index}
    for shard in index:
        assert (packed / shard["name"]).stat().st_size == shard["bytes"] <= 0.5 * 2**20


def test_missing_and_wrong_shards_are_all_named_and_nothing_is_unpacked(packed, tmp_path):
    first, second, *_ = sorted(packed.glob("*.zip"))
    first.unlink()
    content = bytearray(second.read_bytes())
    content[len(content) // 2] ^= 1
    second.write_bytes(content)
    with pytest.raises(TrainingError, match=rf"{first.name} is missing; {second.name} has a wrong SHA-256; copy them"):
        unpack_files(packed, tmp_path / "data", print)
    second.write_bytes(content[:-1])
    with pytest.raises(TrainingError, match=rf"{second.name} has \d+ bytes, expected \d+"):
        unpack_files(packed, tmp_path / "data", print)
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "data.partial").exists()


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{", r"index\.json: not an index of packed data"),
        ("{}", r"index\.json: not an index of packed data"),
        ('{"shards": [{"name": "../x.zip", "bytes": 1, "sha256": ""}]}', "leads out of"),
    ],
)
def test_a_wrong_index_is_named(packed, tmp_path, index, message):
    (packed / "index.json").write_text(index)
    with pytest.raises(TrainingError, match=message):
        unpack_files(packed, tmp_path / "data", print)


def test_packing_that_is_stopped_leaves_no_index(street, packed, tmp_path):
    def stop(name):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_files([street.parent / "images/0.png"], street.parent, packed, 2**20, stop)
    with pytest.raises(TrainingError, match="not an index of packed data"):
        unpack_files(packed, tmp_path / "data", print)


def test_what_cannot_be_packed_leaves_an_earlier_pack_whole(street, packed, tmp_path):
    before = {file.name: file.read_bytes() for file in packed.iterdir()}
    for files, root, max_bytes in (([street.parent / "images/0.png"], street.parent, 1), ([street], tmp_path, 2**20)):
        with pytest.raises(TrainingError, match=r"do not fit a shard|is not below the data root"):
            pack_files(files, root, packed, max_bytes, print)
    assert {file.name: file.read_bytes() for file in packed.iterdir()} == before


def test_a_file_that_fits_no_shard_is_named(street, tmp_path):
    with pytest.raises(TrainingError, match=r"0\.png: \d+ bytes do not fit a shard of 1000"):
        pack_files([street.parent / "images/0.png"], street.parent, tmp_path, 1000, print)


def test_data_that_is_incomplete_is_named_before_anything_is_packed(street, tmp_path):
    labels = street.parent / "labels/1.png"
    content = labels.read_bytes()
    labels.unlink()
    try:
        with pytest.raises(TrainingError, match=r"labels/1\.png: missing"):
            call("pack", street, tmp_path / "packed")
    finally:
        labels.write_bytes(content)
    assert not list((tmp_path / "packed").glob("*")), "the folder may be there, but holds nothing"


def test_a_folder_that_exists_is_not_overwritten(packed, tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(TrainingError, match="data: exists"):
        unpack_files(packed, tmp_path / "data", print)
