"""`fishy models`: which model packages are here, and what each says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from fishy_ros.model_package import ModelPackage


def models(
    name: Annotated[str | None, typer.Argument(help="Model package whose card to show: a name or a path.")] = None,
) -> None:
    """List the installed model packages, or show the card of one."""
    from rich.console import Console

    from fishy_ros.model_package import load_model_package

    console = Console()
    if name is None:
        _list(console)
    else:
        _show(load_model_package(name), console)


def _list(console: Console) -> None:
    from rich.table import Table

    from fishy_ros.errors import ModelPackageError
    from fishy_ros.model_package import list_models, load_model_package, model_folders
    from fishy_ros.terminal import printable

    table = Table("name", "version", "input", "precisions", "size", "metrics")
    damaged = []
    for folder in list_models():
        try:
            package = load_model_package(folder)
        except ModelPackageError as error:
            damaged.append(str(error))
            continue
        is_renamed = folder.name != package.name
        table.add_row(
            f"{folder.name} ({package.name})" if is_renamed else package.name,
            package.version,
            f"{package.input_height} x {package.input_width}",
            ", ".join(package.precisions),
            f"{package.graph_path.stat().st_size / 1e6:.1f} MB",
            _brief(package),
        )
    if table.row_count:
        console.print(table, markup=False)
    else:
        places = ", ".join(str(folder) for folder in model_folders()) or "no folder; set FISHY_MODELS_PATH"
        console.print(f"no model packages in {places}", highlight=False)
    for message in damaged:
        console.print(f"damaged: {printable(message)}", style="red", markup=False, highlight=False)


def _show(package: ModelPackage, console: Console) -> None:
    from rich.markdown import Markdown
    from rich.table import Table

    from fishy_ros.model_package.description import SCORE_SEPARATOR
    from fishy_ros.terminal import printable

    facts = Table.grid(padding=(0, 2))
    rows = {
        "name": f"{package.name} {package.version}",
        "what": package.description,
        "folder": str(package.folder),
        "graph": f"{package.graph_path.name}, sha256 {package.sha256}",
        "input": f"{package.input_height} x {package.input_width} pixels, {package.color_order}",
        "precisions": ", ".join(package.precisions),
        "engines": "; ".join(f"{e.path.name} by {e.library} for {', '.join(e.targets)}" for e in package.engines)
        or "none",
        "classes": ", ".join(f"{item.id} {item.name}" for item in package.classes),
        "further scores": "; ".join(
            f"{package.name}{SCORE_SEPARATOR}{name}: {score.description}" for name, score in package.scores.items()
        )
        or "none",
        "score": f"{package.calibration.meaning} (default threshold {package.calibration.default_threshold:g})",
        "training data": "; ".join(package.training_data),
        "license": package.license,
        "metrics": _brief(package),
    }
    for label, value in rows.items():
        facts.add_row(label, value)
    console.print(facts, markup=False, highlight=False)
    card = package.card()
    if card:
        console.print()
        console.print(Markdown(printable(card)))


def _brief(package: ModelPackage) -> str:
    """Put the metrics on a line for every set that they were measured on, and single ones on one line."""
    lines = [f"{name}: {_numbers(values)}" for name, values in package.metrics.items() if isinstance(values, Mapping)]
    single = _numbers({name: value for name, value in package.metrics.items() if not isinstance(value, Mapping)})
    return "\n".join(filter(None, [single, *lines]))


def _numbers(values: Mapping[str, object]) -> str:
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in values.items()
        if isinstance(value, (int, float, str))
    )
