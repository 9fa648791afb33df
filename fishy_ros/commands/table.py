"""`fishy table`: all methods on one network in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fishy_ros.commands.options import check_output


def table(
    results: Annotated[list[Path], typer.Argument(help="Files of `fishy evaluate --out`, those of the network first.")],
    out: Annotated[Path, typer.Option(help="The table without ending: .md, .html and .json are written.")],
    outliers: Annotated[
        bool, typer.Option(help="Whether the network was trained with outliers; say --no-outliers where it was not.")
    ] = True,
    maps: Annotated[
        Path | None, typer.Option(help="With --frame: folder SET in that of `fishy evaluate --maps`.")
    ] = None,
    frame: Annotated[
        str | None, typer.Option(help="Name of a frame to draw under every method, without ending.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="With --frame: the frame itself.")] = None,
) -> None:
    """Write a table of all methods: what each needs, finds and costs, beside the published numbers.

    Results must be of the same weights; those of weights that were trained for a method fill the rows of that method.
    What no result holds is called "not measured" or "not trained".
    """
    import cv2

    from fishy_ros.datasets.images import read_image
    from fishy_ros.errors import ConfigError
    from fishy_ros.training.methods.picture import draw_methods
    from fishy_ros.training.methods.table import read_table

    if (maps is None) != (frame is None):
        raise ConfigError("--maps and --frame go together")
    found = read_table(results, outliers)
    check_output(out.with_name(f"{out.name}.md"))
    for ending, text in {".md": found.to_markdown(), ".html": found.to_html(), ".json": found.to_json()}.items():
        path = out.with_name(out.name + ending)
        path.write_text(text, encoding="utf-8")
        typer.echo(str(path))
    if maps is not None and frame is not None:
        picture = draw_methods(maps, frame, None if image is None else read_image(image))
        path = out.with_name(f"{out.name}-{frame}.png")
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        typer.echo(str(path))
