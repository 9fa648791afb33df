"""A run that is stopped, moved or killed goes on where it was, and a wrong checkpoint is refused."""

import dataclasses
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")
pytest.importorskip("safetensors", reason="safetensors is not installed: training is not tested")

from safetensors.torch import load_file  # noqa: E402
from support.full_disk import full_disk  # noqa: E402
from training.street import run_commands, write_street  # noqa: E402

from fishy_ros.commands import train  # noqa: E402
from fishy_ros.errors import ConfigError, TrainingError  # noqa: E402
from fishy_ros.training.checkpoint import load_checkpoint, load_model, save_weights, seen_crops  # noqa: E402
from fishy_ros.training.config import load_train_config, with_larger_batches  # noqa: E402
from fishy_ros.training.heads.model import AnomalyModel  # noqa: E402
from fishy_ros.training.loop import Trainer  # noqa: E402


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A run of six steps of one crop without validation."""
    loaded = load_train_config(write_street(tmp_path_factory.mktemp("street")))
    stages = tuple(dataclasses.replace(stage, batch=1) for stage in loaded.stages)
    return dataclasses.replace(
        loaded, stages=stages, validation=dataclasses.replace(loaded.validation, every=0), checkpoint_minutes=60
    )


class StopError(Exception):
    """Ends a run from within, as a signal would."""


def run_until(trainer, crops):
    """Train until so many crops are seen, and leave a checkpoint as the clock would."""

    def stop(*_):
        if trainer.crops >= crops:
            raise StopError

    with pytest.raises(StopError):
        trainer.run(stop)
    trainer.save()


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_resumed_run_has_the_state_of_the_stopped_one(config, tmp_path):
    stopped = Trainer(config, tmp_path, "cpu")
    run_until(stopped, 3)
    resumed = Trainer(config, tmp_path, "cpu")
    assert resumed.resume()
    assert resumed.crops == 3
    assert equal(resumed.model.state_dict(), stopped.model.state_dict())
    assert equal(resumed.averaged.state_dict(), stopped.averaged.state_dict())
    before, after = stopped.optimiser.state_dict()["state"], resumed.optimiser.state_dict()["state"]
    assert before.keys() == after.keys()
    assert all(equal(before[key], after[key]) for key in before)


def test_a_resumed_run_goes_on_with_the_rate_of_a_run_that_never_stopped(config, tmp_path):
    rates = {}
    for name in ("whole", "stopped", "resumed"):
        trainer = Trainer(config, tmp_path / name.replace("resumed", "stopped"), "cpu")
        trainer.resume()
        rates[name] = []

        def note(*_, rates=rates[name], trainer=trainer):
            rates.append((trainer.crops, trainer.optimiser.param_groups[0]["lr"]))

        if name == "stopped":
            run_until(trainer, 3)
        trainer.run(note) if name != "stopped" else None
    assert rates["whole"][3:] == rates["resumed"]
    assert [crops for crops, _ in rates["resumed"]] == [4, 5, 6]
    assert rates["whole"][-1][1] == 0


def test_another_machine_goes_on_from_averaged_weights_in_half_precision(config, tmp_path):
    run_until(Trainer(config, tmp_path / "here", "cpu"), 4)
    averaged = tmp_path / "here" / "averaged.safetensors"
    assert all(value.dtype in {torch.float16, torch.int64} for value in load_file(averaged).values())
    assert seen_crops(averaged) == 4
    there = Trainer(config, tmp_path / "there", "cpu")
    there.go_on_from(averaged)
    assert (there.crops, there.first_crop) == (4, 4)
    kept = load_model(averaged).state_dict()
    assert equal({name: value.cpu() for name, value in there.model.state_dict().items()}, kept)
    rates = []
    there.run(lambda *_: rates.append(there.optimiser.param_groups[0]["lr"]))
    assert there.crops == there.schedule.total
    assert load_checkpoint(there.checkpoint_path).first_crop == 4


def test_the_command_continues_from_averaged_weights(config, tmp_path):
    root = config.data
    trainer = Trainer(config, tmp_path / "here", "cpu")
    run_until(trainer, 4)
    options = ("--continue", tmp_path / "here/averaged.safetensors", "--out", tmp_path / "there", "--no-validation")
    run_commands([train], [f"{root}/tiny.yaml", *options])
    assert load_checkpoint(tmp_path / "there/last.pt").crops == 6


def test_weights_that_do_not_say_how_far_the_run_was_cannot_be_continued(config, tmp_path):
    from safetensors.torch import save_file

    save_file(AnomalyModel("s").state_dict(), tmp_path / "w.safetensors", metadata={"network": "s"})
    with pytest.raises(TrainingError, match=r"w\.safetensors: does not say how many crops it was trained on"):
        Trainer(config, tmp_path, "cpu").go_on_from(tmp_path / "w.safetensors")


KILLED = """
import sys
from pathlib import Path
import torch
from fishy_ros.training import checkpoint

path, crops = Path(sys.argv[1]), int(sys.argv[2])
state = {"x": torch.full((1000, 1000), float(crops))}
last = checkpoint.Checkpoint(crops, 0, "s", state, state, {})
checkpoint.save_checkpoint(path, last)
write = torch.save

