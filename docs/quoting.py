"""What the scripts share that quote results in pages: tables, and the places between two markers."""

from __future__ import annotations

import re
from collections.abc import Sequence


def between(text: str, name: str, content: str) -> str:
    """Replace what stands between the markers `name` of a page.

    Raises:
        ValueError: the page does not have these markers exactly once.
    """
    end = f"<!-- end of {name} -->"
    before, begin, rest = re.split(rf"(<!-- {name}: written by \S+ -->\n)", text)
    _, after = rest.split(end)
    return f"{before}{begin}{content}\n{end}{after}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows))
