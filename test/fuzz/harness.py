"""Fuzz targets under coverage guidance: `python test/fuzz/harness.py [--seconds N] [TARGET ...]`.

Starts from the seeds of a target and the cases kept in `corpus/TARGET`. What breaks the contract is written to
`TARGET-crash-*`, `TARGET-timeout-*` or `TARGET-oom-*` in the current folder; once it is fixed it belongs into the
corpus, where `test_fuzz.py` replays it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[level]) for level in (1, 2)]

LIMITS = ("-timeout=20", "-rss_limit_mb=2048", "-max_len=16384", "-verbosity=0", "-print_final_stats=1")
QUIET = {"OPENCV_LOG_LEVEL": "SILENT"}
GUIDE = "FISHY_FUZZ_TARGET"
"""Set in the process that fuzzes; libFuzzer ends it without clean-up, so another one looks after its files."""


def main() -> int:
    """Fuzz one target after the other; returns 1 if any broke the contract."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all")
    parser.add_argument("--seconds", type=int, default=60, help="time for each target")
    parser.add_argument("--runs", type=int, default=-1, help="inputs for each target, -1 for any number")
    options = parser.parse_args()
    from fuzz.targets import TARGETS

    unknown = sorted(set(options.targets) - set(TARGETS))
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    broken = [name for name in options.targets or TARGETS if _fuzz(name, options.seconds, options.runs)]
    print(f"broken: {', '.join(broken)}" if broken else "nothing found")
    return int(bool(broken))


def _fuzz(name: str, seconds: int, runs: int) -> int:
    from fuzz.targets import seeds

    kept = Path(__file__).with_name("corpus") / name
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="fishy-fuzz-", dir=memory) as folder:
        (Path(folder) / "corpus").mkdir()
        for number, seed in enumerate(seeds(name)):
            (Path(folder) / "corpus" / f"seed-{number}").write_bytes(seed)
        words = [f"-max_total_time={seconds}", f"-runs={runs}", f"-artifact_prefix={name}-", f"{folder}/corpus"]
        command = [sys.executable, __file__, *LIMITS, *words, *([str(kept)] if kept.is_dir() else [])]
        print(f"== {name}", flush=True)
        return subprocess.run(
            command, env={**os.environ, **QUIET, GUIDE: name, "TMPDIR": folder}, check=False
        ).returncode


def _guide(name: str) -> None:
    import atheris

    with atheris.instrument_imports(include=["fishy_ros", "rosbags"]):
        from fuzz.targets import check
    atheris.Setup(sys.argv, lambda data: check(name, data))
    atheris.Fuzz()


if __name__ == "__main__":
    if GUIDE in os.environ:
        _guide(os.environ[GUIDE])
    else:
        sys.exit(main())
