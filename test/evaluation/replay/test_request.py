"""What may be asked of a replay, and what follows from it."""

import socket
from pathlib import Path

import pytest

from fishy_ros.errors import ConfigError
from fishy_ros.evaluation.replay.domain import DOMAINS, FIRST_PORT, PORTS_PER_DOMAIN, private_domain
from fishy_ros.evaluation.replay.play import Lockstep, Timed
from fishy_ros.evaluation.replay.region_pass import RegionRequest
from fishy_ros.evaluation.replay.request import LiveOptions, ReplayRequest, model_names
from fishy_ros.evaluation.sources.open_source import SourceChoice


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"rate_hz": 0.0}, "rate 0.0"),
        ({"rate_hz": 10.0, "lockstep": True}, "lockstep"),
        ({"timeout_s": 0.0}, "timeout"),
        ({"domain_id": 233}, "233"),
        ({"parameters": (("camera_hieght_m", "1.4"),)}, "camera_hieght_m is not known .* camera_height_m may be meant"),
        ({"parameters": (("model", "fishy-m"),)}, "parameter model: a replay sets it itself"),
        ({"parameters": (("autostart", "true"),)}, "parameter autostart: a replay sets it itself"),
        ({"parameters": (("threshold", "0.5"),), "attach": "/detector"}, "/detector runs already"),
    ],
)
def test_options_outside_their_range_are_named(wrong, named):
    with pytest.raises(ConfigError, match=named):
        LiveOptions(**wrong)


def test_frames_come_at_the_rate_of_a_bag_and_a_dataset_in_lockstep_unless_a_rate_is_given():
    assert LiveOptions().pacing(has_own_rate=True) == Timed(None)
    assert LiveOptions(timeout_s=5.0).pacing(has_own_rate=False) == Lockstep(5.0)
    assert LiveOptions(rate_hz=7.0).pacing(has_own_rate=False) == Timed(7.0)
    assert LiveOptions(lockstep=True).pacing(has_own_rate=True) == Lockstep()


def test_streaming_accuracy_of_a_dataset_needs_a_rate():
    dataset, bag = SourceChoice(dataset="synthetic"), SourceChoice(bag=Path("drive.mcap"))
    with pytest.raises(ConfigError, match="give --rate"):
        ReplayRequest(dataset, live=LiveOptions(), streaming=True)
    assert ReplayRequest(dataset, live=LiveOptions(rate_hz=10.0), streaming=True).streaming
    assert ReplayRequest(bag, live=LiveOptions(), streaming=True).streaming


def test_models_to_compare_must_differ():
    assert model_names("one", None, None) == ("one",)
    assert model_names("one", "a, b", None) == ("a", "b")
    for names in ("a,a", ",", ""):
        with pytest.raises(ConfigError):
            model_names("one", names, None)


def test_every_model_of_a_comparison_has_a_report_of_its_own():
    request = ReplayRequest(SourceChoice(dataset="synthetic"), out=Path("out"))
    several = request.for_models(["models/a", "b"])
    assert [(one.detector.model, one.out) for one in several] == [("models/a", Path("out/a")), ("b", Path("out/b"))]
    (alone,) = request.for_models(["models/a"])
    assert (alone.detector.model, alone.out) == ("models/a", Path("out"))


def test_two_models_whose_reports_would_have_one_folder_are_refused():
    names = ["runs/a/package", "runs/b/package"]
    request = ReplayRequest(SourceChoice(dataset="synthetic"), out=Path("out"))
    with pytest.raises(ConfigError, match="two models would write out/package"):
        request.for_models(names)
    unwritten = ReplayRequest(SourceChoice(dataset="synthetic")).for_models(names)
    assert [one.detector.model for one in unwritten] == names


def test_every_other_parameter_reaches_the_node():
    names = ("camera_height_m", "colour_map", "use_sim_time", "qos_overrides./image.subscription.depth")
    assert LiveOptions(parameters=tuple((name, "1") for name in names)).parameters


def test_regions_of_a_running_node_need_a_threshold_and_a_video_a_folder():
    source, attached = SourceChoice(dataset="synthetic"), LiveOptions(attach="/detector")
    with pytest.raises(ConfigError, match="regions need a --threshold"):
        ReplayRequest(source, live=attached, regions=RegionRequest())
    assert ReplayRequest(source, live=attached, regions=RegionRequest(threshold=0.6)).is_elsewhere
    with pytest.raises(ConfigError, match="expected --out"):
        ReplayRequest(source, video=True)


def test_a_running_node_is_not_compared_with_itself_under_several_names():
    attached = ReplayRequest(SourceChoice(dataset="synthetic"), live=LiveOptions(attach="/detector"))
    assert attached.for_models(["a"])
    with pytest.raises(ConfigError, match=r"2 models were given .* but --attach names one node"):
        attached.for_models(["a", "b"])


def test_a_rate_that_nothing_would_use_is_refused_offline():
    dataset, bag, regions = SourceChoice(dataset="synthetic"), SourceChoice(bag=Path("drive.mcap")), RegionRequest()
    assert ReplayRequest(dataset, live=None, regions=regions, offline_rate_hz=5.0).offline_rate_hz == 5.0
    for source, wanted in ((dataset, None), (bag, regions)):
        with pytest.raises(ConfigError, match=r"rate 5\.0: with --offline only --regions of a dataset"):
            ReplayRequest(source, live=None, regions=wanted, offline_rate_hz=5.0)
    with pytest.raises(ConfigError, match=r"rate 0\.0: expected"):
        ReplayRequest(dataset, live=None, regions=regions, offline_rate_hz=0.0)


def test_a_domain_in_which_somebody_is_left_is_not_taken():
    with private_domain() as usual:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        participant.bind(("", FIRST_PORT + PORTS_PER_DOMAIN * usual))
        with private_domain() as other:
            assert other != usual


def test_two_replays_at_once_get_different_domains():
    with private_domain() as one, private_domain() as two:
        assert one != two
        assert {one, two} <= set(DOMAINS)
