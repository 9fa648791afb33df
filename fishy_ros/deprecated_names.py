"""Names of earlier releases: still read for one release, with one line that says what they are called now."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

MODEL_KEYS: dict[str, str] = {
    "licence": "license",
    "colour": "color",
    "colours": "colors",
    "colour_order": "color_order",
    "ordinary_share_above": "normal_share_above",
    "reference": "baseline",
    "heights": "orientation",
    "upright": "orientation",
}
"""Keys of `model.yaml` and of the description that `fishy export` reads."""

PARAMETERS: dict[str, str] = {"colour_map": "color_map"}
"""Parameters of the node `detector`."""

TRAINING_KEYS: dict[str, str] = {"decoys": "distractors", "patches": "ground_patches"}
"""Keys of a training configuration."""

COMMAND_LINE: dict[str, str] = {
    "reference": "baseline",
    "--reference-images": "--baseline-images",
    "--decoys": "--distractors",
}
"""Commands and options of `fishy`."""

LABEL_MEANINGS: dict[str, str] = {"ordinary": "normal"}
"""Words of a label mapping such as `0=normal,1=anomaly`."""

_LOG = logging.getLogger(__name__)


Document = dict[str, object]


def with_current_keys(document: Document, names: Mapping[str, str], where: str, error: type[Exception]) -> Document:
    """Rename the keys of a parsed document, at any depth, and warn once of those that are old.

    Args:
        document: mappings, lists and scalars, as a YAML file holds them.
        names: old name -> name now.
        where: what is read, for the warning.
        error: what to raise.

    Raises:
        error: a mapping has a key under both its names.
    """
    found: set[str] = set()

    def rename(item: object) -> object:
        if isinstance(item, list):
            return [rename(entry) for entry in item]
        return rename_mapping(item) if isinstance(item, dict) else item

    def rename_mapping(item: Document) -> Document:
        used = {key for key in item if isinstance(key, str) and key in names}
        for key in used:
            if names[key] in item:
                raise error(f"{where}: `{key}` and `{names[key]}` are the same key; keep `{names[key]}`")
        found.update(used)
        return {names.get(key, key): rename(value) for key, value in item.items()}

    renamed = rename_mapping(document)
    warn_of_old_names(found, names, where)
    return renamed


def with_current_arguments(arguments: Sequence[str]) -> list[str]:
    """Rename the command and the options of a command line, and warn once of those that are old.

    Args:
        arguments: the command first, as in `sys.argv[1:]`.
    """
    names = [argument.partition("=")[0] for argument in arguments]
    is_name = [place == 0 or name.startswith("--") for place, name in enumerate(names)]
    found = {name for name, counts in zip(names, is_name, strict=True) if counts and name in COMMAND_LINE}
    warn_of_old_names(found, COMMAND_LINE, "fishy")
    return [
        COMMAND_LINE[name] + argument.removeprefix(name) if counts and name in found else argument
        for argument, name, counts in zip(arguments, names, is_name, strict=True)
    ]


def warn_of_old_names(found: set[str], names: Mapping[str, str], where: str) -> None:
    """Log one line about the old names in use, if there are any."""
    if found:
        pairs = ", ".join(f"`{old}` is now `{names[old]}`" for old in sorted(found))
        _LOG.warning("%s: %s; the next release will not read the old names", where, pairs)
