"""The command, and the same few frames in every form that it reads."""

import cv2
import pytest
from support import command_line

from fishy_ros.bags.writer import BagWriter
from fishy_ros.datasets.synthetic import SyntheticStreet

FRAMES = 5


@pytest.fixture
def fishy(tiny_package):
    model = ("--model", tiny_package.folder, "--runtime", "onnxruntime")
    return lambda *arguments: command_line.fishy("detect", *arguments, *model)


@pytest.fixture(scope="session")
def street(tmp_path_factory):
    """The same frames as pictures in two folders, as a video and as a bag."""
    root = tmp_path_factory.mktemp("street")
    (root / "pictures" / "deeper").mkdir(parents=True)
    video = cv2.VideoWriter(str(root / "drive.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (128, 64))
    with BagWriter(root / "bag") as bag:
        for index, sample in enumerate(SyntheticStreet(FRAMES, 64, 128, seed=3)):
            folder = root / "pictures" / ("deeper" if index % 2 else ".")
            cv2.imwrite(str(folder / f"{index}.png"), sample.image)
            video.write(sample.image)
            bag.write(sample, 10**9 + index * 10**8)
    video.release()
    return root
