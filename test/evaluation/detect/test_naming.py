"""Results have names of their own, and stay below the output folder."""

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishy_ros.evaluation.detect.naming import ResultNames

PARTS = st.lists(st.sampled_from(["a", "a.png", "b.jpg", "..", ".", "...png", "..png", "000000", "a.b"]), max_size=3)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["", "/"]), PARTS), max_size=8))
def test_every_name_is_unique_and_leads_nowhere_else(given_paths):
    names, chosen = ResultNames(), []
    for is_key, start, parts in given_paths:
        if is_key:
            chosen.append(f"{names.key(Path(start, *parts))}/000000")
        else:
            chosen.append(names.of_picture(Path(start, *parts, "000000.png")))
    assert len(chosen) == len(set(chosen))
    for name in chosen:
        path = PurePosixPath(name)
        assert str(path) == name
        assert path.parts
        assert not path.is_absolute()
        assert ".." not in path.parts


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (".", "bag"),
        ("..", "recordings"),
        ("../drive.mp4", "drive"),
        ("drive.mcap.zstd", "drive.mcap"),
        ("...mp4", "...mp4"),
        ("/", "root"),
    ],
)
def test_a_moving_source_is_named_after_its_file(tmp_path, monkeypatch, text, key):
    folder = tmp_path / "recordings" / "bag"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert ResultNames().key(Path(text)) == key


def test_the_target_of_a_link_names_nothing(tmp_path):
    (tmp_path / "SHA256E-s123.mp4").write_bytes(b"")
    (tmp_path / "drive.mp4").symlink_to("SHA256E-s123.mp4")
    assert ResultNames().key(tmp_path / "drive.mp4") == "drive"


def test_frames_of_a_video_do_not_meet_the_pictures_of_a_folder_of_its_name():
    names = ResultNames()
    assert names.of_picture(Path("drive/000000.png")) == "drive/000000"
    assert names.key(Path("drive.mp4")) == "drive.mp4"
    names = ResultNames()
    assert names.key(Path("drive.mp4")) == "drive"
    assert names.of_picture(Path("drive/000000.png")) == "drive/000000.png"
