"""What a training run was made from: command, configuration, seed, versions, and the hash of its data."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from fishy_ros.files import file_sha256, write_json
from fishy_ros.training.config import TrainConfig
from fishy_ros.training.data_files import training_files

RUN_FILE = "run.json"


def note_run(
    config: TrainConfig, out: Path, first_crop: int, weights: Path | None, environment: Mapping[str, object]
) -> None:
    """Append to `run.json` of `out` how this stage of a run was started; a resumed run has several stages.

    `weights` is the file that a new run starts from; `environment` describes the machine.
    """
    path = out / RUN_FILE
    parts = json.loads(path.read_text()) if path.exists() and first_crop > 0 else []
    parts.append(
        {
            "command": shlex.join(["fishy", *sys.argv[1:]]),
            "first_crop": first_crop,
            "started_from_sha256": file_sha256(weights) if weights else None,
            "teachers_sha256": [file_sha256(Path(path)) for path in config.teachers.weights] if config.teachers else [],
            "data_sha256": data_sha256(config),
            "configuration": asdict(config),
            "environment": dict(environment),
        }
    )
    write_json(path, parts)


def data_sha256(config: TrainConfig) -> str:
    """Hash names and contents of every file that a run learns from."""
    root = Path(config.data)
    total = hashlib.sha256()
    for path in training_files(config, root):
        name = path.relative_to(root) if path.is_relative_to(root) else path
        total.update(f"{name}\0{file_sha256(path)}\n".encode())
    return total.hexdigest()
