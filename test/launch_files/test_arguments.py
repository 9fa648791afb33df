"""What the launch files hand to the node, read by rclpy in the place of the node."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS 2 distribution and has no wheel")

from support.launching import launch_command, make_prefix
from support.sources import python_path

PROBE = """#!{python}
import json, os, sys
import rclpy
from rclpy.node import Node
rclpy.init(args=sys.argv)
node = Node("unnamed", automatically_declare_parameters_from_overrides=True)
seen = {{
    "name": node.get_fully_qualified_name(),
    "level": node.get_logger().get_effective_level().name,
    "parameters": {{name: p.value for name, p in node._parameters.items() if name != "start_type_description_service"}},
    "image": node.resolve_topic_name("image"),
    "arguments": rclpy.utilities.remove_ros_args(sys.argv)[1:],
}}
with open(os.environ["PROBE_OUT"], "a") as file:
    file.write(json.dumps(seen) + "\\n")
sys.exit(int(os.environ.get("PROBE_STATUS", "0")))
"""

CAMERAS_PROBE = """#!{python}
import json, os, sys
import rclpy
from fishy_ros.node.cameras import make_nodes, parse_arguments
rclpy.init(args=sys.argv)
with open(os.environ["PROBE_OUT"], "a") as file:
    for node in make_nodes(parse_arguments(sys.argv[1:])):
        seen = {{
            "name": node.get_fully_qualified_name(),
            "level": node.get_logger().get_effective_level().name,
            "threshold": node.get_parameter("threshold").value,
            "topics": [node.resolve_topic_name(one) for one in ("image", "camera_info", "depth", "odom")],
        }}
        file.write(json.dumps(seen) + "\\n")
