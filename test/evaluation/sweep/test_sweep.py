"""A set that is split over workers gives the numbers of one process, whatever happens to the workers."""

import multiprocessing
import os
import shutil
import signal
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest
from support.dask_processes import dask_processes
from support.tiny_model import build_tiny_package

import fishy_ros
from fishy_ros.bags import BagWriter
from fishy_ros.datasets.synthetic import SyntheticStreet
from fishy_ros.errors import ConfigError, ReplayError
from fishy_ros.evaluation.replay.request import DetectorChoice
from fishy_ros.evaluation.replay.run_offline import run_offline
from fishy_ros.evaluation.report.report_json import load_report
from fishy_ros.evaluation.sweep import executors
from fishy_ros.evaluation.sweep.executors import dask_cluster, process_pool
from fishy_ros.evaluation.sweep.sweep import Sweep
from fishy_ros.evaluation.sweep.sweep_job import plan_jobs

CHOICE = DetectorChoice("", runtime="onnxruntime", threads=1)


def nothing(done):
    pass


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, stride in (("fine", 1), ("coarse", 2)):
        build_tiny_package(folder / name, stride=stride, name=name)
    return [str(folder / "fine"), str(folder / "coarse")]


@pytest.fixture(scope="module")
def jobs(street_bag, models):
    return plan_jobs([street_bag], [], models, CHOICE)


def metrics_in_one_process(job, no_stages):
    pixel = run_offline(job.source.open(), job.detector, no_stages).score.pixel
    return {"AP": pixel.ap, "FPR95": pixel.fpr95, "AUROC": pixel.auroc, "best_F1": pixel.best_f1}


def check_reports(out, jobs, no_stages):
    for job in jobs:
        report = load_report(out / job.name / "report.json")
        assert metrics_in_one_process(job, no_stages).items() <= report["metrics"].items()
        assert report["frames"] == {"played": 6, "published": 6, "dropped": 0}


def test_a_pool_of_processes_gives_bit_identical_numbers_and_a_second_run_keeps_them(jobs, tmp_path, no_stages):
    reached = []
    outcome = Sweep(jobs, tmp_path, chunk_size=2).run(lambda: process_pool(2), reached.append)
    assert set(outcome.finished) == set(jobs)
    assert reached == sorted(reached)
    assert reached[-1] == 12
    check_reports(tmp_path, jobs, no_stages)
    (tmp_path / jobs[0].name / "report.json").unlink()
    again = Sweep(jobs, tmp_path, chunk_size=2)
    assert again.frames == 6
    outcome = again.run(lambda: process_pool(1), nothing)
    assert (outcome.finished, outcome.kept) == (jobs[:1], jobs[1:])


def test_a_report_of_another_model_under_the_same_name_is_not_kept(street_bag, tmp_path):
    package = build_tiny_package(tmp_path / "models" / "changing")
    jobs = plan_jobs([street_bag], [], [str(package.folder)], CHOICE)
    Sweep(jobs, tmp_path / "out", chunk_size=6).run(lambda: process_pool(1), nothing)
    build_tiny_package(tmp_path / "models" / "changing", stride=2)
    assert Sweep(jobs, tmp_path / "out", chunk_size=6).frames == 6


def test_a_report_of_other_data_or_of_another_version_is_not_kept(street_bag, models, tmp_path, monkeypatch):
    bag = shutil.copytree(street_bag, tmp_path / "bag")
    jobs = plan_jobs([bag], [], models[:1], CHOICE)
    Sweep(jobs, tmp_path / "out", chunk_size=6).run(lambda: process_pool(1), nothing)
    assert Sweep(jobs, tmp_path / "out", chunk_size=6).frames == 0
    with monkeypatch.context() as patch:
        patch.setattr(fishy_ros, "__version__", "0.0.0")
        assert Sweep(jobs, tmp_path / "out", chunk_size=6).frames == 6
    shutil.rmtree(bag)
    with BagWriter(bag) as writer:
        for index, sample in enumerate(SyntheticStreet(6, height=96, width=192, seed=4)):
            writer.write(sample, 10_000_000_000 + index * 100_000_000)
    assert Sweep(jobs, tmp_path / "out", chunk_size=6).frames == 6


