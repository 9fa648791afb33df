"""Processes that die at any moment break the pool, and never block it."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress

import psutil
import pytest
from support.sources import python_path

from fishy_ros.errors import ReplayError, ScoreError
from fishy_ros.evaluation.report.report_json import load_report
from fishy_ros.evaluation.sweep.executors import process_pool
from fishy_ros.evaluation.sweep.file_pool import FilePool

LARGE = 40_000_000
"""Bytes of a result, so many that a process is killed while it hands one over, sooner or later."""


@pytest.fixture
def run_script(tmp_path):
    """Start Python code that opens pools, in a process that a hang cannot take the tests with."""

    started = []

    def start(code):
        (tmp_path / "script.py").write_text(textwrap.dedent(code))
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / "script.py")],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": python_path(), "TMPDIR": str(tmp_path)},
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)


def test_a_process_killed_at_any_moment_never_leaves_the_others_waiting(run_script):
    script = run_script(f"""
        import multiprocessing, os, signal, time
        from concurrent.futures import BrokenExecutor, wait
        from fishy_ros.evaluation.sweep.executors import process_pool

        def kill_one_after(seconds):
            with process_pool(2) as pool:
                futures = [pool.submit(bytes, {LARGE}) for _ in range(6)]
                wait(futures, return_when="FIRST_COMPLETED")
                time.sleep(seconds)
                os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
                wait(futures)
            for future in futures:
                assert isinstance(future.exception(0), BrokenExecutor) or future.result() == bytes({LARGE})

        if __name__ == "__main__":
            for step in range(5):
                kill_one_after(0.005 * step)
                print(step, flush=True)
    """)
    printed, _ = script.communicate(timeout=60)
    assert script.returncode == 0
    assert printed.split() == [str(step) for step in range(5)]


def test_what_a_task_raises_comes_back_with_its_traceback(tmp_path):
    with process_pool(1) as pool:
        with pytest.raises(ScoreError, match=r"missing\.json") as caught:
            pool.submit(load_report, tmp_path / "missing.json").result(60)
    assert "in load_report" in str(caught.value.__cause__)


def test_a_result_that_cannot_be_written_is_an_error_that_names_the_folder(tmp_path):
    pool = FilePool(1, tmp_path)
    with pytest.raises(ReplayError, match=f"cannot leave its result in {tmp_path}: IsADirectoryError"):
        pool.submit(os.mkdir, tmp_path / "0.pickle").result(60)
    pool.shutdown()


def test_a_result_that_cannot_be_pickled_is_an_error_that_says_so():
    with process_pool(1) as pool:
        with pytest.raises(ReplayError, match="pickle"):
            pool.submit(threading.Lock).result(60)


def test_results_leave_nothing_behind(tmp_path):
    pool = FilePool(1, tmp_path)
    assert [pool.submit(bytes, size).result(60) for size in (1, 10)] == [bytes(1), bytes(10)]
    pool.shutdown()
    assert not list(tmp_path.iterdir())


def test_workers_end_with_the_process_that_started_them(run_script):
    parent = run_script("""
        import os, time
        from fishy_ros.evaluation.sweep.executors import process_pool

        if __name__ == "__main__":
            with process_pool(1) as pool:
                print(pool.submit(os.getpid).result(60), flush=True)
                time.sleep(60)
    """)
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate(timeout=10)
    deadline = time.monotonic() + 20
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)
