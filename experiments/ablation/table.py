"""Lay an ablation out for the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from experiments.ablation.study import AblationResult, AblationRow
from fishy_ros.training.validation import LEARNED


def shown_head(row: AblationRow) -> str:
    """Name the head that a row is judged by: the learned one where it was trained."""
    heads = row.scores.heads
    return LEARNED if LEARNED in heads else next(iter(heads))


def ablation_table(result: AblationResult) -> Table:
    """Lay the variants out: AP / FPR95 in % of one head, mean IoU in %, and the cost of the network alone."""
    first = result.variants[0].scores
    folders, labelled = list(next(iter(first.heads.values()))), list(first.segmentation)
    table = Table(title=f"{result.epochs:g} epochs each, AP / FPR95 in %")
    rates = [Path(folder).name for folder in folders]
    names = ("variant", "head", *rates, *(f"mIoU {images}" for images in labelled), "M parameters", "GMAC", "time")
    for column in names:
        is_word = column in names[:2]
        table.add_column(column, justify="left" if is_word else "right", no_wrap=is_word)
    for row in result.variants:
        head, scores, cost = shown_head(row), row.scores, row.cost
        found = [scores.heads[head][folder] for folder in folders]
        table.add_row(
            row.name,
            head,
            *(f"{100 * rates['AP']:.1f} / {100 * rates['FPR95']:.1f}" for rates in found),
            *(f"{100 * scores.segmentation[images]:.1f}" for images in labelled),
            f"{cost.parameters / 1e6:.2f}",
            f"{cost.gmac:.2f}",
            f"{cost.ratio:.2f}",
        )
    return table