def hang_half_way(content, file):
    write(content, file)
    with open(file, "r+b") as half:
        half.truncate(1_000_000)
    print("half-way", flush=True)
    import time
    time.sleep(60)

torch.save = hang_half_way
checkpoint.save_checkpoint(path, checkpoint.Checkpoint(crops + 1, 0, "s", state, state, {}))
"""


def test_a_kill_in_the_middle_of_a_checkpoint_leaves_the_last_good_one(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "last.pt"), "5"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "half-way"
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    assert list(tmp_path.glob("*.tmp")), "it was killed while it wrote"
    kept = load_checkpoint(tmp_path / "last.pt", "s")
    assert kept.crops == 5
    assert (kept.model["x"] == 5).all()


def test_a_run_killed_at_any_moment_resumes_from_a_whole_checkpoint(config, tmp_path):
    """The real command, killed while it writes a checkpoint after every step."""
    command = [sys.executable, "-m", "fishy_ros.commands.cli", "train", str(tmp_path / "often.yaml")]
    text = (config.data + "/tiny.yaml", tmp_path / "often.yaml")
    with open(text[0]) as source:
        text[1].write_text(source.read().replace("epochs: 2", "epochs: 2000") + "\ncheckpoint_minutes: 0.0\n")
    process = subprocess.Popen([*command, "--out", str(tmp_path / "run"), "--no-validation"], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (tmp_path / "run/last.pt").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(1.5)
    process.kill()
    process.wait(30)
    crops = load_checkpoint(tmp_path / "run/last.pt", "s").crops
    trainer = Trainer(load_train_config(tmp_path / "often.yaml"), tmp_path / "run", "cpu")
    assert trainer.resume()
    assert trainer.crops == crops > 0


def test_a_full_disk_leaves_the_last_good_checkpoint(config, tmp_path):
    trainer = Trainer(config, tmp_path, "cpu")
    trainer.save()
    size = trainer.checkpoint_path.stat().st_size
    trainer.crops = 3
    with full_disk(size // 2), pytest.raises(TrainingError, match=r"last\.pt: cannot be written"):
        trainer.save()
    assert load_checkpoint(trainer.checkpoint_path).crops == 0
    assert not list(tmp_path.glob("*.tmp"))


def test_a_checkpoint_of_another_network_is_refused(config, tmp_path):
    Trainer(config, tmp_path, "cpu").save()
    other = Trainer(dataclasses.replace(config, size="s_void"), tmp_path, "cpu")
    with pytest.raises(TrainingError, match=r"last\.pt: checkpoint of network 's'; expected 's_void'"):
        other.resume()
    save_weights(tmp_path / "other.safetensors", other.model, 3)
    with pytest.raises(TrainingError, match=r"other\.safetensors: not weights of network 's'"):
        Trainer(config, tmp_path, "cpu").go_on_from(tmp_path / "other.safetensors")


@pytest.mark.parametrize("content", [b"no checkpoint", b"", b"PK\x03\x04"])
def test_a_damaged_checkpoint_is_named(config, tmp_path, content):
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(TrainingError, match=r"last\.pt: not a readable checkpoint"):
        Trainer(config, tmp_path, "cpu").resume()


def test_larger_batches_keep_the_crops_that_are_averaged_over(config):
    larger = with_larger_batches(config, 4)
    assert [stage.batch for stage in larger.stages] == [4]
    assert larger.optimiser.learning_rate == pytest.approx(2 * config.optimiser.learning_rate)
    assert np.log(larger.optimiser.ema) == pytest.approx(4 * np.log(config.optimiser.ema))
    assert with_larger_batches(config, 1) == config
    with pytest.raises(ConfigError, match="batch factor 0"):
        with_larger_batches(config, 0)


def test_what_has_diverged_takes_no_checkpoint_s_place_and_is_no_package(config, tmp_path):
    trainer = Trainer(config, tmp_path, "cpu")
    run_until(trainer, 2)
    kept = trainer.checkpoint_path.read_bytes()
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(torch.nan)
    with pytest.raises(TrainingError, match=r"training has diverged at epoch .*learning_rate"):
        trainer.run(lambda *_: None)
    assert trainer.checkpoint_path.read_bytes() == kept
    save_weights(tmp_path / "weights.safetensors", trainer.model, 6)
    with pytest.raises(TrainingError, match="not finite; has the training diverged"):
        load_model(tmp_path / "weights.safetensors")


def test_options_of_a_run_that_would_change_nothing_are_refused(config, tmp_path):
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, AnomalyModel("s"), 1)
    (tmp_path / "plain").touch()
    assert weights.stat().st_mode == (tmp_path / "plain").stat().st_mode, "others may read what they may read elsewhere"
    for options, message in (
        (["--new-head"], "--new-head: needs a network"),
        (["--weights", weights, "--continue", weights], "a run begins from one of them"),
        (["--device", "nowhere"], "device 'nowhere'"),
        (["--device", "cuda:99"], "device 'cuda:99'"),
    ):
        with pytest.raises(ConfigError, match=message):
            run_commands([train], [f"{config.data}/tiny.yaml", "--out", tmp_path / "run", *options])
