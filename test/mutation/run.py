"""Change the code in small ways and see whether the tests notice: `./dev mutate [AREA ...]`.

Uses mutmut in a scratch copy of what git knows of, so nothing in the clone changes. Of all mutants of an area, a sample
is drawn by chance (from a seed) and each is given to the fast tests of that area; a mutant that no test reaches counts
as one that survived. Lines that raise an error are left as they are: their texts are not worth a test a word.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRAINING = "fishy_ros/training"
SPINNER = tuple("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
KILLED_BY_TIME = 36
"""How mutmut notes a mutant whose tests did not come to an end."""


@dataclass(frozen=True)
class Area:
    """Some modules, and the tests that are theirs."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


AREAS = {
    "metrics": Area(("fishy_ros/metrics/*.py",), ("test/metrics",)),
    "scoring": Area(
        ("fishy_ros/evaluation/scoring/*.py",), ("test/evaluation/scoring", "test/evaluation/replay/test_offline.py")
    ),
    "imaging": Area(("fishy_ros/imaging/*.py",), ("test/imaging",)),
    "obstacles": Area(("fishy_ros/obstacles/*.py",), ("test/obstacles",)),
    "heads": Area((f"{TRAINING}/heads/*.py",), ("test/training/heads",)),
    "augmentation": Area(
        tuple(f"{TRAINING}/{name}.py" for name in ("augment", "paste", "procedural", "object_crops")),
        tuple(
            f"test/training/test_{name}.py"
            for name in ("photometry", "random_crop", "paste_recipe", "procedural", "object_crops", "pasting")
        ),
    ),
}


@dataclass
class Outcome:
    """What became of the mutants of an area."""

    area: str
    mutants: int
    sampled: int
    killed: int
    seconds: float
    survivors: dict[str, str] = field(default_factory=dict)
    """The change of each mutant that no test noticed."""

    @property
    def score(self) -> float:
        """Share of the sample that was killed, in percent."""
        return 100 * self.killed / self.sampled


def main() -> int:
    """Run what the arguments ask for; returns 1 if an area is below the share that is asked for."""
    parser = argparse.ArgumentParser(prog="./dev mutate", description=__doc__.splitlines()[0])
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}; all unless given")
    parser.add_argument("--sample", type=int, default=40, help="mutants of each area; 0 takes all [%(default)s]")
    parser.add_argument("--seed", type=int, default=0, help="another sample [%(default)s]")
    parser.add_argument("--least", type=float, default=80, help="percent that must be killed [%(default)s]")
    parser.add_argument("--out", type=Path, default=Path("out/mutation.json"), help="the result [%(default)s]")
    options = parser.parse_args()
    unknown = [name for name in options.areas if name not in AREAS]
    if unknown:
        parser.error(f"unknown area {unknown[0]!r}; known are {', '.join(AREAS)}")
    outcomes = []
    for name in options.areas or AREAS:
        outcomes.append(mutate(name, AREAS[name], options.sample, options.seed))
        show(outcomes[-1])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1) + "\n", encoding="utf-8")
    print(table(outcomes))
    return int(any(outcome.score < options.least for outcome in outcomes))


def mutate(name: str, area: Area, size: int, seed: int) -> Outcome:
    """Make the mutants of an area and run the tests on a sample of them."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fishy_mutants_") as scratch:
        folder = Path(scratch)
        copy_sources(folder)
        configure(folder, area)
        # The first run makes all mutants and learns which test reaches which function; no mutant has this name.
        mutmut(folder, "run", "--max-children", "1", "none.of.them")
        every = sorted(read_results(folder))
        if not every:
            raise SystemExit(f"{name}: mutmut made no mutants; its own words are above")
        sample = random.Random(seed).sample(every, min(size or len(every), len(every)))
        mutmut(folder, "run", *sample)
        results = read_results(folder)
        if any(results[one] is None for one in sample):
            raise SystemExit(
                f"{name}: the tests of this area fail without any mutant, or mutmut ended early; see above"
            )
        killed = [one for one in sample if results[one] not in (0, None) and is_killed(results[one])]
        survivors = {one: mutmut(folder, "show", one) for one in sample if one not in killed}
        return Outcome(name, len(every), len(sample), len(killed), round(time.monotonic() - start, 1), survivors)


def is_killed(exit_code: int | None) -> bool:
    """Tell whether tests failed (1), broke (3) or never ended: what mutmut notes by the exit status of pytest."""
    return exit_code in (1, 3, KILLED_BY_TIME, -24, 24, 152, 255)


def copy_sources(folder: Path) -> None:
    """Copy every file that git knows of, as it is now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


def configure(folder: Path, area: Area) -> None:
    """Write mutmut's settings. What would watch or end its processes from outside (timeouts, conftest) is left out."""
    quiet = ["-p", "no:xdist", "-p", "no:cacheprovider", "-p", "no:timeout", "-o", "faulthandler_timeout=0"]
    values: Mapping[str, object] = {
        "source_paths": ["fishy_ros"],
        "only_mutate": list(area.modules),
        "also_copy": ["config", "models", "setup.py", "package.xml"],
        "pytest_add_cli_args": [*quiet, "-o", "faulthandler_exit_on_timeout=false"],
        "pytest_add_cli_args_test_selection": list(area.tests),
        "do_not_mutate_patterns": [r"raise \w+"],
        "process_isolation": "forkserver",
        "use_setproctitle": False,
        "use_git_change_detection": False,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n".join(["", "[tool.mutmut]", *lines, ""]))


def mutmut(folder: Path, *arguments: str) -> str:
    """Run mutmut in the scratch copy; returns what it printed."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    expected = "Filtered for specific mutants, but nothing matches"
    if done.returncode and expected not in done.stderr:
        lines = (done.stdout + done.stderr).replace("\r", "\n").splitlines()
        said = [line for line in lines if line.strip() and not line.startswith(SPINNER)]
        print("\n".join(said[-60:]), file=sys.stderr)
    return done.stdout


def read_results(folder: Path) -> dict[str, int | None]:
    """Return the exit status of the tests for every mutant; None for one that was not tried."""
    results: dict[str, int | None] = {}
    for path in sorted((folder / "mutants").rglob("*.meta")):
        results.update(json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"])
    return results


def show(outcome: Outcome) -> None:
    """Print the changes that no test noticed."""
    print(f"\n== {outcome.area}: {outcome.killed} of {outcome.sampled} killed")
    for change in outcome.survivors.values():
        print("\n".join(changed_lines(change)))


def changed_lines(change: str) -> Iterator[str]:
    """Leave out of a diff what has not changed."""
    for line in change.splitlines():
        if line.startswith(("# ", "-", "+")) and not line.startswith(("---", "+++")):
            yield line


def table(outcomes: list[Outcome]) -> str:
    """Lay the outcomes out as Markdown."""
    rows = [f"| {o.area} | {o.mutants} | {o.sampled} | {o.killed} | {o.score:.0f} % |" for o in outcomes]
    sampled, killed = sum(o.sampled for o in outcomes), sum(o.killed for o in outcomes)
    total = f"| all | {sum(o.mutants for o in outcomes)} | {sampled} | {killed} | {100 * killed / sampled:.0f} % |"
    head = ["", "| area | mutants | sampled | killed | score |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows, total])


if __name__ == "__main__":
    sys.exit(main())
