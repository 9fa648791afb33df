"""The plan of an ablation: one configuration, and what each variant changes of it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fishy_ros.errors import ConfigError
from fishy_ros.training.config import TrainConfig, build_train_config
from fishy_ros.training.config_files import merge, read_config_file, read_mapping

_KEYS = {"base", "common", "variants"}
_VARIANT_KEYS = {"name", "what", "change"}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


@dataclass(frozen=True)
class Variant:
    """One row of an ablation."""

    name: str
    """Also that of its folder."""
    what: str
    """One sentence for the reader of the table."""
    change: Mapping[str, Any]
    """What it sets otherwise than all others, as in the plan."""
    config: TrainConfig


@dataclass(frozen=True)
class AblationPlan:
    """Variants that are trained with the same seed for the same number of crops; the first is what others lack."""

    config: TrainConfig
    """What all variants have in common."""
    variants: tuple[Variant, ...]

    def choose(self, names: tuple[str, ...]) -> tuple[Variant, ...]:
        """Return the named variants in the plan's order; all of them where no name is given.

        Raises:
            ConfigError: there is no variant of a name.
        """
        known = [variant.name for variant in self.variants]
        for name in names:
            if name not in known:
                raise ConfigError(f"variant {name!r} is unknown; the plan has {known}")
        return tuple(variant for variant in self.variants if not names or variant.name in names)


def load_plan(path: Path, data: str | None = None, epochs: float | None = None) -> AblationPlan:
    """Read and check a plan; `data` and `epochs` replace what it says for all variants.

    With `epochs` every stage becomes longer or shorter by the same factor.

    The file is a mapping of `base` (a training configuration, relative to the plan), `common` (settings that replace
    the base's in every variant) and `variants`: a list of `name`, `what` and `change`, the settings of this one alone.
    Mappings are merged, everything else is replaced, lists too.

    Raises:
        ConfigError: a file cannot be read, a key is missing, unknown or ill-typed, or variants are not comparable.
    """
    content = read_mapping(path)
    _check_keys(content, _KEYS, str(path))
    shared = merge(read_config_file(path.parent / str(content["base"])), content["common"] or {}, f"{path}: common")
    if data is not None:
        shared = merge(shared, {"data": data}, "data")
    if not isinstance(content["variants"], list) or not content["variants"]:
        raise ConfigError(f"{path}: variants: expected a list of mappings, found {content['variants']!r}")
    variants = [_variant(item, shared, f"{path}: variants[{i}]") for i, item in enumerate(content["variants"])]
    names = [variant.name for variant in variants]
    if len(set(names)) < len(names):
        raise ConfigError(f"{path}: two variants have the same name; found {names}")
    common = build_train_config(shared, str(path))
    for variant in variants:
        if _what_must_be_equal(variant.config) != _what_must_be_equal(common):
            raise ConfigError(f"{path}: variant {variant.name!r} changes seed, epochs or batch; all have the same")
    if epochs is not None:
        common = _of_length(common, epochs)
        variants = [dataclasses.replace(variant, config=_of_length(variant.config, epochs)) for variant in variants]
    return AblationPlan(common, tuple(variants))


def _variant(item: object, shared: Mapping[str, Any], where: str) -> Variant:
    if not isinstance(item, Mapping):
        raise ConfigError(f"{where}: expected a mapping, found {item!r}")
    _check_keys(item, _VARIANT_KEYS, where)
    name, what, change = item["name"], item["what"], item["change"] or {}
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigError(f"{where}: name {name!r}: expected small letters, digits, _ and -")
    config = build_train_config(merge(shared, change, where), f"{where} ({name})")
    return Variant(name, str(what), change, dataclasses.replace(config, name=name))


def _what_must_be_equal(config: TrainConfig) -> tuple[object, ...]:
    return config.seed, config.epoch_crops, [(stage.epochs, stage.batch) for stage in config.stages]


def _of_length(config: TrainConfig, epochs: float) -> TrainConfig:
    factor = epochs / sum(stage.epochs for stage in config.stages)
    stages = tuple(dataclasses.replace(stage, epochs=factor * stage.epochs) for stage in config.stages)
    return dataclasses.replace(config, stages=stages)


def _check_keys(content: Mapping[str, Any], expected: set[str], where: str) -> None:
    if set(content) != expected:
        raise ConfigError(f"{where}: expected the keys {sorted(expected)}, found {sorted(map(str, content))}")
