"""Files are written whole or not at all."""

import hashlib
import json
import os

import pytest

from fishy_ros.files import file_sha256, replacing, write_json


def test_what_fails_in_between_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})

    def crash():
        with replacing(path) as temporary:
            temporary.write_text("half")
            assert json.loads(path.read_text()) == {"a": 1}
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        crash()
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["a.json"]


def test_what_succeeds_takes_the_place_of_the_old_file_and_folders_are_made(tmp_path):
    path = tmp_path / "new" / "folder" / "a.json"
    for content in ({"a": 1}, {"b": [2]}):
        write_json(path, content)
        assert json.loads(path.read_text()) == content
    assert os.listdir(path.parent) == ["a.json"]


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_the_hash_is_that_of_the_whole_content(tmp_path, size):
    path = tmp_path / "a"
    path.write_bytes(bytes(index % 251 for index in range(size)))
    assert file_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
