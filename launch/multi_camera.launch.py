"""Launch one process that serves several cameras with one engine, each with topics and diagnostics of its own."""

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction
from launch_ros.actions import Node

from fishy_ros.node import launching

NODE_PARAMETERS = (
    "model",
    "trusted_key",
    "runtime",
    "device",
    "precision",
    "threads",
    "image_transport",
    "threshold",
    "heatmap_size",
    "frame_deadline_ms",
)
"""Parameters of every node that are arguments too; one that is not given keeps its value in the parameters file."""

TOPICS = {
    "image_topic": ("{camera}/image_raw", "Topic of a camera's raw images"),
    "camera_info_topic": ("", "Topic of a camera's calibration (default: camera_info beside IMAGE_TOPIC)"),
    "depth_topic": (
        "{camera}/aligned_depth_to_color/image_raw",
        "Topic of a camera's registered depth image, with parameter use_depth",
    ),
    "odometry_topic": ("odom", "Topic of the car's odometry, with parameter use_odometry"),
}
"""Patterns in which {camera} is the name of the camera; without a leading / they are below the pushed namespace."""

OTHER_ARGUMENTS = {
    "cameras": (
        None,
        "Names of the cameras, separated by commas, such as front,rear: namespaces, and {camera} in topics",
    ),
    **TOPICS,
    "params_file": ("", "YAML file with parameters, for all nodes (/**) or for one (/front/detector)"),
    "use_sim_time": ("", "Take the time from /clock: true or false (default: as an including launch file has set it)"),
    "respawn": ("false", "Start the process anew when it ends by itself: true or false"),
    "log_level": ("info", "Lowest level that is logged: debug, info, warn, error or fatal"),
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, then start the process."""
    parameters = {name: ("", f"Parameter {name} of every node") for name in NODE_PARAMETERS}
    return launching.describe_scoped_launch({**parameters, **OTHER_ARGUMENTS}, OpaqueFunction(function=_start))


def _start(context: LaunchContext) -> list[Node]:
    values = launching.values_of(context, (*NODE_PARAMETERS, *OTHER_ARGUMENTS))
    cameras = [name for text in values["cameras"].split(",") if (name := text.strip(" /"))]
    if not cameras:
        raise ValueError("argument cameras is empty; expected names such as front,rear")
    topics = [part for name in TOPICS for part in (f"--{name.replace('_', '-')}", values[name])]
    levels = [
        part
        for camera in cameras
        for part in ("--log-level", f"{launching.logger_name(context, camera, 'detector')}:={values['log_level']}")
    ]
    return [
        Node(
            package="fishy_ros",
            executable="detector",
            arguments=["--cameras", *cameras, "--namespace", launching.full_namespace(context, ""), *topics],
            output="both",
            emulate_tty=True,
            parameters=launching.parameter_files(values, NODE_PARAMETERS),
            ros_arguments=levels,
            respawn=launching.is_true(values["respawn"]),
            respawn_delay=launching.RESPAWN_DELAY_S,
            on_exit=launching.fail_on_bad_parameters,
        )
    ]
