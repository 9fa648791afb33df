"""What a user can cure ends every command with one line and exit status 2: files, folders, libraries, ROS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.sources import ROOT, python_path

from fishy_ros.failures import EXTRA_OF, describe_failure

RUN = (
    "import sys; sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(',')));"
    "from fishy_ros.commands.cli import main; main()"
)
CONFIG = ROOT / "config" / "training" / "fishy-s.yaml"
WEIGHTS = ROOT / "checkpoints" / "fishy-s.safetensors"
STREET = ("--dataset", "synthetic", "--option", "frames=2", "--option", "height=96", "--option", "width=192")


def fishy(*arguments: object, without: str = "no_such_module", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", RUN, without, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": python_path(), **environment},
        cwd=environment.get("PWD"),
        capture_output=True,
        text=True,
        timeout=120,
    )


def assert_one_line(done: subprocess.CompletedProcess[str], *said: str) -> None:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    for words in said:
        assert words in last


WITHOUT = {
    "train": ("torch", "train", ("train", CONFIG)),
    "evaluate": ("torch", "train", ("evaluate", CONFIG, WEIGHTS)),
    "calibrate": ("torch", "train", ("calibrate", CONFIG, WEIGHTS)),
    "convert": ("onnx", "train", ("convert", "MODEL")),
    "export": ("torch", "train", ("export", WEIGHTS, "model", "--description", CONFIG)),
    "roofline": ("onnx", "train", ("bench", "roofline", "--model", "MODEL")),
    "replay": ("sensor_msgs", "ros", ("replay", *STREET, "--model", "MODEL")),
    "soak": ("rcl_interfaces", "ros", ("soak", "--hours", "0.001", "--model", "MODEL")),
}


@pytest.mark.parametrize("command", WITHOUT)
def test_a_library_that_is_missing_is_named_with_its_extra(command, tiny_package, tmp_path):
    library, extra, arguments = WITHOUT[command]
    given = [str(tiny_package.folder) if argument == "MODEL" else argument for argument in arguments]
    done = fishy(*given, without=library, PWD=str(tmp_path))
    assert_one_line(done, f"needs {library}", f"'fishy_ros[{extra}]'")


def test_every_extra_that_is_advised_exists():
    text = (ROOT / "setup.py").read_text()
    assert all(f'"{extra}": ' in text for extra in EXTRA_OF.values())


OUTPUTS = {
    "replay": ("replay", *STREET, "--offline", "--model", "MODEL", "--out", "OUT"),
    "score": ("score", "--scores", "FOLDER", "--labels", "FOLDER", "--out", "OUT"),
    "compare": ("compare", "a", "b", "--out", "OUT"),
    "bag": ("bag", *STREET, "--out", "OUT/bag"),
    "sweep": ("sweep", *STREET[:2], "--out", "OUT"),
    "train": ("train", CONFIG, "--out", "OUT"),
    "evaluate": ("evaluate", CONFIG, WEIGHTS, "--out", "OUT/a.json"),
    "pack": ("pack", CONFIG, "OUT/a.zip"),
    "bench": ("bench", "metrics", "--frames", "1", "--out", "OUT/a.json"),
    "demo": ("demo", "--short", "--out", "OUT"),
    "soak": ("soak", "--hours", "0.01", "--model", "MODEL", "--out", "OUT"),
    "signature": ("signature", "keygen", "OUT/name"),
}


@pytest.mark.parametrize(
    ("command", "obstacle"),
    [*((command, "file") for command in OUTPUTS), *((command, "read-only") for command in ("replay", "bag", "train"))],
)
def test_an_output_that_cannot_be_written_is_named_before_the_work(command, obstacle, tiny_package, tmp_path):
    if command == "train":
        pytest.importorskip("torch")
    file = tmp_path / "in the way"
    file.write_text("")
    # The file system of the kernel is read-only to root as well.
    out = file if obstacle == "file" else Path("/sys/kernel/fishy")
    words = {"MODEL": str(tiny_package.folder), "FOLDER": str(tmp_path)}
    given = [words.get(str(argument), str(argument).replace("OUT", str(out))) for argument in OUTPUTS[command]]
    assert_one_line(fishy(*given, PWD=str(tmp_path)), str(out))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("command", ["replay", "score"])
def test_an_input_of_another_user_is_named(command, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0)
    arguments = {
        "replay": ("replay", "--bag", locked, "--offline"),
        "score": ("score", "--scores", locked, "--labels", locked),
    }
    assert_one_line(fishy(*arguments[command]), str(locked))


@pytest.mark.parametrize("home", ["/nonexistent", "/sys", None])
def test_a_replay_through_the_node_needs_no_home(home, tiny_package, tmp_path):
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    hidden = {"HOME": home} if home is not None else {}
    removed = "" if home is not None else "import os; os.environ.pop('HOME');"
    arguments = ("replay", *STREET, "--model", str(tiny_package.folder))
    done = subprocess.run(
        [sys.executable, "-c", f"{removed}{RUN}", "no_such_module", *arguments],
        env={**os.environ, "PYTHONPATH": python_path(), **hidden},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "2 played, 2 published" in done.stdout


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileExistsError(17, "File exists", "/a"), "/a: is in the way: expected a folder, or nothing"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(18, "Invalid cross-device link", "/a", None, "/b"), "/a -> /b: Invalid cross-device link"),
        (ImportError("libGL.so.1: cannot open shared object file", name="cv2"), "cv2, which cannot be imported: libGL"),
        (ModuleNotFoundError("No module named 'torch'", name="torch.nn"), "'fishy_ros[train]'"),
    ],
)
def test_what_lies_outside_the_program_is_described(error, said):
    assert said in describe_failure(error)


@pytest.mark.parametrize(
    "error", [ValueError("x"), ModuleNotFoundError("No module", name="fishy_ros.gone"), KeyError(1)]
)
def test_a_fault_of_the_program_keeps_its_traceback(error):
    assert describe_failure(error) is None
