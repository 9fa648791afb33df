"""Variants of one configuration, trained equally, on a tiny street."""

import importlib
import json
from pathlib import Path

import onnxruntime as ort
import pytest
import typer
import yaml

torch = pytest.importorskip("torch", reason="torch is not installed: training is not tested")
pytest.importorskip("safetensors", reason="safetensors is not installed: training is not tested")

from support.sources import ROOT  # noqa: E402
from training.street import write_street  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from experiments.ablate import ablate  # noqa: E402
from experiments.ablation.cost import graph_size  # noqa: E402
from experiments.ablation.plan import load_plan, merge  # noqa: E402
from fishy_ros.errors import ConfigError  # noqa: E402
from fishy_ros.training.checkpoint import load_checkpoint  # noqa: E402
from fishy_ros.training.config import load_train_config  # noqa: E402
from fishy_ros.training.graph import export_network  # noqa: E402
from fishy_ros.training.heads.model import AnomalyModel  # noqa: E402
from fishy_ros.training.validation import score_sets  # noqa: E402

STAGE = {"epochs": 2, "height": 64, "width": 128, "batch": 2, "scale": [0.65, 1.5]}
PLAN = {
    "base": "tiny.yaml",
    "common": {"epoch_crops": 2, "stages": [STAGE], "validation": {"every": 0}},
    "variants": [
        {"name": "s", "what": "Everything.", "change": {}},
        {
            "name": "no_outliers",
            "what": "Nothing pasted.",
            "change": {"paste": {"outliers": 0, "distractors": 0, "ground_patches": 0}, "loss": {"outlier": 0}},
        },
    ],
}


def write_plan(folder: Path, **changes) -> Path:
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(PLAN | changes))
    return path


def call(*arguments) -> str:
    app = typer.Typer()
    app.command()(ablate)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def street(tmp_path_factory) -> Path:
    return write_street(tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="module")
def study(street, tmp_path_factory) -> Path:
    """A folder with the runs and the result of a study of two variants, trained two at a time."""
    folder = tmp_path_factory.mktemp("study")
    call(write_plan(street.parent), "--out", folder / "ablation.json", "--runs", folder / "runs", "--jobs", 2)
    return folder


def rows(folder: Path) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads((folder / "ablation.json").read_text())["ablation"]["variants"]}


def test_each_variant_is_trained_for_the_same_crops_and_scored_on_the_watched_sets(study):
    found = rows(study)
    assert list(found) == ["s", "no_outliers"]
    for name, row in found.items():
        assert load_checkpoint(study / "runs" / name / "last.pt").crops == 4
        assert set(row["scores"]["segmentation"]) == {"images"}
        assert row["command"].endswith(f"plan.yaml --only {name}")
        assert len(row["scores"]["data_sha256"]) == 64
    assert set(found["s"]["scores"]["heads"]) == {"msp", "dissimilarity", "dissimilarity+ground"}
    assert set(found["no_outliers"]["scores"]["heads"]) == {"msp"}, "the learned head was not trained"
    assert set(found["s"]["scores"]["heads"]["msp"]["watched"]) >= {"AP", "FPR95", "AUROC"}


def test_costs_are_those_of_the_network_alone_and_relative_to_the_first(study):
    first, second = rows(study).values()
    assert first["cost"] == second["cost"], "the same design is timed once"
    assert first["cost"]["ratio"] == pytest.approx(1)
    trained = sum(p.numel() for p in AnomalyModel("s").net.parameters())
    assert first["cost"]["parameters"] == pytest.approx(trained, rel=0.02)
    assert first["cost"]["gmac"] > 0


def test_multiply_adds_are_those_that_torch_counts(tmp_path):
    from torch.utils.flop_counter import FlopCounterMode

    model = AnomalyModel("s").eval()
    export_network(model, 64, 128, tmp_path / "net.onnx")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.net(torch.zeros(1, 3, 64, 128))
    counted = graph_size((tmp_path / "net.onnx").read_bytes()).multiply_adds
    assert counted == pytest.approx(counter.get_total_flops() / 2, rel=1e-3)
    assert ort.InferenceSession(str(tmp_path / "net.onnx")).get_outputs()[0].name == "labels"


