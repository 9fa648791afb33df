"""The inputs and outputs that every graph has, checked when a runtime loads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fishy_ros.errors import ModelPackageError
from fishy_ros.model_package import ModelPackage


@dataclass(frozen=True)
class Tensor:
    """An input or output as a runtime sees it; `dtype` in numpy's words, a dimension that is not fixed is None."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        shape = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"`{self.name}` {self.dtype} [{shape}]"


def check_signature(
    package: ModelPackage, file: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> tuple[int, int]:
    """Check what a graph takes and returns, and return the height and width of its outputs in pixels.

    Raises:
        ModelPackageError: names the file, what was expected and what the graph has.
    """
    expected = Tensor(package.input_name, "uint8", package.input_shape)
    if list(inputs) != [expected]:
        raise ModelPackageError(f"{file}: expected one input {expected}, the graph has {_list(inputs)}")
    by_name = {tensor.name: tensor for tensor in outputs}
    scores, labels = [by_name.get(name) for name in package.score_outputs], by_name.get(package.labels_name)
    if (
        labels is None
        or labels.dtype != "uint8"
        or len(labels.shape) != 3
        or labels.shape[0] != 1
        or any(score is None or (score.dtype, score.shape) != ("float32", labels.shape) for score in scores)
    ):
        wanted = "".join(f"`{name}` float32 [1, h, w] and " for name in package.score_outputs)
        raise ModelPackageError(
            f"{file}: expected outputs {wanted}`{package.labels_name}` uint8 [1, h, w], the graph has {_list(outputs)}"
        )
    _, height, width = labels.shape
    if not height or not width or height > package.input_height or width > package.input_width:
        raise ModelPackageError(
            f"{file}: expected outputs of a fixed size up to {package.input_height} x {package.input_width}, "
            f"the graph has {_list(outputs)}"
        )
    return height, width


def _list(tensors: Sequence[Tensor]) -> str:
    return ", ".join(str(tensor) for tensor in tensors) or "none"
