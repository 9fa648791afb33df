"""What a soak plans, judges and draws, without a node."""

from __future__ import annotations

import json
import mmap
import os
import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from support.command_line import fishy

from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.environment import describe_environment
from fishy_ros.evaluation.soak.process_stats import process_stats
from fishy_ros.evaluation.soak.soak_audit import SoakAudit
from fishy_ros.evaluation.soak.soak_picture import write_soak_picture
from fishy_ros.evaluation.soak.soak_plan import FAULTS, QUIET_S, PlannedFault, plan_faults
from fishy_ros.evaluation.soak.soak_result import FaultOutcome, SoakResult, SoakSample

MAPS = [np.full((4, 6), value, np.float32) for value in (0.1, 0.6)]
MIB = 2**20


def samples(seconds, memory_mib=lambda at: 200.0, threads=lambda at: 20, count=120):
    times = [seconds * index / count for index in range(count)]
    return tuple(SoakSample(at, round(memory_mib(at) * MIB), MIB, 26, threads(at), 5, 10.0, 20.0) for at in times)


def soak(seconds=1200.0, **changes):
    """Build a soak that kept the contract, with some fields changed."""
    fault = FaultOutcome(PlannedFault("burst", 10.0, 1.0), 0.2)
    kept = SoakResult(
        environment=describe_environment(),
        model="tiny",
        runtime="none",
        rate_hz=5.0,
        seconds=seconds,
        seed=0,
        recovery_limit_s=1.0,
        sent=100,
        published=90,
        wrong=(),
        ended="",
        faults=(fault,),
        samples=samples(seconds),
    )
    return replace(kept, **changes)


def test_a_plan_depends_on_its_seed_alone_and_holds_every_kind():
    plan = plan_faults(120.0, 5.0, 3)
    assert plan == plan_faults(120.0, 5.0, 3)
    assert plan != plan_faults(120.0, 5.0, 4)
    assert {fault.kind for fault in plan} == set(FAULTS)
    times = [fault.at_s for fault in plan]
    assert times == sorted(times)
    assert times[0] >= QUIET_S
    assert times[-1] < 120.0 - QUIET_S


def test_a_soak_that_keeps_the_contract_has_no_breaches():
    assert soak().breaches() == ()
    assert soak().text().endswith("contract   kept")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"wrong": ("heatmap 7: it is not the heatmap of its frame",)}, "heatmap 7"),
        ({"ended": "the detector node ended with exit status 1"}, "exit status 1"),
        ({"faults": (FaultOutcome(PlannedFault("freeze", 5.0, 1.0), None),)}, "freeze at 5.0 s: no heatmap"),
        ({"faults": (FaultOutcome(PlannedFault("cycle", 5.0, 1.0), 1.5),)}, "1.50 s to the next heatmap"),
        ({"seconds": 3600.0, "samples": samples(3600.0, lambda at: 200 + at / 100)}, "resident memory grows"),
        ({"samples": samples(1200.0, threads=lambda at: 20 + at / 60)}, "threads rose"),
    ],
)
def test_every_broken_promise_is_named(changes, named):
    breaches = soak(**changes).breaches()
    assert len(breaches) == 1
    assert named in breaches[0]
    assert "broken" in soak(**changes).text()


def test_growth_is_the_slope_after_the_warm_up():
    def memory(at):
        return 150 + 50 * min(1.0, at / 60) + 2.0 * at / 3600

    assert soak(samples=samples(1200.0, memory)).growth_per_hour == pytest.approx(0.01, rel=0.02)
    assert soak(seconds=60.0, samples=samples(60.0, memory)).growth_per_hour is None


def test_a_step_of_the_heap_in_a_short_soak_is_reported_and_not_judged():
    stepped = soak(samples=samples(1200.0, lambda at: 200 + (1.0 if at > 900 else 0.0)))
    assert stepped.growth_per_hour > 0.01
    assert stepped.breaches() == ()


def test_the_audit_accepts_what_is_right():
    audit = SoakAudit(MAPS)
    for stamp, picture in ((1, 0), (2, 1), (5, 0)):
        audit.note_sent(stamp, picture)
    audit.note_heatmap(1, MAPS[0])
    audit.note_heatmap(5, MAPS[0])
    assert audit.wrong == []
    assert (audit.sent, audit.published) == (3, 2)
    assert len(audit.take_round_trips_ms()) == 2
    assert audit.take_round_trips_ms() == ()


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        ([(9, 0)], "no good frame"),
        ([(1, 0), (1, 0)], "no good frame"),
        ([(2, 1), (1, 0)], "no good frame"),
        ([(1, 1)], "not the heatmap of its frame"),
    ],
)
def test_the_audit_names_what_is_wrong(heard, reason):
    audit = SoakAudit(MAPS)
    audit.note_sent(1, 0)
    audit.note_sent(2, 1)
    for stamp, picture in heard:
        audit.note_heatmap(stamp, MAPS[picture])
    (wrong,) = audit.wrong
    assert reason in wrong


@pytest.mark.parametrize(("recovered_s", "status"), [(0.2, 0), (1.2, 1)])
def test_a_broken_promise_is_an_exit_status(tmp_path, monkeypatch, recovered_s, status):
    run_soak = pytest.importorskip("fishy_ros.evaluation.soak.run_soak", reason="needs rclpy")
    outcome = FaultOutcome(PlannedFault("burst", 10.0, 1.0), recovered_s)
    monkeypatch.setattr(run_soak, "run_soak", lambda *_: soak(faults=(outcome,)))
    done = fishy("soak", "--out", tmp_path)
    assert done.exit_code == status, done.output
    assert ("1.20 s to the next heatmap, over 1 s" in done.output) == bool(status)
    assert (tmp_path / "soak.json").is_file()


def test_json_and_picture_hold_the_whole_soak(tmp_path):
    result = soak(samples=(*samples(1200.0)[:-1], SoakSample(1199.0, MIB, 0, 1, 1, 0, None, None)))
    result.write(tmp_path / "soak.json")
    content = json.loads((tmp_path / "soak.json").read_text())["soak"]
    assert content["faults"][0]["fault"]["kind"] == "burst"
    assert len(content["samples"]) == 120
    assert {"growth_per_hour", "breaches", "environment"} <= content.keys()
    write_soak_picture(result, tmp_path / "soak.png")
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")


def test_a_process_is_observed_and_one_that_is_gone_is_named():
    before = process_stats(os.getpid())
    with open(os.devnull):
        assert process_stats(os.getpid()).descriptors == before.descriptors + 1
    assert before.rss_bytes > 10 * MIB + before.shared_bytes
    assert before.threads >= 1
    with mmap.mmap(-1, 8 * MIB) as shared:
        shared.write(bytes(8 * MIB))
        assert process_stats(os.getpid()).shared_bytes - before.shared_bytes == pytest.approx(8 * MIB, abs=MIB)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ReplayError, match=f"/proc/{ended.pid}"):
            process_stats(ended.pid)
    gone = 2**22 + random.Random(0).randrange(1000)
    with pytest.raises(ReplayError, match=f"/proc/{gone}"):
        process_stats(gone)
