"""The shipped SROS 2 policy allows what the running detector does, and nothing else."""

from __future__ import annotations

from importlib.util import find_spec
from xml.etree import ElementTree

import pytest
from support.detector_bench import DetectorBench, node_command
from support.sources import ROOT

from fishy_ros.node.compat import IS_HUMBLE
from fishy_ros.topics import camera_info_topic

POLICY = ElementTree.parse(ROOT / "config" / "sros2" / "detector.policy.xml").getroot()
CAMERA = {
    "image": "/camera/image_raw",
    "image/compressed": "/camera/image_raw/compressed",
    "camera_info": "/camera/camera_info",
}
"""What the launch file remaps without arguments."""

ALLOWED_CHILDREN = {
    "policy": ({"enclaves"}, {"version"}),
    "enclaves": ({"enclave"}, set()),
    "enclave": ({"profiles"}, {"path"}),
    "profiles": ({"profile"}, set()),
    "profile": ({"topics", "services"}, {"ns", "node"}),
    "topics": ({"topic"}, {"publish", "subscribe"}),
    "services": ({"service"}, {"reply", "request"}),
    "topic": (set(), set()),
    "service": (set(), set()),
}
"""Elements of the policy's schema, version 0.2.0: their children and attributes, as far as they are used here."""


def allowed(kind: str, verb: str) -> set[str]:
    """List the full names of the topics or services that the policy allows for publishing, replying, ..."""
    (profile,) = POLICY.iter("profile")
    prefix = f"{profile.get('ns').rstrip('/')}/{profile.get('node')}"
    lists = [item for item in profile.findall(kind) if item.get(verb) == "ALLOW"]
    names = [element.text for item in lists for element in item]
    assert len(set(names)) == len(names)
    return {name.replace("~", prefix, 1) if name.startswith("~") else name for name in names}


@pytest.fixture(scope="module")
def interfaces(tmp_path_factory, tiny_package):
    """What two detectors together have on the graph: one on raw images, one on compressed ones with simulated time."""
    from fishy_ros.evaluation.replay.domain import private_domain

    found = {"publish": set(), "subscribe": set(), "reply": set(), "request": set()}
    for given in ({"image_transport": "raw"}, {"image_transport": "compressed", "use_sim_time": "true"}):
        with private_domain() as domain, pytest.MonkeyPatch.context() as patch:
            patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
            command = node_command(model=tiny_package.folder, runtime="onnxruntime", threads=1, **given)
            remaps = [word for old, new in CAMERA.items() for word in ("-r", f"{old}:={new}")]
            log = tmp_path_factory.mktemp("log") / "detector.log"
            bench = DetectorBench(log, domain, [*command, *remaps], image_topic="/camera/image_raw")
            try:
                _look(bench, bench.compressed if given["image_transport"] == "compressed" else bench.image, found)
            finally:
                bench.close()
    return found


def _look(bench: DetectorBench, camera, found: dict[str, set[str]]) -> None:
    bench.wait_until_connected(camera)
    bench.spin_for(1.0)
    node = bench.node
    for verb, look in (
        ("publish", node.get_publisher_names_and_types_by_node),
        ("subscribe", node.get_subscriber_names_and_types_by_node),
        ("reply", node.get_service_names_and_types_by_node),
        ("request", node.get_client_names_and_types_by_node),
    ):
        found[verb] |= {name for name, _ in look("detector", "/")}


@pytest.mark.parametrize(
    ("kind", "verb"),
    [("topics", "publish"), ("topics", "subscribe"), ("services", "reply"), ("services", "request")],
)
def test_the_policy_allows_exactly_what_the_running_node_has(interfaces, kind, verb):
    absent = {"/detector/get_type_description"} if IS_HUMBLE else set()
    if find_spec("vision_msgs") is None:
        absent |= {"/detector/detections", "/detector/label_info"}
    assert allowed(kind, verb) - absent == interfaces[verb]


def test_the_policy_keeps_to_its_schema():
    assert POLICY.get("version") == "0.2.0"
    for element in POLICY.iter():
        children, attributes = ALLOWED_CHILDREN[element.tag]
        assert {child.tag for child in element} <= children
        assert set(element.attrib) <= attributes
    verbs = {value for item in POLICY.iter() if item.tag in {"topics", "services"} for value in item.attrib.values()}
    assert verbs == {"ALLOW"}


def test_the_policy_is_for_the_names_of_the_launch_file():
    text = (ROOT / "launch" / "detector.launch.py").read_text()
    assert f'"image_topic": ("{CAMERA["image"]}"' in text
    assert '"camera_info_topic": (""' in text, "the sibling of the images"
    assert camera_info_topic(CAMERA["image"]) == CAMERA["camera_info"]
