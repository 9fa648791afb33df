"""How a graph is to be run, beyond the choice of the engine."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from fishy_ros.errors import ConfigError
from fishy_ros.model_package.description import FULL_PRECISION

_DEVICE = re.compile(r"auto|cpu|(cuda|dla|gpu)(:\d{1,2})?")


def never() -> bool:
    """Say that nothing is cancelled."""
    return False


@dataclass(frozen=True)
class RuntimeOptions:
    """Which device and graph a runtime takes, and how many processor threads.

    `device` is `auto`, `cpu`, `cuda` or `cuda:N` (NVIDIA), `dla` or `dla:N` (a Jetson's deep learning
    accelerator, through TensorRT), `gpu` or `gpu:N` (Intel, through OpenVINO); `threads` 0 leaves the number to
    `default_threads`. `warn` is told in a sentence what did not go as it should while the runtime starts.
    `is_cancelled` is asked while an engine is built or waited for, from any thread; once it says yes, none is started.

    Raises:
        ConfigError: a value is not allowed.
    """

    device: str = "auto"
    precision: str = FULL_PRECISION
    threads: int = 0
    warn: Callable[[str], None] = field(default=logging.getLogger(__name__).warning, compare=False, repr=False)
    is_cancelled: Callable[[], bool] = field(default=never, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not _DEVICE.fullmatch(self.device):
            raise ConfigError(
                f"device {self.device!r}: expected auto, cpu, cuda, dla or gpu, the last three also with :N"
            )
        if self.threads < 0:
            raise ConfigError(f"threads {self.threads}: expected 0 (chosen here) or a positive number")

    @property
    def wants_cuda(self) -> bool:
        """Whether the device is named to be an NVIDIA GPU."""
        return self.device.startswith("cuda")

    @property
    def cuda_index(self) -> int:
        """Index of the GPU, 0 where none is named."""
        return int(self.device.partition(":")[2] or 0) if self.wants_cuda else 0

    @property
    def dla_core(self) -> int | None:
        """Index of the deep learning accelerator, None where none is asked for."""
        kind, _, index = self.device.partition(":")
        return int(index or 0) if kind == "dla" else None


def one_line(error: BaseException) -> str:
    """Return an engine's message, which may run over many lines, as one of at most 400 characters."""
    return " ".join(str(error).split())[:400]