@pytest.mark.timeout(120)
def test_a_killed_process_of_the_pool_costs_only_its_chunks(jobs, tmp_path, no_stages):
    killed = []

    def kill_one(done):
        if not killed:
            victim = multiprocessing.active_children()[0]
            os.kill(victim.pid, signal.SIGKILL)
            killed.append(victim.pid)

    outcome = Sweep(jobs, tmp_path, chunk_size=1).run(lambda: process_pool(2), kill_one)
    assert killed
    assert set(outcome.finished) == set(jobs)
    check_reports(tmp_path, jobs, no_stages)


@pytest.mark.timeout(120)
def test_a_dask_cluster_that_loses_a_worker_half_way_gives_bit_identical_numbers(jobs, tmp_path, no_stages):
    pytest.importorskip("distributed", reason="the extra [sweep] is not installed")
    with dask_processes(tmp_path / "dask", workers=2) as cluster:

        def kill_one(done):
            if done >= 4:
                cluster.workers[0].kill()

        outcome = Sweep(jobs, tmp_path, chunk_size=1).run(lambda: dask_cluster(cluster.address), kill_one)
        assert cluster.workers[0].wait(1) == -signal.SIGKILL
    assert set(outcome.finished) == set(jobs)
    check_reports(tmp_path, jobs, no_stages)


def test_an_input_that_breaks_off_ends_its_job_and_not_the_sweep(jobs, street_bag, models, tmp_path):
    broken = tmp_path / "bag"
    broken.mkdir()
    for path in street_bag.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    damaged = plan_jobs([broken], [], models[:1], CHOICE)
    sweep = Sweep((*damaged, *jobs[:1]), tmp_path / "out", chunk_size=6)
    for path in broken.glob("*.mcap"):
        path.write_bytes(path.read_bytes()[:1000])
    outcome = sweep.run(lambda: process_pool(1), nothing)
    assert outcome.finished == jobs[:1]
    ((job, error),) = outcome.failed
    assert job == damaged[0]
    assert str(broken) in error


@pytest.mark.timeout(120)
def test_a_scheduler_that_goes_away_half_way_is_named(jobs, tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="the extra [sweep] is not installed")
    reached = []
    with dask_processes(tmp_path / "dask", workers=1) as cluster:

        def kill_scheduler(done):
            reached.append(done)
            cluster.scheduler.kill()
            monkeypatch.setattr(executors, "CONNECT_S", 0.5)  # nobody is left who could be slow to answer

        with pytest.raises(ReplayError, match=f"no Dask scheduler answers at {cluster.address}"):
            Sweep(jobs, tmp_path, chunk_size=1).run(lambda: dask_cluster(cluster.address), kill_scheduler)
    assert reached


def test_a_result_that_is_lost_with_the_scheduler_ends_its_future(tmp_path):
    distributed = pytest.importorskip("distributed", reason="the extra [sweep] is not installed")
    from fishy_ros.evaluation.sweep.dask_pool import DaskPool

    with dask_processes(tmp_path / "dask", workers=1) as cluster:
        with distributed.Client(cluster.address, timeout="5s") as client:
            pool = DaskPool(client, retries=0)
            assert pool.submit(max, 1, 2).result(60) == 2
            with pytest.raises(ZeroDivisionError):
                pool.submit(divmod, 1, 0).result(60)
            waiting = [pool.submit(time.sleep, 60) for _ in range(3)]
            cluster.scheduler.kill()
            for future in waiting:
                with pytest.raises(BrokenExecutor):
                    future.result(60)


def test_jobs_are_every_model_on_every_input_and_their_names_must_differ():
    jobs = plan_jobs([Path("a/drive.mcap")], ["synthetic", "folder=x"], ["m", "n"], CHOICE)
    assert [job.name for job in jobs] == [
        "drive/m", "drive/n", "synthetic/m", "synthetic/n", "folder/m", "folder/n"
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="drive/m"):
        plan_jobs([Path("a/drive.mcap"), Path("b/drive.mcap")], [], ["m"], CHOICE)
    with pytest.raises(ConfigError, match="at least one"):
        plan_jobs([], [], ["m"], CHOICE)
