"""Launch the detector on a camera, with the middleware settings that large images need."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from fishy_ros.node.dds import dds_environment

SHARE = Path(__file__).resolve().parents[1]

NODE_PARAMETERS = {
    "model": "Name of a model package, or path of its folder",
    "trusted_key": "File of the public key that must have signed the model package",
    "runtime": "Inference runtime: auto, tensorrt, onnxruntime or openvino",
    "device": "Device of the runtime: auto, cpu, cuda or cuda:N",
    "precision": "Precision of the graph: fp32, fp16 or int8",
    "image_transport": "raw subscribes to IMAGE_TOPIC, compressed to IMAGE_TOPIC/compressed",
    "autostart": "Configure and activate at start: true or false",
}
"""Parameters that are arguments too; one that is not given keeps its value in the parameters file."""

OTHER_ARGUMENTS = {
    "image_topic": ("/camera/image_raw", "Topic of the camera's raw images"),
    "camera_info_topic": ("/camera/camera_info", "Topic of the camera's calibration"),
    "params_file": (str(SHARE / "config" / "detector.yaml"), "YAML file with the parameters of the node"),
    "namespace": ("", "Namespace of the node"),
    "use_sim_time": ("false", "Take the time from /clock, as for a bag played with --clock: true or false"),
    "rviz": ("false", "Show camera, overlay and heatmap in RViz: true or false"),
    "log_level": ("info", "Lowest level that is logged: debug, info, warn, error or fatal"),
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, then start the nodes."""
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value="", description=f"{text} (default: as in params_file)")
                for name, text in NODE_PARAMETERS.items()
            ),
            *(
                DeclareLaunchArgument(name, default_value=default, description=text)
                for name, (default, text) in OTHER_ARGUMENTS.items()
            ),
            *(SetEnvironmentVariable(name, value) for name, value in dds_environment().items()),
            OpaqueFunction(function=_start_nodes),
        ]
    )


def _start_nodes(context: LaunchContext) -> list[Node]:
    values = {name: LaunchConfiguration(name).perform(context) for name in (*NODE_PARAMETERS, *OTHER_ARGUMENTS)}
    namespace = values["namespace"].strip("/")
    image_topic = values["image_topic"]
    logger = ".".join([*filter(None, namespace.split("/")), "detector"])
    detector = Node(
        package="fishy_ros",
        executable="detector",
        name="detector",
        namespace=namespace,
        output="both",
        emulate_tty=True,
        parameters=[values["params_file"], _given_parameters(values)],
        remappings=[
            ("image", image_topic),
            ("image/compressed", f"{image_topic}/compressed"),
            ("camera_info", values["camera_info_topic"]),
        ],
        ros_arguments=["--log-level", f"{logger}:={values['log_level']}"],
    )
    prefix = f"/{namespace}" if namespace else ""
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(SHARE / "rviz" / "detector.rviz")],
        parameters=[{"use_sim_time": _is_true(values["use_sim_time"])}],
        remappings=[
            ("/camera/image_raw", image_topic),
            ("/camera/camera_info", values["camera_info_topic"]),
            *((f"/detector/{topic}", f"{prefix}/detector/{topic}") for topic in ("overlay", "heatmap")),
        ],
        condition=IfCondition(values["rviz"]),
    )
    # RViz first: where it is not installed, launch fails before there is a detector that it would leave running.
    return [rviz, detector]


def _given_parameters(values: dict[str, str]) -> dict[str, str | bool]:
    given: dict[str, str | bool] = {name: values[name] for name in NODE_PARAMETERS if values[name]}
    if "autostart" in given:
        given["autostart"] = _is_true(values["autostart"])
    given["use_sim_time"] = _is_true(values["use_sim_time"])
    return given


def _is_true(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() in ("true", "1")
