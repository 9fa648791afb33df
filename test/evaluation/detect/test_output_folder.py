"""What an earlier run wrote is not read as input, and nothing is written outside of the output folder."""

import cv2
import pytest

from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.detect.inputs import open_sources


@pytest.fixture
def pictures(street, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.png").write_bytes((street / "pictures" / "0.png").read_bytes())
    return folder


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("source", [".", "**/*.*"])
def test_a_second_run_does_not_read_what_the_first_wrote(fishy, pictures, monkeypatch, source):
    monkeypatch.chdir(pictures)
    assert "1 images" in fishy(source).output
    assert cv2.imread("fishy_detect/overlay/a.jpg") is not None
    assert "0 images" in fishy(source).output
    assert files_below(pictures / "fishy_detect") == ["overlay/a.jpg", "regions.jsonl"]


def test_a_picture_below_the_output_folder_is_read_where_it_is_named(pictures):
    (source,) = open_sources([str(pictures / "a.png")], out=pictures)
    assert source.count == 1


def test_sources_of_which_nothing_is_left_are_refused(pictures):
    with pytest.raises(ConfigError, match=r"all pictures lie below the output folder .*--out"):
        open_sources([str(pictures)], out=pictures.parent)


def test_a_link_to_itself_is_named_when_it_is_read(pictures):
    (pictures / "b.png").symlink_to("b.png")
    (source,) = open_sources([str(pictures)], out=pictures / "out")
    assert [image.name for image in source.images()] == ["a", "b"]


@pytest.mark.parametrize(("inside", "text"), [(".", "."), ("deeper", "..")])
def test_a_bag_that_is_named_by_dots_is_written_into_the_output_folder(
    fishy, street, tmp_path, monkeypatch, inside, text
):
    bag = tmp_path / "night"
    (bag / "deeper").mkdir(parents=True)
    for file in (street / "bag").iterdir():
        (bag / file.name).symlink_to(file)
    monkeypatch.chdir(bag / inside)
    out = tmp_path / "out"
    assert fishy(text, "--out", out, "--write", "overlay", "--max-images", 1).exit_code == 0
    assert files_below(out) == ["overlay/night/000000.jpg", "regions.jsonl"]
