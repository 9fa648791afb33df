"""The page that states the contract: every promise leads to a test that exists, and the figures are those committed."""

from __future__ import annotations

import re
import subprocess
import sys

from support.sources import ROOT

PAGE = ROOT / "docs" / "safety.md"


def test_every_promise_links_to_tests_that_exist():
    page = PAGE.read_text(encoding="utf-8")
    promises = re.findall(r"^\| \d+ \|.*$", page, flags=re.MULTILINE)
    assert len(promises) >= 10
    for promise in promises:
        links = re.findall(r"\[(test_\w+)\]\(([^)]+)\)", promise)
        assert links, promise
        for name, target in links:
            source = (PAGE.parent / target).read_text(encoding="utf-8")
            assert f"def {name}(" in source, f"{name} is not in {target}"


def test_the_page_quotes_the_committed_results():
    subprocess.run([sys.executable, "docs/fault_results.py", "--check"], check=True, cwd=ROOT)
