"""ERFNet has the size that its paper states, and its graph runs as a model package."""

from pathlib import Path

import numpy as np
import pytest

from fishy_ros.model_package import ModelPackage

torch = pytest.importorskip("torch", reason="torch is not installed")


def test_it_has_the_parameters_of_the_paper() -> None:
    from fishy_ros.evaluation.bench.erfnet import ErfNet

    # Table V of the paper: 2.1 M.
    parameters = sum(parameter.numel() for parameter in ErfNet().parameters())
    assert parameters / 1e6 == pytest.approx(2.1, abs=0.05)


def test_it_runs_as_a_package_with_the_scores_of_torch(tiny_package: ModelPackage, tmp_path: Path) -> None:
    from fishy_ros.evaluation.bench.baselines import write_erfnet_package
    from fishy_ros.evaluation.bench.erfnet import ErfNetDetector
    from fishy_ros.runtimes import create_runtime

    runtime = create_runtime("onnxruntime", write_erfnet_package(tmp_path / "erfnet", tiny_package), "cpu")
    image = np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8)
    runtime.input_buffer[:] = image
    output = runtime.run()
    torch.manual_seed(0)
    with torch.no_grad():
        score, labels = ErfNetDetector().eval()(torch.from_numpy(image)[None])
    np.testing.assert_allclose(output.score, score[0].numpy(), atol=1e-5)
    assert np.mean(output.labels == labels[0].numpy()) > 0.999
