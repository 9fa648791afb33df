"""Files about the project say what its code says."""

from __future__ import annotations

import re
import subprocess
from xml.etree import ElementTree

import pytest
import yaml
from support.sources import ROOT

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PACKAGE = ElementTree.parse(ROOT / "package.xml")


def test_the_citation_names_the_version_and_the_license_of_the_package():
    assert CITATION["version"] == PACKAGE.findtext("version")
    assert CITATION["license"] == PACKAGE.findtext("license")


def test_the_workflow_runs_the_check_on_every_supported_python():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["check"]
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    first, last = map(int, re.search(r'>=3\.(\d+),<3\.(\d+)"', (ROOT / "setup.py").read_text()).groups())
    assert [one["python"] for one in job["strategy"]["matrix"]["include"]] == [f"3.{n}" for n in range(first, last)]


@pytest.mark.parametrize("path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*_*.yml")), ids=lambda path: path.name)
def test_an_issue_template_asks_for_something(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= form.keys()
    fields = [one for one in form["body"] if one["type"] != "markdown"]
    assert any(one.get("validations", {}).get("required") for one in fields)
    assert len({one["id"] for one in fields}) == len(fields)


@pytest.mark.parametrize("script", ["dev", ".ci/run"])
def test_a_script_can_be_run_and_parsed(script):
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0


def test_the_check_runs_every_test_once():
    """A test that fails sometimes is a fault of the test or of the code; running it again hides both."""
    assert "rerun" not in (ROOT / ".ci/run").read_text() + (ROOT / "setup.py").read_text()
