"""Join the results of `fishy evaluate` with what is known of every method; write Markdown, HTML and JSON."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fishy_ros.documents import parse_json, read_limited
from fishy_ros.errors import ConfigError
from fishy_ros.training.heads.registry import parse_head
from fishy_ros.training.methods.catalogue import GENERAL_REASON, LEARNED, METHODS, NETWORK, Method
from fishy_ros.training.validation import RATES

MAX_RESULT_BYTES: int = 16 << 20


@dataclass(frozen=True)
class Row:
    """A method with what was measured: `sets`, `misclassification` and `cost` as `fishy evaluate` has them, or None."""

    method: Method
    measured: Mapping[str, Any] | None


@dataclass(frozen=True)
class MethodTable:
    """All methods on one network."""

    rows: tuple[Row, ...]
    sets: tuple[str, ...]
    prevalence: Mapping[str, float]
    segmentation: Mapping[str, float]
    weights_sha256: str
    runs: tuple[Mapping[str, Any], ...]
    """Command, machine and time of the network alone of each result that was joined."""
    outliers_seen: bool
    """Whether the network was trained with outliers: then no row is free of them."""

    def to_json(self) -> str:
        """Write everything down."""
        return json.dumps({"methods": {**asdict(self), "reason": GENERAL_REASON}}, indent=1) + "\n"

    def to_markdown(self) -> str:
        """Lay the table out for a page."""
        header, *cells = list(self._cells())
        lines = [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *cells)]
        return "\n".join([*self._words(), "", *lines, "", GENERAL_REASON, ""])

    def to_html(self) -> str:
        """Lay the table out as a page of its own."""
        header, *cells = list(self._cells())
        rows = ["<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in cells]
        head = "<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in header) + "</tr>"
        words = "".join(f"<p>{html.escape(line)}</p>" for line in (*self._words(), GENERAL_REASON))
        style = "body{font:14px sans-serif}td,th{border-bottom:1px solid #ccc;padding:2px 8px;text-align:left}"
        body = f"<h1>Methods</h1>{words}<table>{head}{''.join(rows)}</table>"
        return f"<!doctype html><meta charset=utf-8><title>Methods</title><style>{style}</style>{body}\n"

    def _words(self) -> list[str]:
        labelled = ", ".join(f"{name} {100 * miou:.1f} %" for name, miou in self.segmentation.items())
        seen = "has seen outliers in training, so no row is free of them" if self.outliers_seen else "saw no outliers"
        return [
            f"AP / FPR95 / AUROC in %, weights {self.weights_sha256[:12]}, which {seen}. Mean IoU: {labelled}.",
            "Time: of the network with this score, the network alone is 1; (t) in torch, outside the graph.",
        ]

    def _cells(self) -> Iterator[list[str]]:
        yield [
            *("method", "head", "source", "needs"),
            *(Path(folder).name for folder in self.sets),
            *("wrong classes: max J / AP", "time", "published", "why it differs"),
        ]
        random = [f"{100 * self.prevalence[folder]:.1f} / 95.0 / 50.0" for folder in self.sets]
        yield ["Random", "", "F table 1", "nothing", *random, "", "", "F 0.3 / 95 ; 2.5 / 95", ""]
        for row in self.rows:
            yield [
                *(row.method.title, _head(row.method), row.method.source, row.method.needs),
                *(_rates(row, folder) for folder in self.sets),
                *(_wrong(row), _time(row), row.method.published, row.method.note),
            ]


def read_table(results: Sequence[Path], outliers_seen: bool) -> MethodTable:
    """Join results of `fishy evaluate` on the same weights; what several say of a head and a set counts as read
    first. Of other weights only the heads count that need a variant of the network, or that have a row for the
    training of these weights. A network that saw no outliers has no rows for its learned head, which is untrained.

    Raises:
        ConfigError: one is no such result, or they are of different weights of the same network and have no rows.
    """
    studies = [_read(path) for path in results]
    first = studies[0]
    for path, study in zip(results, studies, strict=True):
        other = study["weights_sha256"] != first["weights_sha256"] and study["network"] == first["network"]
        if other and not _training(study):
            raise ConfigError(f"{path}: measured on other weights than {results[0]}; a table is of one network")
    measured: dict[tuple[str, str], dict[str, Any]] = {}
    prevalence: dict[str, float] = {}
    segmentation: dict[str, float] = {}
    for study in studies:
        training = _training(study)
        other = study["network"] != first["network"] or study["weights_sha256"] != first["weights_sha256"]
        prevalence = {**study["prevalence"], **prevalence}
        segmentation = segmentation if other else {**study["segmentation"], **segmentation}
        for head in study["heads"]:
            if other and not training and parse_head(head["head"])[0].variant is None:
                continue
            empty: dict[str, Any] = {"sets": {}, "misclassification": {}, "cost": None}
            known = measured.setdefault((training, head["head"]), empty)
            known["sets"] = {**head["sets"], **known["sets"]}
            known["misclassification"] = {**head["misclassification"], **known["misclassification"]}
            known["cost"] = known["cost"] or head["cost"]
    kept = (
        "network",
        "weights_sha256",
        "segmentation",
        "command",
        "environment",
        "network_alone_ms",
        "every",
        "rounds",
    )
    return MethodTable(
        rows=tuple(
            Row(method, measured.get((method.training, method.head)))
            for method in METHODS
            if outliers_seen or method.needs != LEARNED
        ),
        sets=tuple(sorted(prevalence)),
        prevalence=prevalence,
        segmentation=segmentation,
        weights_sha256=first["weights_sha256"],
        runs=tuple({key: study[key] for key in kept} | {"training": study.get("training", "")} for study in studies),
        outliers_seen=outliers_seen,
    )


def _read(path: Path) -> Mapping[str, Any]:
    content: Any = parse_json(read_limited(path, MAX_RESULT_BYTES, ConfigError), str(path), ConfigError)
    try:
        study: Mapping[str, Any] = content["heads"]
        (
            study["prevalence"],
            study["weights_sha256"],
            study["network"],
            study["heads"][0]["misclassification"],
            study["every"],
        )
    except (KeyError, TypeError, IndexError) as error:
        raise ConfigError(f"{path}: no result of `fishy evaluate`: {error!r}") from error
    return study


def _training(study: Mapping[str, Any]) -> str:
    """Name the training of the weights where it has rows of its own, else nothing."""
    name = str(study.get("training", ""))
    return name if any(method.training == name for method in METHODS) else ""


def _head(method: Method) -> str:
    return f"`{method.head}`" + (f" of {method.training}.yaml" if method.training else "")


def _rates(row: Row, folder: str) -> str:
    if row.measured is None or folder not in row.measured["sets"]:
        return "not trained" if row.method.needs == NETWORK else "not measured"
    return " / ".join(f"{100 * row.measured['sets'][folder][rate]:.1f}" for rate in RATES)


def _wrong(row: Row) -> str:
    """Name the first set with classes only: a table has no room for more."""
    for found in (row.measured or {}).get("misclassification", {}).values():
        return f"{100 * found['max_J']:.1f} / {100 * found['AP']:.1f}"
    return ""


def _time(row: Row) -> str:
    cost = None if row.measured is None else row.measured["cost"]
    if cost is None:
        return ""
    return f"{cost['ratio']:.2f}{' (t)' if cost['engine'] == 'torch' else ''}"
