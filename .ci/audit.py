"""Look up the known vulnerabilities of everything in a bill of materials: `audit.py SBOM.json`.

Uses pip-audit with the vulnerability service OSV. Where that cannot be reached it says so and exits with 0, since a
build without the Internet is no worse for it; it exits with 1 when a component has a known vulnerability.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

KNOWN_TO_BE_VULNERABLE = "jinja2==2.10"
"""An old release, to tell a service that knows something from one that does not answer."""


def main() -> int:
    """Probe the service, then ask it about every component."""
    (path,) = sys.argv[1:]
    components = read_components(Path(path))
    print(f"{path}: {len(components)} components")
    probe = look_up([KNOWN_TO_BE_VULNERABLE])
    if not has_findings(probe.stdout):
        reason = (probe.stderr.strip().splitlines() or ["it knows nothing"])[-1]
        print(f"NOT AUDITED: the vulnerability service cannot be reached: {reason[:300]}")
        return 0
    audit = look_up(components)
    if not audit.stdout.strip().startswith("{"):
        print(f"NOT AUDITED: {audit.stderr.strip()[-300:]}")
        return 0
    return report(json.loads(audit.stdout))


def read_components(path: Path) -> list[str]:
    """List the components of a CycloneDX document that come from a package index, as `name==version`."""
    components = json.loads(path.read_text(encoding="utf-8"))["components"]
    pinned = (
        f"{item['name']}=={item['version'].partition('+')[0]}"
        for item in components
        if item.get("version") and item["name"] != "fishy_ros"
    )
    return sorted(set(pinned))


def look_up(components: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """Ask pip-audit about exactly these components."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write("\n".join(components) + "\n")
        requirements.flush()
        words = ["--vulnerability-service", "osv", "--no-deps", "--disable-pip", "--format", "json", "--timeout", "10"]
        command = [sys.executable, "-m", "pip_audit", *words, "--requirement", requirements.name]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def has_findings(output: str) -> bool:
    """Tell whether pip-audit has printed a vulnerability."""
    return output.strip().startswith("{") and any(item.get("vulns") for item in json.loads(output)["dependencies"])


def report(found: dict[str, list[dict[str, object]]]) -> int:
    """Print what is known; returns 1 if that is anything."""
    items = found["dependencies"]
    skipped = [item for item in items if "skip_reason" in item]
    vulnerable = [item for item in items if item.get("vulns")]
    for item in vulnerable:
        for entry in item["vulns"]:
            fixed = ", ".join(entry.get("fix_versions", [])) or "no version yet"
            print(f"{item['name']} {item['version']}: {entry['id']}, fixed in {fixed}")
    print(f"{len(items) - len(skipped)} components looked up, {len(skipped)} unknown, {len(vulnerable)} vulnerable")
    return int(bool(vulnerable))


if __name__ == "__main__":
    sys.exit(main())
