"""`fishy compare`: set two reports side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import check_output_folder


def compare(
    a: Annotated[Path, typer.Argument(help="First report.json, or the folder that holds it.")],
    b: Annotated[Path, typer.Argument(help="Second report.json, or the folder that holds it.")],
    out: Annotated[Path | None, typer.Option(help="Folder for comparison.json and comparison.png.")] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the bootstrap.", min=0)] = 0,
) -> None:
    """Compare two reports, with bootstrap intervals over frames."""
    if out is not None:
        check_output_folder(out)
    from fishy_ros.evaluation.report.compare import compare_reports, read_report
    from fishy_ros.evaluation.report.compare_output import comparison_table, write_comparison

    comparison = compare_reports(read_report(a), read_report(b), seed)
    if out is not None:
        write_comparison(comparison, out)
    typer.echo(comparison_table(comparison))