def test_finished_variants_are_not_trained_again_and_one_can_be_run_alone(street, study):
    weights = study / "runs/no_outliers/weights.safetensors"
    before = weights.stat().st_mtime_ns
    out = study / "alone.json"
    output = call(street.parent / "plan.yaml", "--out", out, "--runs", study / "runs", "--only", "no_outliers")
    assert weights.stat().st_mtime_ns == before
    (row,) = json.loads(out.read_text())["ablation"]["variants"]
    assert row["scores"] == rows(study)["no_outliers"]["scores"]
    assert "no_outliers" in output


def test_the_tables_of_the_documentation_hold_every_variant_and_do_without_a_result(study, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    quote = importlib.import_module("quote_heads")
    lines = quote.ablation_tables(study / "ablation.json").splitlines()
    assert sum(line.startswith("| s |") for line in lines) == 1 + 3, "its cost, and three heads"
    assert sum(line.startswith("| no_outliers |") for line in lines) == 1 + 1
    ratio = f"{100 * rows(study)['s']['scores']['heads']['msp']['watched']['AP']:.1f} / "
    assert any(line.startswith(f"| s | {ratio}") for line in lines)
    assert quote.ablation_tables(tmp_path / "ablation.json").startswith("Not measured yet")


def test_a_folder_of_another_plan_is_refused(street, study):
    with pytest.raises(ConfigError, match=r"runs/s: holds a run whose stages differ"):
        call(street.parent / "plan.yaml", "--runs", study / "runs", "--only", "s", "--epochs", 3)


def test_lists_are_replaced_and_mappings_merged():
    base = {"sources": [1, 2], "loss": {"outlier": 1, "hard": 2}}
    assert merge(base, {"sources": [3], "loss": {"hard": 0}}, "here") == {
        "sources": [3],
        "loss": {"outlier": 1, "hard": 0},
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": []}, "variants: expected a list"),
        ({"variants": [{"name": "s", "what": "x"}]}, r"variants\[0\]: expected the keys"),
        ({"variants": [{"name": "../s", "what": "x", "change": {}}]}, "expected small letters"),
        ({"variants": [{"name": "s", "what": "x", "change": {"lose": 1}}]}, r"variants\[0\] \(s\): unknown key 'lose'"),
        ({"variants": [{"name": "s", "what": "x", "change": {"seed": 9}}]}, "changes seed, epochs or batch"),
        ({"variants": [PLAN["variants"][0], {**PLAN["variants"][1], "name": "s"}]}, "two variants have the same name"),
        ({"common": 3}, "common: expected a mapping"),
        ({"base": "nowhere.yaml"}, "nowhere.yaml: cannot be read"),
        ({"bases": 1}, "expected the keys"),
    ],
)
def test_a_wrong_plan_is_refused_by_name(street, changes, message, tmp_path):
    (tmp_path / "tiny.yaml").write_bytes(street.read_bytes())
    with pytest.raises(ConfigError, match=message):
        load_plan(write_plan(tmp_path, **changes))


def test_an_unknown_variant_is_refused(street):
    with pytest.raises(ConfigError, match="variant 'none' is unknown; the plan has"):
        load_plan(write_plan(street.parent)).choose(("none",))


def test_the_shipped_plan_changes_what_it_says():
    plan = load_plan(ROOT / "experiments/plans/ablation.yaml")
    base = load_train_config(ROOT / "config/training/fishy-s.yaml")
    variants = {variant.name: variant.config for variant in plan.variants}
    assert variants["s"].sources == base.sources
    assert variants["no_outliers"].loss.outlier == variants["no_outliers"].paste.outliers == 0
    assert variants["no_distractors"].paste.outliers == base.paste.outliers
    assert [source.images for source in variants["no_void"].sources] == [source.images for source in base.sources]
    assert not any(source.void_ids for source in variants["no_void"].sources)
    assert variants["half_resolution"].augment.reference_width * 2 == base.augment.reference_width


def test_watched_sets_are_scored_for_every_head_that_is_asked_for(street):
    config = load_train_config(street)
    model = AnomalyModel("s").eval()
    progress = []
    scores = score_sets(
        model, {"a": model.head, "b": model.head}, config.validation, street.parent, lambda: progress.append(1)
    )
    assert scores.heads["a"] == scores.heads["b"]
    assert len(progress) == 1 + 3