"""


@pytest.fixture
def run(tmp_path):
    """Run a launch file with arguments; returns the exit status, the output and what the nodes saw."""
    share = make_prefix(tmp_path / "prefix")
    probe = tmp_path / "prefix/lib/fishy_ros/detector"

    def run_file(file, *arguments, status=0, probe_text=PROBE):
        probe.write_text(probe_text.format(python=sys.executable))
        seen = tmp_path / "seen.jsonl"
        seen.unlink(missing_ok=True)
        path = share / "launch" / file
        done = subprocess.run(
            launch_command(path if path.exists() else tmp_path / file, *arguments),
            env={
                **os.environ,
                "AMENT_PREFIX_PATH": str(tmp_path / "prefix"),
                "PYTHONPATH": python_path(),
                "ROS_LOG_DIR": str(tmp_path / "log"),
                "PROBE_OUT": str(seen),
                "PROBE_STATUS": str(status),
            },
            capture_output=True,
            text=True,
            timeout=100,
        )
        lines = seen.read_text().splitlines() if seen.exists() else []
        return done.returncode, done.stdout + done.stderr, {one["name"]: one for one in map(json.loads, lines)}

    return run_file


def write_parent(folder, body, file="detector.launch.py"):
    (folder / "parent.launch.py").write_text(
        "from launch import LaunchDescription\n"
        "from launch.actions import GroupAction, IncludeLaunchDescription, DeclareLaunchArgument\n"
        "from launch.substitutions import LaunchConfiguration\n"
        "from launch_ros.actions import PushRosNamespace, SetParameter\n"
        f"FILE = {str(folder / 'prefix/share/fishy_ros/launch' / file)!r}\n"
        "def include(**arguments):\n"
        "    return IncludeLaunchDescription(FILE, launch_arguments=list(arguments.items()))\n"
        f"def generate_launch_description():\n    return LaunchDescription([{body}])\n"
    )
    return "parent.launch.py"


def test_arguments_have_the_types_of_their_parameters_and_texts_stay_texts(run):
    status, output, seen = run(
        "detector.launch.py", "model:=1e3", "threshold:=0.25", "threads:=2", "autostart:=false", "heatmap_size:=image",
        "frame_deadline_ms:=40", "name:=eyes", "namespace:=front", "image_topic:=/cam/image", "log_level:=debug",
    )  # fmt: skip
    assert status == 0, output
    node = seen["/front/eyes"]
    assert node["parameters"] == {
        "model": "1e3",
        "threshold": 0.25,
        "threads": 2,
        "autostart": False,
        "heatmap_size": "image",
        "frame_deadline_ms": 40.0,
        "use_sim_time": False,
    }
    assert (node["level"], node["image"]) == ("DEBUG", "/cam/image")


def test_without_arguments_the_node_keeps_its_own_defaults(run):
    _, output, seen = run("detector.launch.py")
    assert seen["/detector"]["parameters"] == {"use_sim_time": False}, output


def test_what_an_including_file_sets_reaches_the_node_in_any_namespace(run, tmp_path):
    parent = write_parent(
        tmp_path,
        "PushRosNamespace('robot'), SetParameter('use_sim_time', True), SetParameter('threshold', 0.2),"
        " include(namespace='front', log_level='warn')",
    )
    _, output, seen = run(parent)
    node = seen["/robot/front/detector"]
    assert node["parameters"] == {"use_sim_time": True, "threshold": 0.2}, output
    assert node["level"] == "WARN"


def test_a_second_camera_does_not_get_the_arguments_of_the_first(run, tmp_path):
    parent = write_parent(
        tmp_path,
        "DeclareLaunchArgument('precision', default_value='fp16'),"
        "include(namespace='front', model='first', threshold='0.3', params_file=OWN, image_topic='/front/image'),"
        "include(namespace='rear', threads='1'),"
        "include(namespace='side', model=LaunchConfiguration('model'))".replace(
            "OWN", repr(str(tmp_path / "own.yaml"))
        ),
    )
    (tmp_path / "own.yaml").write_text("/**:\n  ros__parameters:\n    runtime: onnxruntime\n")
    _, output, seen = run(parent)
    front, rear, side = (seen[f"/{name}/detector"]["parameters"] for name in ("front", "rear", "side"))
    # What the including file itself declares goes to every camera, as launch means it.
    every = {"use_sim_time": False, "precision": "fp16"}
    assert front == {**every, "model": "first", "threshold": 0.3, "runtime": "onnxruntime"}, output
    assert rear == {**every, "threads": 1}
    assert seen["/rear/detector"]["image"] == "/camera/image_raw"
    assert side == {**every, "model": "first"}  # the including file itself reads what it has set before


def test_a_parameters_file_that_is_not_there_is_a_launch_that_fails(run, tmp_path):
    status, output, seen = run("detector.launch.py", f"params_file:={tmp_path / 'none.yaml'}")
    assert status == 1
    assert "none.yaml" in output
    assert "no such file" in output
    assert seen == {}


@pytest.mark.parametrize("respawn", ["false", "true"])
def test_a_node_that_refuses_its_parameters_is_a_launch_that_fails(run, respawn):
    status, output, _ = run("detector.launch.py", f"respawn:={respawn}", status=2)
    assert status == 1
    assert "parameters that are not allowed" in output


def test_an_argument_of_the_wrong_type_is_named(run):
    status, output, seen = run("detector.launch.py", "threads:=many")
    assert status == 1
    assert "argument threads is 'many'" in output
    assert seen == {}


def test_several_cameras_are_one_process_with_their_names_and_topics(run):
    status, output, seen = run(
        "multi_camera.launch.py", "cameras:=front, rear", "threshold:=0.3", "image_topic:=/{camera}/image",
        "model:=1e3", "frame_deadline_ms:=40",
    )  # fmt: skip
    assert status == 0, output
    (node,) = seen.values()
    arguments = ["--cameras", "front", "rear", "--namespace", "/", "--image-topic", "/{camera}/image"]
    assert node["arguments"][: len(arguments)] == arguments
    given = {name: node["parameters"][name] for name in ("threshold", "model", "frame_deadline_ms")}
    assert given == {"threshold": 0.3, "model": "1e3", "frame_deadline_ms": 40.0}


def test_several_cameras_below_a_pushed_namespace_keep_names_topics_and_log_levels_apart(run, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("/robot/rear/detector:\n  ros__parameters:\n    threshold: 0.125\n")
    parent = write_parent(
        tmp_path,
        "PushRosNamespace('robot'), SetParameter('threshold', 0.25),"
        f" include(cameras='front,rear', log_level='warn', odometry_topic='/odometry', params_file={str(own)!r})",
        "multi_camera.launch.py",
    )
    status, output, seen = run(parent, probe_text=CAMERAS_PROBE)
    assert status == 0, output
    assert seen.keys() == {"/robot/front/detector", "/robot/rear/detector"}
    for camera in ("front", "rear"):
        node = seen[f"/robot/{camera}/detector"]
        place = f"/robot/{camera}"
        assert node["level"] == "WARN"
        assert node["topics"] == [
            f"{place}/image_raw", f"{place}/camera_info", f"{place}/aligned_depth_to_color/image_raw", "/odometry",
        ]  # fmt: skip
    assert seen["/robot/front/detector"]["threshold"] == 0.25
    assert seen["/robot/rear/detector"]["threshold"] == 0.125


def test_a_text_outside_the_basic_plane_reaches_the_node(run):
    status, output, seen = run("detector.launch.py", "model:=/modèles/🐟")
    assert status == 0, output
    assert seen["/detector"]["parameters"]["model"] == "/modèles/🐟"


def test_no_camera_is_a_launch_that_fails(run):
    status, output, seen = run("multi_camera.launch.py", "cameras:=,")
    assert (status, seen) == (1, {})
    assert "argument cameras is empty" in output
