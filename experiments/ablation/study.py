"""The whole ablation: costs first, while the machine is quiet, then the variants, written down as they come."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.ablation.cost import DesignCost, design_of, measure_designs
from experiments.ablation.plan import AblationPlan, Variant
from experiments.ablation.processes import run_variants
from experiments.ablation.variant import Advance, VariantScores, count_work, refuse_another_run
from fishy_ros.training.latency import ROUNDS

MEASURING = "measuring"
"""What `advance` is called with while the networks are timed."""


@dataclass(frozen=True)
class AblationRow:
    """One variant: what it is, what it reached and what it costs."""

    name: str
    what: str
    change: Mapping[str, Any]
    command: str
    """Trains and scores this variant alone."""
    network: str
    height: int
    width: int
    """Input size at which it was scored and timed."""
    scores: VariantScores
    cost: DesignCost


@dataclass(frozen=True)
class AblationResult:
    """The variants that are done, with what is needed to repeat them."""

    command: str
    environment: Mapping[str, object]
    """The machine that trained and measured."""
    seed: int
    epochs: float
    configuration: Mapping[str, Any]
    """What all variants have in common."""
    variants: tuple[AblationRow, ...]

    def write(self, path: Path) -> None:
        """Write as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"ablation": dataclasses.asdict(self)}, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Ablation:
    """Some variants of a plan, and how they are to be run."""

    plan: AblationPlan
    variants: Sequence[Variant]
    runs: Path
    """Each variant keeps its checkpoint and result in the folder of its name below."""
    device: str
    """That trains; scores and times are those of the CPU."""
    jobs: int
    """Variants trained at a time."""

    def count_work(self) -> dict[str, int]:
        """Count how often `run` calls `advance` with each name."""
        return {MEASURING: ROUNDS} | {variant.name: count_work(variant.config) for variant in self.variants}

    def run(
        self,
        out: Path,
        command: str,
        commands: Mapping[str, str],
        environment: Mapping[str, object],
        advance: Advance,
    ) -> AblationResult:
        """Run all variants; `out` is written anew whenever one is done, in the plan's order.

        `command` is this one, `commands` holds that of each variant, `environment` describes the machine.

        Raises:
            ConfigError: a network is unknown, or a folder holds another run.
            TrainingError: the data or an earlier run cannot be read.
        """
        for variant in self.variants:
            refuse_another_run(variant.config, self.runs / variant.name)
        first = design_of(self.plan.variants[0].config)
        designs = [first, *(design_of(variant.config) for variant in self.variants)]
        costs = measure_designs(designs, lambda: advance(MEASURING))
        config, done = self.plan.config, dict[str, AblationRow]()
        epochs = sum(stage.epochs for stage in config.stages)
        result = AblationResult(command, environment, config.seed, epochs, dataclasses.asdict(config), ())
        for variant, scores in run_variants(self.variants, self.runs, self.device, self.jobs, environment, advance):
            design = design_of(variant.config)
            done[variant.name] = AblationRow(
                variant.name, variant.what, variant.change, commands[variant.name], *design, scores, costs[design]
            )
            rows = tuple(done[each.name] for each in self.variants if each.name in done)
            result = dataclasses.replace(result, variants=rows)
            result.write(out)
        return result
