"""Learning from the mean of trained networks."""

import dataclasses
import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")
pytest.importorskip("safetensors", reason="safetensors is not installed: training is not tested")

from training.street import write_street  # noqa: E402

from fishy_ros.errors import ConfigError, TrainingError  # noqa: E402
from fishy_ros.files import file_sha256  # noqa: E402
from fishy_ros.training.checkpoint import save_weights  # noqa: E402
from fishy_ros.training.config import build_train_config, load_train_config  # noqa: E402
from fishy_ros.training.heads.model import AnomalyModel, initialise  # noqa: E402
from fishy_ros.training.loop import Trainer  # noqa: E402
from fishy_ros.training.provenance import RUN_FILE, note_run  # noqa: E402
from fishy_ros.training.teachers import TeacherConfig, Teachers  # noqa: E402


def network(seed: int) -> AnomalyModel:
    model = AnomalyModel("s")
    initialise(model, seed)
    return model.eval()


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> tuple[str, ...]:
    folder = tmp_path_factory.mktemp("teachers")
    for seed in (1, 2):
        save_weights(folder / f"{seed}.safetensors", network(seed), 0)
    return tuple(str(folder / f"{seed}.safetensors") for seed in (1, 2))


@pytest.fixture
def image():
    return 255 * torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))


def test_teachers_say_the_mean_of_their_logits_and_of_the_mirror_image(weights, image):
    taught = Teachers(TeacherConfig(weights))(image)
    with torch.no_grad():
        seen = [network(seed)(image) for seed in (1, 2)]
        mirrored = [network(seed)(image.flip(3)) for seed in (1, 2)]
    logits = [one.net.logits for one in seen] + [one.net.logits.flip(3) for one in mirrored]
    outlier = [one.outlier for one in seen] + [one.outlier.flip(2) for one in mirrored]
    torch.testing.assert_close(taught.logits, torch.stack(logits).mean(dim=0))
    torch.testing.assert_close(taught.outlier, torch.stack(outlier).mean(dim=0))


def test_a_network_that_says_the_same_loses_nothing_and_another_loses_both_terms(weights, image):
    @torch.no_grad()
    def loss(seed: int, **config: float) -> float:
        return float(Teachers(TeacherConfig(weights[:1], mirror=False, **config)).loss(network(seed)(image), image))

    assert loss(1) == pytest.approx(0.0, abs=1e-6)
    classes, outlier = loss(2, outlier=0.0), loss(2, segmentation=0.0)
    assert min(classes, outlier) > 1e-3
    assert loss(2) == pytest.approx(classes + outlier)


def test_a_run_comes_nearer_to_its_teachers_and_leaves_them_as_they_are(weights, tmp_path):
    config = load_train_config(write_street(tmp_path / "street"))
    teachers = TeacherConfig(weights[:1], segmentation=5.0, outlier=5.0)
    longer = tuple(dataclasses.replace(stage, epochs=8) for stage in config.stages)
    unwatched = dataclasses.replace(config.validation, every=0)
    config = dataclasses.replace(config, teachers=teachers, stages=longer, validation=unwatched)
    trainer = Trainer(config, tmp_path / "out", "cpu")
    before = [value.clone() for value in trainer.teachers.state_dict().values()]
    seen = []
    trainer.run(lambda epoch, epochs, terms: seen.append(float(terms["teachers"])))
    assert sum(seen[-4:]) < 0.8 * sum(seen[:4])
    assert all(map(torch.equal, before, trainer.teachers.state_dict().values()))
    note_run(config, tmp_path, 0, None, {})
    (stage,) = json.loads((tmp_path / RUN_FILE).read_text())
    assert stage["teachers_sha256"] == [file_sha256(Path(weights[0]))]


def test_teachers_that_are_not_there_are_named(tmp_path):
    with pytest.raises(TrainingError, match=r"gone\.safetensors"):
        Teachers(TeacherConfig((str(tmp_path / "gone.safetensors"),)))
    with pytest.raises(TrainingError, match="no weights are named"):
        Teachers(TeacherConfig(()))
    with pytest.raises(ConfigError, match="teachers: unknown key 'mirrors'"):
        build_train_config({"teachers": {"weights": ["a"], "mirrors": True}}, "here")
