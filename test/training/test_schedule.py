"""The plan of a run: stages by crops, the learning rate in closed form, and a budget of time."""

import itertools

import pytest

pytest.importorskip("torch", reason="torch is not installed: training is not tested")

from fishy_ros.errors import ConfigError
from fishy_ros.training.schedule import Schedule, StageConfig
from fishy_ros.training.time_budget import TimeBudget

SMALL = StageConfig(4, 32, 64, 4)
LARGE = StageConfig(1, 64, 128, 2)


def schedule(images=100, warmup=0.1):
    return Schedule([SMALL, LARGE], images, warmup)


def test_stages_follow_each_other_by_crops():
    plan = schedule()
    assert plan.total == 500
    assert [plan.stage(crops) for crops in (0, 399, 400, 499, 900)] == [SMALL, SMALL, LARGE, LARGE, LARGE]
    assert plan.epoch(250) == 2.5


def test_steps_are_counted_stage_by_stage():
    plan = schedule()
    assert plan.steps(plan.total) == 100 + 50
    assert plan.steps(402) == 100 + 1
    assert plan.steps(plan.total, processes=3) == 34 + 16, "the last step of a stage reaches into the next"


def test_the_rate_falls_with_the_pixels_that_were_seen():
    """Both stages hold as many pixels: 400 crops of 32x64 and 100 of 64x128."""
    plan = schedule()
    for crops, done in ((0, 0.0), (200, 0.25), (400, 0.5), (450, 0.75), (500, 1.0)):
        assert plan.rate(crops, 10_000) == pytest.approx((1 - done) ** 0.9)
    assert plan.rate(600, 10_000) == 0


def test_the_rate_warms_up_after_every_start_without_an_optimiser():
    plan = schedule(warmup=0.5)
    fresh = [plan.rate(crops, crops) for crops in range(60)]
    assert fresh[0] == pytest.approx(1 / 50)
    assert fresh == sorted(fresh[:50]) + fresh[50:]
    assert plan.rate(200, 0) == pytest.approx(0.75**0.9 / 50), "continued from averaged weights"
    assert plan.rate(200, 200) == pytest.approx(0.75**0.9), "resumed with the optimiser"


@pytest.mark.parametrize("stage", [(1, 33, 64, 4), (0, 32, 64, 4), (1, 32, 64, 0)])
def test_a_stage_that_is_none_is_refused(stage):
    with pytest.raises(ConfigError, match="expected multiples of 32 px and numbers above 0"):
        StageConfig(*stage)


def test_a_run_without_stages_is_refused():
    with pytest.raises(ConfigError, match="stages: expected at least one"):
        Schedule([], 10, 1)


@pytest.mark.parametrize("pixels_per_second", [20_000, 200_000, 3_000_000])
def test_a_budget_of_time_ends_the_schedule_when_it_is_over(pixels_per_second):
    """A machine that slows down half-way, at several speeds: faster and slower than the schedule would need."""
    plan, now = schedule(), [0.0]
    budget = TimeBudget(plan, 60.0, lambda: now[0])
    place, seen, stages = 0.0, 0, []
    for _ in itertools.count():
        stage = plan.stage(int(place))
        stages.append(stage)
        speed = pixels_per_second * (1.0 if now[0] < 30 else 0.5)
        now[0] += stage.batch * stage.height * stage.width / speed
        place = budget.advance(place, stage.batch)
        seen += stage.batch
        if place >= plan.total:
            break
    step = 2 * 64 * 128 / pixels_per_second * 2
    assert 55 <= now[0] <= 60 + step
    assert stages == sorted(stages, key=[SMALL, LARGE].index), "first one stage, then the other"
    assert {SMALL, LARGE} == set(stages)
    if pixels_per_second == 3_000_000:
        assert seen > plan.total, "a fast machine sees more than the configured epochs"
