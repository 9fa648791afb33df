"""`python -m experiments.synboost_timing WEIGHTS STATISTICS`: time of SynBoost by module, the mean of 100 runs.

Source: Di Biase et al., CVPR 2021, appendix A.3 and table 5: segmentation, synthesis, dispersion, dissimilarity.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer


def synboost_timing(
    weights: Annotated[Path, typer.Argument(help="Trained weights (.safetensors).")],
    statistics: Annotated[Path, typer.Argument(help="Statistics with `resynthesis` and `synboost`.")],
    runs: Annotated[int, typer.Option(help="Runs of which the mean is taken.", min=1)] = 100,
    height: Annotated[int, typer.Option(help="Height of the input in px.")] = 512,
    width: Annotated[int, typer.Option(help="Width of the input in px.")] = 1024,
) -> None:
    """Print milliseconds of a frame for each module, in torch with one thread."""
    import torch

    from fishy_ros.training.checkpoint import load_model
    from fishy_ros.training.heads.synboost import SynBoostHead, dispersion_maps, predicted_classes
    from fishy_ros.training.statistics import load_statistics

    torch.set_num_threads(1)
    model = load_model(weights)
    head = SynBoostHead(model, load_statistics(statistics)).eval()
    resynthesis = head.synthesis.resynthesis
    image = 255 * torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = model.net(model.normalise(image)).logits
        classes = predicted_classes(logits)
        made = resynthesis.generator(classes)
        compared = head.synthesis(image, logits, classes)
        modules: dict[str, Callable[[], object]] = {
            "segmentation": lambda: model.net(model.normalise(image)),
            "synthesis": lambda: resynthesis.generator(classes),
            "dispersion": lambda: dispersion_maps(logits, resynthesis.difference(image, made)),
            "dissimilarity": lambda: head.network(compared),
        }
        for name, run in modules.items():
            run()
            start = time.perf_counter()
            for _ in range(runs):
                run()
            typer.echo(f"{name:14} {(time.perf_counter() - start) / runs * 1e3:8.1f} ms")


if __name__ == "__main__":
    typer.run(synboost_timing)
