"""The prepared script for a lent GPU, run dry on the processor with a tiny data set."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from support.sources import ROOT
from training.street import run_commands, write_street

from fishy_ros.commands import pack
from fishy_ros.training.checkpoint import load_model


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A packed data set, its configuration, and the environment of the script."""
    root = tmp_path_factory.mktemp("street")
    config = write_street(root)
    run_commands((pack,), ("pack", config, root / "packed", "--validation"))
    bin_folder = root / "bin"
    bin_folder.mkdir()
    fishy = bin_folder / "fishy"
    fishy.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fishy_ros.commands.cli "$@"\n')
    fishy.chmod(0o755)
    settings = {"PACKED": root / "packed", "CONFIG": config, "DEVICE": "cpu", "FACTOR": 1, "MINUTES": 0.03}
    path = f"{bin_folder}:{os.environ['PATH']}"
    return os.environ | {name: str(value) for name, value in settings.items()} | {"PATH": path, "OMP_NUM_THREADS": "1"}


def test_the_script_leaves_weights_curves_and_scores(prepared, tmp_path):
    variables = prepared | {"RESULT": str(tmp_path / "result"), "SCRATCH": str(tmp_path / "scratch")}
    subprocess.run(["bash", ROOT / "docs/gpu_train.sh"], cwd=ROOT, env=variables, check=True, timeout=250)
    result = tmp_path / "result"
    left = {path.name for path in result.iterdir()}
    assert {"weights.safetensors", "averaged.safetensors", "curves", "scores.json", "run.json", "train.log"} <= left
    assert load_model(result / "weights.safetensors").size == "s"
    assert set(json.loads((result / "scores.json").read_text())["scores"]) >= {"AP/pasted", "mIoU/images"}
    assert sum(path.stat().st_size for path in result.rglob("*") if path.is_file()) < 60 * 2**20


def test_the_script_names_a_wrong_shard_and_trains_nothing(prepared, tmp_path):
    packed = tmp_path / "packed"
    packed.mkdir()
    for path in Path(prepared["PACKED"]).iterdir():
        (packed / path.name).write_bytes(path.read_bytes())
    (packed / "shard-000.zip").write_bytes(b"cut off")
    variables = prepared | {"PACKED": str(packed), "RESULT": str(tmp_path / "r"), "SCRATCH": str(tmp_path / "s")}
    done = subprocess.run(
        ["bash", ROOT / "docs/gpu_train.sh"], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 2
    assert "shard-000.zip has 7 bytes" in " ".join(done.stderr.split())
    assert not (tmp_path / "s/run").exists()
