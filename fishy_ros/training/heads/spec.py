"""What the registry knows of a head, and of what a head learns from images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from fishy_ros.errors import ConfigError
from fishy_ros.training.heads.model import AnomalyModel
from fishy_ros.training.nets.network import NetOutput


class Observation(NamedTuple):
    """An image and what the network says of it."""

    image: Tensor
    """Float `[1, 3, H, W]`, BGR in 0 to 255."""
    net: NetOutput
    outlier: Tensor | None = None
    """uint8 `[1, H/4, W/4]` with 0 normal, 1 anomaly, 255 ignored; None for a normal image."""


class Measure(Protocol):
    """What a head learns from images: it sees them one after the other, then says what it found."""

    def observe(self, seen: Observation) -> None:
        """See one image."""
        ...

    def finish(self) -> dict[str, Tensor]:
        """Return the result as named tensors."""
        ...


class Statistics(dict[str, Tensor]):
    """The results of several measures in one place, as `MEASURE.TENSOR`."""

    def add(self, measure: str, tensors: Mapping[str, Tensor]) -> None:
        """Put in the result of a measure."""
        self.update({f"{measure}.{name}": value for name, value in tensors.items()})

    def has(self, measure: str) -> bool:
        """Tell whether a measure is here."""
        return any(name.startswith(f"{measure}.") for name in self)

    def of(self, measure: str) -> dict[str, Tensor]:
        """Return the tensors of one measure by their own names.

        Raises:
            ConfigError: it was not made.
        """
        prefix = f"{measure}."
        found = {name.removeprefix(prefix): value for name, value in self.items() if name.startswith(prefix)}
        if not found:
            raise ConfigError(f"the statistics hold no {measure!r}; run `fishy calibrate` with a head that needs it")
        return found


@dataclass(frozen=True)
class MeasureSpec:
    """How a measure is made."""

    build: Callable[[AnomalyModel, Statistics], Measure]
    after: tuple[str, ...] = ()
    """Measures whose results it reads."""
    pasted: bool = False
    """Whether it sees images with pasted anomalies instead of normal ones."""


@dataclass(frozen=True)
class HeadSpec:
    """How a head is made, and what it needs."""

    build: Callable[[AnomalyModel, Statistics], nn.Module]
    measures: tuple[str, ...] = ()
    """What it learns from images, by the names of `MEASURES`."""
    in_graph: bool = True
    """False for a head of studies: evaluated in torch, never exported."""
    why_not: str = ""
    """Why it cannot be exported."""
    variant: str | None = None
    """How the network must have been trained, one of `VARIANTS`; None for any."""


@dataclass(frozen=True)
class WrapperSpec:
    """How a head is made of another one."""

    build: Callable[[nn.Module, Statistics], nn.Module]
    measures: tuple[str, ...] = ()


def simple(head: Callable[[], nn.Module], variant: str | None = None) -> HeadSpec:
    """Describe a head that needs nothing but the network's output."""
    return HeadSpec(lambda model, statistics: head(), variant=variant)
