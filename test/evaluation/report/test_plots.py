"""Plots whose parts do not cover each other."""

from __future__ import annotations

from types import SimpleNamespace

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fishy_ros.evaluation.report import plots

GROUPS = [SimpleNamespace(name=name, objects=3, ap=0.5, fpr95=0.1) for name in ("near", "far")]


def test_the_legend_of_groups_covers_neither_title_nor_bars(monkeypatch):
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "_png", lambda figure: figures.append(figure) or b"")
    plots.plot_groups(GROUPS, "By distance: row of the lower edge of an object as a share of the height of the image")
    (figure,) = figures
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,), (legend,) = figure.axes, figure.legends
    box = legend.get_window_extent()
    assert not box.overlaps(axes._left_title.get_window_extent())
    assert not box.overlaps(axes.get_window_extent())
    assert axes._left_title.get_window_extent().x1 <= figure.bbox.x1
